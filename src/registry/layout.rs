//! Images in an OCI layout on disk (OCI image spec, image-layout.md), as skopeo, crane,
//! buildah, umoci and `oc mirror` write them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use oci_client::Reference;

use crate::registry::digest;
use crate::registry::fault::{Fault, FaultKind};
use crate::registry::manifest::{Descriptor, MAX_MANIFEST, Manifest};

/// The annotations that name an image; the second is containerd's and always a full name.
const NAMES: [&str; 2] = [
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
];
/// Most bytes of an `index.json`.
const MAX_INDEX: u64 = 32 << 20;
/// How deep indexes may lie in each other.
const MAX_DEPTH: usize = 4;

/// A layout on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    dir: PathBuf,
    images: Vec<Descriptor>,
}

impl Layout {
    /// Reads the index of a layout.
    ///
    /// # Errors
    /// The folder is no layout.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let bytes = read(&dir.join("index.json"), MAX_INDEX)?;
        let Manifest::Index(images) = Manifest::parse(&bytes)? else {
            return Err(Fault::new(
                FaultKind::Unreadable,
                format!("{} is no index", dir.join("index.json").display()),
            ));
        };
        Ok(Self {
            dir: dir.to_owned(),
            images,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest or index that a reference names: by digest where it has one; else the
    /// image whose name is the reference, else the only one whose name is the end of it
    /// (`repository:tag`), else the only one whose name is its tag, as tools that write
    /// one repository to a layout have it.
    pub fn find(&self, reference: &str) -> Option<Descriptor> {
        let parsed: Option<Reference> = reference.parse().ok();
        if let Some(wanted) = parsed.as_ref().and_then(Reference::digest) {
            let named = self.images.iter().find(|image| image.digest == wanted);
            return named.cloned().or_else(|| {
                self.has(wanted).then(|| Descriptor {
                    digest: wanted.to_owned(),
                    ..Descriptor::default()
                })
            });
        }
        let whole = parsed.as_ref().map(Reference::whole);
        let tag = parsed.as_ref().and_then(Reference::tag);
        let images = self.named_images();
        let is_whole = |name: &str| {
            name == reference
                || name
                    .parse::<Reference>()
                    .is_ok_and(|name| whole.as_ref() == Some(&name.whole()))
        };
        let is_end = |name: &str| {
            name.contains(':')
                && whole
                    .as_deref()
                    .and_then(|whole| whole.strip_suffix(name))
                    .is_some_and(|rest| rest.ends_with('/'))
        };
        let is_tag = |name: &str| tag == Some(name);
        images
            .iter()
            .find(|(name, _)| is_whole(name))
            .map(|(_, image)| image.clone())
            .or_else(|| only(&images, is_end))
            .or_else(|| only(&images, is_tag))
    }

    /// Every named image with its name; indexes inside the layout's index count.
    fn named_images(&self) -> Vec<(String, Descriptor)> {
        let mut named = Vec::new();
        let mut open: Vec<(Descriptor, usize)> =
            self.images.iter().rev().map(|i| (i.clone(), 0)).collect();
        while let Some((image, depth)) = open.pop() {
            let names = NAMES.iter().filter_map(|key| image.annotations.get(*key));
            let before = named.len();
            named.extend(names.map(|name| (name.clone(), image.clone())));
            let is_index = image.media_type.contains("index") || image.media_type.contains("list");
            if named.len() == before
                && is_index
                && depth < MAX_DEPTH
                && let Ok(bytes) = self.manifest(&image.digest)
                && let Ok(Manifest::Index(images)) = Manifest::parse(&bytes)
            {
                open.extend(images.into_iter().rev().map(|image| (image, depth + 1)));
            }
        }
        named
    }

    /// A manifest or index, verified.
    ///
    /// # Errors
    /// It is absent, too large, or not what its digest says.
    pub fn manifest(&self, digest: &str) -> Result<Vec<u8>, Fault> {
        self.small_blob(digest, MAX_MANIFEST)
    }

    /// A blob of at most `limit` bytes, verified.
    ///
    /// # Errors
    /// It is absent, too large, or not what its digest says.
    pub fn small_blob(&self, digest: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let path = self.existing(digest)?;
        let bytes = read(&path, limit)?;
        if !digest::verify(digest, &bytes) {
            return Err(Fault::new(
                FaultKind::Unreadable,
                format!("{} does not have the digest of its name", path.display()),
            ));
        }
        Ok(bytes)
    }

    /// A blob to be read, not verified.
    ///
    /// # Errors
    /// It is absent.
    pub fn blob(&self, digest: &str) -> Result<File, Fault> {
        let path = self.existing(digest)?;
        File::open(&path).map_err(|fault| unreadable(&path, &fault))
    }

    /// True when a blob is there.
    pub fn has(&self, digest: &str) -> bool {
        self.blob_path(digest).is_some_and(|path| path.is_file())
    }

    /// The only image of a layout that holds one.
    pub fn single(&self) -> Option<&Descriptor> {
        match &*self.images {
            [image] => Some(image),
            _ => None,
        }
    }

    fn existing(&self, digest: &str) -> Result<PathBuf, Fault> {
        match self.blob_path(digest) {
            Some(path) if path.is_file() => Ok(path),
            _ => Err(Fault::new(
                FaultKind::Unreadable,
                format!("layout {} lacks blob {digest}", self.dir.display()),
            )
            .hint("copy the image into the layout again, with all its layers")),
        }
    }

    /// Where a blob lies; `None` for what is no digest, so that no path is made of it.
    fn blob_path(&self, digest: &str) -> Option<PathBuf> {
        let (algorithm, hex) = digest.split_once(':')?;
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_word(algorithm) && is_word(hex))
            .then(|| self.dir.join("blobs").join(algorithm).join(hex))
    }
}

fn only(images: &[(String, Descriptor)], fits: impl Fn(&str) -> bool) -> Option<Descriptor> {
    let mut fitting = images.iter().filter(|(name, _)| fits(name));
    let (_, first) = fitting.next()?;
    fitting
        .all(|(_, other)| other.digest == first.digest)
        .then(|| first.clone())
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let file = File::open(path).map_err(|fault| unreadable(path, &fault))?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|fault| unreadable(path, &fault))?;
    if bytes.len() as u64 > limit {
        return Err(Fault::new(
            FaultKind::Unreadable,
            format!("{} is larger than {limit} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, fault: &std::io::Error) -> Fault {
    Fault::new(
        FaultKind::Unreadable,
        format!("{} cannot be read: {fault}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A layout whose index holds `(name, content of the manifest)`.
    fn layout(images: &[(&str, &str)]) -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().expect("a folder");
        let blobs = dir.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a folder");
        let mut entries = Vec::new();
        for (name, content) in images {
            let digest = digest::sha256(content.as_bytes());
            let hex = digest.trim_start_matches("sha256:");
            fs::write(blobs.join(hex), content).expect("a file");
            entries.push(serde_json::json!({
                "digest": digest, "size": content.len(),
                "mediaType": if content.contains("manifests") { "application/vnd.oci.image.index.v1+json" } else { "" },
                "annotations": if name.is_empty() { serde_json::json!(null) } else {
                    serde_json::json!({"org.opencontainers.image.ref.name": name}) },
            }));
        }
        let index = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
        fs::write(dir.path().join("index.json"), index).expect("a file");
        let layout = Layout::open(dir.path()).expect("a layout");
        (dir, layout)
    }

    #[test]
    fn images_are_found_by_every_kind_of_name() {
        let images = [
            ("quay.io/a/b:1", "full"),
            ("docker.io/library/c:2", "hub"),
            ("d/e:3", "short"),
            ("tag", "tag"),
            ("twice", "one"),
            ("twice", "two"),
        ];
        let (_dir, layout) = layout(&images);
        let content = |reference: &str| {
            let found = layout.find(reference)?;
            let bytes = layout.manifest(&found.digest).expect("it is there");
            Some(String::from_utf8(bytes).expect("text"))
        };
        for (reference, expected) in [
            ("quay.io/a/b:1", Some("full")),
            ("quay.io/a/b:2", None),
            ("c:2", Some("hub")),
            ("quay.io/d/e:3", Some("short")),
            ("quay.io/xd/e:3", None),
            ("quay.io/any/thing:tag", Some("tag")),
            ("quay.io/any/thing:twice", None),
            ("quay.io/any/thing", None),
        ] {
            assert_eq!(content(reference).as_deref(), expected, "{reference}");
        }
        let digest = digest::sha256(b"two");
        let by_digest = format!("quay.io/x/y@{digest}");
        assert_eq!(content(&by_digest).as_deref(), Some("two"));
        let absent = format!("quay.io/x/y@{}", digest::sha256(b"absent"));
        assert_eq!(content(&absent), None);
    }

    #[test]
    fn names_inside_indexes_count() {
        let inner = digest::sha256(b"inner");
        let nested = serde_json::json!({"manifests": [{
            "digest": inner,
            "annotations": {"io.containerd.image.name": "quay.io/n/n:1"},
        }]})
        .to_string();
        let (_dir, layout) = layout(&[("", &nested), ("x", "inner")]);
        let found = layout.find("quay.io/n/n:1").expect("found");
        assert_eq!(found.digest, inner);
    }

    #[test]
    fn blobs_are_verified_and_stay_inside() {
        let (dir, layout) = layout(&[("a", "content")]);
        let digest = digest::sha256(b"content");
        let path = dir.path().join("blobs/sha256").join(&digest[7..]);
        fs::write(path, "changed").expect("a file");
        assert_eq!(
            layout.manifest(&digest).expect_err("changed").kind,
            FaultKind::Unreadable
        );
        let outside = layout
            .blob("sha256:../../index.json")
            .expect_err("no digest");
        assert!(outside.message.contains("lacks blob"));
        assert!(Layout::open(&dir.path().join("blobs")).is_err());
    }
}
