//! The Module's `spec` as the CRDs of all releases describe it: which fields there are, what
//! they hold, and since when. The API server rejects what does not fit, drops `null` where a
//! field is absent as well, and drops the fields that its release does not know.

mod fields;

use serde::Deserialize;
use serde_json::{Map, Value};

use self::fields::SPEC;
use crate::kmm::module::ModuleSpec;

/// What a field holds.
enum Shape {
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// An object of which these fields count; others are not looked at.
    Open(&'static [Field]),
    /// A list.
    List(&'static Shape),
    /// A list that must not be empty.
    Filled(&'static Shape),
    /// An object whose values are texts.
    Texts,
    /// An object whose values have one shape.
    Values(&'static Shape),
    /// An amount of a resource: a whole number, or a text such as `500m` or `1.5Gi`.
    Quantity,
    /// A text.
    Text,
    /// True or false.
    Flag,
    /// A whole number.
    Number,
}

/// One field of an object.
struct Field {
    name: &'static str,
    shape: Shape,
    /// The first release that has it.
    since: (u8, u8),
    /// How its absence is taken.
    need: Need,
}

enum Need {
    /// It may be absent.
    Optional,
    /// The API server rejects the object without it, and nothing can be made of that.
    Required,
    /// The API server rejects the object without it, and its meaning is plain all the same.
    Expected,
}

/// A value that does not fit; never the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub(crate) struct Mismatch {
    path: String,
    what: String,
}

/// A field that not every release has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewField {
    /// The field, from `spec` on.
    pub path: String,
    /// The first release that has it; `None` for one that this program does not know.
    pub since: Option<(u8, u8)>,
}

/// What of a manifest the decoded spec no longer shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Fields below `moduleLoader.container` that not every release has.
    pub new_fields: Vec<NewField>,
    /// Unknown fields elsewhere, which cannot decide about loading.
    pub other_fields: Vec<String>,
    /// What the API server rejects, and is understood all the same.
    pub refused: Vec<String>,
    /// `modprobe.modulesLoadingOrder` is there and empty.
    pub empty_loading_order: bool,
    /// `modprobe.dirName` is there and empty.
    pub empty_dir_name: bool,
}

/// Decodes a `spec`.
///
/// # Errors
/// The field that does not fit.
pub(crate) fn decode(mut spec: Value, path: &str) -> Result<(ModuleSpec, Written), Mismatch> {
    let mut written = Written::default();
    let mut reader = Reader {
        written: &mut written,
        path: vec![path.to_owned()],
    };
    reader.read(&SPEC, &mut spec)?;
    let modprobe = &spec["moduleLoader"]["container"]["modprobe"];
    written.empty_loading_order = modprobe["modulesLoadingOrder"]
        .as_array()
        .is_some_and(Vec::is_empty);
    written.empty_dir_name = modprobe["dirName"] == "";
    let decoded = ModuleSpec::deserialize(spec).map_err(|error| Mismatch {
        path: path.to_owned(),
        what: error.to_string(),
    })?;
    Ok((decoded, written))
}

struct Reader<'a> {
    written: &'a mut Written,
    path: Vec<String>,
}

