//! `metadata` of KMM's objects, as far as the API server checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::kmm::names::{is_label_value, is_qualified_name};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) labels: BTreeMap<String, String>,
    pub(super) owner_references: Value,
    annotations: Value,
    finalizers: Value,
}

impl Meta {
    /// What the API server rejects, and is understood all the same (apimachinery,
    /// `ValidateObjectMeta`).
    pub(super) fn refused(&self) -> Vec<String> {
        let mut refused = Vec::new();
        for (key, value) in &self.labels {
            if !is_qualified_name(key) {
                refused.push(format!("metadata.labels: {key:?} is not a valid label key"));
            }
            if !is_label_value(value) {
                refused.push(format!(
                    "metadata.labels: {value:?} is not a valid label value"
                ));
            }
        }
        refused.extend(self.refused_annotations());
        refused.extend(refused_list(
            "finalizers",
            &self.finalizers,
            "strings",
            Value::is_string,
        ));
        let owners = &self.owner_references;
        refused.extend(refused_list(
            "ownerReferences",
            owners,
            "objects",
            Value::is_object,
        ));
        refused
    }

    fn refused_annotations(&self) -> Vec<String> {
        let annotations = match &self.annotations {
            Value::Object(annotations) => annotations,
            Value::Null => return Vec::new(),
            _ => return vec!["metadata.annotations is not an object".to_owned()],
        };
        let refusal = |(key, value): (&String, &Value)| {
            let place = format!("metadata.annotations: {key:?}");
            if !is_qualified_name(&key.to_lowercase()) {
                Some(format!("{place} is not a valid annotation key"))
            } else if !value.is_string() && !value.is_null() {
                Some(format!("{place} is not a string"))
            } else {
                None
            }
        };
        annotations.iter().filter_map(refusal).collect()
    }
}

fn refused_list(
    field: &str,
    value: &Value,
    items: &str,
    is_item: fn(&Value) -> bool,
) -> Option<String> {
    let is_good = match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(is_item),
        _ => false,
    };
    (!is_good).then(|| format!("metadata.{field} is not a list of {items}"))
}

/// Texts by name; Go takes `null` for an empty one.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let texts: Option<BTreeMap<String, Option<String>>> = Option::deserialize(from)?;
    let texts = texts.unwrap_or_default().into_iter();
    Ok(texts
        .map(|(key, text)| (key, text.unwrap_or_default()))
        .collect())
}
