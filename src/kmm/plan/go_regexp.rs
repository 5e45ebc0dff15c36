//! Go's `regexp` patterns in the words of the regex crate.
//!
//! KMM matches with Go's `regexp.MatchString`. Both engines are RE2's children, but the
//! crate reads some patterns otherwise (`\d` is Unicode, `[a&&b]` an intersection, `a**`
//! allowed) and does not know others (`\Q…\E`, octal escapes, a lone `{`). The pattern is
//! therefore read by the rules of Go's `regexp/syntax` (Perl flags) and written anew with
//! what both understand.

mod escapes;

use std::cell::RefCell;
use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

use self::escapes::push_literal;

/// The largest repeat count, and the largest product of nested ones (Go, `syntax.maxRepeat`
/// and `repeatIsValid`).
const MAX_REPEAT: u32 = 1000;
/// The deepest nesting (Go, `syntax.maxHeight`).
const MAX_NESTING: u32 = 1000;

/// Why Go would not compile a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPattern(String);

impl BadPattern {
    fn new(what: &str, where_: &str) -> Self {
        Self(format!("{what}: `{where_}`"))
    }
}

/// Compiles a pattern as Go's `regexp.Compile` does.
///
/// # Errors
/// The pattern is none in Go's syntax.
pub fn compile(pattern: &str) -> Result<Regex, BadPattern> {
    thread_local! {
        // Every Module is asked about every kernel, and compiling takes most of that time.
        static COMPILED: RefCell<HashMap<String, Result<Regex, BadPattern>>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        compiled
            .entry(pattern.to_owned())
            .or_insert_with(|| build(pattern))
            .clone()
    })
}

fn build(pattern: &str) -> Result<Regex, BadPattern> {
    let translated = Translator::new(pattern).run()?;
    RegexBuilder::new(&translated)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|_| {
            BadPattern::new(
                "the pattern is too large or not a regular expression",
                pattern,
            )
        })
}

/// What a group contributes: the largest product of repeat counts inside it.
struct Group {
    /// The product inside so far.
    cost: u32,
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    groups: Vec<Group>,
    /// The cost of the last atom, where one stands to be repeated.
    atom: Option<u32>,
    /// The last thing read was a repetition.
    repeated: bool,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            rest: pattern,
            out: String::new(),
            groups: vec![Group { cost: 1 }],
            atom: None,
            repeated: false,
        }
    }

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

    fn run(mut self) -> Result<String, BadPattern> {
        while let Some(c) = self.next() {
            match c {
                '(' => self.open()?,
                ')' => {
                    if self.groups.len() == 1 {
                        return Err(BadPattern::new("unexpected )", self.pattern));
                    }
                    let cost = self.groups.pop().map_or(1, |group| group.cost);
                    self.out.push(')');
                    self.atom(cost);
                }
                '|' => {
                    self.out.push('|');
                    self.atom = None;
                    self.repeated = false;
                }
                '^' | '$' | '.' => {
                    self.out.push(c);
                    self.atom(1);
                }
                '[' => {
                    self.class()?;
                    self.atom(1);
                }
                '*' => self.repeat(0, None, "*")?,
                '+' => self.repeat(1, None, "+")?,
                '?' => self.repeat(0, Some(1), "?")?,
                '{' => match self.counts() {
                    Some((min, max, rest)) => {
                        let before = self.rest;
                        self.rest = rest;
                        let written = &before[..before.len() - rest.len()];
                        let above = |n: u32| n > MAX_REPEAT;
                        if above(min) || max.is_some_and(|max| above(max) || max < min) {
                            let text = format!("{{{written}");
                            return Err(BadPattern::new("invalid repeat count", &text));
                        }
                        let operator = match max {
                            Some(max) => format!("{{{min},{max}}}"),
                            None => format!("{{{min},}}"),
                        };
                        self.repeat(min, max, &operator)?;
                    }
                    None => self.literal('{'),
                },
                '\\' => self.escape()?,
                c => self.literal(c),
            }
        }
        if self.groups.len() > 1 {
            return Err(BadPattern::new("missing closing )", self.pattern));
        }
        Ok(self.out)
    }

    fn atom(&mut self, cost: u32) {
        self.atom = Some(cost);
        self.repeated = false;
        if let Some(group) = self.groups.last_mut() {
            group.cost = group.cost.max(cost);
        }
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
        self.atom(1);
    }

    /// Go, `parser.repeat`.
    fn repeat(&mut self, min: u32, max: Option<u32>, operator: &str) -> Result<(), BadPattern> {
        let Some(cost) = self.atom else {
            return Err(BadPattern::new(
                "missing argument to repetition operator",
                operator,
            ));
        };
        let lazy = self.take("?");
        if self.repeated {
            return Err(BadPattern::new(
                "invalid nested repetition operator",
                self.pattern,
            ));
        }
        let factor = max.unwrap_or(min).max(1);
        let product = if operator.starts_with('{') {
            cost.saturating_mul(factor)
        } else {
            cost
        };
        if (min >= 2 || max.is_some_and(|max| max >= 2)) && product > MAX_REPEAT {
            return Err(BadPattern::new("invalid repeat count", operator));
        }
        self.out.push_str(operator);
        if lazy {
            self.out.push('?');
        }
        self.atom(product);
        self.repeated = true;
        Ok(())
    }

    /// `n}`, `n,}` or `n,m}` after a `{` (Go, `parser.repeat` through `parseRepeat`); else the
    /// brace is a literal.
    fn counts(&self) -> Option<(u32, Option<u32>, &'a str)> {
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
    }

    /// Go, `parser.parsePerlFlags`.
    fn open(&mut self) -> Result<(), BadPattern> {
        if self.groups.len() > MAX_NESTING as usize {
            return Err(BadPattern::new("expression nests too deeply", self.pattern));
        }
        if !self.rest.starts_with('?') {
            self.out.push('(');
            self.enter();
            return Ok(());
        }
        let start = self.rest;
        if self.take("?P<") || self.take("?<") {
            let (name, rest) = self
                .rest
                .split_once('>')
                .ok_or_else(|| BadPattern::new("invalid named capture", start))?;
            let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(BadPattern::new("invalid named capture", start));
            }
            self.rest = rest;
            self.out.push('(');
            self.enter();
            return Ok(());
        }
        let bad = || BadPattern::new("invalid or unsupported Perl syntax", &format!("({start}"));
        self.take("?");
        let mut flags = String::from("(?");
        let (mut negated, mut any) = (false, false);
        loop {
            match self.next().ok_or_else(bad)? {
                c @ ('i' | 'm' | 's' | 'U') => {
                    flags.push(c);
                    any = true;
                }
                '-' if !negated => {
                    negated = true;
                    any = false;
                    flags.push('-');
                }
                c @ (':' | ')') => {
                    if negated && !any {
                        return Err(bad());
                    }
                    // `(?)` changes nothing, and the crate refuses it.
                    if c == ')' && flags == "(?" {
                        return Ok(());
                    }
                    flags.push(c);
                    self.out.push_str(&flags);
                    if c == ':' {
                        self.enter();
                    } else {
                        self.atom = None;
                        self.repeated = false;
                    }
                    return Ok(());
                }
                _ => return Err(bad()),
            }
        }
    }

    fn enter(&mut self) {
        self.groups.push(Group { cost: 1 });
        self.atom = None;
        self.repeated = false;
    }
}

#[cfg(test)]
mod tests;
