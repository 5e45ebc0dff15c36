//! Images on disk: in an OCI layout (OCI image spec, image-layout.md) as skopeo, crane, buildah
//! and umoci write them, in a folder or a tar archive; in the archives of `docker save` and its
//! like; in the storage of a registry, which is what `oc mirror` packs; in the folders of
//! `oc image mirror` and `oc adm release mirror`.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use oci_client::Reference;

use crate::findings::finding::{Code, Finding};
use crate::images::layouts::docker_archive::DockerArchive;
use crate::images::layouts::files::{Files, Opened};
use crate::images::layouts::mirrored::Mirrored;
use crate::images::layouts::names::NAMES;
use crate::images::layouts::{docker_archive, storage};
use crate::images::registry::digest::{self, Digest};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::manifest::{Descriptor, MAX_MANIFEST, MAX_MANIFESTS, Manifest};
use crate::images::registry::reference;

/// Most bytes of an `index.json`.
pub(crate) const MAX_INDEX: u64 = 32 << 20;
/// How deep indexes may lie in each other.
const MAX_DEPTH: usize = 4;
/// Most bytes of all indexes inside the layout's index.
pub(crate) const MAX_INDEXES: usize = 32 << 20;

/// Images on disk.
#[derive(Debug)]
pub(crate) struct Layout {
    path: PathBuf,
    files: Files,
    images: Vec<Descriptor>,
    /// Manifests that were made because the archive has none.
    made: BTreeMap<String, Vec<u8>>,
    /// Where blobs are.
    blobs: Blobs,
    /// Every named image with its name, once one was asked for.
    named: OnceLock<Vec<(String, Descriptor)>>,
}

#[derive(Debug)]
enum Blobs {
    /// `blobs/sha256/…`
    Oci,
    /// Under names that were listed.
    Named(BTreeMap<String, String>),
    /// As a registry keeps them.
    Storage,
}

/// An image that was found, and by how much of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its manifest or index.
    pub(crate) image: Descriptor,
    /// The name that it has there, where that is less than the reference: whoever wrote the
    /// layout knows whether it is the image that is meant.
    pub(crate) short_name: Option<String>,
}

