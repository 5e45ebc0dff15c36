//! YAML and JSON texts as documents with their place. The only user of serde_yaml.

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::input::source::{Place, Text};
use crate::model::printable::{self, is_printable};
use crate::model::report::Origin;

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it stands.
    pub origin: Origin,
    /// Its content.
    pub value: Value,
}

/// Splits a text into its documents; empty ones are left out and not counted.
///
/// # Errors
/// A document that is neither YAML nor JSON, with file, document and line.
pub fn documents(text: &Text) -> Result<Vec<Document>, Error> {
    let content = text.text.strip_prefix('\u{feff}').unwrap_or(&text.text);
    if content.trim_start().starts_with(['{', '['])
        && let Some(documents) = json(&text.place, content)
    {
        return Ok(documents);
    }
    let mut documents = Vec::new();
    for part in split(content) {
        let origin = text.place.origin(documents.len() + 1, part.line);
        let value = parse(&part.text).map_err(|fault| {
            // A fault at the end of the text is one of its last line.
            let last = part.text.trim_end().matches('\n').count() + 1;
            let line = fault
                .line
                .map_or(part.line, |line| part.offset + line.min(last));
            Error::Input {
                message: format!(
                    "{}: document {} is not YAML: {}",
                    place(&text.place.origin(documents.len() + 1, line)),
                    documents.len() + 1,
                    fault.message
                ),
                hint: "correct the document, or leave the file out".to_owned(),
            }
        })?;
        if !value.is_null() {
            documents.push(Document { origin, value });
        }
    }
    Ok(documents)
}

/// `file:line` of an origin, for messages.
pub fn place(origin: &Origin) -> String {
    match origin {
        Origin::File { path, line, .. } => format!("{}:{line}", path.display()),
        Origin::Stream { name, line, .. } => format!("{name}:{line}"),
        Origin::Cluster => "the cluster".to_owned(),
    }
}

/// The YAML of a value. Strings with what acts on a terminal or a CI system are in double
/// quotes and escaped; they are JSON's, which is YAML's as well.
///
/// # Errors
/// The value has what YAML cannot say, such as a map whose keys are no strings.
pub fn to_string(value: &impl Serialize) -> Result<String, String> {
    let mut value = serde_json::to_value(value).map_err(|error| error.to_string())?;
    let mut quoted = Vec::new();
    hold_places(&mut value, &mut quoted);
    let text = serde_yaml::to_string(&value).map_err(|error| error.to_string())?;
    let mut parts = text.split(PLACE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (part, text) in parts.zip(quoted) {
        out.push_str(&text);
        out.push_str(part);
    }
    Ok(out)
}

/// What stands for a string until the others are written.
const PLACE: &str = "kmm-preflight.quoted.string";

fn hold_places(value: &mut Value, quoted: &mut Vec<String>) {
    let mut hold = |text: &mut String| {
        if text.contains(PLACE) || !is_printable(text) {
            quoted.push(printable::json(&Value::from(text.as_str()).to_string()));
            PLACE.clone_into(text);
        }
    };
    match value {
        Value::String(text) => hold(text),
        Value::Array(values) => {
            for value in values {
                hold_places(value, quoted);
            }
        }
        // No key is a text from outside that the API server has not checked.
        Value::Object(map) => {
            for value in map.values_mut() {
                hold_places(value, quoted);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value of a type, from one YAML document.
///
/// # Errors
/// The text is not YAML, or not of that type.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

struct Part {
    /// The text of the document.
    text: String,
    /// Lines before it in the file.
    offset: usize,
    /// Its first line with content, from 1.
    line: usize,
}

/// Cuts at the document markers, which YAML allows nowhere else at the start of a line
/// (YAML 1.2 section 9.1.2, `c-forbidden`).
fn split(text: &str) -> Vec<Part> {
    let marker = |line: &str, word: &str| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
    };
    let mut parts = Vec::new();
    let mut current = Part {
        text: String::new(),
        offset: 0,
        line: 0,
    };
    let mut finish = |part: Part| {
        if part.line > 0 {
            parts.push(part);
        }
    };
    for (index, line) in text.split('\n').enumerate() {
        let (mut line, starts) = if marker(line, "---") {
            (&line[3..], true)
        } else {
            (line, marker(line, "..."))
        };
        if starts {
            let next = Part {
                text: String::new(),
                offset: index,
                line: 0,
            };
            finish(std::mem::replace(&mut current, next));
            if marker(line, "...") {
                line = "";
            }
        }
        // Directives stand before a document.
        if current.line == 0 && line.starts_with('%') {
            line = "";
        }
        let content = line.trim();
        if current.line == 0 && !content.is_empty() && !content.starts_with('#') {
            current.line = index + 1;
        }
        current.text.push_str(line);
        current.text.push('\n');
    }
    finish(current);
    parts
}

/// Why a text is not YAML, or not what was asked for.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// From 1, within the document.
    pub line: Option<usize>,
}

impl From<serde_yaml::Error> for Fault {
    fn from(error: serde_yaml::Error) -> Self {
        Self {
            line: error.location().map(|location| location.line()),
            message: without_location(&error.to_string()),
        }
    }
}

/// A value that a seed reads from one YAML document; it may refuse what it reads where it
/// stands.
///
/// # Errors
/// The text is not YAML, or the seed refuses it.
pub fn with_seed<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, Fault> {
    Ok(seed.deserialize(serde_yaml::Deserializer::from_str(text))?)
}

/// Anchors are followed within serde_yaml's bound on their repetition.
fn parse(text: &str) -> Result<Value, Fault> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text)?;
    value.apply_merge()?;
    json_value(value).map_err(|message| Fault {
        message,
        line: None,
    })
}

/// Line and column count from the document's start, which would mislead; the place says it.
fn without_location(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

fn json_value(value: serde_yaml::Value) -> Result<Value, String> {
    Ok(match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(truth) => Value::Bool(truth),
        serde_yaml::Value::Number(number) => {
            serde_json::to_value(number).map_err(|error| error.to_string())?
        }
        serde_yaml::Value::String(text) => Value::String(text),
        serde_yaml::Value::Sequence(items) => Value::Array(
            items
                .into_iter()
                .map(json_value)
                .collect::<Result<_, _>>()?,
        ),
        serde_yaml::Value::Mapping(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let key = match key {
                    serde_yaml::Value::String(key) => key,
                    serde_yaml::Value::Number(key) => key.to_string(),
                    serde_yaml::Value::Bool(key) => key.to_string(),
                    _ => return Err("a key is no string".to_owned()),
                };
                map.insert(key, json_value(value)?);
            }
            Value::Object(map)
        }
        serde_yaml::Value::Tagged(tagged) => json_value(tagged.value)?,
    })
}

