//! The layouts and archives that `--oci-layout` names, and an image's names in them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::findings::finding::Finding;
use crate::images::image_source::ImageSource;
use crate::images::layouts::layout::{Found, Layout};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::mirrors::Mirrors;

/// Layouts and archives, the first one first.
#[derive(Debug)]
pub(crate) struct Layouts(Vec<Arc<Layout>>);

/// An image on disk.
#[derive(Debug)]
pub(crate) struct OnDisk {
    /// Where it is.
    pub(crate) layout: Arc<Layout>,
    /// Which of its images it is.
    pub(crate) found: Found,
    /// The name by which it was found, where that is not the one that was asked for.
    other_name: Option<String>,
}

impl OnDisk {
    /// What there is to say of where it was found.
    pub(crate) fn remark(&self, reference: &str) -> Option<Finding> {
        let other_name = self.other_name.as_deref();
        self.layout.remark(reference, &self.found, other_name)
    }
}

impl Layouts {
    /// Reads what each folder or archive says of its images.
    ///
    /// # Errors
    /// One of them holds no images, or is damaged.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Fault> {
        let layouts = paths.iter().map(|path| {
            let layout = Layout::open(path).map_err(|fault| {
                Fault::new(
                    FaultKind::Invalid,
                    format!("{} is not an OCI layout: {}", path.display(), fault.message),
                )
                .hint(
                    "Pass a folder with an `index.json` (skopeo, crane), an archive (`docker \
                     save`, `podman save`), the folder of `oc mirror`'s archives, or the folder \
                     of `oc image mirror` or `oc adm release mirror`.",
                )
            })?;
            Ok(Arc::new(layout))
        });
        Ok(Self(layouts.collect::<Result<_, Fault>>()?))
    }

    /// Where an image is, with what its layout lacks from the others: one archive of
    /// `oc mirror` builds on those before it.
    pub(crate) fn place(&self, on_disk: &OnDisk) -> ImageSource {
        let own = ImageSource::Layout(Arc::clone(&on_disk.layout));
        let others = self.0.iter();
        let others = others.filter(|other| !Arc::ptr_eq(other, &on_disk.layout));
        others.fold(own, |below, other| {
            ImageSource::Stacked(Arc::clone(other), Arc::new(below))
        })
    }

    /// The fault of the registries about an image that no layout has either.
    pub(crate) fn add_miss(&self, reference: &str, fault: Fault) -> Fault {
        let Some(first) = self.0.first() else {
            return fault;
        };
        let misses = self.0.iter().map(|layout| layout.miss(reference));
        let message = misses.chain([fault.message]).collect::<Vec<_>>().join("; ");
        let hint = match fault.kind {
            FaultKind::NotFound | FaultKind::Unreachable => Some(format!(
                "Copy the image to {} under this name, or correct the name.",
                first.path().display()
            )),
            // The registry has it, or nobody does.
            FaultKind::Unauthorized
            | FaultKind::Unreadable
            | FaultKind::Busy
            | FaultKind::Invalid
            | FaultKind::ArchMissing => fault.hint,
        };
        Fault {
            message,
            hint,
            ..fault
        }
    }

    /// The image of a reference: by its own name, or by one under which the rules for mirrors
    /// would have it pulled, for what fills a mirror names images as the mirror does. A name
    /// in full goes before one that is less.
    pub(crate) fn find(&self, reference: &str, mirrors: &Mirrors) -> Option<OnDisk> {
        if self.0.is_empty() {
            return None;
        }
        // What is on disk need not be asked for anywhere: no rule blocks it.
        let sources = mirrors.sources(reference).unwrap_or_default();
        let others = sources.into_iter().map(|source| source.reference);
        let others = others.filter(|name| name != reference).map(Some);
        let mut shortly = None;
        for other_name in std::iter::once(None).chain(others) {
            let name = other_name.as_deref().unwrap_or(reference);
            for layout in &self.0 {
                let Some(found) = layout.find(name) else {
                    continue;
                };
                let is_short = found.short_name.is_some();
                let on_disk = OnDisk {
                    layout: Arc::clone(layout),
                    found,
                    other_name: other_name.clone(),
                };
                if !is_short {
                    return Some(on_disk);
                }
                shortly.get_or_insert(on_disk);
            }
        }
        shortly
    }
}
