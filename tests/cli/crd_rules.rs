//! What the API server refuses by the CRD of each KMM release, told before anything is applied.
//! The answers are those of a real API server with the CRDs of KMM 2.3, 2.4 and 2.7.

use serde_json::{Value, json};

use super::bad_input::KERNEL;
use super::preflight::{Ended, Preflight};

/// A Module that every release takes.
fn good() -> Value {
    json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1",
        "kind": "Module",
        "metadata": {"name": "m", "namespace": "ns"},
        "spec": {
            "selector": {"a": "b"},
            "devicePlugin": {"container": {
                "image": "i:1",
                "env": [{"name": "A", "value": "b"},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "resources": {"limits": {"cpu": "1.5", "memory": 1000}},
                "volumeMounts": [{"name": "v", "mountPath": "/dev"}]}},
            "moduleLoader": {"container": {
                "containerImage": "i:1",
                "modprobe": {"moduleName": "m"},
                "kernelMappings": [{"regexp": "^.+$", "containerImage": "i:1"}]}},
        },
    })
}

fn explained(module: &Value, release: &str) -> Ended {
    Preflight::new(["explain", "-f", "-", "-o=json", "--kernel-version", KERNEL])
        .args(["--kmm-version", release])
        .input(module.to_string())
        .run()
}

/// What is told of a Module that is read all the same.
fn told(module: &Value, release: &str) -> Vec<String> {
    let report = explained(module, release).json();
    let findings = report["modules"][0]["findings"].as_array();
    findings
        .expect("findings")
        .iter()
        .filter(|finding| finding["code"] == "module-invalid")
        .map(|finding| format!("{} {}", finding["message"], finding["hint"]))
        .collect()
}

const RELEASES: [&str; 5] = ["2.3", "2.4", "2.5", "2.6", "2.7"];

/// Where the meaning is plain all the same, the Module is looked at, and told.
#[test]
fn what_the_crd_refuses_is_told_by_release() {
    type Row = (&'static str, &'static str, Value, &'static [&'static str]);
    let rows: Vec<Row> = vec![
        ("", "/spec/selector", json!(null), &RELEASES),
        (
            "spec.moduleLoader is missing",
            "/spec/moduleLoader",
            json!(null),
            &["2.3"],
        ),
        (
            "containerImage is missing",
            "/spec/moduleLoader/container/kernelMappings/0/containerImage",
            json!(null),
            &RELEASES,
        ),
        (
            "args.load is an empty list",
            "/spec/moduleLoader/container/modprobe/args",
            json!({"load": []}),
            &RELEASES,
        ),
        (
            "dra and devicePlugin cannot both be set",
            "/spec/dra",
            json!({"driverName": "a.b", "container": {"image": "i:1"}}),
            &["2.7"],
        ),
        (
            "not a valid label key",
            "/metadata/labels",
            json!({"a b": "c"}),
            &RELEASES,
        ),
        (
            "not a valid label value",
            "/metadata/labels",
            json!({"a": "-c"}),
            &RELEASES,
        ),
        (
            "not a string",
            "/metadata/annotations",
            json!({"a": 1}),
            &RELEASES,
        ),
        (
            "not a valid annotation key",
            "/metadata/annotations",
            json!({"a b": ""}),
            &RELEASES,
        ),
        (
            "annotations is not an object",
            "/metadata/annotations",
            json!([]),
            &RELEASES,
        ),
        (
            "finalizers is not a list of strings",
            "/metadata/finalizers",
            json!("x"),
            &RELEASES,
        ),
        (
            "ownerReferences is not a list of objects",
            "/metadata/ownerReferences",
            json!({}),
            &RELEASES,
        ),
        ("", "/metadata/labels", json!({"a": null, "b/c": "d"}), &[]),
        ("", "/metadata/annotations", json!({"A/b": null}), &[]),
        // A key without a value is dropped.
        ("", "/spec/selector", json!({"a": null}), &[]),
        ("", "/spec/selector", json!({"a": "b", "c": null}), &[]),
        ("", "/spec/imageRepoSecret", json!({}), &[]),
        ("", "/spec/devicePlugin", json!(null), &[]),
    ];
    for (words, pointer, value, releases) in rows {
        let mut module = good();
        set(&mut module, pointer, value.clone());
        for release in RELEASES {
            let told = told(&module, release);
            let expected = usize::from(releases.contains(&release));
            assert_eq!(
                told.len(),
                expected,
                "{pointer} {value} {release}: {told:?}"
            );
            assert!(
                told.iter().all(|text| text.contains(words)),
                "{words}: {told:?}"
            );
        }
    }
}

/// Where nothing can be made of a field, the document is refused with the field's name, and
/// never read as something else.
#[test]
fn what_is_of_another_kind_is_refused_with_the_fields_name() {
    let container = "/spec/moduleLoader/container";
    let plugin = "/spec/devicePlugin/container";
    let rows = [
        (
            format!("{container}/registryTLS"),
            json!([true]),
            "registryTLS: must be an object",
        ),
        (
            format!("{container}/kernelMappings"),
            json!({"regexp": "."}),
            "must be a list",
        ),
        (
            format!("{container}/kernelMappings"),
            json!(null),
            "kernelMappings: is required",
        ),
        (
            format!("{container}/modprobe"),
            json!(null),
            "modprobe: is required",
        ),
        (
            format!("{container}/build"),
            json!({}),
            "dockerfileConfigMap: is required",
        ),
        (
            format!("{container}/sign"),
            json!({"keySecret": {}}),
            "certSecret: is required",
        ),
        (
            format!("{plugin}/env/0/name"),
            json!(null),
            "env[0].name: is required",
        ),
        (
            format!("{plugin}/env/0/value"),
            json!(1),
            "env[0].value: must be a string",
        ),
        (
            format!("{plugin}/env/1/valueFrom/secretKeyRef/key"),
            json!(null),
            "key: is required",
        ),
        (
            format!("{plugin}/resources/limits"),
            json!(["cpu"]),
            "limits: must be an object",
        ),
        (
            format!("{plugin}/resources/limits/cpu"),
            json!("1x"),
            "must be a quantity",
        ),
        (
            format!("{plugin}/volumeMounts/0/mountPath"),
            json!(null),
            "mountPath: is required",
        ),
        ("/spec".to_owned(), json!([]), "must be an object"),
        (
            "/metadata/name".to_owned(),
            json!("A_b"),
            "not a valid name",
        ),
        (
            "/metadata/namespace".to_owned(),
            json!("a.b"),
            "not a valid namespace",
        ),
        (
            "/spec/dra".to_owned(),
            json!({"driverName": "a.b", "container": {"image": "i:1"},
                   "deviceClasses": [{"name": "c", "selectors": [{"cel": {}}]}]}),
            "expression: is required",
        ),
    ];
    for (pointer, value, words) in rows {
        let mut module = good();
        set(&mut module, &pointer, value);
        for release in ["2.3", "2.7"] {
            let ended = explained(&module, release).code(2);
            assert!(ended.stderr.contains(words), "{pointer}: {}", ended.stderr);
            assert!(ended.stdout.is_empty());
        }
    }
}

/// Writes a value at a place; `null` takes the field away, as the API server does.
fn set(module: &mut Value, pointer: &str, value: Value) {
    let (above, field) = pointer.rsplit_once('/').expect("a field");
    match module.pointer_mut(above).expect("an object") {
        Value::Object(map) => map.insert(field.to_owned(), value),
        Value::Array(items) => {
            items[field.parse::<usize>().expect("an index")] = value;
            None
        }
        other => panic!("{pointer}: {other}"),
    };
}
