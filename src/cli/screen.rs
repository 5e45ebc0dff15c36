//! What stdout and stderr can show, decided from flags, environment and terminal.

use std::io::IsTerminal;

use terminal_size::{Height, Width};
use unicode_width::UnicodeWidthStr;

use crate::cli::output::When;
use crate::report::Screen;
use crate::report::wrap::wrap;

/// What the decision hangs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The stream is a terminal.
    pub terminal: bool,
    /// The terminal's columns.
    pub columns: Option<usize>,
    /// The terminal's lines.
    pub lines: Option<usize>,
    /// `NO_COLOR` is there, whatever it says (no-color.org).
    pub no_color: bool,
    /// What `FORCE_HYPERLINK` says: `0` for never, everything else for always.
    pub force_links: Option<bool>,
    /// `CLICOLOR_FORCE` is there and not `0` (bixense.com/clicolors).
    pub force_color: bool,
    /// `TERM`; on Windows, which has none, `windows-terminal` for the one that says so in
    /// `WT_SESSION`, and `dumb` for a console that knows no escape sequences.
    pub term: String,
    /// `COLUMNS`.
    pub columns_variable: Option<usize>,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is there and not empty; a console of
    /// Windows shows Unicode in every locale.
    pub locale: String,
}

impl Surroundings {
    /// Those of stdout, as they are now: a terminal may become wider or narrower.
    pub fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// Those of stderr, which may be a terminal where stdout is none.
    pub fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    #[cfg(unix)]
    fn of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Self {
        let size = terminal_size::terminal_size_of(stream);
        Self::with(stream.is_terminal(), size)
    }

    #[cfg(windows)]
    fn of(stream: &(impl IsTerminal + std::os::windows::io::AsHandle)) -> Self {
        let size = terminal_size::terminal_size_of(stream);
        Self::with(stream.is_terminal(), size)
    }

    fn with(terminal: bool, size: Option<(Width, Height)>) -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let shows_unicode = cfg!(windows) && terminal;
        Self {
            terminal,
            columns: size.map(|(width, _)| usize::from(width.0)),
            lines: size.map(|(_, height)| usize::from(height.0)),
            no_color: std::env::var_os("NO_COLOR").is_some(),
            force_links: text("FORCE_HYPERLINK").map(|text| text != "0"),
            force_color: text("CLICOLOR_FORCE").is_some_and(|text| text != "0"),
            term: text("TERM").unwrap_or_else(console),
            columns_variable: text("COLUMNS").and_then(|text| text.parse().ok()),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"]
                .into_iter()
                .find_map(text)
                .unwrap_or_else(|| if shows_unicode { "UTF-8" } else { "" }.to_owned()),
        }
    }

    /// True when colour is wanted: `--color` decides, then NO_COLOR, CLICOLOR_FORCE, and
    /// whether the stream is a terminal that is not dumb.
    pub fn color(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                !self.no_color && (self.force_color || (self.terminal && self.term != "dumb"))
            }
        }
    }

    /// True when codes are links: `FORCE_HYPERLINK` decides, then whether the stream is a
    /// terminal with colour. Terminals without links pass over OSC 8; the consoles of kernels do not.
    fn links(&self, when: When) -> bool {
        let can = self.terminal && !matches!(self.term.as_str(), "" | "dumb" | "linux");
        self.force_links.unwrap_or(can && self.color(when))
    }

    /// The screen. Without a terminal it is as wide as `COLUMNS` says, or 80.
    pub fn screen(&self, when: When) -> Screen {
        let locale = self.locale.to_ascii_lowercase();
        let columns = self.columns.filter(|_| self.terminal);
        Screen {
            width: self
                .columns_variable
                .or(columns)
                .filter(|width| *width > 0)
                .unwrap_or(Screen::PLAIN.width),
            height: self
                .lines
                .filter(|lines| self.terminal && *lines > 0)
                .unwrap_or(Screen::PLAIN.height),
            color: self.color(when),
            links: self.links(when),
            unicode: (locale.contains("utf-8") || locale.contains("utf8")) && self.term != "dumb",
        }
    }
}

