//! A booted arm64 kernel as the judge: what its loader has of its own
//! (`arch/arm64/kernel/module.c`, `module-plts.c`).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::image::{Image, Layer};
use crate::support::layout::write_layout;
use crate::support::preflight::Preflight;
use crate::support::server::environment;

const KERNEL: &str = "6.12.117+deb12-arm64";
const INIT: &str = include_str!("init.sh");

/// Each module's name, and whether the booted kernel loaded it.
fn ask(folder: &Path, modules: &Path) -> BTreeMap<String, bool> {
    let root = folder.join("guest");
    fs::create_dir_all(root.join("bin")).expect("a folder");
    fs::create_dir_all(root.join("modules")).expect("a folder");
    fs::copy(
        environment().join("arm64/busybox"),
        root.join("bin/busybox"),
    )
    .expect("busybox");
    fs::write(root.join("init"), INIT).expect("a script");
    for program in ["init", "bin/busybox"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.join(program), mode).expect("a mode");
    }
    for module in fs::read_dir(modules).expect("modules") {
        let module = module.expect("a module");
        fs::copy(module.path(), root.join("modules").join(module.file_name())).expect("a copy");
    }
    let archive = folder.join("initramfs.cpio");
    let packed = Command::new("sh")
        .arg("-c")
        .arg("find . | cpio --quiet -o -H newc >\"$0\"")
        .arg(&archive)
        .current_dir(&root)
        .status();
    assert!(packed.expect("cpio").success());
    let kernel = environment().join(format!("arm64/root/boot/vmlinuz-{KERNEL}"));
    let output = Command::new("timeout")
        .args(["300", "qemu-system-aarch64", "-M", "virt"])
        .args(["-cpu", "max,pauth-impdef=on", "-m", "512", "-nographic"])
        .args([
            "-nic",
            "none",
            "-append",
            "console=ttyAMA0 quiet",
            "-kernel",
        ])
        .arg(kernel)
        .arg("-initrd")
        .arg(archive)
        .stdin(Stdio::null())
        .output()
        .expect("QEMU");
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(said.lines().any(|line| line == "END"), "{said}");
    let answers = said.lines().filter_map(|line| {
        let mut words = line.strip_prefix("CASE ")?.split(' ');
        Some((words.next()?.to_owned(), words.next()? == "loaded"))
    });
    answers.collect()
}

/// Each module's name, and whether `run --local` verified it.
fn predict(folder: &Path, modules: &Path) -> BTreeMap<String, bool> {
    let tree = folder.join("tree");
    let below = format!("lib/modules/{KERNEL}");
    fs::create_dir_all(tree.join(&below)).expect("a folder");
    let mut yaml = String::new();
    let mut layer = Layer::new();
    for module in fs::read_dir(modules).expect("modules") {
        let name = module.expect("a module").file_name();
        let name = name.to_str().expect("a name");
        let bytes = fs::read(modules.join(name)).expect("a module");
        fs::write(tree.join(&below).join(name), &bytes).expect("a file");
        layer = layer.file(&format!("opt/{below}/{name}"), &bytes);
        let name = name.trim_end_matches(".ko");
        yaml.push_str(&format!(
            "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
             metadata: {{name: {}, namespace: arm64}}\n\
             spec:\n  selector: {{}}\n  moduleLoader:\n    container:\n      \
             modprobe: {{moduleName: {name}}}\n      \
             kernelMappings: [{{literal: {KERNEL}, containerImage: registry.test/arm64:1}}]\n",
            name.replace('_', "-"),
        ));
    }
    let mut depmod = Command::new("depmod");
    let depmod = depmod.arg("-b").arg(&tree).arg(KERNEL).status();
    assert!(depmod.expect("depmod").success());
    for index in fs::read_dir(tree.join(&below)).expect("a folder") {
        let index = index.expect("an index").file_name();
        let index = index.to_str().expect("a name");
        if index.starts_with("modules.") {
            let bytes = fs::read(tree.join(&below).join(index)).expect("an index");
            layer = layer.file(&format!("opt/{below}/{index}"), &bytes);
        }
    }
    let image = Image::new()
        .architecture("arm64")
        .created_by("/bin/sh -c depmod")
        .layer(layer);
    let layout = folder.join("layout");
    write_layout(&layout, "registry.test/arm64:1", &image.build());
    fs::write(folder.join("modules.yaml"), yaml).expect("a file");
    let report = Preflight::new(["run", "--local", "-o=json", "--progress=none"])
        .arg(format!("--kernel-version={KERNEL}"))
        .arg(format!("-f={}", folder.join("modules.yaml").display()))
        .arg(format!("--oci-layout={}", layout.display()))
        .arg("--kernel-dir")
        .arg(environment().join("arm64/root"))
        .run()
        .json();
    let rows = report["modules"].as_array().expect("rows").iter();
    rows.map(|row| {
        let name = row["name"].as_str().expect("a name").replace('-', "_");
        let verdict = row["verdict"].as_str().expect("a verdict");
        assert!(matches!(verdict, "verified" | "failed"), "{row}");
        (name, verdict == "verified")
    })
    .collect()
}

#[test]
fn an_arm64_kernel_agrees_about_its_sections_and_relocations() {
    let folder = tempfile::tempdir().expect("a folder");
    let modules = environment().join("arm64/modules");
    let truth = ask(folder.path(), &modules);
    assert!(truth.len() > 15, "{truth:?}");
    assert!(truth["good"] && !truth["without_plt"], "{truth:?}");
    assert_eq!(predict(folder.path(), &modules), truth);
}
