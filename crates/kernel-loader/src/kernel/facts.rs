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

    /// The same, with what is unknown of it from other facts about the same kernel.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let in_tree_of = if self.in_tree.is_some() { &self } else { other };
        Self {
            is_of_nodes: in_tree_of.is_of_nodes,
            kernel_version: self.kernel_version,
            arch: self.arch.or(other.arch),
            config: self.config.or_else(|| other.config.clone()),
            vermagic: self.vermagic.or_else(|| other.vermagic.clone()),
            symbols: self.symbols.or_else(|| other.symbols.clone()),
            built_in: self.built_in.or_else(|| other.built_in.clone()),
            in_tree: self.in_tree.or_else(|| other.in_tree.clone()),
            built_as_modules: self
                .built_as_modules
                .or_else(|| other.built_as_modules.clone()),
            built_in_folders: self
                .built_in_folders
                .or_else(|| other.built_in_folders.clone()),
            this_module_size: self.this_module_size.or(other.this_module_size),
            absent_sections: self
                .absent_sections
                .or_else(|| other.absent_sections.clone()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_comes_from_other_facts() {
        let facts = |vermagic: Option<&str>, in_tree: Option<&str>, is_of_nodes| KernelFacts {
            vermagic: vermagic.map(str::to_owned),
            in_tree: in_tree.map(|path| [(path.into(), None)].into()),
            is_of_nodes,
            ..KernelFacts::default()
        };
        let toolkit = facts(Some("toolkit"), Some("a.ko"), false);
        let nodes = facts(None, Some("b.ko"), true).or(&toolkit);
        assert_eq!(nodes.vermagic.as_deref(), Some("toolkit"));
        assert!(nodes.is_of_nodes);
        assert!(
            nodes
                .in_tree
                .is_some_and(|paths| paths.contains_key("b.ko"))
        );
        let without_list = facts(Some("own"), None, true).or(&toolkit);
        assert_eq!(without_list.vermagic.as_deref(), Some("own"));
        assert!(!without_list.is_of_nodes, "the list is the toolkit's");
    }
}
