//! One layer's tar stream as a [`LayerIndex`], unpacked in the mind as containers/storage
//! unpacks it on a node: entry by entry, into a folder of the layer's own.

mod content;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::BufRead;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::images::layers::decompress::decompress;
use crate::images::layers::kept_files::{is_kept, is_module_name, leads_to_kernels};
pub(crate) use crate::images::layers::layer_limits::LayerLimits;
use crate::images::layers::layer_paths::{check_length, clean, join};
use crate::images::layers::layer_reader::content::Held;
use crate::images::layers::tar_fault::TarFault;
use crate::images::layers::tar_stream::{Contents, Entry, Kind, TarStream};
use crate::images::layers::weight::ENTRY;
use crate::model::budget::{Budget, Charge};
use crate::model::layer::{Content, LayerIndex, Node};

/// What a layer is read for, which decides what is kept of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Purpose {
    /// An image of a Module: kernel modules and depmod's files are kept.
    Modules,
    /// A release or driver-toolkit image: the facts about kernels are kept.
    Kernel,
}

/// How a layer is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// What for.
    pub purpose: Purpose,
    /// How far.
    pub limits: LayerLimits,
    /// Files whose whole content is wanted, by their path in the layer.
    pub wanted: &'a BTreeSet<String>,
    /// Held while a large file is in memory, so that there is one of them at a time however
    /// many layers are read side by side. The room for it is used again: an allocator keeps
    /// what each thread gave back.
    pub large_file: &'a Mutex<Vec<u8>>,
    /// What is kept is counted here.
    pub budget: &'a Arc<Budget>,
}

/// Bytes that are taken of the budget at a time.
const CHARGED_AT_ONCE: usize = 64 << 10;

/// A regular file with its whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBytes {
    /// Its path, relative to the image root, or as it was asked for.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Content.
    pub bytes: Vec<u8>,
}

/// What was read of a layer.
#[derive(Debug, Default)]
pub struct ReadLayer {
    /// Its index.
    pub index: LayerIndex,
    /// The wanted files that it has.
    pub files: BTreeMap<String, FileBytes>,
    /// Wanted paths that are hard links to a file which was not wanted.
    pub links: BTreeMap<String, String>,
}

/// Reads a layer, compressed or not, to its end.
///
/// # Errors
/// The layer is damaged, cut or beyond a limit, or `layer` cannot be read.
pub fn read_layer(layer: impl BufRead, reading: &Reading<'_>) -> Result<ReadLayer, TarFault> {
    let stream = decompress(layer)?;
    let mut tar = TarStream::new(stream, reading.limits.unpacked);
    let mut unpacking = Unpacking::new(reading);
    while let Some(entry) = tar.next_entry()? {
        unpacking.take(&mut tar, entry)?;
    }
    tar.drain()?;
    Ok(unpacking.layer)
}

/// The index of a layer whose entries are listed elsewhere, in the order of the archive, with
/// the contents of those that [`needs_content`] names.
///
/// # Errors
/// The layer is beyond a limit.
pub(crate) fn index_entries<C: Contents>(
    entries: impl Iterator<Item = (Entry, C)>,
    reading: &Reading<'_>,
) -> Result<LayerIndex, TarFault> {
    let mut unpacking = Unpacking::new(reading);
    for (entry, mut contents) in entries {
        unpacking.take(&mut contents, entry)?;
    }
    Ok(unpacking.layer.index)
}

/// True for files that are read for more than their name.
pub(crate) fn needs_content(name: &str, purpose: Purpose) -> bool {
    let path = name.trim_start_matches("./").trim_start_matches('/');
    is_kept(path, purpose) || is_module_name(path)
}

struct Unpacking<'a> {
    reading: &'a Reading<'a>,
    layer: ReadLayer,
    entries: usize,
    /// Folders and links that were stepped through.
    steps: usize,
    kept: usize,
    /// Bytes of the files whose whole content is wanted.
    wanted: usize,
    /// In-tree modules kept so far, by folder of modules.
    samples: BTreeMap<String, usize>,
    /// The parent folder of the last entry, as written and where its links lead.
    parent: Option<(String, String)>,
    /// The last file whose name tells nothing, for the links that come after it.
    held: Option<Held>,
}

impl<'a> Unpacking<'a> {
    fn new(reading: &'a Reading<'a>) -> Self {
        Self {
            reading,
            layer: ReadLayer {
                index: LayerIndex {
                    charge: Charge::on(reading.budget),
                    ..LayerIndex::default()
                },
                ..ReadLayer::default()
            },
            entries: 0,
            steps: 0,
            kept: 0,
            wanted: 0,
            samples: BTreeMap::new(),
            parent: None,
            held: None,
        }
    }

