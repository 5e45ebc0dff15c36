//! Container images made in memory, entry by entry, written as OCI layouts or
//! pushed: every form of a layer that the Image stage has to read.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};
use tar::{EntryType, Header};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// An uncompressed tar archive.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// A layer under construction: a tar archive that grows entry by entry.
/// Names are written as they are given, whatever their prefix.
#[derive(Debug, Clone)]
pub struct Layer {
    tar: Vec<u8>,
    packing: Packing,
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer {
    /// An empty gzip layer.
    pub fn new() -> Self {
        Self {
            tar: Vec::new(),
            packing: Packing::Gzip,
        }
    }

    /// Chooses the compression.
    pub fn packed(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    /// A directory.
    pub fn dir(self, path: &str) -> Self {
        self.entry(path, EntryType::Directory, "", &[], 0o755)
    }

    /// A regular file of mode 0644.
    pub fn file(self, path: &str, bytes: &[u8]) -> Self {
        self.entry(path, EntryType::Regular, "", bytes, 0o644)
    }

    /// A regular file of mode 0755.
    pub fn program(self, path: &str, bytes: &[u8]) -> Self {
        self.entry(path, EntryType::Regular, "", bytes, 0o755)
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Symlink, target, &[], 0o777)
    }

    /// A hard link to an earlier path of this layer or of one below.
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Link, target, &[], 0o644)
    }

    /// Deletes a path of the layers below.
    pub fn whiteout(self, path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let slash = if folder.is_empty() { "" } else { "/" };
        self.file(&format!("{folder}{slash}.wh.{name}"), &[])
    }

    /// Hides everything below a folder that the layers below have there.
    pub fn opaque(self, folder: &str) -> Self {
        self.file(&format!("{folder}/.wh..wh..opq"), &[])
    }

    /// One entry of any type, name and link target unchanged. Names of more
    /// than 100 bytes get GNU's long-name entries.
    pub fn entry(
        mut self,
        path: &str,
        kind: EntryType,
        link: &str,
        bytes: &[u8],
        mode: u32,
    ) -> Self {
        if link.len() > 100 {
            self.append(b"././@LongLink", EntryType::GNULongLink, b"", link, 0o644);
        }
        if path.len() > 100 {
            self.append(b"././@LongLink", EntryType::GNULongName, b"", path, 0o644);
        }
        self.append(path.as_bytes(), kind, link.as_bytes(), bytes, mode);
        self
    }

    fn append(
        &mut self,
        path: &[u8],
        kind: EntryType,
        link: &[u8],
        bytes: impl AsRef<[u8]>,
        mode: u32,
    ) {
        let bytes = bytes.as_ref();
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        let kept = path.len().min(100);
        old.name[..kept].copy_from_slice(&path[..kept]);
        let kept = link.len().min(100);
        old.linkname[..kept].copy_from_slice(&link[..kept]);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        self.tar.extend_from_slice(header.as_bytes());
        self.tar.extend_from_slice(bytes);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
    }

    fn archive(&self) -> Vec<u8> {
        let mut archive = self.tar.clone();
        archive.resize(archive.len() + 1024, 0);
        archive
    }

    fn blob(&self) -> Vec<u8> {
        let archive = self.archive();
        match self.packing {
            Packing::Plain => archive,
            Packing::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&archive).expect("memory takes the layer");
                encoder.finish().expect("memory takes the layer")
            }
            Packing::Zstd => zstd::encode_all(archive.as_slice(), 3).expect("the layer compresses"),
        }
    }
}

/// Which media types an image speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OCI image manifests.
    Oci,
    /// Docker's schema 2.
    Docker,
}

/// An image under construction.
#[derive(Debug, Clone)]
pub struct Image {
    layers: Vec<Layer>,
    architecture: String,
    dialect: Dialect,
    config: Value,
    history: Vec<Value>,
    media_type: bool,
}

/// A built image: its manifest and every blob that the manifest names.
#[derive(Debug, Clone)]
pub struct Built {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Media type of the manifest.
    pub media_type: &'static str,
    /// Digest of the manifest.
    pub digest: String,
    /// Architecture of the configuration.
    pub architecture: String,
    /// Blobs by digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Default for Image {
    fn default() -> Self {
        Self::new()
    }
}

impl Image {
    /// An OCI image for amd64 without layers.
    pub fn new() -> Self {
        Self {
            layers: Vec::new(),
            architecture: "amd64".to_owned(),
            dialect: Dialect::Oci,
            config: json!({}),
            history: Vec::new(),
            media_type: true,
        }
    }

