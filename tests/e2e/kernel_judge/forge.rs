//! What the tables of cases are made from: one kernel, its modules, and those
//! of its neighbours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;

use super::case::Case;
use super::elf::Elf;
use super::folder::Folder;
use super::guest::host_folder;
use super::kernel::Kernel;
use crate::support::image::{Image, Layer};

/// One kernel and what cases for it are made from.
#[derive(Debug)]
pub(crate) struct Forge {
    pub(crate) kernel: Kernel,
    modules: BTreeMap<String, Vec<u8>>,
    /// Other kernels' modules, by the kernel's name.
    pub(crate) neighbours: Vec<(String, BTreeMap<String, Vec<u8>>)>,
    host: TempDir,
    // kmm_good with its indexes, where most cases begin.
    good: Folder,
}

impl Forge {
    /// Compiles the modules for the kernel and its neighbours.
    pub(crate) fn new(kernel: Kernel, neighbours: &[Kernel]) -> Self {
        let host = tempfile::tempdir().expect("a folder for in-tree modules");
        host_folder(&kernel, &host.path().join(&kernel.release));
        let modules = kernel.compile();
        let good = Folder::new(&kernel.release)
            .put("extra/kmm_good.ko", modules["kmm_good"].clone())
            .depmod();
        Self {
            modules,
            neighbours: neighbours
                .iter()
                .map(|other| (other.name.clone(), other.compile()))
                .collect(),
            kernel,
            host,
            good,
        }
    }

    /// In-tree modules of the node in the guest.
    pub(crate) fn host(&self) -> PathBuf {
        self.host.path().join(&self.kernel.release)
    }

    /// A compiled module.
    pub(crate) fn ko(&self, name: &str) -> Vec<u8> {
        self.modules[name].clone()
    }

    /// A compiled module, ready for edits.
    pub(crate) fn elf(&self, name: &str) -> Elf {
        Elf::new(&self.modules[name])
    }

    /// An empty module folder of this kernel below `/opt`.
    pub(crate) fn folder(&self) -> Folder {
        Folder::new(&self.kernel.release)
    }

    /// A folder with some of the compiled modules below `extra/`.
    pub(crate) fn with(&self, names: &[&str]) -> Folder {
        names.iter().fold(self.folder(), |folder, name| {
            folder.put(&format!("extra/{name}.ko"), self.ko(name))
        })
    }

    /// A case for kmm_good whose file has these bytes; indexed by depmod while
    /// the file was as the compiler made it.
    pub(crate) fn edited(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Case {
        let folder = self.good.clone().put("extra/kmm_good.ko", bytes);
        Case::new(name, "kmm_good", image(&folder))
    }

    /// A case that loads `module` from a folder.
    pub(crate) fn case(&self, name: &str, module: &str, folder: &Folder) -> Case {
        Case::new(name, module, image(folder))
    }
}

/// An image with the usual tools and one folder.
pub(crate) fn image(folder: &Folder) -> Image {
    layered([folder.layer()])
}

/// An image with the usual tools and these layers.
pub(crate) fn layered(layers: impl IntoIterator<Item = Layer>) -> Image {
    layers
        .into_iter()
        .fold(Image::new().with_tools(), Image::layer)
}
