//! Manifests and indexes (OCI image spec: manifest.md, image-index.md; Docker image manifest
//! version 2, schema 2), told apart by what they say and not by media types, which are missing
//! or wrong in the field.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::images::bounded::{self, AtMost};
use crate::images::registry::digest::Digest;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::model::target::Arch;

/// The media types that a manifest is asked for with.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
/// Most bytes of a manifest (distribution spec, "Pushing Manifests", names 4 MiB).
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;
/// Most layers of one image.
pub(crate) const MAX_LAYERS: usize = 1024;
/// Most manifests of one index; that of a layout may name the images of a whole mirror.
pub(crate) const MAX_MANIFESTS: usize = 1 << 16;

/// A reference to content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type, empty where the manifest has none.
    #[serde(default, deserialize_with = "null_as_default")]
    pub media_type: String,
    /// What the content is held to.
    pub digest: Digest,
    /// Size in bytes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub size: u64,
    /// What the content is for, in an index.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// Annotations.
    #[serde(default, deserialize_with = "bounded::annotations")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A reference to what has this digest, of which nothing else is known.
    pub fn new(digest: Digest) -> Self {
        Self {
            media_type: String::new(),
            digest,
            size: 0,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// `platform` of a descriptor in an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// In the words of `GOARCH`.
    #[serde(deserialize_with = "null_as_default")]
    pub architecture: String,
    /// In the words of `GOOS`.
    #[serde(deserialize_with = "null_as_default")]
    pub os: String,
    /// CPU variant, such as `v8`.
    #[serde(deserialize_with = "null_as_default")]
    pub variant: String,
}

/// What a manifest document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manifest {
    /// An image.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, the lowest one first.
        layers: Vec<Descriptor>,
    },
    /// An index, or Docker's manifest list.
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    manifests: Option<AtMost<Descriptor, MAX_MANIFESTS>>,
    config: Option<Descriptor>,
    layers: Option<AtMost<Descriptor, MAX_LAYERS>>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads a manifest document.
    ///
    /// # Errors
    /// It is none, or of a kind that container runtimes no longer take.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let document: Document = serde_json::from_slice(bytes).map_err(|fault| {
            Fault::new(
                FaultKind::Unreadable,
                format!("the manifest is not a valid image manifest: {fault}"),
            )
        })?;
        if document.fs_layers.is_some() || document.schema_version == Some(1) {
            return Err(Fault::new(
                FaultKind::Unreadable,
                "the manifest has Docker's schema 1, which container runtimes no longer support",
            )
            .hint("Push the image again with a current tool."));
        }
        match (document.manifests, document.config, document.layers) {
            (Some(manifests), _, _) => Ok(Self::Index(manifests.0)),
            (None, Some(config), layers) => Ok(Self::Image {
                config,
                layers: layers.unwrap_or_default().0,
            }),
            (None, None, _) => Err(Fault::new(
                FaultKind::Unreadable,
                "the manifest lists neither layers nor other manifests",
            )),
        }
    }
}

/// The entry of an index for Linux on an architecture: the first that says so, one without a
/// CPU variant before others; then one that says nothing.
pub(crate) fn select(manifests: &[Descriptor], arch: Arch) -> Option<&Descriptor> {
    let fits = |platform: &Platform| {
        platform.architecture == arch.as_str() && matches!(&*platform.os, "linux" | "")
    };
    let of_arch = |descriptor: &&Descriptor| descriptor.platform.as_ref().is_some_and(fits);
    let is_plain = |descriptor: &&Descriptor| {
        let variant = descriptor
            .platform
            .as_ref()
            .map(|platform| &*platform.variant);
        match arch {
            Arch::Arm64 => matches!(variant, Some("" | "v8")),
            _ => matches!(variant, Some("" | "v1")),
        }
    };
    manifests
        .iter()
        .filter(of_arch)
        .find(is_plain)
        .or_else(|| manifests.iter().find(of_arch))
        .or_else(|| {
            manifests
                .iter()
                .find(|descriptor| descriptor.platform.is_none())
        })
}

