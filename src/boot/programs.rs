//! The guest's programs: a shell, `mount`, and kmod, with the libraries that they need.

use std::collections::{BTreeMap, BTreeSet};

use kernel_loader::arch::Arch;
use kernel_loader::module::compression::Compression;

use crate::boot::elf_needs;

/// A file of the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuestFile {
    /// Its path in the guest.
    pub(super) path: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
}

/// The guest's programs, and what kmod cannot unpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    /// The files.
    pub(super) files: Vec<GuestFile>,
    /// Packings that this kmod was built without.
    pub(super) lacks: Vec<Compression>,
    /// This machine's, and not those of the kernel's own system.
    pub(super) of_this_machine: bool,
}

/// A program under its name in the guest, and the paths where a system has it.
struct Wanted {
    name: &'static str,
    program: &'static str,
    paths: &'static [&'static str],
}

const WANTED: [Wanted; 3] = [
    Wanted {
        name: "kmm/sh",
        program: "shell",
        paths: &[
            "usr/bin/bash",
            "bin/bash",
            "usr/bin/dash",
            "bin/dash",
            "usr/bin/sh",
            "bin/sh",
        ],
    },
    Wanted {
        name: "kmm/mount",
        program: "mount",
        paths: &["usr/bin/mount", "bin/mount"],
    },
    Wanted {
        name: "kmm/modprobe",
        program: "kmod",
        paths: &["usr/bin/kmod", "bin/kmod", "usr/sbin/kmod"],
    },
];

/// Libraries that these programs usually need, so that an image is read once for all of them.
const USUAL: [&str; 20] = [
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "libtinfo.so.6",
    "libmount.so.1",
    "libblkid.so.1",
    "libuuid.so.1",
    "libselinux.so.1",
    "libpcre2-8.so.0",
    "librt.so.1",
    "libkmod.so.2",
    "libzstd.so.1",
    "liblzma.so.5",
    "libz.so.1",
    "libcrypto.so.3",
    "libcrypto.so.1.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "ld64.so.2",
];

/// How deep libraries may need each other.
const MOST_ROUNDS: usize = 8;
/// The most bytes of all of them.
const LARGEST: usize = 64 << 20;

/// The folders of a system where its loader looks.
fn library_folders(arch: Arch) -> [&'static str; 6] {
    let (lib, usr) = match arch {
        Arch::Amd64 => ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"),
        Arch::Arm64 => ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu"),
        Arch::Ppc64le => ("lib/powerpc64le-linux-gnu", "usr/lib/powerpc64le-linux-gnu"),
        Arch::S390x => ("lib/s390x-linux-gnu", "usr/lib/s390x-linux-gnu"),
    };
    ["usr/lib64", usr, "usr/lib", "lib64", lib, "lib"]
}

/// What the first look at a system asks for.
pub(super) fn first_paths(arch: Arch) -> Vec<String> {
    let programs = WANTED.iter().flat_map(|wanted| wanted.paths);
    let libraries = library_folders(arch)
        .into_iter()
        .take(2)
        .flat_map(|folder| USUAL.iter().map(move |name| format!("{folder}/{name}")));
    programs
        .map(|path| (*path).to_owned())
        .chain(libraries)
        .collect()
}

/// What is still missing of a set of programs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// These paths have to be looked at.
    Look(Vec<String>),
    /// The system does not have it, or it is of no use.
    Never(String),
}

