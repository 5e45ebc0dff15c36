//! Faults about images and builds that users of programs like this one reported.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use test_support::image::{Built, Image, Layer, sha256};
use test_support::layout::write_layout;

use super::preflight::Preflight;
use super::reported_faults::{KERNEL, TICKER, finding, module, text, with};

/// A Dockerfile whose kernel is written out, or is the build node's.
#[test]
fn a_build_for_another_kernel_than_the_targets_is_told() {
    let hard = "kernel-hard-coded";
    let node = "kernel-of-build-node";
    for (line, lint, quoted) in [
        (
            "RUN dnf install -y kernel-devel-6.8.5-301.fc40.x86_64",
            hard,
            "6.8.5-301.fc40.x86_64",
        ),
        (
            "RUN make -C /lib/modules/6.1.94-99.176.amzn2023.x86_64/build",
            hard,
            "amzn2023",
        ),
        (
            "RUN apt-get install -y linux-headers-5.15.0-1061-aws",
            hard,
            "5.15.0-1061-aws",
        ),
        (
            "ENV KVER=5.15.0-200.131.27.el9uek.x86_64",
            hard,
            "el9uek.x86_64",
        ),
        (
            "RUN apt-get install -y linux-headers-$(uname -r)",
            node,
            "uname -r",
        ),
        (
            "RUN dkms install -m x -v 1 -k $(uname -r)",
            node,
            "uname -r",
        ),
        (
            "RUN make KDIR=/lib/modules/`uname -r`/build",
            node,
            "uname -r",
        ),
        (
            "RUN depmod -b /opt $(uname -r)",
            "depmod-kernel-missing",
            "depmod -b /opt $(uname -r)",
        ),
        (
            "RUN dnf install -y gcc-11.4.1-3.el9.x86_64 make-4.3-8.el9",
            "",
            "",
        ),
        ("RUN echo built on $(uname -r)", "", ""),
    ] {
        let dockerfile = format!(
            "FROM registry.example/b:1\nARG KERNEL_VERSION\n{line}\n\
             COPY ticker.ko /opt/lib/modules/${{KERNEL_VERSION}}/\n\
             RUN depmod -b /opt ${{KERNEL_VERSION}}\n"
        );
        let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "d", "namespace": "ns"}, "data": {"dockerfile": dockerfile}});
        let build = json!({"dockerfileConfigMap": {"name": "d"}});
        let input = with("/spec/moduleLoader/container/build", build);
        let ended = Preflight::new(["explain", "-f=-", "-o=json", "--kernel-version", KERNEL])
            .input(format!("{input}\n{config_map}"))
            .run()
            .code(0);
        let found = finding(&ended, "dockerfile-lint");
        let message = text(&found, "message");
        assert!(message.starts_with(lint), "{line}: {message}");
        assert!(message.contains(quoted), "{line}: {message}");
        assert_eq!(message.is_empty(), lint.is_empty(), "{line}: {message}");
    }
}

