//! The facts about one kernel that the rules ask for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::kmod::module_file::ModuleFile;
use crate::model::finding::Finding;
use crate::model::target::Arch;

/// A read-only file tree: an image's, or a folder's. Paths are relative to its root,
/// without a leading `/`; links are followed.
pub trait FileTree {
    /// The content of a file that was kept; `None` when there is no such file.
    fn read(&self, path: &str) -> Option<Arc<[u8]>>;
    /// The names in a directory; empty when there is none.
    fn list(&self, dir: &str) -> Vec<String>;
    /// True for a regular file.
    fn is_file(&self, path: &str) -> bool;
    /// The facts of a module file.
    fn module(&self, path: &str) -> Option<Arc<ModuleFile>>;
}

/// A symbol that the kernel, or an in-tree module, exports (`Module.symvers`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelSymbol {
    /// Its CRC; `None` where the kernel has no symbol versions.
    pub crc: Option<u32>,
    /// `vmlinux`, or the in-tree module's path below `/lib/modules/K/kernel` without suffix.
    pub owner: Box<str>,
    /// `EXPORT_SYMBOL_GPL`.
    pub gpl: bool,
    /// Its namespace.
    pub namespace: Option<Box<str>>,
}

/// What is known about one kernel. A fact that nobody gave is `None` or absent, and is
/// never taken for good.
#[derive(Debug, Clone, Default)]
pub struct KernelFacts {
    /// `uname -r`.
    pub kernel_version: String,
    /// Its architecture.
    pub arch: Option<Arch>,
    /// `CONFIG_X` to its value (`y`, `m`, a number, a string without quotes); an option
    /// that is not set is absent. `None` when no configuration is known.
    pub config: Option<BTreeMap<String, String>>,
    /// The kernel's version magic, from an in-tree module or composed from the
    /// configuration (`include/linux/vermagic.h`).
    pub vermagic: Option<String>,
    /// Every exported symbol by name; `None` when unknown.
    pub symbols: Option<HashMap<Box<str>, KernelSymbol>>,
    /// Modules built into the kernel, by normalised name; `None` when unknown.
    pub built_in: Option<Vec<Box<str>>>,
    /// In-tree module files: path below `/lib/modules/K` to facts, where they were read;
    /// `None` when it is unknown which there are.
    pub in_tree: Option<BTreeMap<Box<str>, Option<Arc<ModuleFile>>>>,
    /// `sizeof(struct module)` as an in-tree module shows it.
    pub this_module_size: Option<u64>,
}

impl KernelFacts {
    /// Gathers the facts about a kernel from a tree, and says in findings what is missing.
    ///
    /// # Errors
    /// The tree describes another kernel or architecture, or no kernel at all.
    pub fn gather(
        kernel_version: &str,
        arch: Arch,
        _tree: &dyn FileTree,
    ) -> Result<(Self, Vec<Finding>), Finding> {
        Ok((
            Self {
                kernel_version: kernel_version.to_owned(),
                arch: Some(arch),
                ..Self::default()
            },
            Vec::new(),
        ))
    }

    /// The value of a configuration option (`MODVERSIONS` without the `CONFIG_` prefix);
    /// `Some(None)` when it is known not to be set.
    pub fn option(&self, name: &str) -> Option<Option<&str>> {
        let config = self.config.as_ref()?;
        Some(config.get(name).map(String::as_str))
    }
}
