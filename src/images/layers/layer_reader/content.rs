//! What is kept of the files in a layer.

use std::sync::{Arc, MutexGuard, PoisonError};

use kernel_loader::arch::ElfMachine;
use kernel_loader::depmod::index;
use kernel_loader::module::compression::{self, Compression};
use kernel_loader::module::content::{AS_THEY_ARE, Content as ModuleContent};
use kernel_loader::module::facts::Depth;
use kernel_loader::module::{ElfFault, LARGEST_MODULE, Limit, ModuleFile};

use super::{FileBytes, Purpose, Unpacking, needs_content};
use crate::images::layers::kept_files::{is_kept, is_module_name, is_object, is_relocatable_elf};
use crate::images::layers::tar_fault::TarFault;
use crate::images::layers::tar_stream::{Contents, Entry, Kind, room};
use crate::images::layers::toc::Fetched;
use crate::images::layers::weight;
use crate::model::layer::{Content, Node};

/// Files above this size are read one at a time.
const LARGE: u64 = 1 << 20;
/// The same for modules as they are once unpacked.
const LARGE_CONTENT: u64 = 4 << 20;
/// What a zstd decoder may want before it gives the first byte (RFC 8878, section 3.1.1.2.4,
/// "Block_Maximum_Size", and headers).
const ZSTD_BLOCK: usize = 129 << 10;
/// In-tree modules of one kernel whose facts are kept: enough to know its version magic and
/// its `struct module`; their symbols stand in `Module.symvers`.
const IN_TREE_SAMPLES: usize = 8;
/// Most bytes of a file that is held for the links after it.
const MOST_HELD: u64 = 8 << 20;

/// A file whose name tells nothing.
pub(super) struct Held {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl<'a> Unpacking<'a> {
    pub(super) fn content(
        &mut self,
        tar: &mut impl Contents,
        entry: &Entry,
        path: &str,
    ) -> Result<Content, TarFault> {
        let limits = &self.reading.limits;
        if self.reading.wanted.contains(path) {
            if entry.size > limits.module {
                return Ok(Content::TooLarge(limits.module));
            }
            let bytes = tar.content(entry, Vec::new())?;
            self.wanted += bytes.len();
            if self.wanted > limits.wanted {
                return Err(TarFault::Limit(format!(
                    "the files that are needed from the layer have more than {} bytes",
                    limits.wanted
                )));
            }
            self.layer.links.remove(path);
            self.layer.files.insert(
                path.to_owned(),
                FileBytes {
                    path: path.to_owned(),
                    mode: entry.mode,
                    uid: entry.uid,
                    gid: entry.gid,
                    bytes,
                },
            );
            return Ok(Content::Skipped);
        }
        if is_kept(path, self.reading.purpose) {
            if entry.size > limits.file {
                return Ok(Content::TooLarge(limits.file));
            }
            let bytes = tar.content(entry, Vec::new())?;
            self.keep(bytes.len())?;
            return Ok(Content::Bytes(bytes.into()));
        }
        if is_object(path) && entry.size <= MOST_HELD {
            return self.held_content(tar, entry, path);
        }
        self.content_of_any_name(tar, entry, path)
    }

    /// The content of a file that is named by its digest, and kept until the next such file for
    /// the links that come after it.
    fn held_content(
        &mut self,
        tar: &mut impl Contents,
        entry: &Entry,
        path: &str,
    ) -> Result<Content, TarFault> {
        let start = tar.peeked(20)?;
        if start.is_empty() && entry.size > 0 {
            return Ok(Content::Skipped);
        }
        let bytes = match entry.size {
            0 => start,
            _ => tar.content(entry, start)?,
        };
        let content = self.content_of_any_name(&mut Fetched::of(bytes.as_slice()), entry, path)?;
        self.held = Some(Held {
            path: path.to_owned(),
            mode: entry.mode,
            bytes,
        });
        Ok(content)
    }

