//! The kernels that judge, and the modules compiled for each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use kmm_preflight::for_tests::Arch;

use crate::support::image::sha256;
use crate::support::server::{environment, succeed};

/// A kernel with the folders that belong to it.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// Short name of tests, files and reports.
    pub(crate) name: String,
    /// `uname -r`.
    pub(crate) release: String,
    pub(crate) arch: Arch,
    /// Root with `lib/modules/K`, `usr/src/kernels/K` and `boot/vmlinuz-K`;
    /// a kernel that only lends its modules has none.
    pub(crate) root: PathBuf,
    /// What `make -C` wants to build modules.
    build: PathBuf,
}

impl Kernel {
    /// A kernel of Debian's packages.
    pub(crate) fn debian(release: &str) -> Self {
        let arch = Arch::of_kernel_release(release).expect("its name ends with one");
        let root = match arch {
            Arch::Amd64 => environment().join("debian").join(release).join("root"),
            foreign => environment().join(format!("foreign/{foreign}/root")),
        };
        Self {
            name: release.to_owned(),
            release: release.to_owned(),
            arch,
            root,
            build: PathBuf::from(format!("/usr/src/linux-headers-{release}")),
        }
    }

    /// A kernel that `scripts/env/built-kernels` built.
    pub(crate) fn built(name: &str) -> Self {
        let build = environment().join("built").join(name);
        let release = fs::read_to_string(build.join("release"))
            .expect("scripts/test builds the kernels")
            .trim()
            .to_owned();
        Self {
            name: name.to_owned(),
            release,
            arch: Arch::Amd64,
            root: build.join("root"),
            build,
        }
    }

    /// Whether the kernel refuses modules without a signature it trusts.
    pub(crate) fn enforces_signatures(&self) -> bool {
        self.config().contains("CONFIG_MODULE_SIG_FORCE=y")
    }

    /// Whether the kernel can be patched while it runs.
    pub(crate) fn patches_itself(&self) -> bool {
        self.config().contains("CONFIG_LIVEPATCH=y")
    }

    /// Its guest's shell, busybox and kmod: of this machine, and for another architecture Debian's.
    pub(crate) fn programs(&self) -> [PathBuf; 3] {
        match self.arch {
            Arch::Amd64 => [
                "/bin/bash-static".into(),
                "/bin/busybox".into(),
                environment().join("kmod/kmod"),
            ],
            _ => ["bin/sh", "bin/mount", "bin/kmod"].map(|program| self.root.join(program)),
        }
    }

    /// Kmod's libraries, by their paths in the guest.
    pub(crate) fn libraries(&self) -> Vec<(String, PathBuf)> {
        if self.arch == Arch::Amd64 {
            let libraries = succeed(Command::new("ldd").arg(&self.programs()[2])).stdout;
            let text = String::from_utf8_lossy(&libraries);
            let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
            return paths
                .map(|path| (path[1..].to_owned(), path.into()))
                .collect();
        }
        let paths = [
            "lib/ld-linux-aarch64.so.1",
            "lib/aarch64-linux-gnu/libc.so.6",
            "lib/aarch64-linux-gnu/liblzma.so.5",
            "usr/lib/aarch64-linux-gnu/libcrypto.so.3",
            "usr/lib/aarch64-linux-gnu/libzstd.so.1",
        ];
        paths
            .map(|path| (path.to_owned(), self.root.join(path)))
            .into()
    }

    /// Whether its guest's kmod unpacks gzip, which Debian builds it without.
    pub(crate) fn unpacks_gzip(&self) -> bool {
        self.arch == Arch::Amd64
    }

    /// What the names of the tools for its modules begin with.
    pub(crate) fn tools(&self) -> &'static str {
        match self.arch {
            Arch::Amd64 => "",
            _ => "aarch64-linux-gnu-",
        }
    }

    fn config(&self) -> String {
        let path = self.root.join("usr/src/kernels").join(&self.release);
        fs::read_to_string(path.join(".config")).expect("the kernel's configuration")
    }

    /// Key and certificate (PEM in one file, DER) that this kernel's build made and trusts.
    pub(crate) fn signing_key(&self) -> (PathBuf, PathBuf) {
        let certs = self.build.join("certs");
        (
            certs.join("signing_key.pem"),
            certs.join("signing_key.x509"),
        )
    }

    /// Key and certificate (PEM) of the elliptic key that an enforcing kernel trusts as well.
    pub(crate) fn elliptic_key(&self) -> (PathBuf, PathBuf) {
        let certs = self.build.join("certs");
        (certs.join("ecdsa.key"), certs.join("ecdsa.pem"))
    }

    /// A folder for everything that is made for this kernel.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = environment().join("judge").join(&self.name);
        fs::create_dir_all(&folder).expect("a folder for the kernel's cases");
        folder
    }

    /// Compiles `modules/*.c` for this kernel, unless the same sources were
    /// compiled before, and returns the module files by module name.
    pub(crate) fn compile(&self) -> BTreeMap<String, Vec<u8>> {
        // Kernels that judge side by side share neighbours.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = sources();
        let text: Vec<u8> = sources.values().flatten().copied().collect();
        let stamp = sha256(&text);
        let folder = self.folder().join("modules");
        let done = folder.join("stamp");
        if fs::read_to_string(&done).is_ok_and(|old| old == stamp) {
            return read_modules(&folder, sources.keys());
        }
        // modpost refuses two modules with one export in one build.
        let (twins, rest): (Vec<_>, Vec<_>) =
            sources.iter().partition(|(name, _)| *name == "kmm_twin");
        fs::create_dir_all(&folder).expect("a folder for modules");
        for group in [twins, rest] {
            let work = tempfile::tempdir().expect("a folder to compile in");
            let mut makefile = String::new();
            for (name, source) in group {
                fs::write(work.path().join(format!("{name}.c")), source).expect("a source file");
                makefile += &format!("obj-m += {name}.o\n");
            }
            fs::write(work.path().join("Makefile"), makefile).expect("a Makefile");
            self.make(work.path());
            for entry in fs::read_dir(work.path()).expect("the compiled modules") {
                let path = entry.expect("a file").path();
                if path.extension().is_some_and(|extension| extension == "ko") {
                    let name = path.file_name().expect("a file name");
                    fs::copy(&path, folder.join(name)).expect("a compiled module");
                }
            }
        }
        fs::write(done, stamp).expect("the stamp");
        read_modules(&folder, sources.keys())
    }

    fn make(&self, work: &Path) {
        let arch = match self.arch {
            Arch::Amd64 => "x86",
            _ => "arm64",
        };
        let output = Command::new("make")
            .arg(format!("ARCH={arch}"))
            .arg(format!("CROSS_COMPILE={}", self.tools()))
            .arg("-s")
            .arg("-j2")
            .arg("-C")
            .arg(&self.build)
            .arg(format!("M={}", work.display()))
            .arg("KBUILD_MODPOST_WARN=1")
            .arg("modules")
            .output()
            .expect("make runs");
        assert!(
            output.status.success(),
            "modules for {}:\n{}",
            self.release,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn sources() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kernel_judge/modules");
    fs::read_dir(folder)
        .expect("the modules' sources")
        .map(|entry| {
            let path = entry.expect("a source file").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            (name.into_owned(), fs::read(&path).expect("a source file"))
        })
        .collect()
}

fn read_modules<'a>(
    folder: &Path,
    names: impl Iterator<Item = &'a String>,
) -> BTreeMap<String, Vec<u8>> {
    names
        .map(|name| {
            let file = folder.join(format!("{name}.ko"));
            (name.clone(), fs::read(file).expect("a compiled module"))
        })
        .collect()
}
