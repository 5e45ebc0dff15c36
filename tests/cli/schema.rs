//! `-o json` is what its JSON schema says.

use serde_json::Value;

use super::preflight::Preflight;

pub(super) const SCHEMA: &str = include_str!("../../src/report/report.schema.json");

/// Holds a value to the keywords that the schema uses.
pub(super) fn hold(value: &Value, schema: &Value, place: &str) {
    if let Some(only) = schema.get("const") {
        assert_eq!(value, only, "{place}");
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.contains(&kind.into()),
        only => only == kind,
    };
    assert!(fits, "{place}: {kind}");
    for required in schema["required"].as_array().into_iter().flatten() {
        let key = required.as_str().expect("a key");
        assert!(value.get(key).is_some(), "{place}: no {key}");
    }
    for (key, part) in value.as_object().into_iter().flatten() {
        let properties = schema["properties"].as_object().expect("properties");
        let known = properties.get(key);
        assert!(known.is_some(), "{place}.{key} is not in the schema");
        hold(
            part,
            known.unwrap_or(&Value::Null),
            &format!("{place}.{key}"),
        );
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        hold(item, &schema["items"], &format!("{place}[{index}]"));
    }
}

#[test]
fn the_report_of_the_examples_fits() {
    let ended = Preflight::new(["run", "--local", "-f", "examples/modules.yaml"])
        .arg("--oci-layout=examples/images")
        .arg("--kernel-dir=examples/kernel")
        .arg("--kernel-version=6.1.0-56-amd64")
        .arg("--accept=module-not-found")
        .arg("-ojson")
        .run()
        .code(1);
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    hold(&ended.json(), &schema, "report");
    assert!(ended.stdout.contains("\"accepted\": true"));
}
