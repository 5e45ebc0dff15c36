//! Images on disk as skopeo, crane, podman, buildah, registries and OpenShift's tools write them.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::example::{KERNEL, RT_KERNEL, push_release};
use crate::support::image::{Image, Layer};
use crate::support::layout::write_layout;
use crate::support::preflight::Preflight;
use crate::support::registry::Registry;
use crate::support::server::{succeed, tool};

mod oc_mirror;

/// An image of the examples whose module loads on their kernel.
const NAME: &str = "registry.example/drivers/ticker:6.1.0-56-amd64";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn skopeo(more: &[&str], from: &str, to: &str) {
    succeed(
        Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--quiet"])
            .args(more)
            .args([from, to]),
    );
}

/// Holds `inspect` to the module of the image, looked up in one file or folder.
fn holds_the_module(layout: &Path, reference: &str) {
    let ended = Preflight::new(["inspect", reference, "-o", "name", "--oci-layout"])
        .arg(layout)
        .run()
        .code(0);
    assert_eq!(
        ended.stdout,
        "/opt/lib/modules/6.1.0-56-amd64/extra/ticker.ko\n",
        "{}",
        layout.display()
    );
}

/// podman and buildah share a store.
fn with_store(program: &str, store: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--root")
        .arg(store.join("root"))
        .arg("--runroot")
        .arg(store.join("run"))
        .args(["--storage-driver", "vfs"]);
    command
}

#[test]
fn what_every_tool_writes_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let to = |transport: &str, name: &str| format!("{transport}:{}:{NAME}", at(name).display());
    let source = format!("oci:{}:{NAME}", examples().join("images").display());
    let mut written = Vec::new();
    for (transport, name) in [
        ("oci", "skopeo"),
        ("oci-archive", "skopeo-oci.tar"),
        ("docker-archive", "skopeo-docker.tar"),
    ] {
        skopeo(&[], &source, &to(transport, name));
        written.push(name);
    }
    let store = tempfile::tempdir().expect("a folder");
    succeed(
        with_store("podman", store.path())
            .args(["load", "--quiet", "--input"])
            .arg(at("skopeo-docker.tar")),
    );
    for (format, name) in [
        ("docker-archive", "podman-docker.tar"),
        ("oci-archive", "podman-oci.tar"),
        ("oci-dir", "podman"),
    ] {
        succeed(
            with_store("podman", store.path())
                .args(["save", "--quiet", "--format", format, "--output"])
                .arg(at(name))
                .arg(NAME),
        );
        written.push(name);
    }
    for (transport, name) in [("oci", "buildah"), ("docker-archive", "buildah.tar")] {
        succeed(
            with_store("buildah", store.path())
                .args(["push", "--quiet", NAME])
                .arg(to(transport, name)),
        );
        written.push(name);
    }
    let archive = at("skopeo-docker.tar");
    succeed(Command::new("gzip").arg("--keep").arg(archive));
    written.push("skopeo-docker.tar.gz");
    for name in written {
        holds_the_module(&at(name), NAME);
    }
}

#[test]
fn what_comes_from_a_registry_is_read() {
    let registry = Registry::start();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let source = format!("oci:{}:{NAME}", examples().join("images").display());
    let reference = registry.reference("drivers/ticker:6.1.0-56-amd64");
    let target = format!("docker://{reference}");
    skopeo(&["--dest-tls-verify=false"], &source, &target);
    for (format, name) in [
        ("tarball", "crane.tar"),
        ("legacy", "legacy.tar"),
        ("oci", "crane"),
    ] {
        succeed(
            Command::new(tool("crane"))
                .args(["pull", "--insecure", "--annotate-ref", "--format", format])
                .arg(&reference)
                .arg(at(name)),
        );
        holds_the_module(&at(name), &reference);
    }
    let storage = registry.storage();
    let root = storage.ancestors().nth(3).expect("the root of the storage");
    holds_the_module(root, NAME);
    // The mirror's name for an image whose own is another.
    let rules = at("registries.conf");
    let rule = "[[registry]]\nlocation = 'registry.invalid/vendor'\n\
                [[registry.mirror]]\nlocation = 'mirror.invalid:5000/drivers'\n";
    std::fs::write(&rules, rule).expect("rules");
    let elsewhere = "registry.invalid/vendor/ticker:6.1.0-56-amd64";
    let inspect = || {
        let call = Preflight::new(["inspect", elsewhere, "-o", "name", "--oci-layout"]);
        call.arg(root)
    };
    inspect().run().code(3);
    let ended = inspect().arg("--registries-conf").arg(&rules).run().code(0);
    assert!(ended.stdout.ends_with("/ticker.ko\n"), "{}", ended.stdout);
}

