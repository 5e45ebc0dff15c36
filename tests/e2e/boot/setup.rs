//! Modules for a kernel, and images with them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::support::image::{Image, Layer};
use crate::support::server::{environment, succeed};

/// Sources by name; each has an init function that ends in its own way. Those that stay have no exit
/// function.
const SOURCES: [(&str, &str, &str); 10] = [
    (
        "bt_good",
        "static int count; module_param(count, int, 0444);\n\
         static char *text; module_param(text, charp, 0444);\n",
        "return 0;",
    ),
    ("bt_good2", "", "return 0;"),
    ("bt_stay", "", "return 0;"),
    ("bt_stay2", "", "return 0;"),
    ("bt_nodev", "", "return -ENODEV;"),
    (
        "bt_words",
        "",
        "pr_err(\"\\033[31mbt_words \\033]0;x\\007 ::error::written_by_a_module\\n\");\n\
         pr_err(\"::error::bt_words ##[error]began_a_line\\n\"); return -EINVAL;",
    ),
    (
        "bt_missing",
        "int bt_nowhere(void);\n",
        "return bt_nowhere();",
    ),
    ("bt_panic", "", "panic(\"told to panic\"); return 0;"),
    (
        "bt_flood",
        "",
        "for (;;) pr_err(\"again and again and again\\n\"); return 0;",
    ),
    (
        "bt_wait",
        "static DECLARE_WAIT_QUEUE_HEAD(queue); static int never;\n",
        "return wait_event_interruptible(queue, READ_ONCE(never));",
    ),
];

const HEADERS: &str = "#include <linux/module.h>\n#include <linux/sched.h>\n\
    #include <linux/kernel.h>\n#include <linux/wait.h>\n";

/// A kernel with what is needed to build for it.
#[derive(Clone)]
pub(crate) struct Kernel {
    pub(crate) release: String,
    pub(crate) root: PathBuf,
    build: PathBuf,
}

/// Modules compiled for a kernel.
pub(crate) struct Modules {
    pub(crate) kernel: Kernel,
    files: BTreeMap<String, Vec<u8>>,
}

impl Modules {
    /// Those of [`SOURCES`] for a kernel that `scripts/env/built-kernels` built.
    pub(crate) fn compiled(name: &str) -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let build = environment().join("built").join(name);
        let release = fs::read_to_string(build.join("release")).expect("a built kernel");
        let kernel = Kernel {
            release: release.trim().to_owned(),
            root: build.join("root"),
            build,
        };
        let work = tempfile::tempdir().expect("a folder to compile in");
        let mut makefile = String::new();
        for (name, globals, body) in SOURCES {
            let exit = match name.starts_with("bt_stay") {
                true => "",
                false => "static void __exit stop(void) { }\nmodule_exit(stop);\n",
            };
            let source = format!(
                "{HEADERS}{globals}static int __init start(void) {{ {body} }}\n\
                 module_init(start);\n{exit}MODULE_LICENSE(\"GPL\");\n"
            );
            fs::write(work.path().join(format!("{name}.c")), source).expect("a source file");
            makefile += &format!("obj-m += {name}.o\n");
        }
        fs::write(work.path().join("Makefile"), makefile).expect("a Makefile");
        let place = format!("M={}", work.path().display());
        succeed(
            Command::new("make")
                .args(["-s", "-C"])
                .arg(&kernel.build)
                .args([&place, "KBUILD_MODPOST_WARN=1", "modules"]),
        );
        let files = SOURCES.iter().map(|(name, ..)| {
            let file = work.path().join(format!("{name}.ko"));
            ((*name).to_owned(), fs::read(file).expect("a module"))
        });
        Self {
            files: files.collect(),
            kernel,
        }
    }

    /// A kernel of Debian's packages, without modules of ours.
    pub(crate) fn debian(release: &str) -> Self {
        Self {
            kernel: Kernel {
                release: release.to_owned(),
                root: environment().join("debian").join(release).join("root"),
                build: PathBuf::new(),
            },
            files: BTreeMap::new(),
        }
    }

    /// A folder with one of the modules.
    pub(crate) fn folder(&self, module: &str) -> Folder {
        let mut folder = self.empty_folder();
        folder.put(&format!("extra/{module}.ko"), &self.files[module]);
        folder.depmod();
        folder
    }

    /// A folder with nothing in it.
    pub(crate) fn empty_folder(&self) -> Folder {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder {
            kernel: self.kernel.clone(),
            root,
            architecture: "amd64",
        };
        fs::create_dir_all(folder.place("extra")).expect("a folder");
        folder
    }
}

