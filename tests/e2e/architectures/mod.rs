//! Kernels of other architectures as the judge, booted by the product (`--boot`): what their
//! loaders have of their own (`arch/*/kernel/module*.c`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::image::{Image, Layer};
use crate::support::layout::write_layout;
use crate::support::preflight::{Ended, Preflight};
use crate::support::server::{environment, succeed};

/// An architecture with a kernel of it.
struct Machine {
    arch: &'static str,
    kernel: &'static str,
}

const ARM64: Machine = Machine {
    arch: "arm64",
    kernel: "6.12.117+deb12-arm64",
};
const PPC64LE: Machine = Machine {
    arch: "ppc64le",
    kernel: "6.1.0-50-powerpc64le",
};
const S390X: Machine = Machine {
    arch: "s390x",
    kernel: "6.1.0-50-s390x",
};

impl Machine {
    fn folder(&self) -> PathBuf {
        environment().join("foreign").join(self.arch)
    }

    /// Writes an image with every module that is wanted, and a Module for each of them.
    fn write_inputs(&self, folder: &Path, wanted: impl Fn(&str) -> bool) {
        let modules = self.folder().join("modules");
        let kernel = self.kernel;
        let tree = folder.join("tree");
        let below = format!("lib/modules/{kernel}");
        fs::create_dir_all(tree.join(&below)).expect("a folder");
        let mut yaml = String::new();
        let mut layer = Layer::new();
        for module in fs::read_dir(&modules).expect("modules") {
            let name = module.expect("a module").file_name();
            let name = name.to_str().expect("a name");
            if !wanted(name) {
                continue;
            }
            let bytes = fs::read(modules.join(name)).expect("a module");
            fs::write(tree.join(&below).join(name), &bytes).expect("a file");
            layer = layer.file(&format!("opt/{below}/{name}"), &bytes);
            let name = name.trim_end_matches(".ko");
            yaml.push_str(&format!(
                "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
                 metadata: {{name: {}, namespace: {}}}\n\
                 spec:\n  selector: {{}}\n  moduleLoader:\n    container:\n      \
                 modprobe: {{moduleName: {name}}}\n      \
                 kernelMappings: [{{literal: {kernel}, containerImage: registry.test/modules:1}}]\n",
                name.replace('_', "-"),
                self.arch,
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
            .architecture(self.arch)
            .created_by("/bin/sh -c depmod")
            .layer(layer);
        let layout = folder.join("layout");
        write_layout(&layout, "registry.test/modules:1", &image.build());
        fs::write(folder.join("modules.yaml"), yaml).expect("a file");
    }

    /// What the kernel below a root answers about the inputs.
    fn ask(&self, folder: &Path, root: &Path) -> Ended {
        Preflight::new(["run", "--local", "-o=json", "--progress=none"])
            .arg(format!("--kernel-version={}", self.kernel))
            .arg(format!("-f={}", folder.join("modules.yaml").display()))
            .arg(format!("--oci-layout={}", folder.join("layout").display()))
            .arg("--kernel-dir")
            .arg(root)
            .args(["--boot", "require"])
            .run()
    }

    /// What the kernel answers about every module, and what was predicted.
    fn agrees(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        self.write_inputs(folder, |_| true);
        let report = self.ask(folder, &self.folder().join("root")).code(1).json();
        let rows = report["modules"].as_array().expect("rows");
        let mut loaded = 0;
        for row in rows {
            let codes: Vec<&str> = row["findings"]
                .as_array()
                .expect("findings")
                .iter()
                .filter_map(|finding| finding["code"].as_str())
                .collect();
            let has = |code| codes.contains(&code);
            assert!(!has("boot-disagrees"), "{row:#}");
            assert!(has("boot-loaded") != has("boot-refused"), "{row:#}");
            let verdict = match has("boot-loaded") {
                true => "verified",
                false => "failed",
            };
            assert_eq!(row["verdict"], verdict, "{row:#}");
            loaded += usize::from(has("boot-loaded"));
        }
        let good = rows.iter().find(|row| row["name"] == "good");
        assert_eq!(
            good.map(|row: &Value| &row["verdict"]),
            Some(&"verified".into())
        );
        assert!(loaded > 1 && loaded + 4 < rows.len(), "{loaded} loaded");
    }
}

#[test]
fn an_arm64_kernel_agrees_about_its_sections_and_relocations() {
    ARM64.agrees();
}

/// A compressed kernel, and an EFI program that unpacks it (`CONFIG_EFI_ZBOOT`,
/// `zboot-header.S`): as QEMU starts neither of each packing, both are unpacked before.
#[test]
#[ignore = "scripts/test --all asks it"]
fn an_arm64_kernel_is_booted_however_it_is_packed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inputs, root) = (folder.path(), folder.path().join("root"));
    ARM64.write_inputs(inputs, |name| name == "good.ko");
    let modules = format!("lib/modules/{}", ARM64.kernel);
    succeed(
        Command::new("cp")
            .arg("-a")
            .arg(ARM64.folder().join("root"))
            .arg(&root),
    );
    fs::remove_dir_all(root.join(&modules).join("kernel")).expect("in-tree modules");
    let place = root.join(format!("boot/vmlinuz-{}", ARM64.kernel));
    let plain = fs::read(&place).expect("the kernel");
    assert_eq!(&plain[56..60], b"ARM\x64", "it is not packed");
    fs::write(inputs.join("plain"), plain).expect("a file");
    for (program, words) in [
        ("gzip", &["-c1"][..]),
        ("zstd", &["-qc1"]),
        ("xz", &["-c0", "--check=crc32"]),
        ("lz4", &["-qcl"]),
    ] {
        let packed = succeed(Command::new(program).args(words).arg(inputs.join("plain"))).stdout;
        for file in [efi_program(&packed, program), packed] {
            fs::write(&place, file).expect("a packed kernel");
            let report = ARM64.ask(inputs, &root).code(0).json();
            let row = &report["modules"][0];
            assert_eq!(row["verdict"], "verified", "{program}: {row:#}");
            assert!(
                row.to_string().contains("boot-loaded"),
                "{program}: {row:#}"
            );
        }
    }
}

/// A kernel behind the header of an EFI program that unpacks it.
fn efi_program(packed: &[u8], packing: &str) -> Vec<u8> {
    const HEADER: u32 = 0x1000;
    let length = u32::try_from(packed.len()).expect("a kernel");
    let mut program = b"MZ\0\0zimg".to_vec();
    program.extend(HEADER.to_le_bytes());
    program.extend(length.to_le_bytes());
    program.extend([0; 8]);
    program.extend(packing.as_bytes());
    program.resize(HEADER as usize, 0);
    program.extend(packed);
    program
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
