//! Booted kernels of other architectures as the judge: what their loaders have of their own
//! (`arch/*/kernel/module*.c`).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::image::{Image, Layer};
use crate::support::layout::write_layout;
use crate::support::preflight::Preflight;
use crate::support::server::environment;

const INIT: &str = include_str!("init.sh");

/// An architecture with a kernel of it, and how QEMU boots that.
struct Machine {
    arch: &'static str,
    kernel: &'static str,
    image: &'static str,
    emulator: &'static [&'static str],
    console: &'static str,
}

const ARM64: Machine = Machine {
    arch: "arm64",
    kernel: "6.12.117+deb12-arm64",
    image: "vmlinuz",
    emulator: &[
        "qemu-system-aarch64",
        "-M",
        "virt",
        "-cpu",
        "max,pauth-impdef=on",
    ],
    console: "ttyAMA0",
};
const PPC64LE: Machine = Machine {
    arch: "ppc64le",
    kernel: "6.1.0-50-powerpc64le",
    image: "vmlinux",
    emulator: &["qemu-system-ppc64", "-M", "pseries"],
    console: "hvc0",
};
const S390X: Machine = Machine {
    arch: "s390x",
    kernel: "6.1.0-50-s390x",
    image: "vmlinuz",
    emulator: &["qemu-system-s390x"],
    console: "ttysclp0",
};

/// Each module's name, and whether the booted kernel loaded it.
fn ask(machine: &Machine, folder: &Path, modules: &Path) -> BTreeMap<String, bool> {
    let root = folder.join("guest");
    fs::create_dir_all(root.join("bin")).expect("a folder");
    fs::create_dir_all(root.join("modules")).expect("a folder");
    fs::copy(machine.folder().join("busybox"), root.join("bin/busybox")).expect("busybox");
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
    let kernel = format!("root/boot/{}-{}", machine.image, machine.kernel);
    let kernel = machine.folder().join(kernel);
    let output = Command::new("timeout")
        .arg("300")
        .args(machine.emulator)
        .args(["-m", "1024", "-nographic", "-nic", "none", "-append"])
        .arg(format!("console={} quiet", machine.console))
        .arg("-kernel")
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
fn predict(machine: &Machine, folder: &Path, modules: &Path) -> BTreeMap<String, bool> {
    let (arch, kernel) = (machine.arch, machine.kernel);
    let tree = folder.join("tree");
    let below = format!("lib/modules/{kernel}");
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
             metadata: {{name: {}, namespace: {arch}}}\n\
             spec:\n  selector: {{}}\n  moduleLoader:\n    container:\n      \
             modprobe: {{moduleName: {name}}}\n      \
             kernelMappings: [{{literal: {kernel}, containerImage: registry.test/modules:1}}]\n",
            name.replace('_', "-"),
        ));
    }
    let mut depmod = Command::new("depmod");
    // It warns of indexes that only a whole kernel has.
    let depmod = depmod
        .arg("-b")
        .arg(&tree)
        .arg(kernel)
        .stderr(Stdio::null());
    let depmod = depmod.status();
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
        .architecture(arch)
        .created_by("/bin/sh -c depmod")
        .layer(layer);
    let layout = folder.join("layout");
    write_layout(&layout, "registry.test/modules:1", &image.build());
    fs::write(folder.join("modules.yaml"), yaml).expect("a file");
    let report = Preflight::new(["run", "--local", "-o=json", "--progress=none"])
        .arg(format!("--kernel-version={kernel}"))
        .arg(format!("-f={}", folder.join("modules.yaml").display()))
        .arg(format!("--oci-layout={}", layout.display()))
        .arg("--kernel-dir")
        .arg(machine.folder().join("root"))
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

impl Machine {
    fn folder(&self) -> PathBuf {
        environment().join("foreign").join(self.arch)
    }

    fn agrees(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = self.folder().join("modules");
        let truth = ask(self, folder.path(), &modules);
        let loaded = truth.values().filter(|loaded| **loaded).count();
        assert!(
            truth["good"] && loaded > 1 && loaded + 4 < truth.len(),
            "{truth:?}"
        );
        assert_eq!(predict(self, folder.path(), &modules), truth);
    }
}

#[test]
fn an_arm64_kernel_agrees_about_its_sections_and_relocations() {
    ARM64.agrees();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn a_power_kernel_agrees_about_its_sections_and_relocations() {
    PPC64LE.agrees();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn a_z_kernel_agrees_about_its_relocations() {
    S390X.agrees();
}
