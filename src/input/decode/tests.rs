//! Documents of every kind, and what is wrong with malformed ones.

use super::*;
use crate::input::parse;
use crate::input::source::{Text, TextSource};

fn read(text: &str) -> Result<Inputs, Error> {
    let text = Text {
        place: TextSource::File("m.yaml".into()),
        text: text.to_owned(),
        found: false,
        is_damaged: false,
    };
    parse(vec![text], "default")
}

const MODULE: &str = "
apiVersion: kmm.sigs.x-k8s.io/v1beta1
kind: Module
metadata: {name: m, namespace: ns, labels: {a: b}}
spec:
  selector: {}
  devicePlugin: {container: {image: x}}
  tolerations: [{operator: Exists}]
  moduleLoader:
    container:
      modprobe: {moduleName: m}
      kernelMappings: [{regexp: '^.+$', containerImage: 'i:1'}]
";

#[test]
fn modules_and_their_objects_are_decoded() {
    let inputs = read(&format!(
        "{MODULE}
---
apiVersion: v1
kind: Secret
metadata: {{name: s}}
data: {{a: YQ==}}
stringData: {{b: text}}
---
apiVersion: v1
kind: List
items:
- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: c, namespace: ns}}, data: {{dockerfile: FROM x}}}}
- {{apiVersion: v1, kind: ServiceAccount, metadata: {{name: builder}}}}
- {{apiVersion: v1, kind: Service, metadata: {{name: svc}}}}
---
apiVersion: config.openshift.io/v1
kind: ImageDigestMirrorSet
metadata: {{name: i}}
"
    ))
    .expect("good documents");
    let module = &inputs.modules[0];
    assert_eq!((&*module.namespace, &*module.name), ("ns", "m"));
    assert_eq!(module.labels["a"], "b");
    let data = inputs.secrets[0].data.as_ref().expect("data");
    assert_eq!(data["a"].0, b"a");
    assert_eq!(data["b"].0, b"text");
    assert_eq!(
        inputs.secrets[0].metadata.namespace.as_deref(),
        Some("default")
    );
    assert_eq!(inputs.config_maps.len(), 1);
    assert_eq!(inputs.service_accounts.len(), 1);
    assert_eq!(inputs.mirror_sets.len(), 1);
    assert_eq!(inputs.notes.len(), 1, "{:?}", inputs.notes);
    assert!(inputs.notes[0].contains("Service svc"));
}

#[test]
fn typed_lists_and_managed_modules_are_decoded() {
    let inputs = read(
        "
apiVersion: kmm.sigs.x-k8s.io/v1beta1
kind: ModuleList
items:
- metadata: {name: a}
  spec: {selector: {}}
---
apiVersion: hub.kmm.sigs.x-k8s.io/v1beta1
kind: ManagedClusterModule
metadata: {name: hub}
spec: {spokeNamespace: spoke, moduleSpec: {selector: {}}}
",
    )
    .expect("good documents");
    assert_eq!(inputs.modules[0].namespace, "default");
    assert_eq!(inputs.modules[1].namespace, "spoke");
}

#[test]
fn preflights_of_every_generation_are_targets() {
    for (spec, kernel, release) in [
        (
            "{kernelVersion: 5.14.0-1, dtkImage: d}",
            Some("5.14.0-1"),
            None,
        ),
        (
            "{releaseImage: r, useRTKernel: true, pushBuiltImage: true}",
            None,
            Some("r"),
        ),
    ] {
        let inputs = read(&format!(
            "{{apiVersion: kmm.sigs.x-k8s.io/v1beta2, kind: PreflightValidationOCP, metadata: {{name: p}}, spec: {spec}}}"
        ))
        .expect("a preflight");
        let preflight = &inputs.preflights[0];
        assert_eq!(preflight.kernel_version.as_deref(), kernel);
        assert_eq!(preflight.release_image.as_deref(), release);
    }
}

