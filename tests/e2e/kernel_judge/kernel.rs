//! The kernels that judge, and the modules compiled for each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::support::image::sha256;
use crate::support::server::environment;

/// A kernel with the folders that belong to it.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// Short name of tests, files and reports.
    pub(crate) name: String,
    /// `uname -r`.
    pub(crate) release: String,
    /// Root with `lib/modules/K`, `usr/src/kernels/K` and `boot/vmlinuz-K`;
    /// a kernel that only lends its modules has none.
    pub(crate) root: PathBuf,
    /// What `make -C` wants to build modules.
    build: PathBuf,
}

impl Kernel {
    /// A kernel of Debian's packages.
    pub(crate) fn debian(release: &str) -> Self {
        Self {
            name: release.to_owned(),
            release: release.to_owned(),
            root: environment().join("debian").join(release).join("root"),
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
        let output = Command::new("make")
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