impl Layout {
    /// Reads what a folder or archive says of its images.
    ///
    /// # Errors
    /// It holds no images in any form that is known here, or is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let files = Files::open(path)?;
        let mut layout = Self {
            path: path.to_owned(),
            files,
            images: Vec::new(),
            made: BTreeMap::new(),
            blobs: Blobs::Oci,
            named: OnceLock::new(),
        };
        if let Some(index) = layout.files.get("index.json")? {
            let Manifest::Index(images) = Manifest::parse(&index.read(MAX_INDEX)?)? else {
                let message = format!("{}: index.json is not an image index", path.display());
                return Err(Fault::new(FaultKind::Unreadable, message));
            };
            layout.images = images;
        } else if layout.files.has(docker_archive::MANIFEST) {
            let archive = DockerArchive::read(&layout.files)?;
            layout.images = archive.images;
            layout.made = archive.manifests;
            layout.blobs = Blobs::Named(archive.blobs);
        } else {
            layout.images = storage::images(&layout.files)?;
            layout.blobs = Blobs::Storage;
            if layout.images.is_empty() {
                let mirrored = Mirrored::read(&layout.files)?;
                layout.images = mirrored.images;
                layout.blobs = Blobs::Named(mirrored.blobs);
            }
            if layout.images.is_empty() {
                let message = "it contains no index.json, no manifest.json, no registry storage \
                    and no repositories below v2";
                return Err(Fault::new(FaultKind::Unreadable, message));
            }
        }
        Ok(layout)
    }

    /// The folder or archive.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest or index that a reference names: by digest where it has one; else the
    /// image whose name is the reference, else the only one whose name is the end of it
    /// (`repository:tag`), else the only one whose name is its tag, as tools that write
    /// one repository to a layout have it.
    pub(crate) fn find(&self, reference: &str) -> Option<Found> {
        let whole = |image: Descriptor| Found {
            image,
            short_name: None,
        };
        let parsed: Option<Reference> = reference::parse(reference).ok();
        if let Some(wanted) = parsed.as_ref().and_then(Reference::digest) {
            let wanted = Digest::parse(wanted)?;
            let named = self.images.iter().find(|image| image.digest == wanted);
            let named = named
                .cloned()
                .or_else(|| self.has(&wanted).then(|| Descriptor::new(wanted)));
            return named.map(whole);
        }
        let asked = parsed.as_ref().map(Reference::whole);
        let tag = parsed.as_ref().and_then(Reference::tag);
        let images = self.named.get_or_init(|| self.named_images());
        let is_whole = |name: &str| {
            reference::parse(name).is_ok_and(|name| asked.as_ref() == Some(&name.whole()))
        };
        let is_end = |name: &str| {
            name.contains(':')
                && asked
                    .as_deref()
                    .and_then(|asked| asked.strip_suffix(name))
                    .is_some_and(|rest| rest.ends_with('/'))
        };
        let is_tag = |name: &str| tag == Some(name);
        images
            .iter()
            .find(|(name, _)| name == reference)
            // Parsing every name takes a while.
            .or_else(|| images.iter().find(|(name, _)| is_whole(name)))
            .map(|(_, image)| whole(image.clone()))
            .or_else(|| only(images, is_end))
            .or_else(|| only(images, is_tag))
    }

    /// That a reference is not here, and which images are: those of its repository first.
    pub(crate) fn miss(&self, reference: &str) -> String {
        const SHOWN: usize = 3;
        let last = reference.rsplit('/').next().unwrap_or(reference);
        let last = last.split(['@', ':']).next().unwrap_or(last);
        let mut names: Vec<&str> = self
            .named
            .get_or_init(|| self.named_images())
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_by_key(|name| (!name.contains(last), *name));
        names.dedup();
        let place = self.path.display();
        let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>();
        let shown = shown.join(", ");
        match names.len() {
            0 => format!("{place} does not contain it and lists no image names"),
            1..=SHOWN => {
                format!("{place} does not contain it, only {shown}")
            }
            count => format!(
                "{place} does not contain it, only {shown} and {} more",
                count - SHOWN
            ),
        }
    }

    /// What there is to say of an image that was found here, by another name where a mirror
    /// has it by that.
    pub(crate) fn remark(
        &self,
        reference: &str,
        found: &Found,
        other_name: Option<&str>,
    ) -> Option<Finding> {
        let mut remarks = Vec::new();
        if let Some(name) = other_name {
            remarks.push(format!("as {name}"));
        }
        if let Some(name) = &found.short_name {
            remarks.push(format!("where its name is {name}"));
        }
        if self.made.contains_key(&*found.image.digest) {
            remarks.push(
                "which has no manifests: its digest differs from the \
                registry's"
                    .to_owned(),
            );
        }
        (!remarks.is_empty()).then(|| {
            let place = self.path.display();
            let remarks = remarks.join(", ");
            let message = format!("image {reference} was read from {place}, {remarks}");
            Finding::new(Code::ImageMirrored, message)
        })
    }

    /// Every named image with its name; indexes inside the layout's index count.
    fn named_images(&self) -> Vec<(String, Descriptor)> {
        let mut named = Vec::new();
        let mut open: Vec<(Descriptor, usize)> =
            self.images.iter().rev().map(|i| (i.clone(), 0)).collect();
        let mut left = MAX_INDEXES;
        let mut seen = HashSet::new();
        while let Some((image, depth)) = open.pop()
            && named.len() < MAX_MANIFESTS
        {
            let names = NAMES.iter().filter_map(|key| image.annotations.get(*key));
            let before = named.len();
            named.extend(names.map(|name| (name.clone(), image.clone())));
            let is_index = image.media_type.contains("index") || image.media_type.contains("list");
            if named.len() == before
                && is_index
                && depth < MAX_DEPTH
                && left > 0
                && open.len() < 2 * MAX_MANIFESTS
                && seen.insert(image.digest.clone())
                && let Ok(bytes) = self.manifest(&image.digest)
                && let Ok(Manifest::Index(images)) = Manifest::parse(&bytes)
            {
                // A document takes time by its size, and a small one some too.
                left = left.saturating_sub(bytes.len().max(16 << 10));
                open.extend(images.into_iter().rev().map(|image| (image, depth + 1)));
            }
        }
        named
    }

    /// A manifest or index, verified.
    ///
    /// # Errors
    /// It is absent, too large, or not what its digest says.
    pub(crate) fn manifest(&self, digest: &str) -> Result<Vec<u8>, Fault> {
        match self.made.get(digest) {
            Some(made) => Ok(made.clone()),
            None => self.small_blob(digest, MAX_MANIFEST),
        }
    }

    /// A blob of at most `limit` bytes, verified.
    ///
    /// # Errors
    /// It is absent, too large, or not what its digest says.
    pub(crate) fn small_blob(&self, digest: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let bytes = self.existing(digest)?.read(limit)?;
        if !digest::verify(digest, &bytes) {
            return Err(Fault::new(
                FaultKind::Unreadable,
                format!(
                    "blob {digest} in {} does not match its digest",
                    self.path.display()
                ),
            ));
        }
        Ok(bytes)
    }

    /// A blob to be read, not verified.
    ///
    /// # Errors
    /// It is absent.
    pub(crate) fn blob(&self, digest: &str) -> Result<Box<dyn BufRead + Send>, Fault> {
        Ok(Box::new(self.existing(digest)?.stream()))
    }

    /// True when a blob is there.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.blob_name(digest)
            .is_some_and(|name| self.files.has(&name))
    }

    /// The only image of a layout that holds one.
    pub(crate) fn single(&self) -> Option<&Descriptor> {
        match &*self.images {
            [image] => Some(image),
            _ => None,
        }
    }

    fn existing(&self, digest: &str) -> Result<Opened, Fault> {
        let name = self.blob_name(digest);
        let file = match name {
            Some(name) => self.files.get(&name)?,
            None => None,
        };
        file.ok_or_else(|| {
            let message = format!("{} does not contain blob {digest}", self.path.display());
            Fault::new(FaultKind::Unreadable, message).hint(match self.blobs {
                Blobs::Storage => {
                    "An archive of `oc mirror` only contains what is new since the previous one: \
                     pass the previous ones as well, each with its own --oci-layout."
                }
                _ => "Copy the image again, with all its layers.",
            })
        })
    }

    /// Where a blob lies; `None` for what is no digest, so that no path is made of it.
    fn blob_name(&self, digest: &str) -> Option<String> {
        let (algorithm, hex) = digest.split_once(':')?;
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_word(algorithm) || !is_word(hex) {
            return None;
        }
        match &self.blobs {
            Blobs::Oci => Some(format!("blobs/{algorithm}/{hex}")),
            Blobs::Named(names) => names.get(digest).cloned(),
            Blobs::Storage => Some(storage::blob(algorithm, hex)),
        }
    }
}

fn only(images: &[(String, Descriptor)], fits: impl Fn(&str) -> bool) -> Option<Found> {
    let mut fitting = images.iter().filter(|(name, _)| fits(name));
    let (name, first) = fitting.next()?;
    fitting
        .all(|(_, other)| other.digest == first.digest)
        .then(|| Found {
            image: first.clone(),
            short_name: Some(name.clone()),
        })
}

#[cfg(test)]
mod tests;
