//! From the source of a real driver to a signed module: its Dockerfile is built against an
//! image of a compiler and kernel headers, made of Debian's packages.

use std::process::Command;

use kmm_preflight::for_tests::{Code, Effect, Stage, Verdict};
use serde_json::json;

use crate::build::push_busybox;
use crate::stages::{KERNEL, Setup, assert_says, assert_verdict, run, work};
use crate::support::registry::Registry;
use crate::support::server::{succeed, tool};

/// Writes an archive with the files of Debian's packages and of all that they depend on, as
/// this machine has them installed.
const ARCHIVE: &str = r#"
set -euo pipefail
# /bin and its like are links to these, which have to be there first.
printf '%s\n' /usr /usr/bin /usr/sbin /usr/lib /usr/lib64 >files
packages="gcc make kmod mawk sed grep coreutils dash findutils linux-headers-$KERNEL"
apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances $packages | grep '^[a-z]' | sort -u |
    xargs dpkg -L | sort -u | grep -v '^/usr/share/\(doc\|man\|locale\|info\)' |
    while read -r file; do
        if [ -L "$file" ] || [ -f "$file" ]; then echo "$file"; fi
    done >>files
printf '%s\n' /etc/alternatives/awk /usr/bin/awk >>files
mkdir -p usr/src/driver
tar -xJf /usr/src/linux-source-6.1.tar.xz -C usr/src/driver --strip-components=3 \
    linux-source-6.1/drivers/net/dummy.c
echo 'obj-m := dummy.o' >usr/src/driver/Makefile
tar --no-recursion -cf layer.tar -T files 2>/dev/null
tar -rf layer.tar usr/src/driver
"#;

/// Pushes that archive as an image and returns its reference.
fn headers_image(registry: &Registry) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    succeed(
        Command::new("bash")
            .args(["-c", ARCHIVE])
            .env("KERNEL", KERNEL)
            .current_dir(folder.path()),
    );
    let reference = registry.reference("toolkit/headers:1");
    let layer = folder.path().join("layer.tar").display().to_string();
    let crane = tool("crane").display().to_string();
    run(&[
        &crane,
        "append",
        "--insecure",
        "-f",
        &layer,
        "-t",
        &reference,
    ]);
    reference
}

/// The driver's Dockerfile, in KMM's manner.
fn dockerfile(base: &str) -> String {
    format!(
        "ARG DTK_AUTO\n\
         FROM ${{DTK_AUTO}} AS builder\n\
         ARG KERNEL_VERSION\n\
         WORKDIR /usr/src/driver\n\
         RUN make -C /usr/src/linux-headers-${{KERNEL_VERSION}} M=$PWD modules\n\
         RUN mkdir -p /opt/lib/modules/${{KERNEL_VERSION}} && \\\n    \
             cp dummy.ko /opt/lib/modules/${{KERNEL_VERSION}}/ && \\\n    \
             depmod -b /opt ${{KERNEL_VERSION}}\n\
         FROM {base}\n\
         ARG KERNEL_VERSION\n\
         COPY --from=builder /opt/lib/modules/${{KERNEL_VERSION}} \
         /opt/lib/modules/${{KERNEL_VERSION}}\n"
    )
}

#[test]
fn a_real_driver_is_compiled_signed_pushed_and_then_found() {
    let registry = Registry::start();
    let toolkit = headers_image(&registry);
    let base = push_busybox(&registry);
    let mut setup = Setup::new();
    setup.push = true;
    setup.dtk_image = Some(toolkit);
    setup.dockerfile(&dockerfile(&base));
    let image = registry.reference("team/driver:1");
    let mut work = work(&image);
    work.modprobe.module_name = "dummy".into();
    work.build = Some(
        serde_json::from_value(json!({
            "dockerfileConfigMap": {"name": "dockerfile"},
            "baseImageRegistryTLS": {"insecure": true},
        }))
        .expect("a build section"),
    );
    work.sign = Some(
        serde_json::from_value(json!({
            "keySecret": {"name": "key"},
            "certSecret": {"name": "cert"},
            "filesToSign": [format!("/opt/lib/modules/{KERNEL}/*.ko")],
        }))
        .expect("a sign section"),
    );
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(&outcome, Code::ImageReplaced, Effect::None, "was pushed as");
    assert!(
        !outcome
            .findings
            .iter()
            .any(|finding| finding.code == Code::DockerfileLint),
        "{:#?}",
        outcome.findings
    );
    let signer = signer_of(&image);
    assert!(signer.contains("module signer"), "{signer}");
    let again = setup.check(work);
    assert_verdict(&again, Stage::Image, Verdict::Verified);
    assert_eq!(again.digest, outcome.digest);
}

/// Who signed the module of the pushed image, as modinfo says.
fn signer_of(image: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let archive = format!("{place}/image.tar");
    let inside = format!("opt/lib/modules/{KERNEL}/dummy.ko");
    let crane = tool("crane").display().to_string();
    run(&[&crane, "export", "--insecure", image, &archive]);
    run(&["tar", "-xf", &archive, "-C", &place, &inside]);
    let output = Command::new("modinfo")
        .args(["-F", "signer"])
        .arg(folder.path().join(inside))
        .output()
        .expect("modinfo starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
