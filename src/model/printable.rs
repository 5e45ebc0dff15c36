//! Texts of strangers, such as names in images and the last lines of builds, as a terminal may
//! show them.

/// The text with its control characters written out, such as `\u{1b}`, so that nothing in it
/// moves the cursor or paints over what stands before it. Line breaks and tabs stay.
pub fn printable(text: String) -> String {
    written_out(text, |c| !matches!(c, '\n' | '\t'))
}

/// The same in one line.
pub fn printable_line(text: String) -> String {
    written_out(text, |_| true)
}

fn written_out(text: String, acts_here: impl Fn(char) -> bool) -> String {
    let acts = |c: char| (c.is_control() && acts_here(c)) || turns(c);
    if !text.chars().any(acts) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match acts(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of what follows (Unicode Standard Annex #9, "Directional
/// Formatting Characters").
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        for (text, lines, line) in [
            ("plain, ü ✔", "plain, ü ✔", "plain, ü ✔"),
            ("a\n\tb", "a\n\tb", "a\\n\\tb"),
            (
                "\u{1b}[2K\rgood\u{9b}m",
                "\\u{1b}[2K\\rgood\\u{9b}m",
                "\\u{1b}[2K\\rgood\\u{9b}m",
            ),
            ("a\u{202e}b", "a\\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(printable(text.to_owned()), lines);
            assert_eq!(printable_line(text.to_owned()), line);
        }
    }
}
