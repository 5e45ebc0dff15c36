//! The registries that a cluster's nodes take for insecure, refuse, or take alone:
//! `registrySources` of images.config.openshift.io/cluster.

use serde_json::{Value, json};

use crate::cluster::crds::{NEWEST, install_image_configs};
use crate::cluster::operator::{KERNEL, Said, call, call_as, say, wait_for};
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::image::{Image, Layer};
use crate::support::preflight::{Ended, Running};
use crate::support::registry::Registry;

const SAID: &[Said] = &[("driver", "Success", "Done", "verified image exists")];

fn set(cluster: &Cluster, sources: &Value) {
    let image = json!({
        "apiVersion": "config.openshift.io/v1", "kind": "Image", "metadata": {"name": "cluster"},
        "spec": {"registrySources": sources},
    });
    cluster.apply(&image.to_string());
}

fn create_module(cluster: &Cluster, image: &str) {
    let module = json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": "driver", "namespace": "ns1"},
        "spec": {"selector": {}, "moduleLoader": {"container": {
            "modprobe": {"moduleName": "driver"},
            "kernelMappings": [{"regexp": ".", "containerImage": image}]}}},
    });
    cluster.apply(&module.to_string());
}

/// A cluster with one Module, whose image a registry has that shows an unknown certificate.
fn prepared() -> (Cluster, Registry) {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    install_image_configs(&cluster);
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: ns1}}");
    let registry = Registry::with_tls();
    let image = Image::new()
        .with_tools()
        .layer(Layer::new().dir("opt/lib/modules"))
        .build();
    create_module(&cluster, &registry.push("team/driver:1", &image));
    (cluster, registry)
}

fn local(cluster: &Cluster, token: &str) -> Ended {
    let args = ["run", "--local", "-o=json", "--progress=none"];
    call_as(cluster, token, &args)
        .args(["--kernel-version", KERNEL])
        .run()
}

/// The gravest finding, as `code: message`.
fn finding(ended: &Ended) -> String {
    let report = ended.json();
    let findings = report["modules"][0]["findings"]
        .as_array()
        .expect("findings");
    let first = findings
        .iter()
        .find(|finding| finding["severity"] != "info");
    let text = |key: &str| first.map_or("", |found| found[key].as_str().unwrap_or_default());
    format!("{}: {}", text("code"), text("message"))
}

#[test]
fn a_local_run_pulls_as_the_nodes_may() {
    let (cluster, registry) = prepared();
    let host = registry.host();
    let repository = format!("{host}/team/driver");
    for (sources, code, words) in [
        (json!({}), 3, "image-unreachable: "),
        (
            json!({"insecureRegistries": [host]}),
            1,
            "module-not-found: ",
        ),
        (
            json!({"insecureRegistries": ["other.invalid"]}),
            3,
            "certificate",
        ),
        (
            json!({"insecureRegistries": [host], "blockedRegistries": [repository]}),
            3,
            "is blocked by blockedRegistries of images.config.openshift.io/cluster",
        ),
        (
            json!({"insecureRegistries": [host], "allowedRegistries": ["quay.io"]}),
            3,
            "is not in allowedRegistries of images.config.openshift.io/cluster",
        ),
        (
            json!({"insecureRegistries": [host], "allowedRegistries": ["quay.io", host]}),
            1,
            "module-not-found: ",
        ),
    ] {
        cluster.try_kubectl(&["delete", "images.config.openshift.io", "cluster"], "");
        set(&cluster, &sources);
        let ended = local(&cluster, ADMIN).code(code);
        let finding = finding(&ended);
        assert!(finding.contains(words), "{sources}: {finding}");
    }

    // A name without a registry.
    create_module(&cluster, "team/driver:1");
    let search = json!({"insecureRegistries": [host], "containerRuntimeSearchRegistries": [host]});
    set(&cluster, &search);
    let ended = local(&cluster, ADMIN).code(1);
    assert!(
        finding(&ended).starts_with("module-not-found: "),
        "{ended:?}"
    );

    // The rights of the manifest are enough.
    let manifest = std::fs::read_to_string("examples/rbac/cross-check.yaml").expect("a manifest");
    cluster.apply(&manifest);
    let role = "--clusterrole=kmm-preflight-cross-check";
    let bind = [
        "create",
        "clusterrolebinding",
        "looks",
        role,
        "--user=nobody",
    ];
    cluster.kubectl(&bind, "");
    let ended = local(&cluster, NOBODY).code(1);
    assert!(
        finding(&ended).starts_with("module-not-found: "),
        "{ended:?}"
    );
}

#[test]
fn a_cross_check_looks_as_the_nodes_may() {
    let (cluster, registry) = prepared();
    let host = registry.host();
    for (sources, code, words) in [
        (json!({"insecureRegistries": [host]}), 1, "kmm-false-pass: "),
        (
            json!({"insecureRegistries": [host], "blockedRegistries": [host]}),
            3,
            "is blocked by blockedRegistries of images.config.openshift.io/cluster",
        ),
    ] {
        set(&cluster, &sources);
        let args = [
            "run",
            "p",
            "--kernel-version",
            KERNEL,
            "--cleanup",
            "-o=json",
        ];
        let running = Running::start(call(&cluster, &args));
        wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
        say(&cluster, NEWEST, "p", SAID);
        let ended = running.end().code(code);
        let finding = finding(&ended);
        assert!(finding.contains(words), "{sources}: {finding}");
        assert_eq!(finding.starts_with("cross-check-unavailable: "), code == 3);
    }
}