/// The platforms of an index, for a message; `None` where it has no image. Linux goes
/// without saying.
pub(crate) fn platforms(manifests: &[Descriptor]) -> Option<String> {
    let mut names: Vec<String> = manifests
        .iter()
        .filter_map(|descriptor| descriptor.platform.as_ref())
        .filter(|platform| !matches!(&*platform.architecture, "" | "unknown"))
        .map(|platform| match &*platform.os {
            "linux" | "" => platform.architecture.clone(),
            os => format!("{os}/{}", platform.architecture),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Takes `null`, which some tools write, for an absent field.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_told_apart_by_content() {
        let digest = Digest::of(b"content");
        let image = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{digest}"}},
            "layers":[{{"digest":"{digest}","size":3}}]}}"#
        );
        assert!(matches!(
            Manifest::parse(image.as_bytes()),
            Ok(Manifest::Image { layers, .. }) if layers[0].size == 3
        ));
        let index = format!(r#"{{"manifests":[{{"digest":"{digest}","annotations":null}}]}}"#);
        assert!(matches!(
            Manifest::parse(index.as_bytes()),
            Ok(Manifest::Index(_))
        ));
        let many = format!(
            r#"{{"config":{{"digest":"{digest}"}},"layers":[{}]}}"#,
            vec![format!(r#"{{"digest":"{digest}"}}"#); MAX_LAYERS + 1].join(",")
        );
        let entry = format!(r#"{{"digest":"{digest}"}}"#);
        let crowded = format!(
            r#"{{"manifests":[{}{entry}]}}"#,
            format!("{entry},").repeat(MAX_MANIFESTS)
        );
        for (text, part) in [
            ("<html>", "not a valid image manifest"),
            ("{}", "neither layers"),
            (
                r#"{"manifests":[{"digest":"../../admin"}]}"#,
                "is not a digest",
            ),
            (r#"{"config":{}}"#, "digest"),
            (
                r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
                "schema 1",
            ),
            (&*many, "more than 1024"),
            (&*crowded, "more than 65536"),
        ] {
            let fault = Manifest::parse(text.as_bytes()).expect_err("no manifest");
            assert_eq!(fault.kind, FaultKind::Unreadable);
            assert!(fault.message.contains(part), "{}", fault.message);
        }
    }

    #[test]
    fn the_platform_decides() {
        let entry = |digest: &str, platform: Option<(&str, &str, &str)>| Descriptor {
            platform: platform.map(|(os, architecture, variant)| Platform {
                architecture: architecture.to_owned(),
                os: os.to_owned(),
                variant: variant.to_owned(),
            }),
            ..Descriptor::new(Digest::of(digest.as_bytes()))
        };
        let named = |digest: &str| Some(Digest::of(digest.as_bytes()));
        let index = [
            entry("attestation", Some(("unknown", "unknown", ""))),
            entry("windows", Some(("windows", "amd64", ""))),
            entry("v3", Some(("linux", "amd64", "v3"))),
            entry("amd", Some(("linux", "amd64", ""))),
            entry("arm", Some(("linux", "arm64", "v8"))),
        ];
        let chosen = |arch| select(&index, arch).map(|entry| entry.digest.clone());
        assert_eq!(chosen(Arch::Amd64), named("amd"));
        assert_eq!(chosen(Arch::Arm64), named("arm"));
        assert_eq!(chosen(Arch::S390x), None);
        let known = platforms(&index);
        assert_eq!(known.as_deref(), Some("amd64, arm64, windows/amd64"));
        assert_eq!(platforms(&index[..1]), None, "an attestation is no image");
        let silent = [entry("silent", None)];
        let chosen = select(&silent, Arch::S390x).map(|entry| entry.digest.clone());
        assert_eq!(chosen, named("silent"));
    }
}
