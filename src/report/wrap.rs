//! Text in lines of the screen's width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::screen::Screen;

/// The narrowest text column; a screen that leaves less is written over.
const MIN_WIDTH: usize = 24;

/// Breaks a text at its spaces into lines of at most `width` columns, each after `indent` and
/// ended by a newline. A word that is too long stays whole, so that it can be copied; line
/// breaks in the text are kept.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let room = width.saturating_sub(indent.width()).max(MIN_WIDTH);
    let mut out = String::new();
    for line in text.trim_end().lines() {
        let mut used = 0;
        out.push_str(indent);
        for word in line.split_whitespace() {
            let needed = word.width();
            if used > 0 && used + 1 + needed > room {
                out.push('\n');
                out.push_str(indent);
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += needed;
        }
        out.push('\n');
    }
    out
}

/// A name cut in its middle, where what names have in common stands less often than at their
/// ends.
pub(crate) fn cut(text: &str, width: usize, screen: &Screen) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if screen.unicode { "…" } else { ".." };
    let room = width.saturating_sub(mark.width());
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let fits = chars.take_while(|c| {
            used += c.width().unwrap_or_default();
            used <= room
        });
        fits.collect::<String>()
    };
    let start = take(&mut text.chars(), room - room / 2);
    let end = take(&mut text.chars().rev(), room / 2);
    let end: String = end.chars().rev().collect();
    format!("{start}{mark}{end}")
}

/// A title in lines of at most the screen's width, without a newline at its end: it breaks at its
/// spaces, and names that are wider are cut.
pub(crate) fn wrap_and_cut(title: &str, screen: &Screen) -> String {
    let lines = wrap(title, screen.width, "");
    let lines = lines.lines().map(|line| cut(line, screen.width, screen));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces() {
        for (text, expected) in [
            ("", ""),
            ("short", "  short\n"),
            (
                "aaaaaaaaaaaaa bbbbbbbbbbbbb c",
                "  aaaaaaaaaaaaa\n  bbbbbbbbbbbbb c\n",
            ),
            ("a\nb", "  a\n  b\n"),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
                "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n  b\n",
            ),
        ] {
            assert_eq!(wrap(text, 26, "  "), expected);
        }
    }
}
