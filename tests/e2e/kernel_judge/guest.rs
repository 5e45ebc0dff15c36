//! Puts the unpacked images of all cases into guests of the product (`--boot`), and keeps what each
//! case came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmm_preflight::for_tests::{CaseAnswer, Guest};
use serde_json::{Value, json};

use super::case::Case;
use super::kernel::Kernel;
use crate::support::image::{Dialect, Packing};
use crate::support::layout::write_layout;

/// In-tree modules that the node in the guest has, with what they need.
pub(crate) const HOST_MODULES: [&str; 6] =
    ["crc7", "dummy", "ipip", "tunnel4", "ip_tunnel", "libcrc32c"];

/// How one case ended on the real kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth {
    /// Exit code of `modprobe`; 125 when the init container's copy failed;
    /// none when the kernel crashed.
    pub(crate) exit: Option<i32>,
    /// What the copy, `modprobe` and the kernel said.
    pub(crate) said: Vec<String>,
}

impl Truth {
    /// Whether KMM's worker would report success.
    pub(crate) fn loads(&self) -> bool {
        self.exit == Some(0)
    }

    /// Why a module could not be inserted, in the words of `modprobe` for an error.
    pub(crate) fn answer(&self) -> Option<&str> {
        let lines = self.said.iter().rev();
        let mut inserted = lines.filter_map(|line| line.split_once("could not insert '"));
        let (_, answer) = inserted.next()?.1.split_once("': ")?;
        Some(
            answer
                .split_once(" in module,")
                .map_or(answer, |(unknown, _)| unknown),
        )
    }
}

