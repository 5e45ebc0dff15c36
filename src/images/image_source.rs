//! Where an image's manifests and layers are, so that nobody else has to know.

use std::io::BufRead;
use std::sync::Arc;

use crate::images::layouts::layout::Layout;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::repository::Repository;

const LAYOUT: &str = "reading a layout";

/// A place that serves an image.
#[derive(Debug, Clone)]
pub(crate) enum ImageSource {
    /// A layout on disk.
    Layout(Arc<Layout>),
    /// A repository of a registry.
    Registry(Arc<Repository>),
    /// A layout that holds what is new of an image; the rest is in the place below it.
    Stacked(Arc<Layout>, Arc<ImageSource>),
}

impl ImageSource {
    /// What tells this place apart from others where the same content may be.
    pub(crate) fn site(&self) -> String {
        match self {
            Self::Layout(layout) => layout.path().display().to_string(),
            Self::Registry(repository) => repository.to_string(),
            Self::Stacked(_, below) => below.site(),
        }
    }

    /// The place that has some content, of those that are stacked.
    fn holder(&self, digest: &str) -> Self {
        match self {
            Self::Stacked(layout, _) if layout.has(digest) => Self::Layout(Arc::clone(layout)),
            Self::Stacked(_, below) => below.holder(digest),
            place => place.clone(),
        }
    }

    /// True where no registry has to be asked for some content.
    pub(crate) fn is_on_disk(&self, digest: &str) -> bool {
        match self {
            Self::Layout(_) => true,
            Self::Registry(_) => false,
            Self::Stacked(layout, below) => layout.has(digest) || below.is_on_disk(digest),
        }
    }

    /// The registry (`host[:port]`) and the repository that have some content.
    pub(crate) fn registry_of(&self, digest: &str) -> Option<(String, String)> {
        match self.holder(digest) {
            Self::Registry(repository) => Some(repository.names()),
            Self::Layout(_) | Self::Stacked(..) => None,
        }
    }

    /// A small blob, verified.
    pub(crate) async fn small_blob(&self, digest: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Layout(layout) => {
                let (layout, digest) = (Arc::clone(layout), digest.to_owned());
                blocking(LAYOUT, move || layout.small_blob(&digest, limit)).await
            }
            Self::Registry(repository) => repository.small_blob(digest, limit).await,
            Self::Stacked(..) => Box::pin(self.holder(digest).small_blob(digest, limit)).await,
        }
    }

    /// A manifest by its digest, verified.
    pub(crate) async fn manifest(&self, digest: &str) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Layout(layout) => {
                let (layout, digest) = (Arc::clone(layout), digest.to_owned());
                blocking(LAYOUT, move || layout.manifest(&digest)).await
            }
            Self::Registry(repository) => repository.manifest(digest).await,
            Self::Stacked(..) => Box::pin(self.holder(digest).manifest(digest)).await,
        }
    }

    /// A blob of `size` bytes as a stream for a thread that may wait.
    pub(crate) async fn blob(
        &self,
        digest: &str,
        size: u64,
    ) -> Result<Box<dyn BufRead + Send>, Fault> {
        match self {
            Self::Layout(layout) => {
                let (layout, digest) = (Arc::clone(layout), digest.to_owned());
                blocking(LAYOUT, move || layout.blob(&digest)).await
            }
            Self::Registry(repository) => Ok(Box::new(repository.blob(digest, size).await?)),
            Self::Stacked(..) => Box::pin(self.holder(digest).blob(digest, size)).await,
        }
    }
}

/// Works on a thread that may wait; `what` it does is told where it ends in a fault.
pub(crate) async fn blocking<T: Send + 'static, E: From<Fault> + Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|fault| {
            let message = format!("internal error in {what}: {fault}");
            Err(Fault::new(FaultKind::Unreadable, message).into())
        })
}
