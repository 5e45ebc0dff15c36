//! Go's `regexp` patterns in the words of the regex crate.
//!
//! KMM matches with Go's `regexp.MatchString`. Both engines are RE2's children, but the
//! crate reads some patterns otherwise (`\d` is Unicode, `[a&&b]` an intersection, `a**`
//! allowed) and does not know others (`\Q…\E`, octal escapes, a lone `{`). The pattern is
//! therefore read by the rules of Go's `regexp/syntax` (Perl flags) and written anew with
//! what both understand. What differs between the releases of Go, or is beyond this program's
//! limits, is reported as such: it is neither a match nor a refusal.

mod class;
mod escapes;
mod names;
mod tree;

use std::cell::RefCell;
use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

use self::tree::Tree;

/// The largest repeat count, and the largest product of nested ones (Go, `syntax.maxRepeat`
/// and `repeatIsValid`).
const MAX_REPEAT: u32 = 1000;
/// The deepest nesting that is translated. Go refuses trees higher than 1000 nodes
/// (`syntax.maxHeight`), and a group makes up to four.
const MAX_NESTING: usize = 240;
/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 16 << 10;
/// The most memory of a compiled pattern.
const MAX_COMPILED: usize = 16 << 20;

/// Why a pattern has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// Go would not compile it.
    #[error("{0}")]
    Refused(String),
    /// What Go makes of it cannot be told.
    #[error("{0}")]
    Unclear(String),
}

impl PatternError {
    fn refused(what: &str, part: &str) -> Self {
        Self::Refused(format!("{what}: `{part}`"))
    }

    fn unclear(what: &str, part: &str) -> Self {
        Self::Unclear(format!("{what}: `{part}`"))
    }
}

/// A pattern that Go compiles.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    /// The pattern where its matches of non-ASCII text hang on Go's Unicode tables.
    of_tables: Option<String>,
}

impl Pattern {
    /// Go's `MatchString`.
    ///
    /// # Errors
    /// The answer hangs on the Unicode tables of the Go that built KMM.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool, PatternError> {
        if let (Some(pattern), false) = (&self.of_tables, text.is_ascii()) {
            return Err(PatternError::unclear(
                "the result depends on Go's Unicode tables",
                pattern,
            ));
        }
        // The crate also finds empty matches within a character, where Go never looks.
        let mut found = self.regex.find_iter(text.as_bytes());
        Ok(found.any(|found| text.is_char_boundary(found.start())))
    }
}

/// Compiles a pattern as `regexp.Compile` of Go 1.`go` does, or of a later one.
///
/// # Errors
/// Go would not compile it, or it cannot be told.
pub(crate) fn compile(pattern: &str, go: u8) -> Result<Pattern, PatternError> {
    type Compiled = HashMap<(String, u8), Result<Pattern, PatternError>>;
    thread_local! {
        // Every Module is asked about every kernel, and compiling takes most of that time.
        static COMPILED: RefCell<Compiled> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        compiled
            .entry((pattern.to_owned(), go))
            .or_insert_with(|| build(pattern, go))
            .clone()
    })
}

fn build(pattern: &str, go: u8) -> Result<Pattern, PatternError> {
    if pattern.len() > MAX_PATTERN {
        let what = "a pattern of that length is not checked";
        return Err(PatternError::unclear(
            what,
            &pattern.chars().take(40).collect::<String>(),
        ));
    }
    let mut translator = Translator {
        pattern,
        rest: pattern,
        go,
        tree: Tree::default(),
        of_tables: false,
    };
    translator.run()?;
    let regex = RegexBuilder::new(&translator.tree.finish(pattern)?)
        .size_limit(MAX_COMPILED)
        .nest_limit(1000)
        .build()
        .map_err(|_| PatternError::unclear("the pattern is too large to be checked", pattern))?;
    Ok(Pattern {
        regex,
        of_tables: translator.of_tables.then(|| pattern.to_owned()),
    })
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    /// The minor number of the oldest Go that may have built KMM.
    go: u8,
    tree: Tree,
    of_tables: bool,
}

