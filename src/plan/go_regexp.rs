//! Go's `regexp` patterns in the words of the regex crate.
//!
//! KMM matches with Go's `regexp.MatchString`. Both engines are RE2's children, but the
//! crate reads some patterns otherwise (`\d` is Unicode, `[a&&b]` an intersection, `a**`
//! allowed) and does not know others (`\Q…\E`, octal escapes, a lone `{`). The pattern is
//! therefore read by the rules of Go's `regexp/syntax` (Perl flags) and written anew with
//! what both understand.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

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

    /// Outside a class.
    fn escape(&mut self) -> Result<(), BadPattern> {
        if self.take("Q") {
            let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            quoted.chars().for_each(|c| self.literal(c));
            return Ok(());
        }
        let text = match self.rest.chars().next() {
            Some('A') => "\\A",
            Some('z') => "\\z",
            Some('b') => "(?-u:\\b)",
            Some('B') => "(?-u:\\B)",
            _ => "",
        };
        if !text.is_empty() {
            self.next();
            self.out.push_str(text);
        } else if let Some(class) = self.class_escape()? {
            self.out.push('[');
            self.out.push_str(&class);
            self.out.push(']');
        } else {
            let c = self.char_escape()?;
            push_literal(&mut self.out, c);
        }
        self.atom(1);
        Ok(())
    }

    /// `\d` and its kin, ASCII in Go, and `\p`; the text for the inside of a class.
    fn class_escape(&mut self) -> Result<Option<String>, BadPattern> {
        let start = self.rest;
        let text = match start.chars().next() {
            Some('d') => "0-9",
            Some('D') => "\\x{0}-/:-\\x{10FFFF}",
            Some('s') => "\\t\\n\\x0C\\r\\x20",
            Some('S') => "\\x{0}-\\x{8}\\x0B\\x{E}-\\x{1F}!-\\x{10FFFF}",
            Some('w') => "0-9A-Za-z_",
            Some('W') => "\\x{0}-/:-@\\[-\\^`\\{-\\x{10FFFF}",
            Some(c @ ('p' | 'P')) => {
                self.next();
                return self.unicode_class(c == 'P').map(Some);
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(text.to_owned()))
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`: a general category or a script (Go,
    /// `parser.parseUnicodeClass`).
    fn unicode_class(&mut self, mut negated: bool) -> Result<String, BadPattern> {
        let bad = |name: &str| BadPattern::new("invalid character class range", name);
        let name = if self.take("{") {
            let (name, rest) = self.rest.split_once('}').ok_or_else(|| bad(self.rest))?;
            self.rest = rest;
            match name.strip_prefix('^') {
                Some(name) => {
                    negated = !negated;
                    name
                }
                None => name,
            }
        } else {
            let start = self.rest;
            let c = self.next().ok_or_else(|| bad(start))?;
            &start[..c.len_utf8()]
        };
        let sign = if negated { 'P' } else { 'p' };
        if name == "Any" {
            let any = if negated {
                "[^\\x{0}-\\x{10FFFF}]"
            } else {
                "\\x{0}-\\x{10FFFF}"
            };
            return Ok(any.to_owned());
        }
        let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(bad(name));
        }
        for property in ["gc", "sc"] {
            let class = format!("\\{sign}{{{property}={name}}}");
            if Regex::new(&class).is_ok() {
                return Ok(class);
            }
        }
        Err(bad(name))
    }

    /// Go, `parser.parseEscape`: one character, after the backslash.
    fn char_escape(&mut self) -> Result<char, BadPattern> {
        let start = self.rest;
        let bad = || BadPattern::new("invalid escape sequence", &format!("\\{start}"));
        let c = self
            .next()
            .ok_or_else(|| BadPattern::new("trailing backslash at end of expression", ""))?;
        let octal = |c: char| c.to_digit(8);
        match c {
            '0'..='7' => {
                let follows = self.rest.chars().next().is_some_and(|c| octal(c).is_some());
                if c != '0' && !follows {
                    return Err(bad());
                }
                let mut value = octal(c).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(octal) else {
                        break;
                    };
                    self.next();
                    value = value * 8 + digit;
                }
                char::from_u32(value).ok_or_else(bad)
            }
            'x' => {
                let digits = if self.take("{") {
                    let (digits, rest) = self.rest.split_once('}').ok_or_else(bad)?;
                    self.rest = rest;
                    digits
                } else {
                    let digits = self.rest.get(..2).ok_or_else(bad)?;
                    self.rest = &self.rest[2..];
                    digits
                };
                if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32)
                    .ok_or_else(bad)
            }
            'a' => Ok('\x07'),
            'f' => Ok('\x0c'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0b'),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            _ => Err(bad()),
        }
    }

    /// Go, `parser.parseClass`; the `[` is read.
    fn class(&mut self) -> Result<(), BadPattern> {
        let start = self.rest;
        let unclosed = || BadPattern::new("missing closing ]", &format!("[{start}"));
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.starts_with("[:")
                && let Some(end) = self.rest.find(":]")
            {
                let name = &self.rest[..end + 2];
                self.rest = &self.rest[end + 2..];
                let bare = name[2..end].trim_start_matches('^');
                if !POSIX.contains(&bare) || name[2..end].matches('^').count() > 1 {
                    return Err(BadPattern::new("invalid character class range", name));
                }
                self.out.push_str(name);
                continue;
            }
            if self.rest.starts_with('\\') {
                let before = self.rest;
                self.next();
                if let Some(class) = self.class_escape()? {
                    self.out.push_str(&class);
                    continue;
                }
                self.rest = before;
            }
            let range = self.rest;
            let low = self.class_char()?.ok_or_else(unclosed)?;
            let is_range =
                self.rest.starts_with('-') && self.rest.len() >= 2 && !self.rest.starts_with("-]");
            push_literal(&mut self.out, low);
            if is_range {
                self.next();
                let high = self.class_char()?.ok_or_else(unclosed)?;
                if high < low {
                    let written = &range[..range.len() - self.rest.len()];
                    return Err(BadPattern::new("invalid character class range", written));
                }
                self.out.push('-');
                push_literal(&mut self.out, high);
            }
        }
        self.next();
        self.out.push(']');
        Ok(())
    }

    fn class_char(&mut self) -> Result<Option<char>, BadPattern> {
        if self.take("\\") {
            return self.char_escape().map(Some);
        }
        Ok(self.next())
    }
}

/// The names of `[:name:]` (Go, `syntax.posixGroup`).
const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A character that means itself, in a class and outside.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go 1.26's `regexp.MatchString` answers; `None` where it does not compile.
    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        let el9 = "5.14.0-70.58.1.el9_0.x86_64";
        for (pattern, text, matches) in [
            ("", el9, Some(true)),
            ("el9", el9, Some(true)),
            ("^5\\.14", el9, Some(true)),
            ("^5.15", el9, Some(false)),
            ("x86_64$", el9, Some(true)),
            ("x86$", el9, Some(false)),
            ("^.*$", el9, Some(true)),
            ("^.+\\.x86_64$", el9, Some(true)),
            (
                "^5\\.14\\.0-\\d+\\.\\d+\\.\\d\\.el9_\\d\\.x86_64\\z",
                el9,
                Some(true),
            ),
            ("\\d", "٣", Some(false)),
            ("\\w", "é", Some(false)),
            ("\\D", "٣", Some(true)),
            ("\\s", "\u{b}", Some(false)),
            ("\\S", "\u{b}", Some(true)),
            ("^\\W$", "_", Some(false)),
            ("^\\W$", "`", Some(true)),
            ("é\\b", "é", Some(false)),
            ("a\\b", "aé", Some(true)),
            ("\\Q5.14\\E", el9, Some(true)),
            ("\\Q5.14", "5x14", Some(false)),
            ("\\Qa\\E*b", "aab", Some(true)),
            ("(?i)EL9", el9, Some(true)),
            ("(?i:EL)9", el9, Some(true)),
            ("(?-i)EL9", el9, Some(false)),
            ("(?x)a", "a", None),
            ("(?u)a", "a", None),
            ("(?s).", "\n", Some(true)),
            (".", "\n", Some(false)),
            ("(?P<n>el)9", el9, Some(true)),
            ("(?<n>el)9", el9, Some(true)),
            ("(?P<1>el)9", el9, Some(true)),
            ("(?P<n>a)(?P<n>b)", "ab", Some(true)),
            ("(?=a)", "a", None),
            ("(?!a)", "a", None),
            ("(a)\\1", "aa", None),
            ("\\101", "A", Some(true)),
            ("\\0", "\0", Some(true)),
            ("\\x41\\x{42}", "AB", Some(true)),
            ("\\xZZ", "A", None),
            ("\\pL\\p{Lu}", "aB", Some(true)),
            ("\\p{Greek}", "β", Some(true)),
            ("\\P{Greek}", "b", Some(true)),
            ("\\p{^Greek}", "b", Some(true)),
            ("\\p{Nonsense}", "b", None),
            ("\\C", "a", None),
            ("\\Z", "a", None),
            ("\\_\\-\\ \\<", "_- <", Some(true)),
            ("\\y", "y", None),
            ("\\", "", None),
            ("a{2}", "aa", Some(true)),
            ("a{,2}", "a{,2}", Some(true)),
            ("a{,2}", "aa", Some(false)),
            ("a{x", "a{x", Some(true)),
            ("{", "{", Some(true)),
            ("a{1000}", "a", Some(false)),
            ("a{1001}", "a", None),
            ("a{2,1}", "a", None),
            ("(a{100}){100}", "a", None),
            ("(a{10}){100}", "a", Some(false)),
            ("a**", "a", None),
            ("a*?", "a", Some(true)),
            ("a*+", "a", None),
            ("*a", "a", None),
            ("(*a)", "a", None),
            ("a|*", "a", None),
            ("^*", "a", Some(true)),
            ("(a", "a", None),
            ("a)", "a", None),
            ("a|", "b", Some(true)),
            ("()", "b", Some(true)),
            ("[a&&b]", "&", Some(true)),
            ("[a~~b]", "~", Some(true)),
            ("[[a]", "[", Some(true)),
            ("[]a]", "]", Some(true)),
            ("[^]a]", "]", Some(false)),
            ("[a-]", "-", Some(true)),
            ("[\\d-z]", "-", Some(true)),
            ("[a-\\d]", "a", None),
            ("[z-a]", "a", None),
            ("[[:digit:]]", "7", Some(true)),
            ("[[:^digit:]]", "7", Some(false)),
            ("[[:nope:]]", "7", None),
            ("[a", "a", None),
            ("[", "a", None),
            ("[+.\\-]", "-", Some(true)),
            ("(?m)^b$", "a\nb\nc", Some(true)),
            ("^b$", "a\nb\nc", Some(false)),
        ] {
            let answer = compile(pattern)
                .ok()
                .map(|regex| regex.is_match(text.as_bytes()));
            assert_eq!(answer, matches, "`{pattern}` on `{text}`");
        }
    }

    #[test]
    fn a_bad_pattern_says_why() {
        let error = compile("5.14(").expect_err("an open group");
        assert_eq!(error.to_string(), "missing closing ): `5.14(`");
    }
}
