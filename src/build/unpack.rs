//! Unpacks the archive that `docker save` writes: an OCI layout since docker 25, before that
//! an archive of Docker's own (Docker image spec 1.2, "Combined Image JSON + Filesystem
//! Changeset Format"), which is made into a layout.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use serde::Deserialize;
use serde_json::json;
use tar::{Archive, EntryType};

use crate::registry::digest;

/// Writes a layout with the archive's image below `target`, which is made. Names that would
/// leave it, and everything that is no plain file, are passed over. The archive is removed.
///
/// # Errors
/// The archive holds no image, or cannot be read or written.
pub fn image_archive(archive: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir(target)?;
    for entry in Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = target.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        io::copy(&mut entry, &mut File::create(path)?)?;
    }
    fs::remove_file(archive)?;
    match target.join("index.json").is_file() {
        true => Ok(()),
        false => layout_of(target),
    }
}

/// One image of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

/// What is read of an image's configuration.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// Makes a layout of Docker's own archive. Its layers are not compressed, so their digests are
/// the `diff_ids`; a layer that is there twice is a link the second time.
fn layout_of(folder: &Path) -> io::Result<()> {
    let none = |what: &str| io::Error::other(format!("docker saved no image: {what}"));
    let listing = fs::read(folder.join("manifest.json")).map_err(|_| none("no manifest.json"))?;
    let images: Vec<Saved> =
        serde_json::from_slice(&listing).map_err(|_| none("its manifest.json is none"))?;
    let image = images.first().ok_or_else(|| none("it lists none"))?;
    let inside = |name: &str| {
        let parts = Path::new(name).components();
        parts
            .into_iter()
            .all(|part| matches!(part, Component::Normal(_)))
            .then(|| folder.join(name))
            .ok_or_else(|| none("a name leaves it"))
    };
    let config = fs::read(inside(&image.config)?)?;
    let parsed: Config =
        serde_json::from_slice(&config).map_err(|_| none("its configuration is none"))?;
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let place = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        inside(hex).map(|_| blobs.join(hex))
    };
    let mut layers = Vec::new();
    for (name, digest) in image.layers.iter().zip(&parsed.rootfs.diff_ids) {
        let (from, to) = (inside(name)?, place(digest)?);
        if from.is_file() {
            fs::rename(from, &to)?;
        }
        layers.push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": digest,
            "size": fs::metadata(to)?.len(),
        }));
    }
    let config_digest = digest::sha256(&config);
    fs::write(place(&config_digest)?, &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config_digest,
            "size": config.len(),
        },
        "layers": layers,
    });
    let manifest = manifest.to_string();
    let manifest_digest = digest::sha256(manifest.as_bytes());
    fs::write(place(&manifest_digest)?, &manifest)?;
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest_digest,
            "size": manifest.len(),
        }],
    });
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path, files: &[(&str, &str)]) -> std::path::PathBuf {
        let path = folder.join("image.tar");
        let mut builder = tar::Builder::new(File::create(&path).expect("a file"));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder
                .append(&header, content.as_bytes())
                .expect("an entry");
        }
        builder.finish().expect("an archive");
        path
    }

    #[test]
    fn a_layout_is_unpacked_and_nothing_leaves_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [
            ("index.json", "x"),
            ("blobs/sha256/00", "x"),
            ("../out", "x"),
        ];
        let path = archive(folder.path(), &files);
        let target = folder.path().join("layout");
        image_archive(&path, &target).expect("a layout");
        assert!(target.join("blobs/sha256/00").is_file());
        assert!(!folder.path().join("out").exists());
        assert!(!path.exists());
    }

    #[test]
    fn an_older_dockers_archive_becomes_a_layout() {
        let folder = tempfile::tempdir().expect("a folder");
        let diff_id = digest::sha256(b"a layer");
        let config = format!(r#"{{"rootfs":{{"diff_ids":["{diff_id}","{diff_id}"]}}}}"#);
        let files = [
            ("1/layer.tar", "a layer"),
            ("abc.json", config.as_str()),
            (
                "manifest.json",
                r#"[{"Config":"abc.json","Layers":["1/layer.tar","2/layer.tar"]}]"#,
            ),
        ];
        let path = archive(folder.path(), &files);
        let target = folder.path().join("layout");
        image_archive(&path, &target).expect("a layout");
        let json = |path: std::path::PathBuf| -> serde_json::Value {
            serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
        };
        let blob = |digest: &str| target.join("blobs/sha256").join(&digest["sha256:".len()..]);
        let index = json(target.join("index.json"));
        let named = index["manifests"][0]["digest"].as_str().expect("a digest");
        let manifest = json(blob(named));
        for layer in 0..2 {
            assert_eq!(manifest["layers"][layer]["digest"], diff_id);
        }
        assert_eq!(fs::read(blob(&diff_id)).expect("the layer"), b"a layer");
        let config_digest = digest::sha256(config.as_bytes());
        assert_eq!(manifest["config"]["digest"], config_digest);
        assert!(blob(&config_digest).is_file());
    }

    #[test]
    fn what_is_no_image_is_told() {
        for (name, content, words) in [
            ("other", "x", "no manifest.json"),
            ("manifest.json", "[]", "it lists none"),
            (
                "manifest.json",
                r#"[{"Config":"../../out","Layers":[]}]"#,
                "a name leaves it",
            ),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = archive(folder.path(), &[(name, content)]);
            let error = image_archive(&path, &folder.path().join("layout"));
            let error = error.expect_err("no image").to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
