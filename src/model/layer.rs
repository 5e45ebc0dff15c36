//! What one image layer says about the file system, as far as a check can need it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use kernel_loader::arch::ElfMachine;
use kernel_loader::module::ModuleFile;

use crate::model::budget::Charge;

/// The digested content of one layer. Paths are clean and relative to the image root
/// (`opt/lib/modules`): no leading `/` or `./`, no empty, `.` or `..` component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerIndex {
    /// Every entry by path; of several entries for a path the last counts.
    #[serde(with = "pairs")]
    pub entries: BTreeMap<String, Node>,
    /// Paths that this layer removes from the layers below (`.wh.NAME`).
    pub whiteouts: BTreeSet<String>,
    /// Directories whose content below this layer is hidden (`.wh..wh..opq`).
    pub opaque: BTreeSet<String>,
    /// The memory that this takes of the run's budget.
    #[serde(skip)]
    pub charge: Charge,
}

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Node {
    /// A regular file.
    File {
        /// Size in bytes.
        size: u64,
        /// Permission bits.
        mode: u32,
        /// What was kept of it.
        content: Content,
    },
    /// A directory.
    Dir,
    /// A symbolic link with its target as written.
    Symlink(String),
    /// A hard link to a path whose entry is not in this layer.
    Hardlink(String),
    /// A device, pipe or socket.
    Other,
}

/// What is kept of a regular file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing: no check reads such a file.
    Skipped,
    /// All of it: depmod's files and kernel facts.
    Bytes(Arc<[u8]>),
    /// The facts of a kernel module (`.ko`, `.ko.gz`, `.ko.xz`, `.ko.zst`).
    Module(Arc<ModuleFile>),
    /// It is beyond the limit named, in bytes.
    TooLarge(u64),
    /// Nothing: it was looked at, and no kernel loads it as a module. The machine of a program.
    NoModule(Option<ElfMachine>),
}

/// A map as a list of its pairs, from which it is built at once and not entry by entry.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Node;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<String, Node>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Node>, D::Error> {
        let pairs = Vec::<(String, Node)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}
