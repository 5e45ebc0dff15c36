//! What the screen can show. It is decided once, outside; everything here only obeys.

use owo_colors::{OwoColorize, Style};

use crate::findings::codes::url;
use crate::findings::finding::{Code, Severity};
use crate::model::verdict::Verdict;

/// What the screen can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// ANSI colours.
    pub color: bool,
    /// Signs beyond ASCII.
    pub unicode: bool,
    /// Hyperlinks (OSC 8).
    pub links: bool,
}

impl Screen {
    /// 40 lines of 80 columns of plain ASCII.
    pub const PLAIN: Self = Self {
        width: 80,
        height: 40,
        color: false,
        unicode: false,
        links: false,
    };

    /// A text in a style, where there is colour.
    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    /// The sign that stands before a verdict's word, so that nobody has to tell colours apart.
    pub fn sign(&self, verdict: Verdict) -> &'static str {
        match (verdict, self.unicode) {
            (Verdict::Verified, true) => "✔",
            (Verdict::Accepted, true) => "○",
            (Verdict::Failed, true) => "✘",
            (Verdict::InProgress, true) => "…",
            (Verdict::Verified, false) => "+",
            (Verdict::Accepted, false) => "o",
            (Verdict::Failed, false) => "x",
            (Verdict::InProgress, false) => "~",
            (Verdict::Error, _) => "!",
            (Verdict::Unknown, _) => "?",
        }
    }

    /// A verdict with its sign.
    pub(super) fn verdict_text(&self, verdict: Verdict) -> String {
        format!("{} {verdict}", self.sign(verdict))
    }

    /// A verdict with its sign and colour.
    pub fn verdict(&self, verdict: Verdict) -> String {
        self.paint(&self.verdict_text(verdict), self.verdict_style(verdict))
    }

    /// Colours are bold and go with a sign: a terminal may be light or dark.
    pub(super) fn verdict_style(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Verified | Verdict::Accepted => Style::new().green().bold(),
            Verdict::Failed => Style::new().red().bold(),
            Verdict::Error | Verdict::Unknown => Style::new().magenta().bold(),
            Verdict::InProgress => Style::new().blue().bold(),
        }
    }

    /// A text with the first mention of a code made a link to what it means.
    pub fn linked(&self, text: &str, code: Code) -> String {
        if !self.links {
            return text.to_owned();
        }
        let link = format!("\u{1b}]8;;{}\u{1b}\\{code}\u{1b}]8;;\u{1b}\\", url(code));
        text.replacen(code.as_str(), &link, 1)
    }

    /// The sign of a finding, which leaves the word *error* to the verdict.
    pub(crate) fn severity_sign(&self, severity: Severity) -> String {
        let (sign, style) = self.severity(severity);
        self.paint(sign, style.bold())
    }

    /// The same, and its colour.
    pub(super) fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match (severity, self.unicode) {
            (Severity::Error, true) => ("✘", Style::new().red()),
            (Severity::Error, false) => ("x", Style::new().red()),
            (Severity::Warning, true) => ("⚠", Style::new().magenta()),
            (Severity::Warning, false) => ("!", Style::new().magenta()),
            (Severity::Info, true) => ("ℹ", Style::new().blue()),
            (Severity::Info, false) => ("i", Style::new().blue()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bold and behind a sign a colour is read on light and dark grounds; yellow and cyan
    /// are lost on white all the same.
    #[test]
    fn colours_are_bold_and_go_with_a_sign() {
        for unicode in [true, false] {
            let screen = Screen {
                color: true,
                unicode,
                ..Screen::PLAIN
            };
            let plain = Screen {
                color: false,
                ..screen
            };
            let signs = [Severity::Error, Severity::Warning, Severity::Info]
                .map(|severity| [screen, plain].map(|one| one.severity_sign(severity)));
            let words = Verdict::ALL.map(|verdict| [screen, plain].map(|one| one.verdict(verdict)));
            for [painted, text] in signs.into_iter().chain(words) {
                let sequence = painted.split('m').next().unwrap_or_default();
                let codes: Vec<&str> = sequence.trim_start_matches("\u{1b}[").split(';').collect();
                assert!(codes.contains(&"1"), "{painted:?}");
                assert!(
                    !codes.contains(&"33") && !codes.contains(&"36"),
                    "{painted:?}"
                );
                let sign = text.split(' ').next().unwrap_or_default();
                assert_eq!(sign.chars().count(), 1, "{text}");
            }
        }
    }
}