impl Reader<'_> {
    fn path(&self) -> String {
        let mut path = String::new();
        for part in &self.path {
            if !path.is_empty() && !part.starts_with('[') {
                path.push('.');
            }
            path.push_str(part);
        }
        path
    }

    fn mismatch(&self, what: impl Into<String>) -> Mismatch {
        Mismatch {
            path: self.path(),
            what: what.into(),
        }
    }

    fn below<T>(&mut self, part: String, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let result = read(self);
        self.path.pop();
        result
    }

    fn read(&mut self, shape: &Shape, value: &mut Value) -> Result<(), Mismatch> {
        match (shape, value) {
            (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => Ok(()),
            (Shape::Number, Value::Number(number)) if number.is_i64() => Ok(()),
            (Shape::Object(fields), Value::Object(map)) => self.object(fields, map, true),
            (Shape::Open(fields), Value::Object(map)) => self.object(fields, map, false),
            (Shape::Filled(_), Value::Array(items)) if items.is_empty() => {
                let refused = format!("{} is an empty list", self.path());
                self.written.refused.push(refused);
                Ok(())
            }
            (Shape::List(shape) | Shape::Filled(shape), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(format!("[{index}]"), |reader| reader.read(shape, item))?;
                }
                Ok(())
            }
            (Shape::Texts, Value::Object(map)) => self.values(&Shape::Text, map),
            (Shape::Values(shape), Value::Object(map)) => self.values(shape, map),
            (Shape::Quantity, Value::Number(number)) if number.is_i64() => Ok(()),
            (Shape::Quantity, Value::String(text)) if is_quantity(text) => Ok(()),
            (shape, value) => Err(self.mismatch(format!(
                "must be {}, but is {}",
                shape.describe(),
                kind(value)
            ))),
        }
    }

    fn values(&mut self, shape: &Shape, map: &mut Map<String, Value>) -> Result<(), Mismatch> {
        map.retain(|_, value| !value.is_null());
        for (key, value) in map {
            self.below(key.clone(), |reader| reader.read(shape, value))?;
        }
        Ok(())
    }

    fn object(
        &mut self,
        fields: &[Field],
        map: &mut Map<String, Value>,
        closed: bool,
    ) -> Result<(), Mismatch> {
        map.retain(|_, value| !value.is_null());
        for field in fields {
            let Some(value) = map.get_mut(field.name) else {
                self.absent(field)?;
                continue;
            };
            self.below(field.name.to_owned(), |reader| {
                if field.since > (1, 0) {
                    reader.note(Some(field.since));
                }
                reader.read(&field.shape, value)
            })?;
        }
        if closed {
            for name in map.keys() {
                if !fields.iter().any(|field| field.name == name) {
                    self.below(name.clone(), |reader| reader.note(None));
                }
            }
        }
        Ok(())
    }

    fn absent(&mut self, field: &Field) -> Result<(), Mismatch> {
        match field.need {
            Need::Optional => Ok(()),
            Need::Required => self.below(field.name.to_owned(), |reader| {
                Err(reader.mismatch("is required"))
            }),
            Need::Expected => {
                let path = self.below(field.name.to_owned(), |reader| reader.path());
                self.written.refused.push(format!("{path} is missing"));
                Ok(())
            }
        }
    }

    /// A field that not every release has.
    fn note(&mut self, since: Option<(u8, u8)>) {
        let path = self.path();
        let decides = self.path.get(1).is_some_and(|part| part == "moduleLoader")
            && self.path.get(2).is_some_and(|part| part == "container");
        match (decides, since) {
            (true, since) => self.written.new_fields.push(NewField { path, since }),
            (false, None) => self.written.other_fields.push(path),
            (false, Some(_)) => {}
        }
    }
}

impl Shape {
    fn describe(&self) -> &'static str {
        match self {
            Self::Object(_) | Self::Open(_) | Self::Texts | Self::Values(_) => "an object",
            Self::List(_) | Self::Filled(_) => "a list",
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::Number => "a whole number",
            Self::Quantity => "a quantity, such as 500m or 1.5Gi",
        }
    }
}

/// apimachinery, `resource.Quantity`, as the CRDs' pattern has it: a sign, digits with a point,
/// and a suffix or an exponent.
fn is_quantity(text: &str) -> bool {
    let amount = |text: &str| -> Option<usize> {
        let text_without_sign = text.strip_prefix(['+', '-']).unwrap_or(text);
        let sign = text.len() - text_without_sign.len();
        let is_part = |c: char| c.is_ascii_digit() || c == '.';
        let end = text_without_sign.find(|c| !is_part(c));
        let number = &text_without_sign[..end.unwrap_or(text_without_sign.len())];
        let has_digit = number.contains(|c: char| c.is_ascii_digit());
        (has_digit && number.matches('.').count() <= 1).then_some(sign + number.len())
    };
    let Some(length) = amount(text) else {
        return false;
    };
    let suffix = &text[length..];
    let is_exponent = suffix
        .strip_prefix(['e', 'E'])
        .is_some_and(|rest| amount(rest) == Some(rest.len()));
    let is_suffix = [
        "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E",
    ];
    is_exponent || is_suffix.contains(&suffix)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
