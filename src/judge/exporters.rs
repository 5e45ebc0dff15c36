//! Who in the image exports a symbol that nothing loaded exports.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::findings::refusals::Exporters;
use crate::images::layers::overlay::Overlay;
use crate::model::layer::{Content, Node};

/// Exporters among the modules of the image.
pub(super) struct ImageExporters<'a> {
    overlay: &'a Overlay,
    folder: &'a str,
    known: OnceCell<HashMap<Box<str>, String>>,
}

impl<'a> ImageExporters<'a> {
    /// Those in the folder of modules, which is looked through when the first one is asked for.
    pub(super) fn new(overlay: &'a Overlay, folder: &'a str) -> Self {
        Self {
            overlay,
            folder,
            known: OnceCell::new(),
        }
    }
}

impl Exporters for ImageExporters<'_> {
    fn of_image(&self, symbol: &str) -> Option<String> {
        let known = self.known.get_or_init(|| {
            // It only words a message: no layer is read for it.
            let files = self.overlay.walk(self.folder).unwrap_or_default();
            let mut known = HashMap::new();
            for (path, found) in files {
                if let Node::File {
                    content: Content::Module(file),
                    ..
                } = found.node
                    && let Ok(elf) = &file.elf
                {
                    for export in &elf.exports {
                        known
                            .entry(export.name.clone())
                            .or_insert_with(|| path.clone());
                    }
                }
            }
            known
        });
        known.get(symbol).cloned()
    }

    fn has_host_link(&self) -> bool {
        // It only words a hint: no layer is read for it.
        let link = self.overlay.lookup_link(&format!("{}/host", self.folder));
        matches!(link, Ok(Some(found)) if matches!(found.node, Node::Symlink(_)))
    }
}
