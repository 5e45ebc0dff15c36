//! The test environment itself: what the other tests stand on.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::json;

use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::image::{Dialect, Image, Layer, Packing, sha256};
use crate::support::layout::{write_layout, write_layout_index};
use crate::support::preflight::Preflight;
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::server::{listens, succeed, tool};

/// A layer with an entry of each kind, some with odd names.
fn odd_layer() -> Layer {
    Layer::default()
        .dir("opt/")
        .file("./opt/a", b"one")
        .program("/opt/run", b"two")
        .hard_link("opt/b", "opt/a")
        .symlink("opt/c", "a")
        .whiteout("opt/gone")
        .whiteout("top")
        .opaque("opt/lib")
        .file(&format!("opt/{}", "long/".repeat(30)), b"three")
        .symlink("opt/far", &"away/".repeat(30))
}

fn names(layer: Layer) -> BTreeSet<String> {
    let built = Image::default().layer(layer.packed(Packing::Plain)).build();
    let manifest: serde_json::Value = serde_json::from_slice(&built.manifest).expect("JSON");
    let digest = manifest["layers"][0]["digest"].as_str().expect("a digest");
    tar::Archive::new(built.blobs[digest].as_slice())
        .entries()
        .expect("a tar archive")
        .map(|entry| {
            let entry = entry.expect("an entry");
            String::from_utf8_lossy(&entry.path_bytes()).into_owned()
        })
        .collect()
}

#[test]
fn layers_keep_names_as_they_are_given() {
    let names = names(odd_layer());
    let long = format!("opt/{}", "long/".repeat(30));
    for name in [
        "./opt/a",
        "/opt/run",
        "opt/.wh.gone",
        ".wh.top",
        "opt/lib/.wh..wh..opq",
        &long,
    ] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
}

#[test]
fn crane_reads_what_the_image_builder_pushes() {
    let registry = Registry::start();
    let amd64 = Image::new()
        .with_tools()
        .layer(odd_layer())
        .layer(Layer::new().file("opt/z", b"zstd").packed(Packing::Zstd))
        .config(json!({"Cmd": ["/bin/sh"]}))
        .created_by("COPY . /opt")
        .without_media_type()
        .build();
    let arm64 = Image::new()
        .architecture("arm64")
        .dialect(Dialect::Docker)
        .layer(Layer::new().file("opt/z", b"gzip"))
        .build();
    let single = registry.push("team/single:1", &amd64);
    let multi = registry.push_index("team/multi:1", &[amd64.clone(), arm64], Dialect::Oci);
    let digest = |args: &[&str]| {
        let output = succeed(Command::new(tool("crane")).args(args));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(digest(&["digest", &single]), amd64.digest);
    assert_eq!(
        digest(&["digest", "--platform=linux/amd64", &multi]),
        amd64.digest
    );
    assert!(registry.storage().join("repositories/team").is_dir());
}

#[test]
fn registries_ask_for_their_password_and_show_their_certificate() {
    let image = Image::new().layer(Layer::new().file("a", b"a")).build();
    let mut closed = Registry::with_password();
    let reference = closed.push("team/closed:1", &image);
    let crane = |args: &[&str]| {
        let home = tempfile::tempdir().expect("a home");
        let mut command = Command::new(tool("crane"));
        command.args(args).env("HOME", home.path());
        command
            .env("DOCKER_CONFIG", home.path())
            .status()
            .expect("crane runs")
            .success()
    };
    assert!(!crane(&["digest", &reference]));
    let host = closed.host();
    assert!(crane(&["auth", "login", &host, "-u", USER, "-p", PASSWORD]));
    closed.stop();
    assert!(!crane(&["digest", &reference]));

    let private = Registry::with_tls();
    let reference = private.push("team/private:1", &image);
    assert!(!crane(&["digest", &reference]));
    assert!(crane(&["digest", "--insecure", &reference]));
    assert!(private.ca().is_file());
}

#[test]
fn layouts_list_what_was_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let image = Image::new().layer(Layer::new().file("a", b"a")).build();
    write_layout(dir.path(), "example.com/team/a:1", &image);
    write_layout_index(
        dir.path(),
        "example.com/team/b:1",
        std::slice::from_ref(&image),
    );
    let index = std::fs::read(dir.path().join("index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        index["manifests"][0]["digest"],
        json!(sha256(&image.manifest))
    );
}

#[test]
fn the_api_server_knows_an_administrator_and_a_user_without_rights() {
    let mut cluster = Cluster::start();
    let crds = tempfile::tempdir().expect("a folder");
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
        metadata: {name: gears.example.com}\n\
        spec:\n  group: example.com\n  scope: Cluster\n  names: {plural: gears, kind: Gear}\n\
        \x20 versions:\n  - name: v1\n    served: true\n    storage: true\n    subresources: {status: {}}\n\
        \x20   schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n";
    std::fs::write(crds.path().join("gears.yaml"), crd).expect("a CRD");
    cluster.install_crds(crds.path());
    cluster.apply("apiVersion: example.com/v1\nkind: Gear\nmetadata: {name: one}\n");
    cluster.set_status("gear/one", &json!({"turns": 3}));
    let turns = ["get", "gear", "one", "-o", "jsonpath={.status.turns}"];
    assert_eq!(cluster.kubectl(&turns, ""), "3");

    let nobody = cluster.kubeconfig(NOBODY);
    let denied = cluster.try_kubectl(
        &[
            "--kubeconfig",
            nobody.to_str().expect("UTF-8"),
            "get",
            "namespaces",
        ],
        "",
    );
    assert!(String::from_utf8_lossy(&denied.stderr).contains("Forbidden"));

    cluster.restart_api_server();
    assert_eq!(
        cluster.kubectl(&turns, ""),
        "3",
        "state survives as {ADMIN}"
    );
    cluster.stop_etcd();
    cluster.stop_api_server();
    assert!(!listens(
        cluster
            .url()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    ));
}

#[test]
fn the_binary_runs_without_this_machines_settings() {
    let call = Preflight::new(["version"])
        .arg("-o")
        .arg("json")
        .env("TZ", "UTC")
        .input("");
    assert!(call.home().is_dir());
    let version = call.run().code(0).json();
    assert_eq!(version["clientVersion"], env!("CARGO_PKG_VERSION"));
}
