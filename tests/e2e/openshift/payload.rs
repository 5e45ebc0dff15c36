//! Releases and operating systems over Debian's kernels, and module images for them, pushed to
//! a real registry.

use std::fs;
use std::io::Read as _;

use serde_json::json;

use crate::cluster::example;
use crate::support::image::{Built, Dialect, Image, Layer, release_image};
use crate::support::registry::Registry;
use crate::support::server::environment;

/// The kernel of today's nodes, for which `sensor` of the examples is built.
pub(super) const OLD: &str = "6.1.0-53-amd64";
/// The standard kernel of the release to come, for which `ticker` is built.
pub(super) const NEW: &str = "6.1.0-56-amd64";
/// Its real-time kernel.
pub(super) const REALTIME: &str = "6.1.0-56-rt-amd64";
/// The kernel of its other operating system.
pub(super) const TEN: &str = "6.12.117+deb12-amd64";
/// The kernel of an image of a pool's own.
pub(super) const LAYERED: &str = "6.1.0-56-cloud-amd64";
/// The standard kernel of the other architecture, about which nothing is known.
pub(super) const ARM: &str = "6.1.0-56-arm64";

/// Adds what tells modules whether they load, where the environment has it.
fn with_facts(layer: Layer, kernel: &str) -> Layer {
    let root = environment().join("debian").join(kernel).join("root");
    let folder = root.join("usr/src/kernels").join(kernel);
    [".config", "Module.symvers"]
        .iter()
        .fold(layer, |layer, name| match fs::read(folder.join(name)) {
            Ok(bytes) => layer.file(&format!("usr/src/kernels/{kernel}/{name}"), &bytes),
            Err(_) => layer,
        })
}

/// A driver-toolkit image with a standard and perhaps a real-time kernel.
pub(super) fn toolkit(stream: &str, kernel: &str, rt: &str) -> Image {
    let told = json!({"KERNEL_VERSION": kernel, "RT_KERNEL_VERSION": rt, "RHEL_VERSION": ""});
    let mut layer = Layer::new().file(
        "etc/driver-toolkit-release.json",
        told.to_string().as_bytes(),
    );
    for kernel in [kernel, rt] {
        layer = with_facts(layer, kernel);
    }
    Image::new()
        .layer(layer)
        .config(json!({"Labels": {"io.openshift.os.streamclass": stream}}))
}

/// A machine-os image.
pub(super) fn machine_os(stream: &str, kernel: &str) -> Image {
    let vmlinuz = format!("usr/lib/modules/{kernel}/vmlinuz");
    let layer = Layer::new().file(&vmlinuz, b"k");
    Image::new()
        .layer(with_facts(layer, kernel))
        .config(json!({"Labels": {"io.openshift.os.streamclass": stream,
                                  "ostree.linux": kernel, "containers.bootc": "1"}}))
}

/// Pushes an image and returns its reference by digest, as payloads have them.
pub(super) fn push(registry: &Registry, name: &str, image: &Built) -> String {
    registry.push(&format!("ocp/{name}:1"), image);
    registry.reference(&format!("ocp/{name}@{}", image.digest))
}

/// The release image of one architecture, with these tags.
fn release_of(version: &str, arch: &str, tags: &[(&str, String)]) -> Built {
    release_image(version, tags).architecture(arch).build()
}

/// The releases that a cluster runs and can go to, and its machine-os images.
#[derive(Debug)]
pub(super) struct Releases {
    pub(super) registry: Registry,
    /// 4.19.1, with one operating system.
    pub(super) today: String,
    /// Its machine-os image.
    pub(super) today_os: String,
    /// 5.0.1, with two of them, for two architectures.
    pub(super) next: String,
    /// 5.0.2, with the first of them only.
    pub(super) narrow: String,
    /// An image of a pool's own.
    pub(super) layered: String,
}

impl Releases {
    pub(super) fn push() -> Self {
        let registry = Registry::start();
        let put = |name: &str, image: Image| push(&registry, name, &image.build());
        let today_os = put("os-today", machine_os("rhel-9", OLD));
        let today = release_of(
            "4.19.1",
            "amd64",
            &[
                (
                    "driver-toolkit",
                    put("dtk-today", toolkit("rhel-9", OLD, "")),
                ),
                ("rhel-coreos", today_os.clone()),
            ],
        );
        let dtk9 = put("dtk9", toolkit("rhel-9", NEW, REALTIME));
        let os9 = put("os9", machine_os("rhel-9", NEW));
        let first = [("driver-toolkit", dtk9), ("rhel-coreos", os9)];
        let second = [
            (
                "driver-toolkit-10",
                put(
                    "dtk10",
                    toolkit("rhel-10", TEN, "package kernel-rt-core is not installed"),
                ),
            ),
            ("rhel-coreos-10", put("os10", machine_os("rhel-10", TEN))),
        ];
        let of_arm = [(
            "driver-toolkit",
            put("dtk-arm", toolkit("rhel-9", ARM, "").architecture("arm64")),
        )];
        let both = [&first[..], &second].concat();
        let next = registry.push_index(
            "ocp/next:1",
            &[
                release_of("5.0.1", "amd64", &both),
                release_of("5.0.1", "arm64", &of_arm),
            ],
            Dialect::Oci,
        );
        let narrow = registry.push_index(
            "ocp/narrow:1",
            &[
                release_of("5.0.2", "amd64", &first),
                release_of("5.0.2", "arm64", &of_arm),
            ],
            Dialect::Oci,
        );
        let layered = put("layered", machine_os("rhel-9", LAYERED));
        Self {
            today: push(&registry, "today", &today),
            today_os,
            next,
            narrow,
            layered,
            registry,
        }
    }

    /// Pushes the module of an example as it has to lie for a kernel, and returns the template
    /// of the image's name.
    pub(super) fn push_module(&self, module: &str, kernel: &str) -> String {
        let image = Image::new()
            .with_tools()
            .layer(module_layer(module, kernel))
            .build();
        let tag = kernel.replace('+', "_");
        self.registry
            .push(&format!("drivers/{module}:{tag}"), &image);
        let repository = self.registry.reference(&format!("drivers/{module}"));
        format!("{repository}:${{KERNEL_FULL_VERSION}}")
    }
}

/// The files of an example's image in the folder of another kernel.
pub(super) fn module_layer(module: &str, kernel: &str) -> Layer {
    let folder = format!("opt/lib/modules/{}/", example::KERNEL);
    let mut layer = Layer::new();
    for blob in example::image(module).blobs.values() {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(blob.as_slice()));
        for entry in archive.entries().into_iter().flatten().flatten() {
            let mut entry = entry;
            let path = entry.path().expect("a path").display().to_string();
            let path = path.trim_start_matches("./").trim_start_matches('/');
            let Some(name) = path.strip_prefix(&folder) else {
                continue;
            };
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = format!("opt/lib/modules/{kernel}/{name}");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("a file of the layer");
            layer = layer.file(&name, &bytes);
        }
    }
    layer
}
