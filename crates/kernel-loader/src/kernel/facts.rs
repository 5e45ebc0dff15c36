//! The facts about one kernel that the rules ask for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::arch::Arch;
use crate::arch::sections::ArchSection;
use crate::kernel::config::Config;
use crate::kernel::gather::gather;
use crate::kernel::symvers::Symbols;
use crate::module::{ModuleFile, names};

/// A read-only file tree: an image's, or a folder's. Paths are relative to its root,
/// without a leading `/`; links are followed.
pub trait FileTree {
    /// The content of a file that was kept; `None` when there is no such file.
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>>;
    /// The names in a directory; empty when there is none.
    fn list(&self, dir: &str) -> Vec<String>;
    /// True for a regular file.
    fn is_file(&self, path: &str) -> bool;
    /// The facts of a module file.
    fn module(&self, path: &str) -> Option<Arc<ModuleFile>>;
}

/// Why a tree gives no facts about a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say what their fields are")]
pub enum FactsFault {
    /// It has facts about no kernel, or only about these others.
    Absent { others: Vec<String> },
    /// Its headers are those of another kernel.
    OtherKernel { release: String },
    /// Its modules are for another architecture (`e_machine`).
    OtherArch { machine: u16 },
    /// A list of symbols is there, and cannot be read.
    Symbols { path: String },
}

/// A fact about a kernel that a tree may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `Module.symvers`: symbols and their versions.
    Symbols,
    /// `.config`.
    Config,
    /// The version magic.
    Vermagic,
}

/// In-tree module files: path below `/lib/modules/K` to facts, where they were read.
pub type InTreeModules = BTreeMap<Box<str>, Option<Arc<ModuleFile>>>;

/// What is known about one kernel. A fact that nobody gave is `None` or absent, and is
/// never taken for good.
#[derive(Debug, Clone, Default)]
pub struct KernelFacts {
    /// `uname -r`.
    pub kernel_version: String,
    /// Its architecture.
    pub arch: Option<Arch>,
    /// Its configuration; `None` when none is known.
    pub config: Option<Config>,
    /// The kernel's version magic, from an in-tree module or composed from the
    /// configuration (`include/linux/vermagic.h`).
    pub vermagic: Option<String>,
    /// Every exported symbol; `None` when unknown.
    pub symbols: Option<Symbols>,
    /// Modules built into the kernel, by normalised name; `None` when unknown.
    pub built_in: Option<Vec<Box<str>>>,
    /// The in-tree module files; `None` when it is unknown which there are.
    pub in_tree: Option<InTreeModules>,
    /// The modules that the kernel was built with, by normalised name (`modules.order`); `None`
    /// when unknown. Packages may leave some of them out.
    pub built_as_modules: Option<BTreeSet<Box<str>>>,
    /// `in_tree` is what nodes have: it comes from their own operating system's image.
    pub is_of_nodes: bool,
    /// Built-in code with a folder below `/sys/module` (`param_sysfs_builtin`,
    /// `version_sysfs_builtin`): its name stands in `modules.builtin.modinfo` with a
    /// parameter or a version. `None` when unknown.
    pub built_in_folders: Option<BTreeSet<Box<str>>>,
    /// `sizeof(struct module)` as an in-tree module shows it.
    pub this_module_size: Option<u64>,
    /// Sections of the architecture that an in-tree module lacks; `None` where none is known.
    pub absent_sections: Option<Vec<ArchSection>>,
}

impl KernelFacts {
    /// Gathers the facts about a kernel from a tree.
    ///
    /// The tree is a root with `usr/src/kernels/K`, `usr/src/linux-headers-K` or
    /// `[usr/]lib/modules/K`, or it is itself a headers tree or a `/lib/modules/K`.
    ///
    /// # Errors
    /// The tree describes another kernel or architecture, or no kernel at all.
    pub fn gather(
        kernel_version: &str,
        arch: Arch,
        tree: &dyn FileTree,
    ) -> Result<Self, FactsFault> {
        gather(kernel_version, arch, tree)
    }

    /// Whether nodes may have a module file that is not in `in_tree`: the kernel was built with
    /// it, or nothing tells which modules it was built with.
    pub fn may_lack(&self, path: &str) -> bool {
        let built = self.built_as_modules.as_ref();
        let is_built = || built.is_none_or(|built| built.contains(names::of_path(path).as_str()));
        !self.is_of_nodes && names::without_suffix(path).is_some() && is_built()
    }

    /// The facts that are not known, each of which leaves something unchecked.
    pub fn missing(&self) -> Vec<Missing> {
        let missing = [
            (self.symbols.is_none(), Missing::Symbols),
            (self.config.is_none(), Missing::Config),
            (self.vermagic.is_none(), Missing::Vermagic),
        ];
        let is_missing = missing.into_iter().filter(|(is_missing, _)| *is_missing);
        is_missing.map(|(_, fact)| fact).collect()
    }

    /// The value of a configuration option (`MODVERSIONS` without the `CONFIG_` prefix);
    /// `Some(None)` when it is known not to be set.
    pub fn option(&self, name: &str) -> Option<Option<&str>> {
        Some(self.config.as_ref()?.get(name))
    }

    /// True for an option with the value `y`; `None` when no configuration is known.
    pub fn is_set(&self, name: &str) -> Option<bool> {
        Some(self.config.as_ref()?.is_set(name))
    }

    /// Whether the kernel compares symbol versions (`CONFIG_MODVERSIONS`): by its
    /// configuration, its version magic, or CRCs that are not all zero.
    pub fn has_modversions(&self) -> Option<bool> {
        self.is_set("MODVERSIONS")
            .or_else(|| Some(self.vermagic.as_ref()?.contains("modversions ")))
            .or_else(|| self.symbols.as_ref().map(Symbols::has_versions))
    }

    /// True for kernels with Debian's patches, one of which changes `check_version`: a
    /// symbol without an entry in `__versions` is refused there, and accepted with a
    /// warning elsewhere ("module: Disable matching missing version CRC").
    pub fn is_debian(&self) -> bool {
        self.option("CC_VERSION_TEXT")
            .flatten()
            .is_some_and(|text| text.contains("Debian"))
            || self.is_set("SECURITY_PERF_EVENTS_RESTRICT") == Some(true)
    }
}
