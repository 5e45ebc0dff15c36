//! The machine-os image of a release whose driver-toolkit image has the same kernel.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use test_support::image::{Built, Image, Layer, release_image};
use test_support::layout::write_layout;

use super::bad_input::module;
use super::preflight::Preflight;

const KERNEL: &str = "6.1.0-56-amd64";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn folder() -> String {
    format!("usr/lib/modules/{KERNEL}")
}

/// It has the facts of the examples, and lists another in-tree module.
fn toolkit() -> Built {
    let told = json!({"KERNEL_VERSION": KERNEL}).to_string();
    let facts = format!("{ROOT}/examples/kernel/lib/modules/{KERNEL}");
    let fact = |name: &str| fs::read(format!("{facts}/{name}")).expect("a fact");
    let layer = Layer::new()
        .file("etc/driver-toolkit-release.json", told.as_bytes())
        .file(&format!("{}/config", folder()), &fact("config"))
        .file(&format!("{}/symvers.xz", folder()), &fact("symvers.xz"))
        .file(&format!("{}/modules.dep", folder()), b"kernel/other.ko:\n");
    Image::new().layer(layer).build()
}

/// It lists one in-tree module. Its label names the kernel, as that of a payload does.
fn machine_os() -> Built {
    let list = b"kernel/drivers/hid/wanted.ko:\n";
    let layer = Layer::new()
        .file(&format!("{}/vmlinuz", folder()), b"k")
        .file(&format!("{}/modules.dep", folder()), list);
    let labels = json!({"Labels": {"ostree.linux": KERNEL}});
    Image::new().layer(layer).config(labels).build()
}

/// The row of the examples' `ticker`, with a release of these images.
fn row(dir: &Path, to_remove: &str, machine_os: &Built) -> Value {
    let reference = |name: &str| format!("registry.example/ocp/{name}:1");
    let tags = [
        ("driver-toolkit", reference("dtk")),
        ("rhel-coreos", reference("os")),
    ];
    let release = release_image("4.20.1", &tags).build();
    for (name, image) in [
        ("dtk", &toolkit()),
        ("os", machine_os),
        ("release", &release),
    ] {
        write_layout(dir, &reference(name), image);
    }
    let module = module(&format!(
        "inTreeModulesToRemove: [{to_remove}]\n      kernelMappings: [{{regexp: '.', \
         containerImage: 'registry.example/drivers/ticker:{KERNEL}'}}]"
    ));
    let module = module.replace("moduleName: m", "moduleName: ticker");
    let report = Preflight::new(["run", "--local", "-f=-", "-o=json", "--progress=none"])
        .args(["--release-image", &reference("release"), "--arch=amd64"])
        .arg(format!("--oci-layout={ROOT}/examples/images"))
        .arg("--oci-layout")
        .arg(dir)
        .input(module)
        .run()
        .json();
    report["modules"][0].clone()
}

/// It is large, and decides only about in-tree modules. Where it cannot be read, the toolkit's list
/// counts, as it does where no machine-os image is known.
#[test]
fn it_is_read_only_where_the_nodes_modules_decide() {
    let mut gone = machine_os();
    gone.blobs.retain(|_, bytes| bytes.starts_with(b"{"));
    for (to_remove, machine_os, is_missed) in [
        ("", &gone, false),
        ("other", &gone, false),
        ("wanted", &gone, true),
        ("wanted", &machine_os(), false),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let row = row(dir.path(), to_remove, machine_os);
        assert_eq!(row["verdict"], "verified", "{row:#}");
        for message in [
            "no in-tree module file wanted.ko",
            "no facts about the kernel from machine-os image",
        ] {
            assert_eq!(row.to_string().contains(message), is_missed, "{row:#}");
        }
    }
}