/// Some builders write a wrong architecture into the image's configuration: a label.
#[test]
fn the_architecture_of_a_configuration_is_a_label() {
    for (label, has_doubt) in [
        ("amd64", false),
        ("x86_64", false),
        ("x86-64", false),
        ("", false),
        ("arm64", true),
        ("aarch64", true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        relabelled(folder.path(), label);
        let layout = format!("--oci-layout={}", folder.path().display());
        let ended = Preflight::new(["run", "--local", "-f=-", "-o=json", "--progress=none"])
            .args([layout.as_str(), "--kernel-dir=examples/kernel"])
            .arg(format!("--kernel-version={KERNEL}"))
            .input(module("m").to_string())
            .run();
        let verdict = ended.json()["modules"][0]["verdict"].clone();
        assert!(
            verdict != "failed" && verdict != "error",
            "{label}: {}",
            ended.stdout
        );
        let doubt = finding(&ended, "image-arch-missing");
        assert_eq!(doubt != Value::Null, has_doubt, "{label}: {}", ended.stdout);
        Preflight::new(["inspect", TICKER, &layout, "-o=name"])
            .run()
            .code(0);
    }
}

/// The images of the examples, where ticker's configuration names another architecture.
fn relabelled(folder: &Path, architecture: &str) {
    let blob = |digest: &Value| {
        let digest = digest
            .as_str()
            .and_then(|digest| digest.strip_prefix("sha256:"));
        format!("blobs/sha256/{}", digest.expect("a digest"))
    };
    let read = |path: &str| {
        let text = fs::read(Path::new("examples/images").join(path)).expect("a blob");
        serde_json::from_slice::<Value>(&text).expect("JSON")
    };
    fs::create_dir_all(folder.join("blobs/sha256")).expect("a folder");
    let keep = |document: &Value| {
        let bytes = document.to_string().into_bytes();
        let digest = json!(sha256(&bytes));
        fs::write(folder.join(blob(&digest)), &bytes).expect("a blob");
        (digest, bytes.len())
    };
    let mut index = read("index.json");
    let manifests = index["manifests"].as_array_mut().expect("manifests");
    manifests.retain(|one| one["annotations"].to_string().contains("ticker"));
    let mut manifest = read(&blob(&manifests[0]["digest"]));
    for layer in manifest["layers"].as_array().expect("layers") {
        let path = blob(&layer["digest"]);
        fs::copy(Path::new("examples/images").join(&path), folder.join(&path)).expect("a layer");
    }
    let mut config = read(&blob(&manifest["config"]["digest"]));
    config["architecture"] = json!(architecture);
    let (digest, size) = keep(&config);
    manifest["config"]["digest"] = digest;
    manifest["config"]["size"] = json!(size);
    let (digest, size) = keep(&manifest);
    manifests[0]["digest"] = digest;
    manifests[0]["size"] = json!(size);
    manifests[0]
        .as_object_mut()
        .expect("an object")
        .remove("platform");
    fs::write(folder.join("index.json"), index.to_string()).expect("an index");
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("a file");
}

/// depmod ran where the kernel's own modules were not. The link `host` helps nothing then, and a
/// hint that asks for it where it is there blames the wrong thing.
#[test]
fn a_hint_asks_for_no_link_that_is_there() {
    let ticker = || Built::of_layout(Path::new("examples/images"), TICKER);
    let link = |name: &str, target: &str| {
        let layer = Layer::new().symlink(&format!("opt/lib/modules/{KERNEL}/{name}"), target);
        on_top(ticker(), layer)
    };
    let own = format!("/lib/modules/{KERNEL}");
    let before = "before running depmod";
    for (image, asks_for_link) in [
        (link("host", &own), false),
        (link("host", "/elsewhere"), false),
        (ticker(), true),
        (link("kernel", &own), true),
    ] {
        for (symbol, owner) in [
            ("misc_register", "drivers/char/misc"),
            ("simple_read_from_buffer", "fs/libfs"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let images = folder.path().join("images");
            fs::create_dir(&images).expect("a folder");
            write_layout(&images, TICKER, &image);
            exported_by(folder.path(), symbol, owner);
            let ended = Preflight::new(["run", "--local", "-f=-", "-o=json", "--progress=none"])
                .arg(format!("--oci-layout={}", images.display()))
                .arg(format!("--kernel-dir={}", folder.path().display()))
                .arg(format!("--kernel-version={KERNEL}"))
                .input(module("m").to_string())
                .run()
                .code(1);
            let found = finding(&ended, "dependency-missing");
            let name = owner.rsplit('/').next().expect("a name");
            for word in [symbol, name] {
                assert!(text(&found, "message").contains(word), "{word}: {found}");
            }
            let hint = text(&found, "hint");
            assert!(hint.contains(before), "{hint}");
            assert_eq!(hint.contains("ln -s"), asks_for_link, "{hint}");
        }
    }
}

/// The image with one more layer.
fn on_top(mut image: Built, layer: Layer) -> Built {
    let more = Image::new().layer(layer).build();
    let parsed = |image: &Built| serde_json::from_slice::<Value>(&image.manifest).expect("JSON");
    let mut manifest = parsed(&image);
    let layers = manifest["layers"].as_array_mut().expect("layers");
    layers.push(parsed(&more)["layers"][0].clone());
    image.manifest = manifest.to_string().into_bytes();
    image.digest = sha256(&image.manifest);
    image.blobs.extend(more.blobs);
    image
}

/// The facts of the examples, where a module exports the symbol and not the kernel itself.
fn exported_by(folder: &Path, symbol: &str, owner: &str) {
    let facts = Path::new("examples/kernel/lib/modules").join(KERNEL);
    let place = folder.join("usr/src/kernels").join(KERNEL);
    fs::create_dir_all(&place).expect("a folder");
    fs::copy(facts.join("config"), place.join(".config")).expect("a file");
    let packed = fs::File::open(facts.join("symvers.xz")).expect("a file");
    let mut symbols = String::new();
    let mut reader = liblzma::read::XzDecoder::new(packed);
    reader.read_to_string(&mut symbols).expect("a text");
    let of_kernel = format!("\t{symbol}\tvmlinux\t");
    assert!(symbols.contains(&of_kernel), "{symbol}");
    let symbols = symbols.replace(&of_kernel, &format!("\t{symbol}\t{owner}\t"));
    fs::write(place.join("Module.symvers"), symbols).expect("a file");
}