/// Where there is no `TERM`: a console of Windows, once it is told to follow sequences.
#[cfg(windows)]
fn console() -> String {
    let follows = anstyle_query::windows::enable_ansi_colors() == Some(true);
    match std::env::var_os("WT_SESSION") {
        Some(_) if follows => "windows-terminal",
        None if follows => "",
        _ => "dumb",
    }
    .to_owned()
}

#[cfg(not(windows))]
fn console() -> String {
    String::new()
}

/// A text for stderr: where that is a terminal, lines that are too long for it break at
/// their spaces.
pub fn for_stderr(text: &str) -> String {
    let stderr = std::io::stderr();
    match terminal_size::terminal_size_of(&stderr) {
        Some((width, _)) if stderr.is_terminal() => broken(text, usize::from(width.0)),
        _ => text.to_owned(),
    }
}

fn broken(text: &str, width: usize) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.trim_end().width() > width && width > 0 {
            true => wrap(line, width, ""),
            false => line.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_once() {
        let terminal = Surroundings {
            terminal: true,
            term: "xterm".into(),
            ..Surroundings::default()
        };
        let pipe = Surroundings::default();
        let with = |base: &Surroundings, no_color, force_color| Surroundings {
            no_color,
            force_color,
            ..base.clone()
        };
        let dumb = Surroundings {
            term: "dumb".into(),
            ..terminal.clone()
        };
        for (surroundings, when, expected) in [
            (&terminal, When::Auto, true),
            (&pipe, When::Auto, false),
            (&dumb, When::Auto, false),
            (&with(&terminal, true, false), When::Auto, false),
            (&with(&pipe, false, true), When::Auto, true),
            (&with(&terminal, true, true), When::Auto, false),
            (&with(&pipe, true, false), When::Always, true),
            (&with(&terminal, false, true), When::Never, false),
        ] {
            assert_eq!(surroundings.color(when), expected, "{surroundings:?}");
        }
    }

    #[test]
    fn only_lines_that_are_too_long_break() {
        let text = "error: a  b\nhint: one word after another\n  log   line\n";
        let expected = "error: a  b\nhint: one word after\nanother\n  log   line\n";
        assert_eq!(broken(text, 24), expected);
        assert_eq!(broken(text, 80), text);
    }

    #[test]
    fn links_need_a_terminal_that_has_them() {
        for (term, terminal, no_color, force, when, expected) in [
            ("xterm-256color", true, false, None, When::Auto, true),
            (
                "xterm-256color",
                true,
                false,
                Some(false),
                When::Auto,
                false,
            ),
            ("xterm-256color", true, true, None, When::Auto, false),
            ("xterm-256color", true, false, None, When::Never, false),
            ("xterm-256color", false, false, None, When::Always, false),
            ("dumb", true, false, None, When::Always, false),
            ("linux", true, false, None, When::Auto, false),
            ("", true, false, None, When::Auto, false),
            ("dumb", false, true, Some(true), When::Never, true),
        ] {
            let surroundings = Surroundings {
                terminal,
                no_color,
                force_links: force,
                term: term.into(),
                ..Surroundings::default()
            };
            assert_eq!(
                surroundings.screen(when).links,
                expected,
                "{surroundings:?}"
            );
        }
    }

    #[test]
    fn signs_need_a_locale_that_has_them() {
        for (locale, unicode) in [
            ("en_US.UTF-8", true),
            ("C.utf8", true),
            ("C", false),
            ("", false),
        ] {
            let surroundings = Surroundings {
                locale: locale.into(),
                ..Surroundings::default()
            };
            assert_eq!(surroundings.screen(When::Auto).unicode, unicode, "{locale}");
        }
    }

    #[test]
    fn the_width_is_the_variables_then_the_terminals_then_80() {
        for (terminal, columns, variable, width) in [
            (true, Some(120), None, 120),
            (true, Some(120), Some(100), 100),
            (false, Some(120), None, 80),
            (false, None, Some(200), 200),
            (true, Some(0), None, 80),
        ] {
            let surroundings = Surroundings {
                terminal,
                columns,
                columns_variable: variable,
                ..Surroundings::default()
            };
            assert_eq!(surroundings.screen(When::Auto).width, width);
        }
    }
}
