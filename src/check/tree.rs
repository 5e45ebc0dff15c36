//! The file system of an image as a tree of kernel facts.

use std::borrow::Cow;
use std::sync::Arc;

use kernel_loader::kernel::facts::FileTree;
use kernel_loader::module::ModuleFile;

use crate::images::layers::overlay::Overlay;
use crate::model::layer::{Content, Node};

/// An image all of whose layers were read.
#[derive(Debug)]
pub struct OverlayTree<'a>(pub &'a Overlay);

impl OverlayTree<'_> {
    fn content(&self, path: &str) -> Option<&Content> {
        match self.0.lookup(path).ok()??.node {
            Node::File { content, .. } => Some(content),
            _ => None,
        }
    }
}

impl FileTree for OverlayTree<'_> {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        match self.content(path)? {
            Content::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Content::Skipped | Content::NoModule | Content::Module(_) | Content::TooLarge(_) => {
                None
            }
        }
    }

    fn list(&self, dir: &str) -> Vec<String> {
        self.0.list(dir).ok().flatten().unwrap_or_default()
    }

    fn is_file(&self, path: &str) -> bool {
        self.content(path).is_some()
    }

    fn module(&self, path: &str) -> Option<Arc<ModuleFile>> {
        match self.content(path)? {
            Content::Module(module) => Some(Arc::clone(module)),
            Content::Skipped | Content::NoModule | Content::Bytes(_) | Content::TooLarge(_) => None,
        }
    }
}
