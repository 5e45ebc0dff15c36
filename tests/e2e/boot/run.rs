//! Calls of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::setup::{Folder, Kernel};
use crate::support::image::{Image, Layer, release_image};
use crate::support::layout::write_layout;
use crate::support::preflight::{Ended, Preflight};
use crate::support::server::{environment, succeed};

/// A call of `run --local` and its inputs.
pub(crate) struct Run {
    kernel: Kernel,
    folder: TempDir,
}

impl Run {
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("images")).expect("a folder");
        fs::create_dir(folder.path().join("modules")).expect("a folder");
        Self {
            kernel: kernel.clone(),
            folder,
        }
    }

    /// Takes a copy of the kernel's folder instead, which may be changed.
    pub(crate) fn copy_of_kernel(&mut self) -> PathBuf {
        let copy = self.folder.path().join("kernel");
        succeed(
            Command::new("cp")
                .arg("-a")
                .arg(&self.kernel.root)
                .arg(&copy),
        );
        self.kernel.root.clone_from(&copy);
        copy
    }

    /// A layer with the kernel, its headers and indexes, and the in-tree modules of these names.
    /// No index has those of the others.
    pub(crate) fn kernel_layer(&self, has: &[&str], lacks: &[&str]) -> Layer {
        let kernel = &self.kernel.release;
        let vmlinuz = self.kernel.root.join(format!("boot/vmlinuz-{kernel}"));
        let place = format!("usr/lib/modules/{kernel}/vmlinuz");
        let layer = self.layer_of_facts(has, lacks, &["Module.symvers", ".config"]);
        layer.file(&place, &read(&vmlinuz))
    }

    /// The same without the list of symbols.
    pub(crate) fn layer_without_symbols(&self, has: &[&str]) -> Layer {
        self.layer_of_facts(has, &[], &[".config"])
    }

    /// The same without the kernel itself, as a driver-toolkit image of a release has it.
    pub(crate) fn toolkit_layer(&self, has: &[&str], lacks: &[&str]) -> Layer {
        let told = json!({"KERNEL_VERSION": self.kernel.release});
        let place = "etc/driver-toolkit-release.json";
        let layer = self.layer_of_facts(has, lacks, &["Module.symvers", ".config"]);
        layer.file(place, told.to_string().as_bytes())
    }

    fn layer_of_facts(&self, has: &[&str], lacks: &[&str], headers: &[&str]) -> Layer {
        let kernel = &self.kernel.release;
        let is_one_of = |path: &str, names: &[&str]| {
            let file = path.rsplit('/').next().unwrap_or(path);
            names
                .iter()
                .any(|name| file.split('.').next() == Some(name))
        };
        let modules = self.kernel.root.join("lib/modules").join(kernel);
        let place = |path: &str| format!("usr/lib/modules/{kernel}/{path}");
        let mut layer = Layer::new();
        for entry in fs::read_dir(&modules).expect("the kernel's folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_file() && name != "modules.dep" {
                layer = layer.file(&place(&name), &read(&path));
            }
        }
        let mut listed = String::new();
        let list = fs::read_to_string(modules.join("modules.dep")).expect("a list");
        for line in list.lines() {
            let path = line.split(':').next().expect("a path");
            if !is_one_of(path, lacks) {
                listed += &format!("{line}\n");
            }
            if is_one_of(path, has) {
                layer = layer.file(&place(path), &read(&modules.join(path)));
            }
        }
        let mut layer = layer.file(&place("modules.dep"), listed.as_bytes());
        for name in headers {
            let place = format!("usr/src/kernels/{kernel}/{name}");
            layer = layer.file(&place, &read(&self.kernel.root.join(&place)));
        }
        layer
    }

    /// Writes an image that is no Module's.
    pub(crate) fn put_image(&self, reference: &str, layer: Layer) {
        let image = Image::new().layer(layer).build();
        write_layout(&self.folder.path().join("images"), reference, &image);
    }

    /// The same call with a machine-os image as the source of the kernel, its facts, and the
    /// programs of the guest, among them this shell.
    pub(crate) fn call_with_machine_os(&self, shell: &str, words: &[&str]) -> Ended {
        let mut layer = self.kernel_layer(&[], &[]);
        let mut add = |to: String, from: &Path| {
            layer = std::mem::take(&mut layer).program(&to, &read(from));
        };
        let mut libraries = std::collections::BTreeSet::new();
        for (name, from) in [
            ("bash", shell.into()),
            ("mount", "/bin/mount".into()),
            ("kmod", environment().join("kmod/kmod")),
        ] {
            add(format!("usr/bin/{name}"), &from);
            let output = succeed(Command::new("ldd").arg(&from));
            let words = String::from_utf8_lossy(&output.stdout).into_owned();
            libraries.extend(
                words
                    .split_whitespace()
                    .filter(|word| word.starts_with('/'))
                    .map(str::to_owned),
            );
        }
        for library in libraries {
            let name = library.rsplit('/').next().expect("a name");
            add(format!("usr/lib64/{name}"), Path::new(&library));
        }
        let reference = "boot.example.com/machine-os:1";
        self.put_image(reference, layer);
        self.call_of(&[&["--os-image", reference][..], words].concat())
    }

    /// A call whose words name where the kernel is.
    pub(crate) fn call_of(&self, words: &[&str]) -> Ended {
        self.call_with(words).run()
    }

    /// Writes a release with these images.
    pub(crate) fn put_release(&self, reference: &str, toolkit: &str, machine_os: &str) {
        let tags = [("driver-toolkit", toolkit), ("rhel-coreos", machine_os)];
        let tags = tags.map(|(tag, image)| (tag, image.to_owned()));
        let image = release_image("4.20.1", &tags).build();
        write_layout(&self.folder.path().join("images"), reference, &image);
    }

    /// A call with a release, whose images name the kernel.
    pub(crate) fn call_of_release(&self, reference: &str, words: &[&str]) -> Ended {
        let call = self.call_as("json").arg("--release-image");
        call.arg(reference).args(words).run()
    }

    /// Adds a Module that loads `module`.
    pub(crate) fn add(&self, name: &str, module: &str, folder: &Folder) {
        self.add_with(name, module, folder, |_| ());
    }

    /// The same with changes to the Module.
    pub(crate) fn add_with(
        &self,
        name: &str,
        module: &str,
        folder: &Folder,
        change: impl Fn(&mut Value),
    ) {
        let reference = format!("boot.example.com/cases/{name}:1");
        write_layout(
            &self.folder.path().join("images"),
            &reference,
            &folder.image().build(),
        );
        let mut object = json!({
            "apiVersion": "kmm.sigs.x-k8s.io/v1beta1",
            "kind": "Module",
            "metadata": {"name": name, "namespace": "boot"},
            "spec": {"selector": {}, "moduleLoader": {"container": {
                "modprobe": {"moduleName": module, "dirName": "/opt"},
                "kernelMappings": [{"regexp": ".*", "containerImage": reference}],
            }}},
        });
        change(&mut object);
        let file = self
            .folder
            .path()
            .join("modules")
            .join(format!("{name}.json"));
        fs::write(file, object.to_string()).expect("a Module");
    }

    /// The call, with more words.
    pub(crate) fn prepared(&self, words: &[&str]) -> Preflight {
        self.prepared_as("json", words)
    }

    /// The same with its output in this format.
    pub(crate) fn prepared_as(&self, format: &str, words: &[&str]) -> Preflight {
        self.call_as(format)
            .arg("--kernel-version")
            .arg(&self.kernel.release)
            .arg("--kernel-dir")
            .arg(&self.kernel.root)
            .args(words)
    }

    fn call_with(&self, words: &[&str]) -> Preflight {
        self.call_as("json")
            .arg("--kernel-version")
            .arg(&self.kernel.release)
            .args(words)
    }

    fn call_as(&self, format: &str) -> Preflight {
        let place = |name: &str| -> PathBuf { self.folder.path().join(name) };
        Preflight::new(["run", "--local", "-o", format, "-A", "--progress", "none"])
            .arg("-f")
            .arg(place("modules"))
            .arg("--oci-layout")
            .arg(place("images"))
    }

    pub(crate) fn call(&self, words: &[&str]) -> Ended {
        self.prepared(words).run()
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The row of a Module.
pub(crate) fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["modules"].as_array().expect("a list of modules");
    let mut found = rows.iter().filter(|row| row["name"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("{name} in {report:#}"))
}

/// The codes of a row's findings.
pub(crate) fn codes(row: &Value) -> Vec<&str> {
    let findings = row["findings"].as_array().expect("a list of findings");
    findings
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect()
}
