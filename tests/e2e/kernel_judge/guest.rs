//! Boots a kernel in QEMU with the unpacked images of all cases inside, and
//! reads what each case came to.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::case::Case;
use super::kernel::Kernel;
use crate::support::image::{Dialect, Packing};
use crate::support::layout::write_layout;
use crate::support::server::environment;

/// In-tree modules that the node in the guest has, with what they need.
pub(crate) const HOST_MODULES: [&str; 6] =
    ["crc7", "dummy", "ipip", "tunnel4", "ip_tunnel", "libcrc32c"];

/// How one case ended on the real kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth {
    /// Exit code of `modprobe`; 125 when the init container's copy failed;
    /// none when the kernel crashed.
    pub(crate) exit: Option<i32>,
    /// Modules that were loaded afterwards.
    pub(crate) loaded: Vec<String>,
    /// What the copy, `modprobe` and the kernel said.
    pub(crate) said: Vec<String>,
}

impl Truth {
    /// Whether KMM's worker would report success.
    pub(crate) fn loads(&self) -> bool {
        self.exit == Some(0)
    }
}

/// Lets the kernel judge every case, in order. The boot log and the answers
/// are kept in `folder`.
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
    let mut log = String::new();
    let mut truths: Vec<Truth> = Vec::new();
    while truths.len() < cases.len() {
        let seen = truths.len();
        pack(root.path(), &archive);
        let output = boot(kernel, &archive, seen, folder);
        truths.extend(read(&output, seen));
        // A guest that has less to unpack boots faster.
        for number in seen..truths.len() {
            fs::remove_dir_all(case_folder(root.path(), number)).expect("a case that is done");
        }
        let crashed = truths.len() > seen && truths.last().is_some_and(|last| last.exit.is_none());
        assert!(
            truths.len() > seen,
            "{} did not come to a case:\n{output}",
            kernel.name
        );
        if crashed {
            writeln!(log, "--- the kernel crashed ---").expect("memory takes the log");
        }
        log += &output;
    }
    fs::write(folder.join("boot.log"), log).expect("the boot log");
    let answers: Vec<Value> = cases
        .iter()
        .zip(&truths)
        .map(|(case, truth)| {
            json!({
                "case": case.name, "note": case.note, "kernel": kernel.name, "exit": truth.exit,
                "loaded": truth.loaded, "said": truth.said, "modprobe": case.words(),
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&answers).expect("JSON");
    fs::write(folder.join("truth.json"), text).expect("the answers");
    truths
}

fn fill(root: &Path, kernel: &Kernel, host_modules: &Path, cases: &[Case]) {
    for folder in [
        "bin",
        "proc",
        "sys",
        "dev",
        "tmp",
        "etc",
        "lib/modules",
        "lib64",
        "cases",
    ] {
        fs::create_dir_all(root.join(folder)).expect("a folder of the guest");
    }
    let program = |from: &Path, to: &str| {
        fs::copy(from, root.join(to)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.join(to), mode).expect("an executable file");
    };
    program(Path::new("/bin/busybox"), "bin/busybox");
    program(Path::new("/bin/bash-static"), "bin/bash-static");
    let kmod = environment().join("kmod/kmod");
    for name in ["modprobe", "rmmod"] {
        program(&kmod, &format!("bin/{name}"));
    }
    let libraries = Command::new("ldd").arg(&kmod).output().expect("ldd runs");
    for word in String::from_utf8_lossy(&libraries.stdout).split_whitespace() {
        if let Some(inside) = word.strip_prefix('/') {
            let folder = Path::new(inside).parent().expect("a folder");
            fs::create_dir_all(root.join(folder)).expect("a folder");
            program(Path::new(word), inside);
        }
    }
    fs::write(root.join("init"), include_str!("init.sh")).expect("the guest's init");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(root.join("init"), mode).expect("an executable init");
    copy_tree(
        host_modules,
        &root.join("lib/modules").join(&kernel.release),
    );
    unpack(root, kernel, cases);
}

fn case_folder(root: &Path, number: usize) -> PathBuf {
    root.join(format!("cases/{number:03}"))
}

/// Unpacks every image with umoci, an implementation of OCI layers that has
/// nothing to do with the product's.
fn unpack(root: &Path, kernel: &Kernel, cases: &[Case]) {
    let layout = tempfile::tempdir().expect("a layout for umoci");
    let mut refused = String::new();
    for (number, case) in cases.iter().enumerate() {
        let dir = case_folder(root, number);
        fs::create_dir(&dir).expect("a folder for the case");
        let write = |name: &str, text: String| {
            fs::write(dir.join(name), text).expect("a file of the case");
        };
        write("copy", case.copy(&kernel.release));
        write("cwd", case.image.working_dir());
        write("args", case.words().join("\n") + "\n");
        if let Some(softdep) = case.softdep() {
            write("softdep.conf", softdep);
        }
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
    }
    assert!(refused.is_empty(), "umoci cannot unpack:\n{refused}");
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-R").arg(from).arg(to).status();
    assert!(status.expect("cp runs").success());
}

fn pack(root: &Path, archive: &Path) {
    let file = fs::File::create(archive).expect("the guest's file system");
    let status = Command::new("sh")
        .args(["-c", "find . | cpio -o -H newc --quiet"])
        .current_dir(root)
        .stdout(file)
        .status()
        .expect("cpio runs");
    assert!(status.success());
}

fn boot(kernel: &Kernel, archive: &Path, first: usize, folder: &Path) -> String {
    let vmlinuz = kernel.root.join(format!("boot/vmlinuz-{}", kernel.release));
    let serial = folder.join("serial.log");
    let console = fs::File::create(&serial).expect("the console's log");
    // A guest that hangs is ended by the time it computes, which a busy machine does not change;
    // one that waits for ever, by the clock.
    Command::new("timeout")
        .args(["3600", "prlimit", "--cpu=600", "qemu-system-x86_64"])
        .args(["-accel", "tcg", "-cpu", "max", "-m", "1536"])
        .args([
            "-nic",
            "none",
            "-display",
            "none",
            "-serial",
            "stdio",
            "-no-reboot",
        ])
        .arg("-kernel")
        .arg(vmlinuz)
        .arg("-initrd")
        .arg(archive)
        .arg("-append")
        // On a busy machine the emulated timer is too slow for the kernel's look at it. A kernel
        // that goes round in circles for a minute is one that crashed.
        .arg(format!(
            "console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 watchdog_thresh=30 \
             mitigations=off no_timer_check kmm.first={first}"
        ))
        .stdin(Stdio::null())
        .stdout(console)
        .status()
        .expect("QEMU runs");
    let output = fs::read(serial).expect("the console's log");
    String::from_utf8_lossy(&output).replace('\r', "")
}

/// Reads the marked lines of one boot, the first case of which is `first`.
fn read(output: &str, first: usize) -> Vec<Truth> {
    let mut truths: Vec<Truth> = Vec::new();
    for line in output.lines() {
        let Some((mark, rest)) = line
            .strip_prefix('@')
            .map(|line| line.split_once(' ').unwrap_or((line, "")))
        else {
            continue;
        };
        if mark == "case" {
            // Kernel and guest share one console, and a mark can be lost in the kernel's
            // words: then what follows is not the last case's alone, and it is asked again.
            if rest.parse() != Ok(first + truths.len()) {
                truths.pop();
                break;
            }
            truths.push(Truth {
                exit: None,
                loaded: Vec::new(),
                said: Vec::new(),
            });
        }
        let Some(truth) = truths.last_mut() else {
            continue;
        };
        match mark {
            "exit" => truth.exit = rest.parse().ok(),
            "loaded" => truth.loaded = rest.split_whitespace().map(str::to_owned).collect(),
            "copy" | "modprobe" | "dmesg" | "stuck" => truth.said.push(line[1..].to_owned()),
            _ => {}
        }
    }
    truths
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
