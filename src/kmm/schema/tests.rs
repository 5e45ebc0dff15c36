//! What the API server takes of a spec, and what it refuses.

use serde_json::json;

use super::*;

fn spec() -> Value {
    json!({
        "selector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "devicePlugin": {"container": {"image": "p:1", "env": [{"name": "A"}]}},
        "moduleLoader": {"container": {
            "modprobe": {"moduleName": "m"},
            "registryTLS": {"insecure": false},
            "build": {"dockerfileConfigMap": {"name": "d"}, "buildArgs": [{"name": "A", "value": ""}]},
            "sign": {"certSecret": {"name": "c"}, "keySecret": {"name": "k"}},
            "kernelMappings": [{"regexp": "^.+$", "containerImage": "i:1"}]}},
    })
}

fn at<'a>(spec: &'a mut Value, pointer: &str) -> &'a mut Value {
    spec.pointer_mut(pointer).expect("a field of the spec")
}

#[test]
fn a_good_spec_is_decoded_whole() {
    let (decoded, written) = decode(spec(), "spec").expect("a good spec");
    assert_eq!(written, Written::default());
    assert_eq!(decoded.selector["a"], "b");
    assert_eq!(decoded.tolerations.len(), 1);
}

/// One value of every kind in the place of every field; most are refused, and none is taken for
/// what it is not.
#[test]
fn wrong_kinds_name_the_field() {
    for (pointer, value, words) in [
        (
            "/moduleLoader/container/registryTLS",
            json!([true]),
            "spec.moduleLoader.container.registryTLS: must be an object, but is a list",
        ),
        (
            "/moduleLoader/container/registryTLS/insecure",
            json!("true"),
            "must be true or false",
        ),
        (
            "/moduleLoader/container/modprobe",
            json!(["m"]),
            "must be an object",
        ),
        ("/moduleLoader/container", json!([]), "must be an object"),
        ("/moduleLoader", json!("x"), "must be an object"),
        (
            "/moduleLoader/container/kernelMappings",
            json!({}),
            "must be a list",
        ),
        (
            "/moduleLoader/container/kernelMappings/0",
            json!(["", "i:1"]),
            "kernelMappings[0]: must be an object",
        ),
        (
            "/moduleLoader/container/kernelMappings/0",
            json!(null),
            "but is null",
        ),
        (
            "/moduleLoader/container/kernelMappings/0/regexp",
            json!(5.14),
            "must be a string, but is a number",
        ),
        (
            "/moduleLoader/container/build/dockerfileConfigMap",
            json!(["d"]),
            "must be an object",
        ),
        (
            "/moduleLoader/container/build/buildArgs/0",
            json!(["A", "1"]),
            "must be an object",
        ),
        (
            "/moduleLoader/container/sign/keySecret",
            json!("k"),
            "must be an object",
        ),
        ("/selector", json!([]), "must be an object"),
        (
            "/selector/a",
            json!(true),
            "spec.selector.a: must be a string",
        ),
        ("/tolerations", json!({}), "must be a list"),
        ("/tolerations/0", json!([]), "must be an object"),
        (
            "/devicePlugin/container",
            json!({}),
            "spec.devicePlugin.container.image: is required",
        ),
        (
            "/devicePlugin",
            json!({"container": {"image": "i"}, "volumes": [{"name": "v", "hostPath": ["/dev"]}]}),
            "hostPath: must be an object",
        ),
        (
            "/moduleLoader/container/modprobe",
            json!(null),
            "modprobe: is required",
        ),
        (
            "/moduleLoader/container/kernelMappings",
            json!(null),
            "is required",
        ),
        (
            "/moduleLoader/container/build/dockerfileConfigMap",
            json!(null),
            "is required",
        ),
        (
            "/moduleLoader/container/sign/keySecret",
            json!(null),
            "is required",
        ),
        (
            "/moduleLoader/container/build/buildArgs/0/value",
            json!(null),
            "is required",
        ),
    ] {
        let mut spec = spec();
        *at(&mut spec, pointer) = value;
        let error = decode(spec, "spec").expect_err(words).to_string();
        assert!(error.contains(words), "{pointer}: {error}");
    }
}

/// The API server prunes `null` where a field may be absent.
#[test]
fn null_is_absence() {
    let mut given = spec();
    *at(&mut given, "/selector/a") = json!(null);
    *at(&mut given, "/moduleLoader/container/registryTLS") = json!(null);
    *at(&mut given, "/devicePlugin") = json!(null);
    let (decoded, written) = decode(given, "spec").expect("a good spec");
    assert!(decoded.selector.is_empty());
    assert_eq!(decoded.device_plugin, None);
    assert_eq!(written, Written::default());
}

#[test]
fn what_the_spec_no_longer_shows_is_kept() {
    let mut given = spec();
    let container = "/moduleLoader/container";
    *at(&mut given, &format!("{container}/modprobe")) = json!({"moduleName": "m", "modulesLoadingOrder": [], "dirName": "", "modprobedDir": "/d", "next": 1});
    at(&mut given, "")["other"] = json!(1);
    at(&mut given, "")
        .as_object_mut()
        .expect("an object")
        .remove("selector");
    *at(&mut given, &format!("{container}/kernelMappings/0")) = json!({"regexp": "x"});
    at(&mut given, container)["inTreeModulesToRemove"] = json!([]);
    let (decoded, written) = decode(given, "spec").expect("a spec that is understood");
    assert_eq!(
        decoded
            .module_loader
            .expect("a loader")
            .container
            .modprobe
            .dir_name,
        "/opt"
    );
    assert!(written.empty_loading_order && written.empty_dir_name);
    let below = |name: &str, since| NewField {
        path: format!("spec.moduleLoader.container.{name}"),
        since,
    };
    assert_eq!(
        written.new_fields,
        [
            below("modprobe.modprobedDir", Some((2, 8))),
            below("modprobe.modulesLoadingOrder", Some((1, 1))),
            below("modprobe.next", None),
            below("inTreeModulesToRemove", Some((2, 1))),
        ]
    );
    assert_eq!(written.other_fields, ["spec.other"]);
    assert_eq!(
        written.refused,
        [
            "spec.selector is missing",
            "spec.moduleLoader.container.kernelMappings[0].containerImage is missing",
        ]
    );
}

#[test]
fn quantities_are_those_of_the_api_server() {
    for text in [
        "1", "1.5", ".5", "5.", "+1", "-1Gi", "500m", "1e3", "1E-3", "2E", "1k",
    ] {
        assert!(is_quantity(text), "{text}");
    }
    for text in [
        "", ".", "+", "x", "1x", "1.2.3", "1 Gi", "1e", "Gi", "1GiB", "1e3m",
    ] {
        assert!(!is_quantity(text), "{text}");
    }
}
