//! `explain CODE`: what findings mean; nothing is read.

use serde_json::{Value, json};

use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::Error;
use crate::findings::codes;
use crate::findings::finding::Code;
use crate::report::answer::Answer;
use crate::report::{self, Screen};

/// Explains each of the codes.
///
/// # Errors
/// A word that is no finding code, or a format for reports.
pub fn run(words: &[String], format: Format, screen: &Screen) -> Result<Done, Error> {
    let codes = words
        .iter()
        .map(|word| word.parse())
        .collect::<Result<Vec<Code>, _>>()
        .map_err(|unknown| Error::Usage {
            message: unknown.to_string(),
            hint:
                "the README lists the codes, and completion offers them; Modules are given with -f"
                    .to_owned(),
        })?;
    Ok(Done {
        stdout: report::print(&Codes(codes), format, screen)?,
        ..Done::default()
    })
}

/// Codes to explain.
struct Codes(Vec<Code>);

impl Answer for Codes {
    fn text(&self, screen: &Screen, _: bool) -> String {
        let texts: Vec<String> = self
            .0
            .iter()
            .map(|code| codes::text(*code, screen))
            .collect();
        texts.join("\n")
    }

    fn document(&self) -> Value {
        let about = |code: &Code| {
            let about = codes::explain(*code);
            json!({
                "code": code.as_str(),
                "severity": code.severity().as_str(),
                "what": about.what,
                "why": about.why,
                "fix": about.fix,
            })
        };
        self.0.iter().map(about).collect()
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.0.iter().map(ToString::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(word: &str, format: Format) -> Result<Done, Error> {
        run(&[word.to_owned()], format, &Screen::PLAIN)
    }

    #[test]
    fn a_code_is_explained_in_every_format_that_can() {
        for (format, start) in [
            (Format::Table, "symbol-missing (error)\n"),
            (Format::Name, "symbol-missing\n"),
            (Format::Json, "[\n"),
            (Format::Yaml, "- code: symbol-missing\n"),
        ] {
            let done = explained("symbol-missing", format).expect("a known code");
            assert!(
                done.stdout.starts_with(start),
                "{format:?}: {}",
                done.stdout
            );
            assert_eq!(done.exit_code, 0);
        }
    }

    #[test]
    fn an_unknown_code_and_a_report_format_are_usage_errors() {
        for (word, format) in [
            ("symbol-lost", Format::Table),
            ("symbol-missing", Format::Sarif),
        ] {
            assert_eq!(explained(word, format).expect_err("refused").exit_code(), 2);
        }
    }
}
