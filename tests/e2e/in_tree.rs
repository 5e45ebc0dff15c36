//! The modules that kernels are shipped with, of every architecture that the test environment has
//! (`scripts/test --all` has all): each loads on its own kernel.
//!
//! Every 25th of them is asked about, or every so many as `KMM_IN_TREE_STEP` says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel_loader::answer::{Answer, Weight};
use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::load::machine::{Handing, Machine};
use kernel_loader::module::compression::{Compression, decompress};
use kernel_loader::module::content::Content;
use kernel_loader::module::facts::Depth;
use kernel_loader::module::{LARGEST_MODULE, ModuleFile};
use kmm_preflight::for_tests::{Access, Arch, FactsStore, Images, ImagesConfig, Target, Trust};

use crate::support::server::environment;

/// A kernel with all of its modules.
struct Shipped {
    root: PathBuf,
    release: String,
    arch: Arch,
}

impl Shipped {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (place, arch) in [("debian", Some(Arch::Amd64)), ("foreign", None)] {
            for folder in names(&environment().join(place)) {
                let root = environment().join(place).join(&folder).join("root");
                let arch = arch.unwrap_or_else(|| folder.parse().expect("an architecture"));
                let releases = names(&root.join("lib/modules")).into_iter();
                all.extend(releases.map(|release| Self {
                    root: root.clone(),
                    release,
                    arch,
                }));
            }
        }
        all
    }

    fn facts(&self) -> Arc<KernelFacts> {
        let images = Images::new(ImagesConfig::default()).expect("images");
        let store = FactsStore::new(Some(self.root.clone()), images.into(), Access::default());
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let known = runtime.block_on(store.of(&Target::new(&self.release, self.arch)));
        assert!(known.findings.is_empty(), "{:?}", known.findings);
        known.facts.expect("facts")
    }

    /// What keeps one of its modules from being loaded after those that it needs.
    fn refuses(&self, facts: &KernelFacts, path: &str, needs: &str) -> Option<String> {
        let trust = Trust::default();
        let mut machine = Machine::new(&self.release, self.arch, Some(facts), &trust);
        for needed in needs.split_whitespace().rev() {
            machine.load_in_tree(needed, None);
        }
        let file = self.root.join("lib/modules").join(&self.release).join(path);
        let bytes = fs::read(file).expect("a module");
        let module = ModuleFile::parse(&bytes, Depth::Full);
        assert_eq!(held_packed(&bytes), module, "{path}");
        let answer = machine.load(&module, &Handing::default());
        let is_loaded = matches!(&answer, Answer::Loaded(remarks)
            if remarks.iter().all(|remark| remark.weight == Weight::Passes));
        (!is_loaded).then(|| format!("{} {path}: {answer:?}", self.release))
    }
}

/// The same module, of which no more than the header is held as it is.
fn held_packed(bytes: &[u8]) -> ModuleFile {
    let mut content = Content::in_room(Vec::new(), 64);
    let plain = decompress(bytes, LARGEST_MODULE).expect("a module");
    content.write_all(&plain).expect("memory");
    let size = bytes.len() as u64;
    ModuleFile::of_content(Compression::of(bytes), size, Ok(&content), Depth::Full)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of the test environment");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.into_string().expect("a name"))
        .collect()
}

#[test]
fn every_module_of_a_kernels_own_loads() {
    let step = std::env::var("KMM_IN_TREE_STEP");
    let step = step.map_or(25, |step| step.parse().expect("a number of modules"));
    let (mut count, mut refused) = (0, Vec::new());
    for kernel in Shipped::all() {
        let facts = kernel.facts();
        let folder = kernel.root.join("lib/modules").join(&kernel.release);
        let list = fs::read_to_string(folder.join("modules.dep")).expect("depmod's list");
        count += list.lines().count();
        for line in list.lines().step_by(step) {
            let (path, needs) = line.split_once(':').expect("a path and what it needs");
            refused.extend(kernel.refuses(&facts, path, needs));
        }
    }
    assert!(count > 10_000, "{count} modules");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