/// Puts programs together from the files of a system that were read so far; `absent` are the
/// paths that were looked for and are not there.
pub(super) fn gather(
    arch: Arch,
    files: &BTreeMap<String, Vec<u8>>,
    absent: &BTreeSet<String>,
) -> Result<Vec<GuestFile>, Missing> {
    let mut taken: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut open: Vec<&[u8]> = Vec::new();
    for wanted in &WANTED {
        let found = wanted.paths.iter().find_map(|path| files.get(*path));
        let bytes = found.ok_or_else(|| Missing::Never(format!("no {}", wanted.program)))?;
        taken.insert(wanted.name.to_owned(), bytes.clone());
        open.push(bytes);
    }
    for _ in 0..MOST_ROUNDS {
        let mut next = Vec::new();
        let mut look = Vec::new();
        for program in open {
            let needs = elf_needs::of(program, arch)
                .ok_or_else(|| Missing::Never(format!("a program that is not one for {arch}")))?;
            let loader = needs.loader.as_deref().map(|path| path.trim_matches('/'));
            let loader = loader.map(|path| (path.to_owned(), vec![path.to_owned()]));
            let libraries = needs.libraries.iter().map(|name| {
                let name = name.rsplit('/').next().unwrap_or(name);
                let own = needs.folders.iter().map(|dir| dir.trim_matches('/'));
                let folders = own.chain(library_folders(arch));
                let places = folders.map(|folder| format!("{folder}/{name}")).collect();
                (format!("{}/{name}", super::guest::LIBRARIES), places)
            });
            for (to, places) in loader.into_iter().chain(libraries) {
                if taken.contains_key(&to) {
                    continue;
                }
                let by_name = |path: &String| {
                    let name = path.rsplit('/').next().unwrap_or(path);
                    let folders = library_folders(arch);
                    let mut usual = folders.iter().map(|dir| format!("{dir}/{name}"));
                    usual.find(|path| files.contains_key(path))
                };
                let found = places.iter().find(|path| files.contains_key(*path));
                let found = found.cloned().or_else(|| by_name(places.first()?));
                if let Some(bytes) = found.and_then(|path| files.get(&path)) {
                    next.push(bytes.as_slice());
                    taken.insert(to, bytes.clone());
                    continue;
                }
                let unseen = places.iter().filter(|path| !absent.contains(*path));
                let unseen: Vec<String> = unseen.cloned().collect();
                if unseen.is_empty() {
                    let name = to.rsplit('/').next().unwrap_or(&to);
                    return Err(Missing::Never(format!("no library {name}")));
                }
                look.extend(unseen);
            }
        }
        if !look.is_empty() {
            return Err(Missing::Look(look));
        }
        if next.is_empty() {
            break;
        }
        open = next;
    }
    if taken.values().map(Vec::len).sum::<usize>() > LARGEST {
        return Err(Missing::Never("programs that are too large".to_owned()));
    }
    Ok(taken
        .into_iter()
        .map(|(path, bytes)| GuestFile { path, bytes })
        .collect())
}

/// The packings that kmod says it was built without (`kmod --version`).
pub(super) fn lacks(version: &str) -> Vec<Compression> {
    let has_not = |word: &str| version.split_whitespace().any(|other| other == word);
    [
        ("-ZLIB", Compression::Gzip),
        ("-XZ", Compression::Xz),
        ("-ZSTD", Compression::Zstd),
    ]
    .into_iter()
    .filter(|(word, _)| has_not(word))
    .map(|(_, packing)| packing)
    .collect()
}

/// This machine's programs.
#[cfg(target_os = "linux")]
pub(super) fn of_this_machine(arch: Arch) -> Result<Programs, String> {
    use std::fs;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .collect();
    let find = |name: &str| {
        let mut places = folders.iter().map(|folder| folder.join(name));
        places.find_map(|path| path.is_file().then(|| path.canonicalize().ok())?)
    };
    let mut files = BTreeMap::new();
    let mut absent = BTreeSet::new();
    for (wanted, name) in WANTED.iter().zip(["sh", "mount", "modprobe"]) {
        let path = find(name).ok_or_else(|| format!("this machine has no {name}"))?;
        if name == "modprobe" && path.ends_with("busybox") {
            return Err("this machine's modprobe is not kmod's".to_owned());
        }
        let bytes = fs::read(&path).map_err(|fault| format!("{}: {fault}", path.display()))?;
        files.insert(wanted.paths[0].to_owned(), bytes);
    }
    let mut rounds = 0;
    let files = loop {
        match gather(arch, &files, &absent) {
            Ok(gathered) => break gathered,
            Err(Missing::Look(paths)) if rounds < MOST_ROUNDS => {
                for path in paths {
                    match fs::read(format!("/{path}")) {
                        Ok(bytes) => drop(files.insert(path, bytes)),
                        Err(_) => drop(absent.insert(path)),
                    }
                }
                rounds += 1;
            }
            Err(Missing::Look(_)) => return Err("its programs need too many libraries".to_owned()),
            Err(Missing::Never(why)) => return Err(format!("this machine has {why}")),
        }
    };
    let version = find("modprobe").and_then(|_| {
        let mut command = Command::new("modprobe");
        command
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let folders = std::env::join_paths(&folders).ok()?;
        let output = command.env("PATH", folders).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    Ok(Programs {
        files,
        lacks: lacks(&version.unwrap_or_default()),
        of_this_machine: true,
    })
}

/// Only Linux has programs that a guest runs.
#[cfg(not(target_os = "linux"))]
pub(super) fn of_this_machine(_arch: Arch) -> Result<Programs, String> {
    Err("this machine's programs are not those of Linux".to_owned())
}