/// JSON documents, one after the other; `None` where the text is none of JSON, since flow
/// YAML starts alike.
fn json(from: &Place, text: &str) -> Option<Vec<Document>> {
    let mut documents = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut start = 0;
    while let Some(value) = stream.next() {
        let value = value.ok()?;
        let blank = text[start..].len() - text[start..].trim_start().len();
        let line = text[..start + blank].matches('\n').count() + 1;
        documents.push(Document {
            origin: from.origin(documents.len() + 1, line),
            value,
        });
        start = stream.byte_offset();
    }
    Some(documents)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Text {
        Text {
            place: Place::Stream("-".into()),
            text: text.to_owned(),
        }
    }

    fn read(content: &str) -> Vec<(usize, usize, Value)> {
        documents(&text(content))
            .expect("good documents")
            .into_iter()
            .map(|document| match document.origin {
                Origin::Stream {
                    document: n, line, ..
                } => (n, line, document.value),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn documents_know_their_number_and_line() {
        for (content, expected) in [
            ("a: 1", vec![(1, 1, json!({"a": 1}))]),
            ("---\na: 1\n", vec![(1, 2, json!({"a": 1}))]),
            (
                "# text\n\n---\na: 1\n---\n\n# x\nb: 2\n",
                vec![(1, 4, json!({"a": 1})), (2, 8, json!({"b": 2}))],
            ),
            (
                "a: 1\n---\n---\nb: 2\n",
                vec![(1, 1, json!({"a": 1})), (2, 4, json!({"b": 2}))],
            ),
            ("--- {a: 1}\n...\n", vec![(1, 1, json!({"a": 1}))]),
            ("%YAML 1.2\n---\na: 1\n", vec![(1, 3, json!({"a": 1}))]),
            ("a: |\n  x\n  ---\n", vec![(1, 1, json!({"a": "x\n---\n"}))]),
            (
                "a: 1\r\n---\r\nb: 2\r\n",
                vec![(1, 1, json!({"a": 1})), (2, 3, json!({"b": 2}))],
            ),
            ("\u{feff}a: 1", vec![(1, 1, json!({"a": 1}))]),
            (
                "{\"a\": 1}\n{\"b\": 2}\n",
                vec![(1, 1, json!({"a": 1})), (2, 2, json!({"b": 2}))],
            ),
            ("{a: 1}\n", vec![(1, 1, json!({"a": 1}))]),
            (
                "x: &x {a: 1}\ny: {<<: *x, b: 2}\n",
                vec![(1, 1, json!({"x": {"a": 1}, "y": {"a": 1, "b": 2}}))],
            ),
            ("", vec![]),
            ("# nothing\n", vec![]),
            ("null\n", vec![]),
        ] {
            assert_eq!(read(content), expected, "{content:?}");
        }
    }

    #[test]
    fn a_malformed_document_is_named() {
        for (content, start) in [
            ("a: 1\n---\nb: [1\nc: 2\n", "-:"),
            ("a: 1\na: 2\n", "-:"),
            ("\ta: 1\n", "-:1: document 1"),
            ("a: 'x\n", "-:"),
        ] {
            let error = documents(&text(content)).expect_err(content).to_string();
            assert!(
                error.starts_with(start) && error.contains("is not YAML"),
                "{error}"
            );
        }
        let error = documents(&text("a: 1\n---\nb: 1\nc: }\n")).expect_err("bad");
        assert!(error.to_string().starts_with("-:4: document 2 "), "{error}");
    }

    #[test]
    fn anchors_do_not_blow_up() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let all = vec![format!("*a{}", level - 1); 10].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{all}]\n"));
        }
        let error = documents(&text(&bomb)).expect_err("a bomb").to_string();
        assert!(error.contains("repetition limit"), "{error}");
    }
}
