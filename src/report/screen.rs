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
    /// ANSI colours.
    pub color: bool,
    /// Signs beyond ASCII.
    pub unicode: bool,
    /// Hyperlinks (OSC 8).
    pub links: bool,
}

impl Screen {
    /// 80 columns of plain ASCII.
    pub const PLAIN: Self = Self {
        width: 80,
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

    /// A verdict with its sign and colour.
    pub fn verdict(&self, verdict: Verdict) -> String {
        let text = format!("{} {}", self.sign(verdict), verdict.as_str());
        self.paint(&text, verdict_style(verdict))
    }

    /// A stage in its colour.
    pub fn stage(&self, stage: &str) -> String {
        let style = match stage {
            "Done" => Style::new().green(),
            "Build" => Style::new().blue(),
            "Sign" => Style::new().magenta(),
            "Requeued" => Style::new().yellow(),
            _ => Style::new().cyan(),
        };
        self.paint(stage, style)
    }

    /// A text with the first mention of a code made a link to what it means.
    pub fn linked(&self, text: &str, code: Code) -> String {
        if !self.links {
            return text.to_owned();
        }
        let link = format!("\u{1b}]8;;{}\u{1b}\\{code}\u{1b}]8;;\u{1b}\\", url(code));
        text.replacen(code.as_str(), &link, 1)
    }

    /// A severity's word in its colour.
    pub fn severity(&self, severity: Severity) -> String {
        let style = match severity {
            Severity::Error => Style::new().red().bold(),
            Severity::Warning => Style::new().yellow(),
            Severity::Info => Style::new().cyan(),
        };
        self.paint(severity.as_str(), style)
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Verified => Style::new().green(),
        Verdict::Accepted => Style::new().green().dimmed(),
        Verdict::Failed => Style::new().red().bold(),
        Verdict::Error => Style::new().magenta().bold(),
        Verdict::InProgress => Style::new().blue(),
        Verdict::Unknown => Style::new().yellow(),
    }
}
