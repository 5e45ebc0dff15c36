//! One configuration file: defaults of flags as top-level keys, and `accept:`.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use crate::error::Error;
use crate::findings::accept::Accept;
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
#[serde(deny_unknown_fields)]
struct Entry {
    code: String,
    module: Option<String>,
    reason: Reason,
    until: Option<Until>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Reason(String);

impl TryFrom<String> for Reason {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.trim() {
            "" => Err("the reason is empty"),
            text => Ok(Self(text.to_owned())),
        }
    }
}

/// The last day on which an entry counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Until(Date);

impl TryFrom<String> for Until {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = text.len() == "2026-12-31".len();
        let date = text.parse::<Date>().ok().filter(|_| is_plain);
        date.map(Self)
            .ok_or_else(|| format!("`{text}` is not a date; write YYYY-MM-DD"))
    }
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
        let (settings, accept) = match is_empty {
            true => Content::default(),
            false => yaml::with_seed(&text, Keys { known, refused })
                .map_err(|fault| unusable(path, fault.line.or(Some(1)), &fault.message))?,
        };
        let settings = settings
            .into_iter()
            .map(|(name, values)| {
                let line = line_of(&text, &name);
                (name, Setting { values, line })
            })
            .collect();
        let file = Self {
            path: path.to_owned(),
            settings,
            accept,
        };
        for (index, entry) in file.accept.iter().enumerate() {
            accepted(entry).map_err(|why| {
                let line = line_of_entry(&text, index);
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
            let Ok(accept) = accepted(entry) else {
                continue;
            };
            match entry.until {
                Some(Until(last)) if last < today => notes.push(format!(
                    "{} accepted {accept} until {last}; it counts again",
                    self.path.display()
                )),
                _ => accepts.push(accept),
            }
        }
        (accepts, notes)
    }
}

fn accepted(entry: &Entry) -> Result<Accept, String> {
    let text = match &entry.module {
        Some(module) => format!("{}={module}", entry.code),
        None => entry.code.clone(),
    };
    let accept: Accept = text.parse().map_err(|why| format!("accept: {why}"))?;
    Ok(accept.because(&entry.reason.0))
}

fn unusable(path: &Path, line: Option<usize>, why: &str) -> Error {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    Error::Input {
        message: format!("{}{line}: {why}", path.display()),
        hint: "correct the file, or pass --no-config to run without it".to_owned(),
    }
}

/// The line of a top-level key, from 1.
fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    text.lines().position(is_key).map_or(1, |at| at + 1)
}

/// The line of an entry of `accept:`, from 1.
fn line_of_entry(text: &str, index: usize) -> usize {
    let first = line_of(text, "accept");
    text.lines()
        .enumerate()
        .skip(first)
        .filter(|(_, line)| line.trim_start().starts_with("- "))
        .nth(index)
        .map_or(first, |(at, _)| at + 1)
}

/// The keys of a file.
struct Keys<'a> {
    known: &'a [String],
    refused: &'a [String],
}

type Content = (Vec<(String, Vec<String>)>, Vec<Entry>);

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
        let mut seen: Vec<String> = Vec::new();
        while let Some(key) = map.next_key_seed(Key {
            keys: &self,
            seen: &seen,
        })? {
            if key == "accept" {
                content.1 = map.next_value()?;
            } else {
                let values: Values = map.next_value()?;
                content.0.push((key.clone(), values.0));
            }
            seen.push(key);
        }
        Ok(content)
    }
}

/// One key, refused where it stands.
struct Key<'a> {
    keys: &'a Keys<'a>,
    seen: &'a [String],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let key = String::deserialize(deserializer)?;
        let has = |keys: &[String]| keys.contains(&key);
        if has(self.seen) {
            return Err(D::Error::custom(format_args!("`{key}` is given twice")));
        }
        if key != "accept" && !has(self.keys.known) {
            return Err(D::Error::custom(format_args!("unknown key `{key}`")));
        }
        if has(self.keys.refused) {
            return Err(D::Error::custom(format_args!(
                "`{key}` is taken only from the command line, the environment or your own \
                 configuration file, not from a project's"
            )));
        }
        Ok(key)
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
