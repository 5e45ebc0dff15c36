//! The rules of [`generation`](super), as tables.

use super::*;
use serde_json::json;

fn schema(version: &str, spec: &[&str], statuses: &[&str]) -> Schema {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Schema {
        version: version.to_owned(),
        spec: set(spec),
        statuses: set(statuses),
        ..Schema::default()
    }
}

fn seen(schemas: &Schemas) -> Option<(Generation, u8, u8, bool, bool)> {
    schemas.kmm().map(|release| {
        (
            release.generation(),
            release.major,
            release.minor,
            release.upstream,
            release.has_rt(),
        )
    })
}

#[test]
fn schemas_tell_the_release() {
    use Generation::{One, Three, Two};
    let old = || schema("v1beta1", &["releaseImage", "useRTKernel"], &["True"]);
    let two = || schema("v1beta2", &["releaseImage", "useRTKernel"], &["True"]);
    let three = || schema("v1beta2", &["kernelVersion", "dtkImage"], &["Success"]);
    let plain = |status: &str| schema("v1beta2", &["kernelVersion"], &[status]);
    let module = |fields: &[&str]| Some(schema("v1beta1", fields, &[]));
    let named = Some(Schema {
        needs_module_name: true,
        ..Schema::default()
    });
    let rows = [
        (
            Some(schema("v1beta1", &["releaseImage"], &["True"])),
            None,
            None,
            (One, 1, 0, false, false),
        ),
        (Some(old()), named, None, (One, 1, 1, false, true)),
        (Some(old()), module(&[]), None, (One, 2, 0, false, true)),
        (Some(two()), module(&[]), None, (Two, 2, 1, false, true)),
        (
            Some(two()),
            module(&["tolerations"]),
            None,
            (Two, 2, 3, false, true),
        ),
        (
            Some(three()),
            module(&[]),
            None,
            (Three, 2, 4, false, false),
        ),
        (
            Some(three()),
            module(&[]),
            Some(schema("v1beta1", &["pushBuiltImage"], &[])),
            (Three, 2, 5, false, false),
        ),
        (
            Some(three()),
            module(&[]),
            Some(schema("v1beta1", &["pushBuiltImage", "tolerations"], &[])),
            (Three, 2, 6, false, false),
        ),
        (
            Some(three()),
            module(&["dra"]),
            None,
            (Three, 2, 7, false, false),
        ),
    ];
    for (preflight_ocp, module, module_images_config, expected) in rows {
        let schemas = Schemas {
            preflight_ocp,
            preflight: Some(plain("True")),
            module,
            module_images_config,
        };
        assert_eq!(seen(&schemas), Some(expected), "{schemas:?}");
    }
    for (status, expected) in [("True", (Two, 2, 3)), ("Success", (Three, 2, 7))] {
        let schemas = Schemas {
            preflight: Some(plain(status)),
            ..Schemas::default()
        };
        let (generation, major, minor) = expected;
        assert_eq!(
            seen(&schemas),
            Some((generation, major, minor, true, false))
        );
    }
    assert_eq!(Schemas::default().kmm(), None);
}

#[test]
fn a_crd_is_read_in_its_newest_served_version() {
    let version = |name: &str, served: bool, field: &str| {
        json!({"name": name, "served": served, "schema": {"openAPIV3Schema": {"properties": {
            "spec": {"properties": {field: {}}}}}}})
    };
    let crd = json!({"spec": {"versions": [
        version("v1beta1", true, "old"), version("v1beta2", true, "new"),
        version("v1beta3", false, "future")]}});
    let schema = Schema::of_crd(&crd).expect("a served version");
    assert_eq!(schema.version, "v1beta2");
    assert!(schema.spec.contains("new"));
    assert_eq!(Schema::of_crd(&json!({})), None);
}

#[test]
fn an_openapi_document_tells_the_same() {
    let document = json!({"components": {"schemas": {"x": {
        "x-kubernetes-group-version-kind": [
            {"group": KMM_GROUP, "version": "v1beta2", "kind": "PreflightValidationOCP"}],
        "properties": {
            "spec": {"properties": {"kernelVersion": {}}},
            "status": {"properties": {"modules": {"items": {"properties": {
                "verificationStatus": {"enum": ["Success"]}}}}}}}}}}});
    let schema = Schema::of_openapi(&document, "v1beta2", "PreflightValidationOCP");
    assert_eq!(schema, Some(schema_with(&["kernelVersion"], &["Success"])));
    assert_eq!(Schema::of_openapi(&document, "v1beta2", "Module"), None);
}

fn schema_with(spec: &[&str], statuses: &[&str]) -> Schema {
    schema("v1beta2", spec, statuses)
}
