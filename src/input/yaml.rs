//! YAML and JSON texts as documents with their place, each read within bounds. The only user of
//! serde_yaml, which writes; it reads the depth of a text in quadratic time and keeps every
//! event, so serde-saphyr reads.

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::Value;

use crate::error::Error;
use crate::input::source::{Text, TextSource};
use crate::model::printable::{self, is_printable};
use crate::model::report::Origin;

/// The most documents of one text.
pub const MAX_DOCUMENTS: usize = 20_000;
/// The most maps, lists and scalars of one text, and of one document with its aliases followed.
pub const MAX_NODES: usize = 400_000;
/// How deep maps and lists may lie in each other, as in serde_json.
pub const MAX_DEPTH: usize = 127;
/// The most aliases and merge keys (`<<`) of one document.
pub const MAX_ALIASES: usize = 10_000;

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
    let bad = |document: usize, line: usize, what: &str| Error::Input {
        message: format!(
            "{}: document {document} is not YAML: {what}",
            place(&text.place.origin(document, line)),
        ),
        hint: "Correct the document, or remove the file from -f.".to_owned(),
    };
    let mut documents = Vec::new();
    let mut nodes = MAX_NODES;
    for part in split(content) {
        let number = documents.len() + 1;
        if number > MAX_DOCUMENTS {
            let what = format!("the text has more than {MAX_DOCUMENTS} documents");
            return Err(bad(number, part.line, &what));
        }
        let value = parse(part.text(), nodes).map_err(|fault| {
            // A fault at the end of the text is one of its last line.
            let last = part.text().trim_end().matches('\n').count() + 1;
            let line = fault
                .line
                .map_or(part.line, |line| part.offset + line.min(last));
            bad(number, line, &fault.message)
        })?;
        nodes = nodes.saturating_sub(count(&value));
        let origin = text.place.origin(number, part.line);
        if !value.is_null() {
            documents.push(Document { origin, value });
        }
    }
    Ok(documents)
}

/// The maps, lists and scalars of a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.len() + map.values().map(count).sum::<usize>(),
        _ => 0,
    }
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
    let value = parse(text, MAX_NODES).map_err(|fault| fault.message)?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

struct Part {
    /// The text of the document.
    text: String,
    /// Lines before it in the file.
    offset: usize,
    /// Its first line with content, from 1.
    line: usize,
}

impl Part {
    fn text(&self) -> &str {
        &self.text
    }
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

/// Reads one document of at most so many nodes.
fn parse(text: &str, nodes: usize) -> Result<Value, Fault> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: nodes,
            max_events: 3 * nodes + 16,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
            max_recorded_anchor_events: 2 * MAX_NODES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // What stands in a document may be a secret.
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        Fault {
            line: error
                .location()
                .and_then(|location| usize::try_from(location.line()).ok()),
            message: without_location(&error.to_string()),
        }
    })
}

/// Line and column count from the document's start, which would mislead; the place says it.
fn without_location(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

/// JSON documents, one after the other; `None` where the text is none of JSON, since flow
/// YAML starts alike.
fn json(from: &TextSource, text: &str) -> Option<Vec<Document>> {
    if json_nodes(text) > MAX_NODES {
        // The reader of YAML, which reads JSON too, says what is too much.
        return None;
    }
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

/// How many values JSON documents have at most: one after each bracket and comma.
fn json_nodes(text: &str) -> usize {
    let (mut inside, mut escaped, mut nodes) = (false, false, 0);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' | b'[' | b',' | b':' if !inside => nodes += 1,
            _ => {}
        }
    }
    nodes
}

#[cfg(test)]
mod tests;
