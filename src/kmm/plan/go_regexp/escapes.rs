//! Escapes of Go's patterns, outside of classes and within.

use super::names::{Named, named};
use super::{PatternError, Translator};

/// What never matches: a surrogate, which no text holds.
pub(super) const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";

impl Translator<'_> {
    /// Outside a class.
    pub(super) fn escape(&mut self) -> Result<(), PatternError> {
        if self.take("Q") {
            let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            quoted.chars().for_each(|c| self.tree.literal(c));
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
            self.tree.push(text.to_owned());
        } else if let Some(class) = self.class_escape()? {
            self.tree.push(format!("[{class}]"));
        } else {
            match char::from_u32(self.char_escape()?) {
                Some(c) => self.tree.literal(c),
                None => self.tree.push(NOTHING.to_owned()),
            }
        }
        Ok(())
    }

    /// `\d` and its kin, ASCII in Go, and `\p`; the text for the inside of a class.
    pub(super) fn class_escape(&mut self) -> Result<Option<String>, PatternError> {
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
    fn unicode_class(&mut self, mut negated: bool) -> Result<String, PatternError> {
        let bad = |name: &str| {
            PatternError::refused("invalid character class range", &format!("\\p{{{name}}}"))
        };
        let mut name = if self.take("{") {
            let (name, rest) = self.rest.split_once('}').ok_or_else(|| bad(self.rest))?;
            self.rest = rest;
            name
        } else {
            let start = self.rest;
            let c = self.next().ok_or_else(|| bad(start))?;
            &start[..c.len_utf8()]
        };
        if let Some(rest) = name.strip_prefix('^') {
            negated = !negated;
            name = rest;
        }
        self.of_tables = true;
        let (kind, class) = match named(name, self.go) {
            Named::Any if negated => return Ok(NOTHING.to_owned()),
            Named::Any => return Ok("\\x{0}-\\x{10FFFF}".to_owned()),
            Named::Unknown => return Err(bad(name)),
            Named::Unclear => {
                return Err(PatternError::unclear(
                    "releases of Go do not agree on the name",
                    &format!("\\p{{{name}}}"),
                ));
            }
            Named::Class(kind, class, turned) => {
                negated ^= turned;
                (kind, class)
            }
        };
        let sign = if negated { 'P' } else { 'p' };
        Ok(match (kind, class) {
            ("", _) if negated => "[:^ascii:]".to_owned(),
            ("", _) => "[:ascii:]".to_owned(),
            // No text holds surrogates, and the crate has no such class.
            ("gc", "Cs") if negated => "\\x{0}-\\x{10FFFF}".to_owned(),
            ("gc", "Cs") => NOTHING.to_owned(),
            _ => format!("\\{sign}{{{kind}={class}}}"),
        })
    }

    /// Go, `parser.parseEscape`: one character, after the backslash; it may be a surrogate.
    pub(super) fn char_escape(&mut self) -> Result<u32, PatternError> {
        let start = self.rest;
        let bad = || PatternError::refused("invalid escape sequence", &format!("\\{start}"));
        let c = self.next().ok_or_else(|| {
            PatternError::Refused("trailing backslash at end of expression".to_owned())
        })?;
        let octal = |c: char| c.to_digit(8);
        Ok(match c {
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
                value
            }
            'x' => {
                let digits = if self.take("{") {
                    let (digits, rest) = self.rest.split_once('}').ok_or_else(bad)?;
                    self.rest = rest;
                    digits.trim_start_matches('0')
                } else {
                    let digits = self.rest.get(..2).ok_or_else(bad)?;
                    self.rest = &self.rest[2..];
                    digits
                };
                // `trim_start_matches` has left nothing of a zero.
                let zero =
                    digits.is_empty() && start[..start.len() - self.rest.len()].contains('0');
                if (digits.is_empty() && !zero) || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                let value = match digits {
                    "" => Ok(0),
                    digits => u32::from_str_radix(digits, 16),
                };
                let value = value.ok().filter(|value| *value <= u32::from(char::MAX));
                value.ok_or_else(bad)?
            }
            'a' => 0x07,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            _ => return Err(bad()),
        })
    }
}
