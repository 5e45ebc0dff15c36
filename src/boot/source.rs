//! Where a kernel's own files are: a folder, or an image.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::check::facts::{FactsStore, KernelPlace};
use crate::images::layers::layer_reader::Purpose;
use crate::images::open::{Images, OpenImage};
use crate::kernel::sources;
use crate::model::target::Target;

/// A place that has files of a kernel.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// `--kernel-dir`
    Folder { dir: PathBuf, kernel: String },
    /// A machine-os or driver-toolkit image.
    Image {
        images: Arc<Images>,
        image: Arc<OpenImage>,
    },
}

impl Source {
    /// Opens a place.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(super) async fn open(
        store: &FactsStore,
        images: &Arc<Images>,
        place: KernelPlace,
        target: &Target,
    ) -> Result<Self, String> {
        match place {
            KernelPlace::Folder(dir) => Ok(Self::Folder {
                dir,
                kernel: target.kernel_version.clone(),
            }),
            KernelPlace::Image(name) => {
                let opened = images.open(&name, target.arch, store.access()).await;
                let image = opened.map_err(|finding| finding.message)?;
                Ok(Self::Image {
                    images: Arc::clone(images),
                    image,
                })
            }
        }
    }

    /// The content of files by their paths below the root; what is not there is left out.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(super) async fn read(
        &self,
        paths: Vec<String>,
    ) -> Result<BTreeMap<String, Vec<u8>>, String> {
        match self {
            Self::Folder { dir, kernel } => {
                let (dir, kernel) = (dir.clone(), kernel.clone());
                tokio::task::spawn_blocking(move || sources::files(&dir, &kernel, &paths))
                    .await
                    .map_err(|fault| format!("internal error while reading {self}: {fault}"))
            }
            Self::Image { images, image } => {
                let files = images.files_for(image, &paths, Purpose::Kernel).await;
                let files = files.map_err(|finding| finding.message)?;
                Ok(files
                    .into_iter()
                    .map(|file| (file.path, file.bytes))
                    .collect())
            }
        }
    }

    /// What a message adds about files that are not there: a link on these paths that leads out
    /// of a folder.
    pub(super) async fn why_absent(&self, paths: Vec<String>) -> String {
        let Self::Folder { dir, kernel } = self else {
            return String::new();
        };
        let (dir, kernel) = (dir.clone(), kernel.clone());
        let look = move || sources::lost_link(&dir, &kernel, &paths);
        let lost = tokio::task::spawn_blocking(look).await.ok().flatten();
        lost.map_or_else(String::new, |lost| format!("; {lost}"))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { dir, .. } => write!(f, "{}", dir.display()),
            Self::Image { image, .. } => write!(f, "image {}", image.reference),
        }
    }
}

/// The paths below a root where a kernel may be.
pub(super) fn kernel_paths(kernel: &str) -> Vec<String> {
    vec![
        format!("usr/lib/modules/{kernel}/vmlinuz"),
        format!("lib/modules/{kernel}/vmlinuz"),
        format!("boot/vmlinuz-{kernel}"),
        format!("boot/vmlinux-{kernel}"),
        format!("vmlinuz-{kernel}"),
        "vmlinuz".to_owned(),
    ]
}

/// The paths below a root where an in-tree module may be.
pub(super) fn module_paths(kernel: &str, module: &str) -> [String; 3] {
    [
        format!("usr/lib/modules/{kernel}/{module}"),
        format!("lib/modules/{kernel}/{module}"),
        module.to_owned(),
    ]
}