    /// The file that a hard link makes of the one before it, where its name says more than
    /// that one's: ostree exports each file as an object and a link to it right after
    /// (ostree-rs-ext, `tar/export.rs`, `append_content`).
    pub(super) fn content_by_link(
        &mut self,
        path: &str,
        target: &str,
    ) -> Result<Option<Node>, TarFault> {
        let is_known = matches!(
            self.layer.index.entries.get(target),
            Some(Node::File {
                content: Content::Bytes(_) | Content::Module(_),
                ..
            })
        );
        if is_known || !needs_content(path, self.reading.purpose) {
            return Ok(None);
        }
        let Some(held) = self.held.take_if(|held| held.path == target) else {
            return Ok(None);
        };
        let entry = Entry {
            name: path.to_owned(),
            kind: Kind::File,
            size: held.bytes.len() as u64,
            mode: held.mode,
            uid: 0,
            gid: 0,
            pieces: None,
        };
        let content = self.content(&mut Fetched::of(held.bytes.as_slice()), &entry, path)?;
        self.held = Some(held);
        Ok(Some(Node::File {
            size: entry.size,
            mode: entry.mode,
            content,
        }))
    }

    fn content_of_any_name(
        &mut self,
        tar: &mut impl Contents,
        entry: &Entry,
        path: &str,
    ) -> Result<Content, TarFault> {
        let limits = &self.reading.limits;
        let named = is_module_name(path);
        let mut start = Vec::new();
        if !named {
            start = tar.peeked(20)?;
            // Where only a table of contents is read, no other file can be looked at.
            if start.is_empty() {
                return Ok(Content::Skipped);
            }
            let is_index = self.reading.purpose == Purpose::Modules
                && start.starts_with(&index::MAGIC.to_be_bytes());
            if is_index && entry.size <= limits.file {
                let bytes = tar.content(entry, start)?;
                self.keep(bytes.len())?;
                return Ok(Content::Bytes(bytes.into()));
            }
            let more = match Compression::of(&start) {
                Compression::None => 0,
                Compression::Gzip | Compression::Xz => 4 << 10,
                Compression::Zstd => ZSTD_BLOCK,
            };
            start.extend(tar.peeked(more)?);
            if !is_relocatable_elf(&compression::start(&start, 20)) {
                return Ok(Content::NoModule(ElfMachine::of(&start)));
            }
        }
        if !self.is_of_use(path) {
            return Ok(Content::Skipped);
        }
        if entry.size > limits.module {
            return Ok(Content::TooLarge(limits.module));
        }
        let mut one_at_a_time = (entry.size > LARGE).then(|| self.one_at_a_time());
        let own_room = one_at_a_time.as_deref_mut().map(std::mem::take);
        let own_room = room(own_room.unwrap_or_default(), entry, AS_THEY_ARE);
        let mut file = ModuleContent::in_room(own_room, AS_THEY_ARE);
        tar.pour(entry, start, &mut file)?;
        let depth = match self.reading.purpose {
            Purpose::Modules => Depth::Full,
            Purpose::Kernel => Depth::Slim,
        };
        let compression = Compression::of(file.start());
        let module = if compression == Compression::None {
            ModuleFile::of_content(compression, file.length(), Ok(&file), depth)
        } else {
            let packed = file.start();
            if file.length() > limits.packed_module.min(packed.len() as u64) {
                return Ok(Content::TooLarge(limits.packed_module));
            }
            // Few bytes may unpack to many.
            let is_small = one_at_a_time.is_none();
            let content = match is_small.then(|| compression::content(packed, LARGE_CONTENT)) {
                None | Some(Err(ElfFault::Limit(Limit::Size(_)))) => {
                    one_at_a_time.get_or_insert_with(|| self.one_at_a_time());
                    compression::content(packed, limits.module.min(LARGEST_MODULE))
                }
                Some(content) => content,
            };
            let content = content.as_ref().map_err(ElfFault::clone);
            ModuleFile::of_content(compression, file.length(), content, depth)
        };
        let room = file.into_room();
        if let Some(mut kept) = one_at_a_time
            && kept.capacity() <= room.capacity()
        {
            *kept = room;
            kept.clear();
        }
        if !named && module.elf.is_err() {
            return Ok(Content::NoModule(None));
        }
        self.keep(weight::of_module(&module))?;
        Ok(Content::Module(Arc::new(module)))
    }

    fn one_at_a_time(&self) -> MutexGuard<'a, Vec<u8>> {
        let lock = self.reading.large_file.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the in-tree modules of a kernel, of which some are enough.
    fn is_of_use(&mut self, path: &str) -> bool {
        if self.reading.purpose == Purpose::Modules {
            return true;
        }
        let Some((_, in_folder)) = path.split_once("lib/modules/") else {
            return false;
        };
        let Some((folder, _)) = in_folder.split_once("/kernel/") else {
            return true;
        };
        let count = self.samples.entry(folder.to_owned()).or_default();
        *count += 1;
        *count <= IN_TREE_SAMPLES
    }
}
