//! Releases with several operating systems, and images whose kernels are none.

use std::path::Path;

use serde_json::{Value, json};
use test_support::image::{Built, Image, Layer, release_image};
use test_support::layout::write_layout;

use super::preflight::{Ended, Preflight};

const K9: &str = "5.14.0-570.el9.x86_64";
const K9_RT: &str = "5.14.0-570.el9.x86_64+rt";
const K10: &str = "6.12.0-55.el10.x86_64";
const K10_OS: &str = "6.12.0-56.el10.x86_64";

/// A driver-toolkit image; `stream` is its label.
fn toolkit(kernel: &str, rt: &str, stream: Option<&str>) -> Image {
    let release = json!({"KERNEL_VERSION": kernel, "RT_KERNEL_VERSION": rt, "RHEL_VERSION": ""});
    let labels = stream.map_or(
        json!({}),
        |name| json!({"io.openshift.os.streamclass": name}),
    );
    Image::new()
        .layer(Layer::new().file(
            "etc/driver-toolkit-release.json",
            release.to_string().as_bytes(),
        ))
        .config(json!({"Labels": labels}))
}

/// A machine-os image whose lower layer has another kernel, which the upper one removes.
fn machine_os(kernel: &str) -> Image {
    let folder = |kernel: &str| format!("usr/lib/modules/{kernel}");
    let base = Layer::new()
        .file(&format!("{}/vmlinuz", folder("5.14.0-1.base")), b"k")
        .file("usr/lib/modules/README", b"text");
    let top = Layer::new()
        .whiteout(&folder("5.14.0-1.base"))
        .file(&format!("{}/vmlinuz", folder(kernel)), b"k")
        .dir(&folder("5.14.0-9.without-vmlinuz"));
    // The label is inherited from the base.
    Image::new()
        .layer(base)
        .layer(top)
        .config(json!({"Labels": {"ostree.linux": "5.14.0-1.base"}}))
}

fn reference(name: &str) -> String {
    format!("registry.example/ocp/{name}:1")
}

fn put(dir: &Path, name: &str, image: &Built) -> String {
    write_layout(dir, &reference(name), image);
    reference(name)
}

/// Writes a release with these tags.
fn release(dir: &Path, name: &str, version: &str, tags: &[(&str, String)]) -> String {
    put(dir, name, &release_image(version, tags).build())
}

/// A release with two operating systems: one by labels, one by the names of its tags.
fn two_streams(dir: &Path) -> String {
    let tags = [
        (
            "driver-toolkit",
            put(dir, "dtk9", &toolkit(K9, K9_RT, Some("rhel-9")).build()),
        ),
        (
            "driver-toolkit-10",
            put(
                dir,
                "dtk10",
                &toolkit(K10, "package kernel-rt-core is not installed", None).build(),
            ),
        ),
        ("rhel-coreos-10", {
            let mut os = machine_os(K10_OS);
            os = os.config(json!({}));
            put(dir, "os10", &os.build())
        }),
        ("rhel-coreos-10-extensions", reference("absent")),
    ];
    release(dir, "release", "5.0.1", &tags)
}

fn call(dir: &Path, words: &[&str]) -> Ended {
    Preflight::new(words.iter().copied())
        .arg("--oci-layout")
        .arg(dir)
        .run()
}

fn targets(dir: &Path, words: &[&str]) -> Vec<Value> {
    let ended = call(
        dir,
        &[&["targets", "-o=json", "--arch=amd64"], words].concat(),
    )
    .code(0);
    let list = ended.json()["targets"].as_array().cloned();
    list.expect("a list of targets")
}

#[test]
fn a_release_with_two_streams_is_checked_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let release = two_streams(dir);
    let image = ["--release-image", &release];
    let found = targets(dir, &image);
    let seen: Vec<(&Value, &Value)> = found
        .iter()
        .map(|t| (&t["kernelVersion"], &t["osStream"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!(K9), &json!("rhel-9")),
            (&json!(K10_OS), &json!("rhel-10"))
        ]
    );
    for target in &found {
        assert_eq!(target["release"], "5.0.1");
        assert_eq!(target["kernelType"], "default");
        assert_eq!(target["arch"], "amd64");
        assert_eq!(target["pools"], json!([]));
        assert!(target["nodes"].is_null());
    }
    assert_eq!(found[0]["dtkImage"], reference("dtk9"));
    assert_eq!(found[1]["dtkImage"], reference("dtk10"));

    let only = targets(dir, &[&image[..], &["--os-stream=rhel-10"]].concat());
    assert_eq!(only.len(), 1);
    assert_eq!(only[0]["kernelVersion"], K10_OS);
    let rt = targets(dir, &[&image[..], &["--rt"]].concat());
    assert_eq!(rt.len(), 1);
    assert_eq!(
        (&rt[0]["kernelVersion"], &rt[0]["kernelType"]),
        (&json!(K9_RT), &json!("realtime"))
    );
    let both = targets(
        dir,
        &[
            &image[..],
            &["--kernel-type=realtime", "--kernel-type=default"],
        ]
        .concat(),
    );
    assert_eq!(both.len(), 3);

    let ended = call(
        dir,
        &[
            "targets",
            "--release-image",
            &release,
            "--os-stream=rhel-8",
            "--arch=amd64",
        ],
    );
    let ended = ended.code(2);
    assert!(ended.stderr.contains("rhel-9, rhel-10"), "{}", ended.stderr);
    let ended = call(
        dir,
        &["targets", "--release-image", &release, "--arch=amd64"],
    )
    .code(0);
    for word in [K10, K10_OS, "machine-os image"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert!(ended.stdout.contains("rhel-10"), "{}", ended.stdout);
}

