//! Texts as documents, and texts that are refused.

use serde_json::json;

use super::*;

fn text(text: &str) -> Text {
    Text {
        place: TextSource::Stream("-".into()),
        text: text.to_owned(),
        found: false,
        is_damaged: false,
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

/// Each a text that was made to take memory or time, and what keeps it from that.
#[test]
fn what_would_take_memory_or_time_is_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let all = vec![format!("*a{}", level - 1); 10].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{all}]\n"));
    }
    let keys: String = (0..1000).map(|key| format!("k{key}: 1, ")).collect();
    let merges = "- {<<: *a}\n".repeat(5000);
    for hostile in [
        bomb,
        "[".repeat(200_000),
        "- ".repeat(90_000),
        "? ".repeat(90_000),
        "- {}\n".repeat(MAX_NODES + 1),
        format!("[{}0]", "{},".repeat(MAX_NODES + 1)),
        format!("- &a {{{keys}}}\n{merges}"),
        "--- a\n".repeat(MAX_DOCUMENTS + 1),
    ] {
        let error = documents(&text(&hostile)).expect_err("refused").to_string();
        let short: String = error.chars().take(300).collect();
        assert!(error.contains("is not YAML"), "{short}");
    }
    for benign in [
        "a: &a [x, y]\nb: *a\n".to_owned(),
        "[".repeat(100) + &"]".repeat(100),
        "- ".repeat(100) + "x\n",
        "- {}\n".repeat(10_000),
        format!("- &a {{{keys}}}\n{}", "- {<<: *a}\n".repeat(50)),
        "--- a\n".repeat(1000),
    ] {
        assert!(documents(&text(&benign)).is_ok(), "{benign:.60}");
    }
}

/// Scalars are those of YAML 1.2's core schema, as the API machinery's and kubectl's are.
#[test]
fn scalars_are_what_they_were_to_the_reader_before() {
    for scalar in [
        "yes", "on", "true", "True", "0755", "0o17", "0x1f", "1_000", "1e3", "1.5", "~", "null",
        "'1'", "-3", "a: b",
    ] {
        let before: Value = serde_yaml::from_str::<serde_yaml::Value>(scalar)
            .ok()
            .and_then(|value| serde_json::to_value(value).ok())
            .expect("YAML");
        let now = parse(scalar, MAX_NODES).map_err(|fault| fault.message);
        assert_eq!(now, Ok(before), "{scalar}");
    }
}
