//! The images of `examples/`, and a release of OpenShift whose kernel they are for.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::crds::install_cluster_versions;
use crate::support::cluster::Cluster;
use crate::support::image::{Built, Image, Layer};
use crate::support::registry::Registry;

/// The kernel of `examples/kernel`.
pub(crate) const KERNEL: &str = "6.1.0-56-amd64";
/// The real-time kernel of the release.
pub(crate) const RT_KERNEL: &str = "6.1.0-56-rt-amd64";

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The image of one of the Modules in `examples/modules.yaml`.
pub(crate) fn image(module: &str) -> Built {
    let blob = |digest: &str| {
        let path = digest.replace(':', "/");
        fs::read(examples().join("images/blobs").join(path)).expect("a blob of the layout")
    };
    let index = fs::read(examples().join("images/index.json")).expect("the layout's index");
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    let digest = index["manifests"]
        .as_array()
        .expect("manifests")
        .iter()
        .find(|entry| entry["annotations"].to_string().contains(module))
        .and_then(|entry| entry["digest"].as_str())
        .expect("an image of this name")
        .to_owned();
    let manifest = blob(&digest);
    let parts: Value = serde_json::from_slice(&manifest).expect("JSON");
    let layers = parts["layers"].as_array().expect("layers").iter();
    let blobs = layers
        .chain([&parts["config"]])
        .map(|part| {
            let digest = part["digest"].as_str().expect("a digest");
            (digest.to_owned(), blob(digest))
        })
        .collect();
    Built {
        manifest,
        media_type: "application/vnd.oci.image.manifest.v1+json",
        digest,
        architecture: "amd64".to_owned(),
        blobs,
    }
}

/// Pushes the image of a Module, and returns its reference.
pub(crate) fn push(registry: &Registry, module: &str) -> String {
    registry.push(&format!("drivers/{module}:1"), &image(module))
}

/// The folder with what that kernel exports.
pub(crate) fn kernel_dir() -> PathBuf {
    examples().join("kernel")
}

/// A release of OpenShift in a registry.
#[derive(Debug)]
pub(crate) struct Release {
    /// The release image.
    pub(crate) image: String,
    /// Its driver-toolkit image, with what the kernel exports.
    pub(crate) dtk_image: String,
}

/// Pushes a release with these kernels; `rt` may be empty, as it is beside x86-64.
pub(crate) fn push_release(registry: &Registry, version: &str, rt: &str) -> Release {
    let toolkit = Image::new().layer(with_facts(toolkit(KERNEL, rt), "lib"));
    let tags = [("driver-toolkit", toolkit.build())];
    push_payload(registry, version, tags)
}

/// Pushes a release whose driver-toolkit image is for an older kernel: nodes boot the one of its
/// machine-os image, which alone has facts.
pub(crate) fn push_release_of_machine_os(registry: &Registry, version: &str) -> Release {
    let toolkit = Image::new().layer(toolkit("6.1.0-55-amd64", ""));
    let vmlinuz = format!("usr/lib/modules/{KERNEL}/vmlinuz");
    let machine_os = Image::new()
        .layer(with_facts(Layer::new().file(&vmlinuz, b"k"), "usr/lib"))
        .config(json!({"Labels": {"ostree.linux": KERNEL}}));
    let tags = [
        ("driver-toolkit", toolkit.build()),
        ("rhel-coreos", machine_os.build()),
    ];
    push_payload(registry, version, tags)
}

fn toolkit(kernel: &str, rt: &str) -> Layer {
    let told = json!({"KERNEL_VERSION": kernel, "RT_KERNEL_VERSION": rt, "RHEL_VERSION": "9.4"});
    let path = "etc/driver-toolkit-release.json";
    Layer::new().file(path, told.to_string().as_bytes())
}

fn with_facts(layer: Layer, lib: &str) -> Layer {
    let facts = examples().join("kernel/lib/modules").join(KERNEL);
    ["config", "symvers.xz"].iter().fold(layer, |layer, file| {
        let bytes = fs::read(facts.join(file)).expect("a fact about the kernel");
        layer.file(&format!("{lib}/modules/{KERNEL}/{file}"), &bytes)
    })
}

fn push_payload<const N: usize>(
    registry: &Registry,
    version: &str,
    images: [(&str, Built); N],
) -> Release {
    let images = images.map(|(tag, image)| {
        registry.push(&format!("ocp/{tag}:{version}"), &image);
        (
            tag,
            registry.reference(&format!("ocp/{tag}@{}", image.digest)),
        )
    });
    let mut tags = vec![json!(
        {"name": "cli", "from": {"kind": "DockerImage", "name": "q/cli@sha256:0"}}
    )];
    tags.extend(
        images.iter().map(
            |(tag, image)| json!({"name": tag, "from": {"kind": "DockerImage", "name": image}}),
        ),
    );
    let references = json!({"kind": "ImageStream", "spec": {"tags": tags}});
    let release = Image::new()
        .layer(Layer::new().file("etc/os-release", b""))
        .layer(Layer::new().file(
            "release-manifests/image-references",
            references.to_string().as_bytes(),
        ))
        .build();
    let image = registry.push(&format!("ocp/release:{version}"), &release);
    let dtk_image = images[0].1.clone();
    Release { image, dtk_image }
}

/// Makes the cluster an OpenShift with this status of its ClusterVersion.
pub(crate) fn install_cluster_version(cluster: &Cluster, status: &Value) {
    install_cluster_versions(cluster);
    cluster.set_status("clusterversions.config.openshift.io/version", status);
}

/// A Secret with the credentials of a registry.
pub(crate) fn pull_secret(registry: &Registry, namespace: &str, name: &str) -> Value {
    use crate::support::registry::{PASSWORD, USER};
    let auths = json!({"auths": {registry.host(): {"username": USER, "password": PASSWORD}}});
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
           "metadata": {"name": name, "namespace": namespace},
           "stringData": {".dockerconfigjson": auths.to_string()}})
}