    /// One more layer on top.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The same archives, all compressed in one way.
    pub fn repacked(mut self, packing: Packing) -> Self {
        for layer in &mut self.layers {
            layer.packing = packing;
        }
        self
    }

    /// A lowest layer with the programs that KMM's init container calls.
    pub fn with_tools(mut self) -> Self {
        let tools = ["sh", "mkdir", "cp"]
            .iter()
            .fold(Layer::new().dir("bin"), |layer, name| {
                layer.program(&format!("bin/{name}"), b"#!/bin/false\n")
            });
        self.layers.insert(0, tools);
        self
    }

    /// The CPU architecture, in Go's spelling.
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// Media types of the manifest.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Leaves `mediaType` out of the manifest, as OCI permits.
    pub fn without_media_type(mut self) -> Self {
        self.media_type = false;
        self
    }

    /// The `config` object of the image's configuration (`Cmd`, `Env`, …).
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Where the image's programs run.
    pub fn working_dir(&self) -> String {
        let dir = self.config["WorkingDir"].as_str();
        dir.filter(|dir| !dir.is_empty()).unwrap_or("/").to_owned()
    }

    /// One more `created_by` entry of the history.
    pub fn created_by(mut self, command: &str) -> Self {
        self.history.push(json!({"created_by": command}));
        self
    }

    /// Lays the blobs out.
    pub fn build(&self) -> Built {
        let oci = self.dialect == Dialect::Oci;
        let mut blobs = BTreeMap::new();
        let mut keep = |bytes: Vec<u8>| {
            let digest = sha256(&bytes);
            let size = bytes.len();
            blobs.insert(digest.clone(), bytes);
            (digest, size)
        };
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for layer in &self.layers {
            diff_ids.push(sha256(&layer.archive()));
            let media_type = match (layer.packing, oci) {
                (Packing::Plain, true) => "application/vnd.oci.image.layer.v1.tar",
                (Packing::Gzip, true) => "application/vnd.oci.image.layer.v1.tar+gzip",
                (Packing::Zstd, true) => "application/vnd.oci.image.layer.v1.tar+zstd",
                (Packing::Plain, false) => "application/vnd.docker.image.rootfs.diff.tar",
                (_, false) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            };
            let (digest, size) = keep(layer.blob());
            layers.push(json!({"mediaType": media_type, "digest": digest, "size": size}));
        }
        let config = json!({
            "architecture": self.architecture, "os": "linux", "config": self.config,
            "history": self.history, "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let (digest, size) = keep(config.to_string().into_bytes());
        let (media_type, config_type) = if oci {
            (
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
            )
        } else {
            (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
            )
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "config": {"mediaType": config_type, "digest": digest, "size": size},
            "layers": layers,
        });
        if self.media_type {
            manifest["mediaType"] = json!(media_type);
        }
        let manifest = manifest.to_string().into_bytes();
        Built {
            digest: sha256(&manifest),
            manifest,
            media_type,
            architecture: self.architecture.clone(),
            blobs,
        }
    }
}

/// An OpenShift release image with these tags of its payload.
pub fn release_image(version: &str, tags: &[(&str, String)]) -> Image {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(tag, image)| json!({"name": tag, "from": {"kind": "DockerImage", "name": image}}))
        .collect();
    let references = json!({"kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
        "metadata": {"name": version}, "spec": {"tags": tags}});
    Image::new().layer(Layer::new().file(
        "release-manifests/image-references",
        references.to_string().as_bytes(),
    ))
}

/// An index (or Docker manifest list) over built images: its bytes and media type.
pub fn index_of(images: &[Built], dialect: Dialect) -> (Vec<u8>, &'static str) {
    let media_type = match dialect {
        Dialect::Oci => "application/vnd.oci.image.index.v1+json",
        Dialect::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
    };
    let manifests: Vec<Value> = images.iter().map(descriptor).collect();
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    (index.to_string().into_bytes(), media_type)
}

/// How an index or a layout describes an image.
pub fn descriptor(image: &Built) -> Value {
    json!({
        "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len(),
        "platform": {"architecture": image.architecture, "os": "linux"},
    })
}

/// `sha256:` and the digest in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .fold("sha256:".to_owned(), |text, byte| {
            format!("{text}{byte:02x}")
        })
}