/// `/opt` of an image.
pub(crate) struct Folder {
    kernel: Kernel,
    root: TempDir,
    /// That of the image.
    architecture: &'static str,
}

impl Folder {
    fn place(&self, path: &str) -> PathBuf {
        let modules = self.root.path().join("lib/modules");
        modules.join(&self.kernel.release).join(path)
    }

    pub(crate) fn put(&mut self, path: &str, bytes: &[u8]) {
        fs::write(self.place(path), bytes).expect("a file");
    }

    fn depmod(&self) {
        let depmod = environment().join("kmod/depmod");
        succeed(
            Command::new(depmod)
                .arg("-b")
                .arg(self.root.path())
                .arg(&self.kernel.release),
        );
    }

    /// Packs a module and indexes it anew.
    pub(crate) fn gzip(&mut self, module: &str) {
        let place = self.place(&format!("extra/{module}.ko"));
        let bytes = fs::read(&place).expect("the module");
        fs::remove_file(place).expect("the module");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&bytes).expect("memory");
        let packed = packed.finish().expect("memory");
        self.put(&format!("extra/{module}.ko.gz"), &packed);
        self.depmod();
    }

    /// Makes a module one of another machine (`e_machine`).
    pub(crate) fn change_machine(&mut self, module: &str) {
        let path = format!("extra/{module}.ko");
        let mut bytes = fs::read(self.place(&path)).expect("the module");
        bytes[18..20].copy_from_slice(&183_u16.to_le_bytes());
        self.put(&path, &bytes);
    }

    /// Makes the image one for another architecture.
    pub(crate) fn change_architecture(&mut self, architecture: &'static str) {
        self.architecture = architecture;
    }

    /// Takes a module away after depmod ran.
    pub(crate) fn remove(&mut self, module: &str) {
        fs::remove_file(self.place(&format!("extra/{module}.ko"))).expect("the module");
    }

    /// Signs a module with the kernel's own key.
    pub(crate) fn sign(&mut self, module: &str, modules: &Modules) {
        let build = &modules.kernel.build;
        succeed(
            Command::new(build.join("scripts/sign-file"))
                .arg("sha256")
                .arg(build.join("certs/signing_key.pem"))
                .arg(build.join("certs/signing_key.x509"))
                .arg(self.place(&format!("extra/{module}.ko"))),
        );
    }

    /// Copies an in-tree module of the kernel to `extra/`.
    pub(crate) fn copy_in_tree(&mut self, path: &str) {
        let from = self.in_tree_file(path);
        let to = self.place("extra").join(from.file_name().expect("a name"));
        fs::copy(from, to).expect("an in-tree module");
    }

    /// The `host` link to the node's modules, known to depmod.
    pub(crate) fn with_host(&mut self) {
        symlink(self.in_tree(), self.place("host")).expect("a link");
        self.depmod();
        fs::remove_file(self.place("host")).expect("the link");
        let node = format!("/lib/modules/{}", self.kernel.release);
        symlink(node, self.place("host")).expect("a link");
    }

    /// The file of an in-tree module, packed or not.
    fn in_tree_file(&self, path: &str) -> PathBuf {
        let place = self.in_tree().join(path);
        match place.is_file() {
            true => place,
            false => place.with_extension("ko.xz"),
        }
    }

    fn in_tree(&self) -> PathBuf {
        self.kernel
            .root
            .join("lib/modules")
            .join(&self.kernel.release)
    }

    pub(super) fn image(&self) -> Image {
        let mut layer = Layer::new();
        let mut open = vec![self.root.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let inside = path.strip_prefix(self.root.path()).expect("a path below");
                let inside = format!("opt/{}", inside.display());
                if path.is_symlink() {
                    let target = fs::read_link(&path).expect("a link");
                    layer = layer.symlink(&inside, &target.to_string_lossy());
                } else if path.is_dir() {
                    layer = layer.dir(&format!("{inside}/"));
                    open.push(path);
                } else {
                    layer = layer.file(&inside, &fs::read(&path).expect("a file"));
                }
            }
        }
        let image = Image::new().architecture(self.architecture);
        image.with_tools().layer(layer)
    }
}