/// On a laptop of another architecture than the nodes'.
#[test]
fn an_image_for_one_architecture_needs_no_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = match std::env::consts::ARCH {
        "s390x" => "ppc64le",
        _ => "s390x",
    };
    let layer = Layer::default().file("opt/lib/modules/5.14.0/a.ko", b"no module");
    let image = Image::default().architecture(other).layer(layer).build();
    write_layout(folder.path(), "x.example/a:1", &image);
    let ended = Preflight::new(["inspect", "x.example/a:1", "-o", "json", "--oci-layout"])
        .arg(folder.path())
        .run()
        .code(0);
    assert_eq!(ended.json()["arch"], other);
    // Without an index nothing is chosen: the configuration's architecture is a label, and
    // containers/image goes on (`copy/single.go`).
    let named = Preflight::new(["inspect", "x.example/a:1", "--arch=arm64", "-o", "json"])
        .arg("--oci-layout")
        .arg(folder.path())
        .run()
        .code(0);
    assert_eq!(named.json()["digest"], ended.json()["digest"]);
}

/// A release and its driver toolkit, each in an archive of another kind.
#[test]
fn the_kernel_of_a_release_is_read_from_archives() {
    let registry = Registry::start();
    let release = push_release(&registry, "4.18.9", RT_KERNEL);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let toolkit = registry.reference("ocp/driver-toolkit:4.18.9");
    for (kind, name, image) in [
        ("docker-archive", "release-docker.tar", &release.image),
        ("oci-archive", "release-oci.tar", &release.image),
        ("docker-archive", "toolkit-docker.tar", &toolkit),
        ("oci-archive", "toolkit-oci.tar", &toolkit),
    ] {
        let from = format!("docker://{image}");
        let to = format!("{kind}:{}:{image}", at(name).display());
        skopeo(&["--src-tls-verify=false"], &from, &to);
    }
    drop(registry);
    let kernel = |image: &str, archives: &[&str]| {
        let mut call = Preflight::new(["kernel", image, "-o", "json"]);
        for archive in archives {
            call = call.arg("--oci-layout").arg(at(archive));
        }
        call.run()
    };
    for archive in ["toolkit-docker.tar", "toolkit-oci.tar"] {
        let told = kernel(&toolkit, &[archive]).code(0).json();
        assert_eq!(told["kernels"][0]["kernelVersion"], KERNEL, "{archive}");
        assert_eq!(
            told["kernels"][0]["rtKernelVersion"], RT_KERNEL,
            "{archive}"
        );
    }
    // The release names its toolkit by digest, which OCI archives keep.
    for archive in ["release-docker.tar", "release-oci.tar"] {
        let told = kernel(&release.image, &[archive, "toolkit-oci.tar"])
            .code(0)
            .json();
        assert_eq!(told["kernels"][0]["kernelVersion"], KERNEL, "{archive}");
        assert_eq!(
            told["kernels"][0]["dtkImage"], release.dtk_image,
            "{archive}"
        );
    }
    let ended = kernel(&release.image, &["release-oci.tar"]).code(3);
    assert!(
        ended.stderr.contains("ocp/driver-toolkit@sha256:"),
        "{}",
        ended.stderr
    );
}

/// Several images in one archive, one of them behind an index, by name and by digest.
#[test]
fn a_run_without_network_says_where_the_images_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("all.tar");
    succeed(
        Command::new("tar")
            .args(["--create", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(examples().join("images"))
            .arg("."),
    );
    let report = Preflight::new(["run", "--local", "-o", "json", "--progress=none"])
        .args([
            "-f",
            "examples/modules.yaml",
            "--kernel-dir=examples/kernel",
        ])
        .args(["--kernel-version=6.1.0-56-amd64", "--oci-layout"])
        .arg(&archive)
        .run()
        .code(1)
        .json();
    let verdicts: Vec<_> = report["modules"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["verdict"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(verdicts, ["failed", "failed", "verified"]);
    let digest = report["modules"][2]["digest"].as_str().expect("a digest");
    holds_the_module(&archive, &format!("elsewhere.example/any@{digest}"));

    let docker = folder.path().join("docker.tar");
    skopeo(
        &[],
        &format!("oci-archive:{}:{NAME}", archive.display()),
        &format!("docker-archive:{}:{NAME}", docker.display()),
    );
    let named = folder.path().join("named");
    let module = std::fs::read_to_string("examples/modules.yaml").expect("the examples");
    let (ticker, _) = module.split_once("---").expect("several documents");
    skopeo(
        &[],
        &format!("oci-archive:{}:{NAME}", archive.display()),
        &format!("oci:{}:6.1.0-56-amd64", named.display()),
    );
    for (layout, words) in [
        (&docker, "its digest differs from the registry's"),
        (&named, "where its name is 6.1.0-56-amd64"),
    ] {
        let report = Preflight::new(["run", "--local", "-o", "json", "--progress=none"])
            .args(["-f", "-", "--kernel-dir=examples/kernel"])
            .args(["--kernel-version=6.1.0-56-amd64", "--oci-layout"])
            .arg(layout)
            .input(ticker)
            .run()
            .code(0)
            .json();
        let findings = report["modules"][0]["findings"].as_array();
        let mirrored = |finding: &&serde_json::Value| finding["code"] == "image-mirrored";
        let finding = findings.expect("findings").iter().find(mirrored);
        let finding = finding.expect("the mirror is told");
        assert_eq!(finding["severity"], "info");
        let message = finding["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{message}");
    }
}
