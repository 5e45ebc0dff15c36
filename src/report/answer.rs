//! What commands print that have no findings of Modules: one decision on `-o` for all of them.

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::input::yaml;
use crate::model::printable;
use crate::report::format::Format;
use crate::report::screen::Screen;

/// What a command prints.
pub(crate) trait Answer {
    /// The text for people; `wide` shows more.
    fn text(&self, screen: &Screen, wide: bool) -> String;

    /// The data of `-o json` and `-o yaml`.
    fn document(&self) -> Value;

    /// The names of `-o name`, one per line, where the answer has any.
    fn names(&self) -> Option<Vec<String>> {
        None
    }
}

/// The answer in a format.
///
/// # Errors
/// The format is for reports about Modules, or for names that the answer has none of.
pub(crate) fn print(
    answer: &impl Answer,
    format: Format,
    screen: &Screen,
) -> Result<String, Error> {
    let names = answer.names();
    match (format, names) {
        (Format::Table | Format::Short, _) => Ok(answer.text(screen, false)),
        (Format::Wide, _) => Ok(answer.text(screen, true)),
        (Format::Json, _) => Ok(json(&answer.document())),
        (Format::Yaml, _) => Ok(yaml(&answer.document())),
        (Format::Name, Some(names)) => Ok(names
            .into_iter()
            .map(|name| format!("{}\n", printable::printable_line(name)))
            .collect()),
        (
            Format::Name
            | Format::Junit
            | Format::Sarif
            | Format::Github
            | Format::Markdown
            | Format::Prometheus,
            names,
        ) => Err(Error::Usage {
            message: format!("output format `{format}` is only for reports about Modules"),
            hint: match names {
                Some(_) => "Use -o table, wide, json, yaml or name.".to_owned(),
                None => "Use -o table, wide, json or yaml.".to_owned(),
            },
        }),
    }
}

/// A value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", printable::json(&text))
}

/// A value as YAML.
pub(super) fn yaml(value: &impl Serialize) -> String {
    yaml::to_string(value).unwrap_or_default()
}