#[test]
fn wrong_types_name_the_field() {
    for (text, words) in [
        (MODULE.replace("moduleName: m", "moduleName: [1]"), "spec.moduleLoader.container.modprobe.moduleName"),
        (MODULE.replace("regexp: '^.+$'", "literal: 5.14"), "spec.moduleLoader.container.kernelMappings[0].literal"),
        (MODULE.replace("name: m,", ""), "metadata.name is missing"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: hush!}".to_owned(), "data"),
        ("a: 1".to_owned(), "no kind"),
        ("- 1".to_owned(), "not a Kubernetes object"),
        ("{apiVersion: kmm.sigs.x-k8s.io/v1beta2, kind: PreflightValidation, metadata: {name: p}, spec: {}}".to_owned(), "neither spec.kernelVersion"),
    ] {
        let error = read(&text).expect_err(words).to_string();
        assert!(error.contains(words) && error.starts_with("m.yaml:"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn unknown_fields_are_told_where_they_stand() {
    let text = MODULE
        .replace("moduleName: m", "moduleName: m, modulName: x")
        .replace("selector: {}", "selector: {}\n  selectr: {}");
    let inputs = read(&text).expect("a Module");
    let [note] = &*inputs.notes else {
        panic!("{:?}", inputs.notes);
    };
    assert!(note.contains("unknown field spec.selectr"), "{note}");
    let [field] = &*inputs.modules[0].written.new_fields else {
        panic!("{:?}", inputs.modules[0].written);
    };
    assert_eq!(field.path, "spec.moduleLoader.container.modprobe.modulName");
    assert_eq!(field.since, None);
}

/// An object of a kind of KMM in another group or version is reported with both, and skipped.
#[test]
fn other_groups_and_versions_are_reported_and_skipped() {
    for (from, to) in [
        ("kmm.sigs.x-k8s.io/v1beta1", "kmm.sigs.k8s.io/v1beta1"),
        ("kmm.sigs.x-k8s.io/v1beta1", "kmm.sigs.x-k8s.io/v1"),
        ("kmm.sigs.x-k8s.io/v1beta1", "hub.kmm.sigs.x-k8s.io/v1beta1"),
        ("apiVersion: kmm.sigs.x-k8s.io/v1beta1\n", ""),
    ] {
        let text = MODULE.replace(from, to);
        let inputs = read(&format!("{MODULE}---{text}")).expect("readable documents");
        assert_eq!(inputs.modules.len(), 1, "{to}");
        let [stranger] = &*inputs.strangers else {
            panic!("{to}: {:?}", inputs.strangers);
        };
        assert!(stranger.contains("kmm.sigs.x-k8s.io/v1beta1"), "{stranger}");
        assert!(stranger.contains("Module m has "), "{stranger}");
        assert!(
            inputs
                .notes
                .iter()
                .any(|note| note.contains(stranger.as_str()))
        );
    }
}

/// Values, templates and workflows lie in folders beside manifests; what is meant for KMM is
/// never skipped.
#[test]
fn folders_hold_other_things_too() {
    let found = |text: &str| {
        let text = Text {
            place: TextSource::File("f/x.yaml".into()),
            text: text.to_owned(),
            found: true,
            is_damaged: false,
        };
        parse(vec![text], "default")
    };
    for text in [
        "a: 1",
        "- 1",
        "x: {{ .Values.x }}",
        "{{- if .x }}",
        "[1, 2]",
        "a: [1",
    ] {
        let inputs = found(text).expect(text);
        assert_eq!(inputs.notes.len(), 1, "{text}: {:?}", inputs.notes);
        assert!(inputs.notes[0].contains("skipped"), "{:?}", inputs.notes);
        assert!(read(text).is_err(), "{text}");
    }
    for text in [
        MODULE.replace("selector: {}", "selector: {{ .Values.x }}"),
        MODULE.replace("modprobe: {moduleName: m}", "modprobe: [m]"),
        format!("{MODULE}---\nb: }}\n"),
    ] {
        assert!(found(&text).is_err(), "{text}");
    }
}

/// The API server takes no list for an object.
#[test]
fn lists_are_no_objects() {
    for text in [
        MODULE.replace("kernelMappings:", "registryTLS: [true]\n      kernelMappings:"),
        MODULE.replace("{name: m, namespace: ns, labels: {a: b}}", "[m, ns]"),
        "{apiVersion: kmm.sigs.x-k8s.io/v1beta2, kind: PreflightValidation, metadata: {name: p}, spec: [6.1.0-1]}".to_owned(),
        "{apiVersion: hub.kmm.sigs.x-k8s.io/v1beta1, kind: ManagedClusterModule, metadata: {name: p}, spec: [s, {selector: {}}]}".to_owned(),
    ] {
        let error = read(&text).expect_err("a list").to_string();
        assert!(error.contains("must be an object"), "{error}");
    }
}

#[test]
fn names_and_keys_that_the_api_server_refuses_are_refused() {
    let object = |kind: &str, metadata: &str, data: &str| {
        read(&format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {metadata}\n{data}\n"
        ))
    };
    for (kind, data) in [
        ("Secret", "data: {a: YQ==}"),
        ("Secret", "stringData: {.a_b-C: x}"),
        ("ConfigMap", "data: {dockerfile: FROM x}"),
        ("ConfigMap", "binaryData: {a: YQ==}"),
        ("ServiceAccount", ""),
    ] {
        object(kind, "{name: a.b-c, namespace: ns}", data).expect("a good object");
        for name in [
            "/x",
            "../../x",
            "..",
            "a/b",
            "\"a\\u0007\"",
            "\"a\\n\"",
            "A",
            "''",
        ] {
            let error = object(kind, &format!("{{name: {name}}}"), data).expect_err(name);
            assert!(
                error.to_string().contains("m.yaml:1: document 1"),
                "{error}"
            );
            assert!(error.to_string().contains("metadata.name"), "{error}");
        }
        for namespace in ["../x", "a.b", "/x"] {
            let metadata = format!("{{name: x, namespace: {namespace}}}");
            let error = object(kind, &metadata, data).expect_err(namespace);
            assert!(error.to_string().contains("namespace"), "{error}");
        }
    }
    for (kind, field) in [
        ("Secret", "data"),
        ("Secret", "stringData"),
        ("ConfigMap", "data"),
        ("ConfigMap", "binaryData"),
    ] {
        for key in ["/x", "../x", "..", ".", "a/b"] {
            let data = format!("{field}: {{'{key}': YQ==}}");
            let error = object(kind, "{name: x}", &data).expect_err(key);
            assert!(error.to_string().contains("not a valid key"), "{error}");
        }
    }
    for metadata in ["{name: ../m}", "{name: m, namespace: ../x}"] {
        let module = MODULE.replace("{name: m, namespace: ns, labels: {a: b}}", metadata);
        assert!(read(&module).is_err(), "{metadata}");
    }
}

#[test]
fn base64_may_have_line_breaks_and_nothing_else() {
    let object = |kind: &str, field: &str, text: &str| {
        read(&format!(
            "{{apiVersion: v1, kind: {kind}, metadata: {{name: n}}, {field}: {{a: {text:?}}}}}"
        ))
    };
    for text in ["aGVsbG8=", "aGVs\nbG8=\n", "aGVs\r\nbG8=\r\n"] {
        let inputs = object("Secret", "data", text).expect("base64");
        let data = inputs.secrets[0].data.as_ref().expect("data");
        assert_eq!(data["a"].0, b"hello", "{text:?}");
        let inputs = object("ConfigMap", "binaryData", text).expect("base64");
        let data = inputs.config_maps[0].binary_data.as_ref().expect("data");
        assert_eq!(data["a"].0, b"hello", "{text:?}");
    }
    for text in ["aGVs bG8=", "aGVs\tbG8=", "aGVs*bG8="] {
        assert!(object("Secret", "data", text).is_err(), "{text:?}");
    }
}
