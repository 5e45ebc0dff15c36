//! Certificates for single registries: those in certs.d folders, and the additional trusted
//! CAs of a cluster.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cluster::crds::{NEWEST, install_image_configs};
use crate::cluster::operator::call_as;
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::image::{Image, Layer};
use crate::support::preflight::{Ended, Preflight};
use crate::support::registry::Registry;

/// The image was read, and has no module in it.
const READ: i32 = 4;

fn push(registry: &Registry) -> String {
    let image = Image::new()
        .with_tools()
        .layer(Layer::new().dir("opt/lib/modules"));
    registry.push("team/driver:1", &image.build())
}

fn inspect(reference: &str) -> Preflight {
    Preflight::new(["inspect", reference, "-o=json"])
}

/// A folder of certificates for a host below the call's home.
fn certs_d(call: &Preflight, host: &str, files: &[(&str, &Path)]) {
    let folder = call.home().join(".config/containers/certs.d").join(host);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, source) in files {
        fs::copy(source, folder.join(name)).expect("a file");
    }
}

#[test]
fn a_hosts_folder_of_certificates_is_used_for_it_and_no_other() {
    let registry = Registry::with_tls();
    let reference = push(&registry);
    let (host, ca) = (registry.host(), registry.ca());
    for (folder, code) in [(host.as_str(), READ), ("127.0.0.1", 3), ("other:1", 3)] {
        let call = inspect(&reference);
        certs_d(&call, folder, &[("ca.crt", &ca)]);
        call.run().code(code);
    }
    let damaged = inspect(&reference);
    certs_d(&damaged, &host, &[("ca.crt", Path::new(file!()))]);
    let ended = damaged.run().code(3);
    assert!(ended.stderr.contains(&host), "{}", ended.stderr);
    assert!(ended.stderr.contains("certs.d"), "{}", ended.stderr);
}

#[test]
fn a_client_shows_the_certificate_of_the_hosts_folder() {
    let registry = Registry::with_client_certificates();
    let reference = push(&registry);
    let (host, ca) = (registry.host(), registry.ca());
    let [certificate, key] = registry.certificate();
    let nobody = inspect(&reference).arg("--ca-file").arg(&ca);
    nobody.run().code(3);
    let known = inspect(&reference);
    certs_d(
        &known,
        &host,
        &[
            ("ca.crt", &ca),
            ("client.cert", &certificate),
            ("client.key", &key),
        ],
    );
    known.run().code(READ);
    let keyless = inspect(&reference);
    certs_d(
        &keyless,
        &host,
        &[("ca.crt", &ca), ("client.cert", &certificate)],
    );
    let ended = keyless.run().code(3);
    assert!(ended.stderr.contains("client.key"), "{}", ended.stderr);
}

fn code_of(ended: &Ended) -> Value {
    let report = ended.json();
    let findings = report["modules"][0]["findings"]
        .as_array()
        .expect("findings")
        .clone();
    findings
        .iter()
        .find(|finding| finding["severity"] == "error")
        .expect("an error")["code"]
        .clone()
}

#[test]
fn the_clusters_additional_trusted_cas_are_trusted_at_their_hosts() {
    let registry = Registry::with_tls();
    let reference = push(&registry);
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    install_image_configs(&cluster);
    for namespace in ["openshift-config", "ns"] {
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        cluster.apply(&object.to_string());
    }
    let module = json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": "m", "namespace": "ns"},
        "spec": {"selector": {}, "moduleLoader": {"container": {
            "modprobe": {"moduleName": "driver"},
            "kernelMappings": [{"regexp": ".", "containerImage": reference}]}}},
    });
    cluster.apply(&module.to_string());
    let args = [
        "run",
        "--local",
        "-n=ns",
        "-o=json",
        "--kernel-version=6.1.0-1-amd64",
    ];
    let run = |token: &str| call_as(&cluster, token, &args).run();

    assert_eq!(code_of(&run(ADMIN).code(3)), "image-unreachable");
    let image = json!({
        "apiVersion": "config.openshift.io/v1", "kind": "Image", "metadata": {"name": "cluster"},
        "spec": {"additionalTrustedCA": {"name": "registry-cas"}},
    });
    cluster.apply(&image.to_string());
    // The ConfigMap that it names is not there.
    assert_eq!(code_of(&run(ADMIN).code(3)), "image-unreachable");
    let pem = fs::read_to_string(registry.ca()).expect("a certificate");
    let key = registry.host().replace(':', "..");
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "registry-cas", "namespace": "openshift-config"}, "data": {key: pem},
    });
    cluster.apply(&map.to_string());
    assert_eq!(code_of(&run(ADMIN).code(1)), "module-not-found");

    // Who may not read them is told so, and nothing else fails for it.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "modules"},
        "rules": [{"apiGroups": ["kmm.sigs.x-k8s.io"], "resources": ["modules"], "verbs": ["list"]}],
    });
    cluster.apply(&role.to_string());
    let binding = [
        "create",
        "clusterrolebinding",
        "modules",
        "--clusterrole=modules",
        "--user=nobody",
    ];
    cluster.kubectl(&binding, "");
    let ended = run(NOBODY).code(3);
    assert!(
        ended.stderr.contains("without the image configuration"),
        "{}",
        ended.stderr
    );
    assert_eq!(code_of(&ended), "image-unreachable");
}
