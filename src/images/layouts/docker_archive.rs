//! What `docker save`, `podman save`, `skopeo copy … docker-archive:` and `crane pull` write:
//! a `manifest.json` beside configurations and layers (Docker image specification 1.2,
//! "Combined Image JSON + Filesystem Changeset Format").

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Deserialize;
use serde_json::json;

use crate::images::bounded::AtMost;
use crate::images::layouts::files::{Files, is_compressed};
use crate::images::layouts::names::NAMES;
use crate::images::registry::digest::{self, Digest};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::image_config::MAX_CONFIG;
use crate::images::registry::manifest::{Descriptor, MAX_LAYERS, MAX_MANIFESTS};

/// The file that makes an archive one of these.
pub(super) const MANIFEST: &str = "manifest.json";
/// Most bytes of it.
const MAX_LIST: u64 = 32 << 20;
/// Most images of an archive, and names of one of them.
const MAX_IMAGES: usize = 1 << 12;

/// The images of an archive as manifests, which such archives lack.
#[derive(Debug, Default)]
pub(super) struct DockerArchive {
    /// One for each name, and one for an image without a name.
    pub(super) images: Vec<Descriptor>,
    /// The manifests by digest. They are made here: no registry has an image under their
    /// digests.
    pub(super) manifests: BTreeMap<String, Vec<u8>>,
    /// The files of configurations and layers by digest.
    pub(super) blobs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default)]
    repo_tags: AtMost<String, MAX_IMAGES>,
    #[serde(default)]
    layers: AtMost<String, MAX_LAYERS>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: AtMost<String, MAX_LAYERS>,
}

impl DockerArchive {
    /// Reads what the archive says of its images. A layer is known by the digest of its tar
    /// archive, which the configuration names; one that is stored compressed is read for the
    /// digest that it has as it is.
    ///
    /// # Errors
    /// A document or layer is missing, or they do not fit each other.
    pub(super) fn read(files: &Files) -> Result<Self, Fault> {
        let listed: AtMost<Listed, MAX_IMAGES> =
            serde_json::from_slice(&document(files, MANIFEST, MAX_LIST)?)
                .map_err(|fault| bad(&format!("{MANIFEST} cannot be read: {fault}")))?;
        let mut archive = Self::default();
        let mut compressed = BTreeMap::new();
        let mut layers = 0;
        for image in listed.0 {
            layers += image.layers.0.len();
            if layers > MAX_MANIFESTS {
                let message = format!("{MANIFEST} lists more than {MAX_MANIFESTS} layers");
                return Err(bad(&message));
            }
            archive.add(files, image, &mut compressed)?;
        }
        Ok(archive)
    }

    fn add(
        &mut self,
        files: &Files,
        image: Listed,
        compressed: &mut BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let config = document(files, &image.config, MAX_CONFIG)?;
        let diff_ids = serde_json::from_slice::<Config>(&config)
            .map_err(|fault| bad(&format!("{} cannot be read: {fault}", image.config)))?
            .rootfs
            .diff_ids
            .0;
        let names_of_layers = image.layers.0;
        if diff_ids.len() != names_of_layers.len() {
            return Err(bad(&format!(
                "{MANIFEST} lists {} layers, but the image's configuration {} has {}",
                names_of_layers.len(),
                image.config,
                diff_ids.len()
            )));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in names_of_layers.iter().zip(diff_ids) {
            let layer = files.get(name)?.ok_or_else(|| lacks(name))?;
            let size = layer.size;
            let mut stream = layer.stream();
            let start = stream
                .fill_buf()
                .map_err(|fault| bad(&format!("{name} cannot be read: {fault}")))?;
            let digest = match compressed.get(name) {
                Some(known) => known.clone(),
                None if is_compressed(start) => {
                    let digest = hash(stream)
                        .map_err(|fault| bad(&format!("{name} cannot be read: {fault}")))?;
                    compressed.insert(name.clone(), digest.clone());
                    digest
                }
                None => diff_id,
            };
            self.blobs.insert(digest.clone(), name.clone());
            layers.push(json!({
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                "size": size, "digest": digest,
            }));
        }
        let config_digest = digest::sha256(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": config_digest,
            },
            "layers": layers,
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = Digest::of(&manifest);
        self.blobs.insert(config_digest, image.config);
        let names = image.repo_tags.0;
        let named = |name: Option<String>| Descriptor {
            size: manifest.len() as u64,
            annotations: name
                .map(|name| (NAMES[0].to_owned(), name))
                .into_iter()
                .collect(),
            ..Descriptor::new(digest.clone())
        };
        match names.is_empty() {
            true => self.images.push(named(None)),
            false => {
                let names = names.into_iter().map(|name| named(Some(name)));
                self.images.extend(names);
            }
        }
        self.manifests.insert(digest.into(), manifest);
        Ok(())
    }
}

fn document(files: &Files, name: &str, limit: u64) -> Result<Vec<u8>, Fault> {
    files.get(name)?.ok_or_else(|| lacks(name))?.read(limit)
}

fn hash(mut stream: impl Read) -> std::io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(digest::text(context)),
            length => context.update(&piece[..length]),
        }
    }
}

fn lacks(name: &str) -> Fault {
    bad(&format!(
        "the archive does not contain {name}, which {MANIFEST} lists"
    ))
}

fn bad(message: &str) -> Fault {
    Fault::new(FaultKind::Unreadable, message).hint("Save the image again.")
}