impl<'a> Translator<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Go, `syntax.parse`.
    fn run(&mut self) -> Result<(), PatternError> {
        // Go forgets a repetition at whatever follows it, even where that matches nothing.
        let mut repeated = false;
        while let Some(c) = self.next() {
            let after_repeat = std::mem::take(&mut repeated);
            match c {
                '(' => self.open()?,
                ')' => self.tree.close(self.pattern)?,
                '|' => self.tree.alternative(),
                '^' | '$' | '.' => self.tree.push(c.to_string()),
                '[' => {
                    let class = self.class()?;
                    self.tree.push(class);
                }
                '*' | '+' | '?' => {
                    let max = if c == '?' { Some(1) } else { None };
                    let operator = Repeat {
                        written: c.to_string(),
                        min: u32::from(c == '+'),
                        max,
                        counted: false,
                    };
                    self.repeat(&operator, after_repeat)?;
                    repeated = true;
                }
                '{' => match self.counts()? {
                    Some(operator) => {
                        self.repeat(&operator, after_repeat)?;
                        repeated = true;
                    }
                    None => self.tree.literal('{'),
                },
                '\\' => self.escape()?,
                c => self.tree.literal(c),
            }
        }
        Ok(())
    }

    /// Go, `parser.repeat`.
    fn repeat(&mut self, operator: &Repeat, after_repeat: bool) -> Result<(), PatternError> {
        // Whether a repetition is lazy changes what matches, not whether something does.
        self.take("?");
        if after_repeat {
            return Err(PatternError::refused(
                "invalid nested repetition operator",
                self.pattern,
            ));
        }
        self.tree.repeat(operator)
    }

    /// `n}`, `n,}` or `n,m}` after a `{` (Go, `parser.parseRepeat`); else the brace is a literal.
    fn counts(&mut self) -> Result<Option<Repeat>, PatternError> {
        let number = |text: &'a str| {
            let digits = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            let written = &text[..digits];
            if digits == 0 || (digits > 1 && written.starts_with('0')) {
                return None;
            }
            Some((written.parse().unwrap_or(u32::MAX), &text[digits..]))
        };
        let read = || {
            let (min, rest) = number(self.rest)?;
            if let Some(rest) = rest.strip_prefix('}') {
                return Some((min, Some(min), rest));
            }
            let rest = rest.strip_prefix(',')?;
            if let Some(rest) = rest.strip_prefix('}') {
                return Some((min, None, rest));
            }
            let (max, rest) = number(rest)?;
            Some((min, Some(max), rest.strip_prefix('}')?))
        };
        let Some((min, max, rest)) = read() else {
            return Ok(None);
        };
        let written = format!("{{{}", &self.rest[..self.rest.len() - rest.len()]);
        self.rest = rest;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Err(PatternError::refused("invalid repeat count", &written));
        }
        Ok(Some(Repeat {
            written,
            min,
            max,
            counted: true,
        }))
    }

    /// Go, `parser.parsePerlFlags`.
    fn open(&mut self) -> Result<(), PatternError> {
        if !self.rest.starts_with('?') {
            return self.tree.open("(", self.pattern);
        }
        let start = self.rest;
        // A name needs more than its opening (`len(t) > 4`, `len(t) > 3`).
        let python = start.len() > 3 && start.starts_with("?P<");
        let perl = start.len() > 2 && start.starts_with("?<");
        if perl && self.go < 22 {
            return Err(PatternError::unclear(
                "Go reads (?<name>…) since 1.22 only",
                &format!("({start}"),
            ));
        }
        if python || perl {
            let bad = || PatternError::refused("invalid named capture", &format!("({start}"));
            let (name, rest) = start[if python { 3 } else { 2 }..]
                .split_once('>')
                .ok_or_else(bad)?;
            let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(bad());
            }
            self.rest = rest;
            return self.tree.open("(", self.pattern);
        }
        let bad =
            || PatternError::refused("invalid or unsupported Perl syntax", &format!("({start}"));
        self.take("?");
        // Set, and taken back: what is taken back counts.
        let (mut set, mut unset) = (String::new(), String::new());
        let (mut negated, mut any) = (false, false);
        loop {
            match self.next().ok_or_else(bad)? {
                c @ ('i' | 'm' | 's' | 'U') => {
                    self.of_tables |= c == 'i';
                    any = true;
                    let flags = if negated { &mut unset } else { &mut set };
                    // What is lazy changes nothing here, and the crate refuses a flag given twice.
                    if c != 'U' && !flags.contains(c) {
                        flags.push(c);
                    }
                }
                '-' if !negated => {
                    negated = true;
                    any = false;
                }
                c @ (':' | ')') => {
                    if negated && !any {
                        return Err(bad());
                    }
                    set.retain(|flag| !unset.contains(flag));
                    let flags = match unset.as_str() {
                        "" => set,
                        unset => format!("{set}-{unset}"),
                    };
                    if c == ':' {
                        return self.tree.open(&format!("(?{flags}:"), self.pattern);
                    }
                    if !flags.is_empty() {
                        self.tree.flags(format!("(?{flags})"));
                    }
                    return Ok(());
                }
                _ => return Err(bad()),
            }
        }
    }
}

/// A repetition operator.
struct Repeat {
    written: String,
    min: u32,
    max: Option<u32>,
    /// In braces, whose counts multiply.
    counted: bool,
}

#[cfg(test)]
mod tests;
