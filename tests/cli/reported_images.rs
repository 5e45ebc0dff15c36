//! Faults about images and builds that users of programs like this one reported.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use test_support::image::sha256;

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
