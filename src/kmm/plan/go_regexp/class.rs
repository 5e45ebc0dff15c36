//! Classes in brackets.

use super::tree::push_literal;
use super::{PatternError, Translator};

/// The names of `[:name:]` (Go, `syntax.posixGroup`).
const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// The last character before the surrogates, and the first behind them.
const AROUND_SURROGATES: (u32, u32) = (0xD7FF, 0xE000);

impl Translator<'_> {
    /// Go, `parser.parseClass`; the `[` is read.
    pub(super) fn class(&mut self) -> Result<String, PatternError> {
        let start = self.rest;
        let unclosed = || PatternError::refused("missing closing ]", &format!("[{start}"));
        let mut out = String::from("[");
        if self.take("^") {
            out.push('^');
        }
        // Something that adds nothing, so that no class of the crate's is empty.
        out.push_str(super::escapes::NOTHING);
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some(inside) = self.rest.strip_prefix("[:")
                && let Some(end) = inside.find(":]")
            {
                let name = &inside[..end];
                let written = &self.rest[..end + 4];
                self.rest = &inside[end + 2..];
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    let what = "invalid character class range";
                    return Err(PatternError::refused(what, written));
                }
                out.push_str(written);
                continue;
            }
            if self.rest.starts_with('\\') {
                let before = self.rest;
                self.next();
                if let Some(class) = self.class_escape()? {
                    out.push_str(&class);
                    continue;
                }
                self.rest = before;
            }
            let range = self.rest;
            let low = self.class_char()?.ok_or_else(unclosed)?;
            let is_range =
                self.rest.starts_with('-') && self.rest.len() >= 2 && !self.rest.starts_with("-]");
            let high = if is_range {
                self.next();
                self.class_char()?.ok_or_else(unclosed)?
            } else {
                low
            };
            if high < low {
                let written = &range[..range.len() - self.rest.len()];
                let what = "invalid character class range";
                return Err(PatternError::refused(what, written));
            }
            push_range(&mut out, low, high);
        }
        self.next();
        out.push(']');
        Ok(out)
    }

    fn class_char(&mut self) -> Result<Option<u32>, PatternError> {
        if self.take("\\") {
            return self.char_escape().map(Some);
        }
        Ok(self.next().map(u32::from))
    }
}

/// A range without the surrogates at its ends, which no text holds.
fn push_range(out: &mut String, low: u32, high: u32) {
    let (before, behind) = AROUND_SURROGATES;
    let low = char::from_u32(low).or(char::from_u32(behind));
    let high = char::from_u32(high).or(char::from_u32(before));
    if let (Some(low), Some(high)) = (low, high)
        && low <= high
    {
        push_literal(out, low);
        if low < high {
            out.push('-');
            push_literal(out, high);
        }
    }
}
