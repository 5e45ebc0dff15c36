//! OCI layouts on disk, written and read by hand.

use std::path::Path;

use serde_json::{Value, json};

use crate::image::{Built, Dialect, descriptor, index_of, sha256};

impl Built {
    /// The image of that name in a layout on disk, for one architecture.
    pub fn of_layout(dir: &Path, name: &str) -> Self {
        let blob = |digest: &Value| {
            let digest = digest.as_str().expect("a digest");
            let bytes = std::fs::read(dir.join("blobs").join(digest.replace(':', "/")));
            (digest.to_owned(), bytes.expect("the layout's blob"))
        };
        let index = std::fs::read(dir.join("index.json")).expect("the layout's index");
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        let entry = index["manifests"].as_array().into_iter().flatten();
        let named =
            |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == name;
        let entry = entry
            .into_iter()
            .find(named)
            .expect("an image of that name");
        let (digest, manifest) = blob(&entry["digest"]);
        let parsed: Value = serde_json::from_slice(&manifest).expect("JSON");
        let layers = parsed["layers"].as_array().into_iter().flatten();
        let parts = layers.chain([&parsed["config"]]);
        Self {
            blobs: parts.map(|part| blob(&part["digest"])).collect(),
            manifest,
            media_type: "application/vnd.oci.image.manifest.v1+json",
            digest,
            architecture: "amd64".to_owned(),
        }
    }
}

/// Adds an image to the OCI layout in `dir`, which is made when missing, under
/// the name `reference`.
pub fn write_layout(dir: &Path, reference: &str, image: &Built) {
    write_blobs(dir, image);
    let mut entry = descriptor(image);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": reference});
    add_to_layout_index(dir, entry);
}

/// Adds several images under one name, behind an index of their own.
pub fn write_layout_index(dir: &Path, reference: &str, images: &[Built]) {
    for image in images {
        write_blobs(dir, image);
    }
    let (index, media_type) = index_of(images, Dialect::Oci);
    let digest = sha256(&index);
    write_blob(dir, &digest, &index);
    add_to_layout_index(
        dir,
        json!({
            "mediaType": media_type, "digest": digest, "size": index.len(),
            "annotations": {"org.opencontainers.image.ref.name": reference},
        }),
    );
}

fn write_blobs(dir: &Path, image: &Built) {
    write_blob(dir, &image.digest, &image.manifest);
    for (digest, bytes) in &image.blobs {
        write_blob(dir, digest, bytes);
    }
}

fn write_blob(dir: &Path, digest: &str, bytes: &[u8]) {
    let (algorithm, hex) = digest.split_once(':').expect("a digest has an algorithm");
    let folder = dir.join("blobs").join(algorithm);
    std::fs::create_dir_all(&folder).expect("the layout's folder");
    std::fs::write(folder.join(hex), bytes).expect("the layout takes a blob");
}

fn add_to_layout_index(dir: &Path, entry: Value) {
    let path = dir.join("index.json");
    let mut index: Value = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).expect("the layout's index is JSON"),
        Err(_) => json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
        }),
    };
    index["manifests"]
        .as_array_mut()
        .expect("the layout's index lists manifests")
        .push(entry);
    std::fs::write(path, index.to_string()).expect("the layout takes its index");
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
        .expect("the layout takes its version");
}
