//! One configuration file: defaults of flags as top-level keys, and `accept:`.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::error::Error;
use crate::findings::accept::{Accept, BadAccept};
use crate::input::yaml;

/// The most bytes of a file that are read.
const LARGEST: u64 = 1 << 20;

/// What a file says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    /// Flags without their dashes, and their values.
    pub(super) settings: Vec<(String, Setting)>,
    accept: Vec<Entry>,
}

/// The default of one flag.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

/// One entry of `accept:`.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "`code`, `reason`, and where wanted `module` and `until`"
)]
struct Entry {
    code: String,
    module: Option<String>,
    reason: String,
    until: Option<String>,
}

/// A field of an entry, and what is wrong with it.
type BadField = (&'static str, String);

impl Entry {
    fn checked(&self) -> Result<Accept, BadField> {
        let text = match &self.module {
            Some(module) => format!("{}={module}", self.code),
            None => self.code.clone(),
        };
        let accept: Accept = text.parse().map_err(|why: BadAccept| match why {
            BadAccept::Code(_) => ("code", why.to_string()),
            BadAccept::Module(_) => ("module", why.to_string()),
        })?;
        let reason = self.reason.trim();
        if reason.is_empty() {
            return Err(("reason", "the reason is empty".to_owned()));
        }
        Ok(accept.because(reason, self.until.as_deref().map(date).transpose()?))
    }
}

fn date(text: &str) -> Result<Date, BadField> {
    let is_plain = text.len() == "2026-12-31".len();
    let date = text.parse::<Date>().ok().filter(|_| is_plain);
    date.ok_or_else(|| {
        let why = format!("`{text}` is not a date (YYYY-MM-DD)");
        ("until", why)
    })
}

impl ConfigFile {
    /// Reads a file. `known` are the flags that may be keys, `refused` those that may not be
    /// in a project's file.
    ///
    /// # Errors
    /// It cannot be read, or has something that is not a setting.
    pub(super) fn read(path: &Path, known: &[String], refused: &[String]) -> Result<Self, Error> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
            .map_err(|error| unusable(path, None, &error.to_string()))?;
        let is_empty = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let content = match is_empty {
            true => Content::default(),
            false => yaml::with_seed(&text, Keys { known, refused }).map_err(|fault| {
                // A fault at the end of the text is one of its last line.
                let line = fault.line.unwrap_or(1).min(text.trim_end().lines().count());
                unusable(path, Some(line), &fault.message)
            })?,
        };
        if let Some((key, why)) = content.refused {
            return Err(unusable(path, Some(last_line_of(&text, &key)), &why));
        }
        let settings = content
            .settings
            .into_iter()
            .map(|(name, values)| {
                let line = line_of(&text, &name);
                (name, Setting { values, line })
            })
            .collect();
        let file = Self {
            path: path.to_owned(),
            settings,
            accept: content.accept,
        };
        for (index, entry) in file.accept.iter().enumerate() {
            entry.checked().map_err(|(field, why)| {
                let line = line_of_field(&text, index, field);
                unusable(path, Some(line), &why)
            })?;
        }
        Ok(file)
    }

    /// The entries that count today, and a note for each that no longer does.
    pub(super) fn accepts(&self) -> (Vec<Accept>, Vec<String>) {
        let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
        let mut accepts = Vec::new();
        let mut notes = Vec::new();
        for entry in &self.accept {
            let Ok(accept) = entry.checked() else {
                continue;
            };
            match accept.until() {
                Some(last) if last < today => notes.push(format!(
                    "{}: the acceptance of {accept} ended on {last}",
                    self.path.display()
                )),
                _ => accepts.push(accept),
            }
        }
        (accepts, notes)
    }
}

fn unusable(path: &Path, line: Option<usize>, why: &str) -> Error {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    Error::Input {
        message: format!("{}{line}: {why}", path.display()),
        hint: "Correct the file, or pass --no-config to ignore it.".to_owned(),
    }
}

/// The line of a top-level key, from 1.
fn line_of(text: &str, key: &str) -> usize {
    lines_of(text, key).next().unwrap_or(1)
}

fn last_line_of(text: &str, key: &str) -> usize {
    lines_of(text, key).last().unwrap_or(1)
}

fn lines_of(text: &str, key: &str) -> impl Iterator<Item = usize> {
    let is_key = move |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    let lines = text.lines().zip(1..);
    lines
        .filter(move |(line, _)| is_key(line))
        .map(|(_, at)| at)
}

/// The line of a field of an entry of `accept:`, from 1.
fn line_of_field(text: &str, index: usize, field: &str) -> usize {
    let mut lines = text.lines().zip(1..).skip(line_of(text, "accept"));
    let is_entry = |line: &str| line.trim_start().starts_with("- ");
    let mut seen = 0;
    let Some((first, at)) = lines.find(|(line, _)| {
        seen += usize::from(is_entry(line));
        seen == index + 1
    }) else {
        return line_of(text, "accept");
    };
    std::iter::once((first, at))
        .chain(lines.take_while(|(line, _)| !is_entry(line)))
        .find(|(line, _)| line.trim_start_matches(['-', ' ']).starts_with(field))
        .map_or(at, |(_, at)| at)
}

/// The keys of a file.
struct Keys<'a> {
    known: &'a [String],
    refused: &'a [String],
}

/// The content of a file.
#[derive(Default)]
struct Content {
    settings: Vec<(String, Vec<String>)>,
    accept: Vec<Entry>,
    keys: Vec<String>,
    /// The first key that may not be there, and why.
    refused: Option<(String, String)>,
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = Content;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings, such as `output: json`")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        while let Some(key) = map.next_key::<String>()? {
            let is_twice = content.keys.contains(&key);
            if let Some(why) = self.refusal(&key, is_twice) {
                content.refused.get_or_insert((key, why));
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if key == "accept" {
                content.accept = map.next_value()?;
            } else {
                let values: Values = map.next_value()?;
                content.settings.push((key.clone(), values.0));
            }
            content.keys.push(key);
        }
        Ok(content)
    }
}

impl Keys<'_> {
    /// Why a key may not stand here.
    fn refusal(&self, key: &str, is_twice: bool) -> Option<String> {
        let has = |keys: &[String]| keys.iter().any(|known| known == key);
        if is_twice {
            Some(format!("duplicate key `{key}`"))
        } else if has(self.refused) {
            Some(format!(
                "`{key}` is only allowed in your own file (kmm-preflight/config.yaml in \
                 $XDG_CONFIG_HOME or ~/.config), on the command line and in the environment"
            ))
        } else if key != "accept" && !has(self.known) {
            Some(format!("unknown key `{key}`"))
        } else {
            None
        }
    }
}

/// A value, or a list of them.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a value, or a list of values")]
        enum OneOrMore {
            One(Scalar),
            More(Vec<Scalar>),
        }
        Ok(Self(match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(value) => vec![value.0],
            OneOrMore::More(values) => values.into_iter().map(|value| value.0).collect(),
        }))
    }
}

/// Text, a number or a truth value, as the command line would have it.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Bool(bool),
            Number(serde_json::Number),
            Text(String),
        }
        Ok(Self(match Any::deserialize(deserializer)? {
            Any::Bool(value) => value.to_string(),
            Any::Number(value) => value.to_string(),
            Any::Text(text) => text,
        }))
    }
}
