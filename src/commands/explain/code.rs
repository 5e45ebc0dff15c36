//! `explain CODE`: what findings mean; nothing is read.

use serde_json::{Value, json};

use crate::console::output::Done;
use crate::error::Error;
use crate::findings::codes;
use crate::findings::finding::{Code, UnknownCode};
use crate::report::answer::Answer;
use crate::report::wrap::wrap;
use crate::report::{self, Format, Screen};

/// Explains each of the codes.
///
/// # Errors
/// A word that is no finding code, or a format for reports.
pub(crate) fn run(words: &[String], format: Format, screen: &Screen) -> Result<Done, Error> {
    let codes = words
        .iter()
        .map(|word| word.parse())
        .collect::<Result<Vec<Code>, UnknownCode>>()
        .map_err(|unknown| Error::Usage {
            hint: hint(&unknown.0),
            message: unknown.to_string(),
        })?;
    Ok(Done {
        stdout: report::print(&Codes(codes), format, screen)?,
        ..Done::default()
    })
}

/// Lists every code with what it means.
///
/// # Errors
/// A format for reports.
pub(crate) fn list(format: Format, screen: &Screen) -> Result<Done, Error> {
    Ok(Done {
        stdout: report::print(&List(Codes(Code::ALL.to_vec())), format, screen)?,
        ..Done::default()
    })
}

/// The nearest codes to a word that is none, and where all of them are: those that it is a
/// part of, else the one that it may be a misspelling of.
fn hint(word: &str) -> String {
    const ALL: &str = "`kubectl kmm preflight explain --list` lists the codes";
    /// More of them are no help.
    const MOST: usize = 5;
    let word = word.to_lowercase().replace('_', "-");
    let codes = || Code::ALL.iter().map(|code| code.as_str());
    let mut near: Vec<&str> = match word.len() {
        0..3 => Vec::new(),
        _ => codes().filter(|code| code.contains(&word)).collect(),
    };
    if near.is_empty() {
        let nearest = codes()
            .map(|code| (strsim::jaro_winkler(&word, code), code))
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        near.extend(nearest.map(|(_, code)| code));
    }
    let quoted = |code: &&str| format!("`{code}`");
    match near.as_slice() {
        [] => format!("{ALL}; pass Modules with -f."),
        near if near.len() > MOST => format!("{ALL}; {} have that in their name.", near.len()),
        near => format!(
            "Did you mean {}? {ALL}.",
            near.iter().map(quoted).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// Every code, one per line.
struct List(Codes);

impl Answer for List {
    fn text(&self, screen: &Screen, _: bool) -> String {
        let widest = Code::ALL.iter().map(|code| code.as_str().len()).max();
        let indent = " ".repeat(widest.unwrap_or_default() + 4);
        let line = |code: &Code| {
            let what = wrap(codes::explain(*code).what, screen.width, &indent);
            let sign = screen.severity_sign(code.severity());
            let name = format!("{:<width$}", code.as_str(), width = indent.len() - 4);
            let name = screen.linked(&name, *code);
            format!("{sign} {name}  {}", what.trim_start())
        };
        self.0.0.iter().map(line).collect()
    }

    fn document(&self) -> Value {
        self.0.document()
    }

    fn names(&self) -> Option<Vec<String>> {
        self.0.names()
    }
}

/// Codes to explain.
struct Codes(Vec<Code>);

impl Answer for Codes {
    fn text(&self, screen: &Screen, _: bool) -> String {
        let texts: Vec<String> = self.0.iter().map(|code| text(*code, screen)).collect();
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
                "example": about.example,
                "see": about.see,
                "fix": about.fix,
                "url": codes::url(*code),
            })
        };
        self.0.iter().map(about).collect()
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.0.iter().map(ToString::to_string).collect())
    }
}

/// The text of `explain CODE`.
fn text(code: Code, screen: &Screen) -> String {
    let about = codes::explain(code);
    let title = screen.linked(code.as_str(), code);
    let mut text = format!("{title} ({})\n", code.severity().as_str());
    for part in [
        about.what.to_owned(),
        format!("Why: {}", about.why),
        format!("Example: {}", about.example),
        format!("How to see it: {}", about.see),
        format!("How to fix it: {}", about.fix),
    ] {
        text.push('\n');
        text.push_str(&wrap(&part, screen.width, ""));
    }
    text.push_str(&format!("\n{}\n", codes::url(code)));
    text
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
    fn a_word_like_a_code_leads_to_it() {
        for (word, near) in [
            ("symbol-mising", "`symbol-missing`"),
            ("image-unauthorised", "`image-unauthorized`"),
            ("zzz", "explain --list"),
        ] {
            let error = explained(word, Format::Table).expect_err("unknown");
            assert!(error.hint().contains(near), "{}", error.hint());
        }
    }

    #[test]
    fn the_list_has_every_code() {
        let done = list(Format::Table, &Screen::PLAIN).expect("a list");
        let codes = done.stdout.lines().filter(|line| !line.starts_with("   "));
        assert_eq!(codes.count(), Code::ALL.len(), "{}", done.stdout);
        assert!(done.stdout.lines().all(|line| line.len() <= 80));
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