#[test]
fn a_kernel_that_is_none_is_told_and_nothing_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    for (name, rt) in [
        ("text", "package kernel-rt-core is not installed"),
        ("same", K9),
        ("empty", ""),
    ] {
        let image = put(dir, name, &toolkit(K9, rt, Some("rhel-9")).build());
        for words in [
            &["targets", "--rt", "--dtk-image", &image][..],
            &[
                "run",
                "--local",
                "-f=examples/modules.yaml",
                "--kernel-type=realtime",
                "--dtk-image",
                &image,
            ],
        ] {
            let ended = call(dir, &[words, &["--arch=amd64"]].concat()).code(3);
            assert!(
                ended.stderr.contains("no real-time kernel"),
                "{}",
                ended.stderr
            );
            assert!(ended.stdout.is_empty(), "{}", ended.stdout);
        }
        let ended = call(dir, &["kernel", &image, "-o=json", "--arch=amd64"]).code(0);
        assert!(ended.json()["kernels"][0]["rtKernelVersion"].is_null());
    }
    let bad = put(
        dir,
        "bad",
        &toolkit("package kernel-core is not installed", "", None).build(),
    );
    let ended = call(dir, &["kernel", &bad, "--arch=amd64"]).code(3);
    assert!(
        ended.stderr.contains("not a kernel version"),
        "{}",
        ended.stderr
    );
}

#[test]
fn kernel_lists_every_image_of_a_release_and_reads_machine_os_images() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let release = two_streams(dir);
    let ended = call(dir, &["kernel", &release, "-o=json", "--arch=amd64"]).code(0);
    let kernels = ended.json()["kernels"].clone();
    assert_eq!(kernels[0]["kernelVersion"], K9);
    assert_eq!(kernels[0]["rtKernelVersion"], K9_RT);
    assert_eq!(kernels[1]["kernelVersion"], K10_OS);
    assert_eq!(kernels[1]["osImage"], reference("os10"));
    assert_eq!(kernels.as_array().map(Vec::len), Some(2));

    // The kernel is the folder that the layers leave, whatever the label says.
    let layered = put(
        dir,
        "layered",
        &machine_os("5.14.0-2.hotfix.el9.x86_64").build(),
    );
    let ended = call(dir, &["kernel", &layered, "-o=json", "--arch=amd64"]).code(0);
    assert_eq!(
        ended.json()["kernels"][0]["kernelVersion"],
        "5.14.0-2.hotfix.el9.x86_64"
    );
    let found = targets(dir, &["--os-image", &layered]);
    assert_eq!(found[0]["kernelVersion"], "5.14.0-2.hotfix.el9.x86_64");
}

#[test]
fn a_release_with_an_image_that_cannot_be_read_keeps_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let tags = [
        (
            "driver-toolkit",
            put(dir, "dtk9", &toolkit(K9, K9_RT, None).build()),
        ),
        ("driver-toolkit-10", "127.0.0.1:9/absent:1".to_owned()),
    ];
    let release = release(dir, "release", "5.0.1", &tags);
    let ended = call(
        dir,
        &[
            "targets",
            "--release-image",
            &release,
            "-o=name",
            "--arch=amd64",
        ],
    );
    let ended = ended.code(0);
    assert_eq!(ended.stdout, format!("{K9}\n"));
    assert!(
        ended.stderr.contains("127.0.0.1:9/absent:1"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_64k_kernel_is_one_that_the_toolkit_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let kernel = "5.14.0-570.el9.aarch64";
    let image = |with_64k: bool| {
        let mut image = toolkit(kernel, "", Some("rhel-9")).architecture("arm64");
        if with_64k {
            let config = format!("usr/src/kernels/{kernel}+64k/.config");
            image = image.layer(Layer::new().file(&config, b"CONFIG_ARM64_64K_PAGES=y\n"));
        }
        image.build()
    };
    let with = put(dir, "with", &image(true));
    let without = put(dir, "without", &image(false));
    let words = [
        "targets",
        "-o=name",
        "--kernel-type=64k-pages",
        "--arch=arm64",
        "--dtk-image",
    ];
    let ended = call(dir, &[&words[..], &[&with]].concat()).code(0);
    assert_eq!(ended.stdout, format!("{kernel}+64k\n"));
    let ended = call(dir, &[&words[..], &[&without]].concat()).code(3);
    assert!(
        ended.stderr.contains("no 64k-pages kernel"),
        "{}",
        ended.stderr
    );
    let ended = call(dir, &["kernel", &with, "--arch=arm64"]).code(0);
    assert!(ended.stdout.contains("+64k"), "{}", ended.stdout);
}