/// Lets the kernel judge every case, in order. The answers are kept in `folder`.
pub(crate) fn ask(
    kernel: &Kernel,
    host_modules: &Path,
    cases: &[Case],
    folder: &Path,
) -> Vec<Truth> {
    let root = tempfile::tempdir().expect("a folder for the guest's file system");
    let work = tempfile::tempdir().expect("a folder for the guest's archive");
    let archive = work.path().join("initramfs.cpio");
    fill(root.path(), kernel, host_modules, cases);
    let vmlinuz = kernel.root.join(format!("boot/vmlinuz-{}", kernel.release));
    let [shell, busybox, kmod] = kernel.programs();
    let guest = Guest {
        arch: kernel.arch,
        kernel: &vmlinuz,
        programs: [("sh", shell), ("mount", busybox), ("modprobe", kmod)],
        folder: work.path(),
    };
    let mut answers: BTreeMap<usize, CaseAnswer> = BTreeMap::new();
    while answers.len() < cases.len() {
        pack(root.path(), &archive);
        let left = (0..cases.len()).filter(|number| !answers.contains_key(number));
        let left: Vec<usize> = left.collect();
        let next = guest.answers(&archive, &left);
        let next = next.unwrap_or_else(|why| panic!("{}: {why}", kernel.name));
        assert!(!next.is_empty(), "{} did not come to a case", kernel.name);
        // A guest that has less to unpack boots faster.
        for number in next.keys() {
            fs::remove_dir_all(case_folder(root.path(), *number)).expect("a case that is done");
        }
        answers.extend(next);
    }
    let truths: Vec<Truth> = answers
        .into_values()
        .map(|answer| Truth {
            exit: answer.exit,
            said: answer.lines,
        })
        .collect();
    let answers: Vec<Value> = cases
        .iter()
        .zip(&truths)
        .map(|(case, truth)| {
            json!({
                "case": case.name, "note": case.note, "kernel": kernel.name, "exit": truth.exit,
                "said": truth.said, "modprobe": case.words(),
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&answers).expect("JSON");
    fs::write(folder.join("truth.json"), text).expect("the answers");
    truths
}

fn fill(root: &Path, kernel: &Kernel, host_modules: &Path, cases: &[Case]) {
    for folder in ["bin", "lib/modules"] {
        fs::create_dir_all(root.join(folder)).expect("a folder of the guest");
    }
    let program = |from: &Path, to: &str| {
        fs::copy(from, root.join(to)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.join(to), mode).expect("an executable file");
    };
    let [shell, busybox, _] = kernel.programs();
    program(&busybox, "bin/busybox");
    program(&shell, "bin/sh");
    for (inside, library) in kernel.libraries() {
        let folder = Path::new(&inside).parent().expect("a folder");
        fs::create_dir_all(root.join(folder)).expect("a folder");
        program(&library, &inside);
    }
    copy_tree(
        host_modules,
        &root.join("lib/modules").join(&kernel.release),
    );
    unpack(root, kernel, cases);
}

fn case_folder(root: &Path, number: usize) -> PathBuf {
    root.join(format!("kmm/cases/{number}"))
}

/// Unpacks every image with umoci, an implementation of OCI layers that has
/// nothing to do with the product's.
fn unpack(root: &Path, kernel: &Kernel, cases: &[Case]) {
    let layout = tempfile::tempdir().expect("a layout for umoci");
    let mut refused = String::new();
    for (number, case) in cases.iter().enumerate() {
        let dir = case_folder(root, number);
        fs::create_dir_all(dir.join("tmp")).expect("a folder for the case");
        let write = |name: &str, text: String| {
            fs::write(dir.join(name), text).expect("a file of the case");
        };
        write("run", include_str!("case.sh").to_owned());
        write("copy", case.copy(&kernel.release));
        write("cwd", case.image.working_dir());
        write("args", case.words().join("\n") + "\n");
        write("softdep.conf", case.softdep().unwrap_or_default());
        if !case.load.remove.is_empty() {
            write("remove", case.load.remove.join("\n") + "\n");
        }
        let tag = format!("case-{number}");
        // This umoci reads neither zstd nor Docker's manifests; the archives are the same.
        let image = case
            .image
            .clone()
            .repacked(Packing::Gzip)
            .dialect(Dialect::Oci)
            .build();
        write_layout(layout.path(), &tag, &image);
        let output = Command::new("umoci")
            .args(["raw", "unpack", "--image"])
            .arg(format!("{}:{tag}", layout.path().display()))
            .arg(dir.join("image"))
            .output()
            .expect("umoci runs");
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            write!(refused, "{}: {text}", case.name).expect("memory takes the text");
        }
        equip(root, &dir.join("image"));
    }
    assert!(refused.is_empty(), "umoci cannot unpack:\n{refused}");
}

/// Puts programs that run in the guest in the place of the image's own, which are files by name
/// only, and makes the folders that a container has. An emulated machine takes milliseconds to
/// start a program, so that nothing is left to the guest that can be done here.
fn equip(root: &Path, image: &Path) {
    for (tool, program) in [("sh", "sh"), ("mkdir", "busybox"), ("cp", "busybox")] {
        let place = image.join("bin").join(tool);
        if fs::symlink_metadata(&place).is_ok_and(|found| found.is_file()) {
            fs::remove_file(&place).expect("the image's own program");
            fs::hard_link(root.join("bin").join(program), &place).expect("a program");
        }
    }
    for folder in ["tmp", "dev"] {
        let place = image.join(folder);
        if fs::symlink_metadata(&place).is_err() {
            fs::create_dir_all(&place).expect("a folder of the container");
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-R").arg(from).arg(to).status();
    assert!(status.expect("cp runs").success());
}

/// Makes a guest's archive of a folder.
pub(crate) fn pack(root: &Path, archive: &Path) {
    let file = fs::File::create(archive).expect("the guest's file system");
    let status = Command::new("sh")
        .args(["-c", "find . | cpio -o -H newc --quiet"])
        .current_dir(root)
        .stdout(file)
        .status()
        .expect("cpio runs");
    assert!(status.success());
}

/// The node's module folder in small: the in-tree modules of
/// [`HOST_MODULES`], with the indexes of the whole kernel.
pub(crate) fn host_folder(kernel: &Kernel, into: &Path) {
    let whole = kernel.root.join("lib/modules").join(&kernel.release);
    fs::create_dir_all(into).expect("a folder for in-tree modules");
    for entry in fs::read_dir(&whole).expect("the kernel's module folder") {
        let path = entry.expect("a file").path();
        if path.is_file() {
            let name = path.file_name().expect("a name");
            fs::copy(&path, into.join(name)).expect("an index");
        }
    }
    let dep = fs::read_to_string(whole.join("modules.dep")).expect("modules.dep");
    for line in dep.lines() {
        let (path, _) = line.split_once(':').expect("path and dependencies");
        let file = path.rsplit('/').next().expect("a file name");
        let name = file.split('.').next().expect("a module name");
        if HOST_MODULES.contains(&name) {
            let to = into.join(path);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::copy(whole.join(path), to).expect("an in-tree module");
        }
    }
}
