//! Escapes and classes of Go's patterns.

use regex::bytes::Regex;

use super::{BadPattern, Translator};

impl Translator<'_> {
    /// Outside a class.
    pub(super) fn escape(&mut self) -> Result<(), BadPattern> {
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
    pub(super) fn class(&mut self) -> Result<(), BadPattern> {
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
pub(super) fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}