    fn take(&mut self, tar: &mut impl Contents, entry: Entry) -> Result<(), TarFault> {
        self.entries += 1;
        if self.entries > self.reading.limits.entries {
            return Err(TarFault::Limit(format!(
                "the layer has more than {} entries",
                self.reading.limits.entries
            )));
        }
        let written = clean(&entry.name, &self.reading.limits)?;
        let (parent, name) = written.rsplit_once('/').unwrap_or(("", &written));
        if name.is_empty() {
            return Ok(());
        }
        let parent = self.real_parent(parent)?;
        if let Some(hidden) = name.strip_prefix(".wh.") {
            return self.whiteout(&parent, hidden);
        }
        let path = join(&parent, name);
        let node = match entry.kind.clone() {
            Kind::Dir => Node::Dir,
            Kind::Symlink(target) => {
                check_length(&target, &self.reading.limits)?;
                Node::Symlink(target)
            }
            Kind::Hardlink(target) => {
                let target = clean(&target, &self.reading.limits)?;
                let (parent, name) = target.rsplit_once('/').unwrap_or(("", &target));
                let target = join(&self.real_parent(parent)?, name);
                self.link(&path, target)?
            }
            // What overlayfs itself writes for a whiteout (kernel,
            // Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
            Kind::Char(0, 0) => return self.whiteout(&parent, name),
            Kind::Char(..) | Kind::Other => Node::Other,
            Kind::File => Node::File {
                size: entry.size,
                mode: entry.mode,
                content: self.content(tar, &entry, &path)?,
            },
        };
        // Of the hundred thousands of files in a machine-os image a few tell about kernels.
        let is_needed = self.reading.purpose == Purpose::Modules
            || !matches!(
                node,
                Node::Hardlink(_)
                    | Node::Other
                    | Node::File {
                        content: Content::Skipped | Content::NoModule(_),
                        ..
                    }
            )
            || leads_to_kernels(&path)
            || self.layer.index.entries.contains_key(&path);
        match is_needed {
            true => self.insert(path, node),
            false => Ok(()),
        }
    }

    /// Where a clean folder path leads when links of this layer, which are there already,
    /// stand in its way; its folders exist afterwards.
    fn real_parent(&mut self, parent: &str) -> Result<String, TarFault> {
        if let Some((written, real)) = &self.parent
            && written == parent
        {
            return Ok(real.clone());
        }
        let mut rest: VecDeque<String> = parent.split('/').map(str::to_owned).collect();
        let mut real = String::new();
        let mut links = 40;
        while let Some(part) = rest.pop_front() {
            self.steps += 1;
            let most = self.reading.limits.steps;
            if self.steps > most {
                return Err(TarFault::Limit(format!(
                    "the layer's paths and links have more than {most} folders"
                )));
            }
            match &*part {
                "" | "." => continue,
                ".." => {
                    real.truncate(real.rfind('/').unwrap_or_default());
                    continue;
                }
                _ => {}
            }
            let path = join(&real, &part);
            match self.layer.index.entries.get(&path) {
                Some(Node::Symlink(target)) if links > 0 => {
                    links -= 1;
                    if target.starts_with('/') {
                        real.clear();
                    }
                    for part in target.split('/').rev() {
                        rest.push_front(part.to_owned());
                    }
                }
                Some(Node::Dir) => real = path,
                _ => {
                    self.insert(path.clone(), Node::Dir)?;
                    real = path;
                }
            }
        }
        self.parent = Some((parent.to_owned(), real.clone()));
        Ok(real)
    }

    fn whiteout(&mut self, parent: &str, hidden: &str) -> Result<(), TarFault> {
        self.keep(ENTRY + parent.len() + hidden.len())?;
        match hidden {
            ".wh..opq" => drop(self.layer.index.opaque.insert(parent.to_owned())),
            // The bookkeeping of aufs, which names no file.
            _ if hidden.starts_with(".wh.") || matches!(hidden, "" | "." | "..") => {}
            _ => drop(self.layer.index.whiteouts.insert(join(parent, hidden))),
        }
        Ok(())
    }

    fn link(&mut self, path: &str, target: String) -> Result<Node, TarFault> {
        if self.reading.wanted.contains(path) {
            match self.layer.files.get(&target).cloned() {
                Some(mut file) => {
                    path.clone_into(&mut file.path);
                    self.layer.files.insert(path.to_owned(), file);
                }
                None => drop(self.layer.links.insert(path.to_owned(), target.clone())),
            }
        }
        if let Some(node) = self.content_by_link(path, &target)? {
            return Ok(node);
        }
        Ok(match self.layer.index.entries.get(&target) {
            Some(Node::Dir) | None => Node::Hardlink(target),
            Some(node) => node.clone(),
        })
    }

    fn insert(&mut self, path: String, node: Node) -> Result<(), TarFault> {
        let target = match &node {
            Node::Symlink(target) | Node::Hardlink(target) => target.len(),
            _ => 0,
        };
        self.keep(ENTRY + path.len() + target)?;
        let entries = &mut self.layer.index.entries;
        let old = entries.get(&path);
        match (old, &node) {
            (Some(Node::Dir), Node::Dir) => return Ok(()),
            (Some(Node::Dir), _) => {
                let from = format!("{path}/");
                let to = format!("{path}0");
                let below: Vec<String> = entries.range(from..to).map(|(k, _)| k.clone()).collect();
                for path in below {
                    entries.remove(&path);
                }
                self.parent = None;
            }
            (Some(_), _) | (None, Node::Symlink(_)) => self.parent = None,
            (None, _) => {}
        }
        entries.insert(path, node);
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> Result<(), TarFault> {
        self.kept += bytes;
        if self.kept > self.reading.limits.kept {
            return Err(TarFault::Limit(format!(
                "the layer's files and modules need more than {} bytes of memory",
                self.reading.limits.kept
            )));
        }
        let charge = &mut self.layer.index.charge;
        let missing = self.kept.saturating_sub(charge.bytes());
        if missing > 0 && !charge.add(missing.next_multiple_of(CHARGED_AT_ONCE)) {
            return Err(TarFault::Busy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
