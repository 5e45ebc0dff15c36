//! The manifest and configuration of an image with one more layer on top.

use serde_json::{Map, Value, json};

use crate::images::registry::digest;
use crate::sign::layer::Layer;

/// The media type of the layers that this program writes, in an OCI image.
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The same in an image of Docker's kind.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Why an image cannot get another layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the unsigned image's {0}")]
pub(crate) struct Unsuitable(String);

/// Manifest and configuration, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Derived {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// The configuration.
    pub config: Vec<u8>,
    /// Its digest.
    pub config_digest: String,
}

/// Puts `layer` on top: its descriptor at the end of `layers` (OCI image spec, manifest.md),
/// its `diff_id` and a history entry at the end of the configuration's (config.md).
/// Everything else stays as it is.
///
/// # Errors
/// Manifest or configuration are not what the specification wants.
pub(crate) fn with_layer(
    manifest: &[u8],
    config: &[u8],
    layer: &Layer,
) -> Result<Derived, Unsuitable> {
    let mut manifest = object(manifest, "manifest")?;
    let mut config = object(config, "configuration")?;
    let rootfs = config.get_mut("rootfs").and_then(|v| v.get_mut("diff_ids"));
    array(rootfs, "configuration has no rootfs.diff_ids")?.push(layer.diff_id.clone().into());
    let history = config.entry("history").or_insert_with(|| json!([]));
    array(Some(history), "configuration's history is not a list")?.push(json!({
        "created_by": "kubectl-kmm-preflight: sign kernel modules",
    }));
    let config = to_bytes(&config);
    let config_digest = digest::sha256(&config);

    let docker = manifest
        .get("mediaType")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.contains("docker"));
    let layers = array(manifest.get_mut("layers"), "manifest has no layers")?;
    layers.push(json!({
        "mediaType": if docker { DOCKER_LAYER } else { OCI_LAYER },
        "digest": layer.digest,
        "size": layer.blob.len(),
    }));
    let descriptor = manifest
        .get_mut("config")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| Unsuitable("manifest has no config".into()))?;
    descriptor.insert("digest".into(), config_digest.clone().into());
    descriptor.insert("size".into(), config.len().into());
    let media_type = manifest
        .get("mediaType")
        .and_then(Value::as_str)
        .unwrap_or("application/vnd.oci.image.manifest.v1+json")
        .to_owned();
    let manifest = to_bytes(&manifest);
    Ok(Derived {
        digest: digest::sha256(&manifest),
        media_type,
        manifest,
        config,
        config_digest,
    })
}

fn object(bytes: &[u8], what: &str) -> Result<Map<String, Value>, Unsuitable> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Unsuitable(format!("{what} is not a JSON object"))),
    }
}

fn array<'a>(value: Option<&'a mut Value>, fault: &str) -> Result<&'a mut Vec<Value>, Unsuitable> {
    value
        .and_then(Value::as_array_mut)
        .ok_or_else(|| Unsuitable(fault.to_owned()))
}

fn to_bytes(object: &Map<String, Value>) -> Vec<u8> {
    Value::Object(object.clone()).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::layer::{self, File};

    fn layer() -> Layer {
        layer::write(&[File {
            path: "a.ko".into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            bytes: b"x".to_vec(),
        }])
        .expect("a layer")
    }

    #[test]
    fn one_layer_is_added_and_the_rest_stays() {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "c", "digest": "sha256:old", "size": 1},
            "layers": [{"mediaType": "l", "digest": "sha256:base", "size": 2}],
            "annotations": {"a": "b"},
        });
        let config = json!({
            "architecture": "arm64",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:base-diff"]},
        });
        let layer = layer();
        let derived = with_layer(
            manifest.to_string().as_bytes(),
            config.to_string().as_bytes(),
            &layer,
        )
        .expect("a sound image");
        let manifest: Value = serde_json::from_slice(&derived.manifest).expect("JSON");
        let config: Value = serde_json::from_slice(&derived.config).expect("JSON");
        assert_eq!(manifest["layers"][0]["digest"], "sha256:base");
        assert_eq!(manifest["layers"][1]["digest"], layer.digest);
        assert_eq!(manifest["layers"][1]["mediaType"], DOCKER_LAYER);
        assert_eq!(manifest["config"]["digest"], derived.config_digest);
        assert_eq!(manifest["config"]["size"], derived.config.len());
        assert_eq!(manifest["annotations"]["a"], "b");
        assert_eq!(config["rootfs"]["diff_ids"][1], layer.diff_id);
        assert_eq!(config["history"].as_array().map(Vec::len), Some(1));
        assert_eq!(config["config"]["Cmd"][0], "sh");
        assert!(derived.media_type.contains("docker"));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let config = br#"{"rootfs":{"diff_ids":[]}}"#;
        for (manifest, config, fault) in [
            (&b"no"[..], &config[..], "manifest is not a JSON object"),
            (b"{}", b"[]", "configuration is not a JSON object"),
            (b"{}", b"{}", "configuration has no rootfs.diff_ids"),
            (b"{}", config, "manifest has no layers"),
            (br#"{"layers":[]}"#, config, "manifest has no config"),
        ] {
            assert_eq!(
                with_layer(manifest, config, &layer()),
                Err(Unsuitable(fault.to_owned()))
            );
        }
    }
}
