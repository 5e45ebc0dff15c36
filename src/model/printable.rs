//! The gate for texts from outside: names in images and clusters, answers of servers, last
//! lines of builds, file names. Nothing of them acts on a terminal or on a CI system that
//! reads the output, whatever the format:
//!
//! - control characters (C0, C1, DEL), marks that turn the direction of writing, and
//!   characters that nobody sees are written out;
//! - no word begins with a GitHub workflow command (`::error`), which the runner takes behind
//!   blanks too, so a line that breaks at a blank cannot begin with one either;
//! - nothing contains `##[error]`, `##vso[…]` or `##teamcity[…]`, which CI systems take
//!   anywhere in a line (actions/runner, `ActionCommand.TryParse`).
//!
//! Text formats write such characters as Rust does (`\u{1b}`); formats with an escaping of
//! their own use it, so that their readers get the very text.

/// The text for a terminal, a log or a file of text; line breaks and tabs stay.
pub fn printable(text: impl AsRef<str>) -> String {
    written_out(text.as_ref(), |c| matches!(c, '\n' | '\t'), true, rust)
}

/// The same in one line.
pub(crate) fn printable_line(text: impl AsRef<str>) -> String {
    written_out(text.as_ref(), |_| false, true, rust)
}

/// A rendered JSON document; what is written out can only be part of its strings, which begin
/// with a quotation mark, so no line of it begins with a command.
pub(crate) fn json(document: &str) -> String {
    written_out(
        document,
        |c| c == '\n',
        false,
        |c, out| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

/// A rendered XML document.
pub(crate) fn xml(document: &str) -> String {
    let keeps = |c| matches!(c, '\n' | '\t' | '\r');
    written_out(document, keeps, true, |c, out| {
        out.push_str(&format!("&#x{:x};", u32::from(c)));
    })
}

/// True when a text is safe as it is, line breaks and tabs included.
pub(crate) fn is_printable(text: &str) -> bool {
    printable(text) == text
}

fn rust(c: char, out: &mut String) {
    match c {
        '\t' | '\r' | '\n' => out.extend(c.escape_default()),
        c => out.extend(c.escape_unicode()),
    }
}

fn written_out(
    text: &str,
    keeps: impl Fn(char) -> bool,
    in_words: bool,
    escape: impl Fn(char, &mut String),
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let begins_word = in_words && before.is_none_or(char::is_whitespace);
        let commands = (c == ':' && begins_word && is_command(rest, "::"))
            || (c == '#' && before == Some('#') && is_bracketed(&rest[1..]));
        if commands || (acts(c) && !keeps(c)) {
            escape(c, &mut out);
        } else {
            out.push(c);
        }
        before = Some(c);
    }
    out
}

fn is_command(text: &str, start: &str) -> bool {
    text.strip_prefix(start)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What follows `##`: a word, which may be empty, and a bracket.
fn is_bracketed(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .starts_with('[')
}

/// Control characters; direction marks and directional formatting (Unicode Standard Annex
/// #9); separators of lines; characters without a picture that hide or join others.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_act_are_written_out() {
        for (text, lines, line) in [
            (
                "plain, ü ✔ a::b ::1 # ##",
                "plain, ü ✔ a::b ::1 # ##",
                "plain, ü ✔ a::b ::1 # ##",
            ),
            ("a\n\tb", "a\n\tb", "a\\n\\tb"),
            (
                "\u{1b}[2K\rgood\u{9b}m",
                "\\u{1b}[2K\\rgood\\u{9b}m",
                "\\u{1b}[2K\\rgood\\u{9b}m",
            ),
            (
                "a\u{202e}b\u{200f}",
                "a\\u{202e}b\\u{200f}",
                "a\\u{202e}b\\u{200f}",
            ),
        ] {
            assert_eq!(printable(text), lines);
            assert_eq!(printable_line(text), line);
            assert_eq!(printable(printable(text)), lines, "twice is once");
        }
    }

    #[test]
    fn no_word_is_a_command_of_a_ci_system() {
        for (text, expected) in [
            ("::error::x", "\\u{3a}:error::x"),
            (
                "a\n \u{a0}::stop-commands::t",
                "a\n \u{a0}\\u{3a}:stop-commands::t",
            ),
            ("a ::debug::b", "a \\u{3a}:debug::b"),
            ("x##[error]y", "x#\\u{23}[error]y"),
            ("##vso[task.x]", "#\\u{23}vso[task.x]"),
            ("###[group]", "##\\u{23}[group]"),
            ("## heading [x]", "## heading [x]"),
        ] {
            assert_eq!(printable(text), expected);
            assert!(is_printable(expected));
            assert!(!is_printable(text) || text == expected);
        }
    }

    #[test]
    fn documents_escape_in_their_own_way() {
        let hostile = "\u{9b}2J\u{202e} ##[error]x\u{e0001}";
        let document = serde_json::to_string(hostile).expect("JSON");
        let shown = json(&document);
        assert!(shown.is_ascii(), "{shown}");
        assert!(!shown.contains("##["), "{shown}");
        assert_eq!(
            serde_json::from_str::<String>(&shown).expect("JSON"),
            hostile
        );
        assert_eq!(
            xml("<a b='\u{202e}'>\n::error::##[x]</a>"),
            "<a b='&#x202e;'>\n&#x3a;:error::#&#x23;[x]</a>"
        );
        assert_eq!(xml("<a>a::b ü</a>"), "<a>a::b ü</a>");
    }
}
