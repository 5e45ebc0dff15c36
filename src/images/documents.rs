//! The JSON documents of images: manifests, indexes and configurations, by their digests.

use std::sync::Arc;

use serde_json::Value;

use crate::findings::finding::Finding;
use crate::images::image_source::{ImageSource, blocking};
use crate::images::open::Images;
use crate::images::open_image::OpenImage;
use crate::images::registry::fault::Fault;
use crate::images::registry::image_config::MAX_CONFIG;

const CACHE: &str = "looking into the cache";

/// The JSON documents of an image, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The manifest for the architecture.
    pub manifest: Vec<u8>,
    /// The configuration.
    pub config: Vec<u8>,
}

/// The media type that a manifest or an index gives itself.
pub(crate) fn media_type(document: &[u8]) -> String {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let usual = match document["manifests"].is_array() {
        true => "application/vnd.oci.image.index.v1+json",
        false => "application/vnd.oci.image.manifest.v1+json",
    };
    let own = document["mediaType"].as_str();
    own.unwrap_or(usual).to_owned()
}

impl Images {
    /// A manifest, or with a limit a blob, by its digest, from the cache where that has it.
    pub(super) async fn document(
        &self,
        place: &ImageSource,
        digest: &str,
        limit: Option<u64>,
    ) -> Result<Vec<u8>, Fault> {
        if !place.is_on_disk(digest) {
            let (cache, wanted) = (Arc::clone(&self.cache), digest.to_owned());
            let known = blocking(CACHE, move || Ok::<_, Fault>(cache.document(&wanted))).await?;
            if let Some(known) = known {
                return Ok(known);
            }
        }
        let bytes = match limit {
            Some(limit) => place.small_blob(digest, limit).await?,
            None => place.manifest(digest).await?,
        };
        self.keep(place, digest, bytes).await
    }

    /// Puts a document into the cache, unless it is on disk anyway, and gives it back.
    pub(super) async fn keep(
        &self,
        place: &ImageSource,
        digest: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Fault> {
        if place.is_on_disk(digest) {
            return Ok(bytes);
        }
        let (cache, digest) = (Arc::clone(&self.cache), digest.to_owned());
        blocking(CACHE, move || {
            cache.put_document(&digest, &bytes);
            Ok(bytes)
        })
        .await
    }

    /// The manifest and the configuration of an image.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn documents(&self, image: &OpenImage) -> Result<Documents, Finding> {
        let read = async {
            Ok(Documents {
                manifest: self.document(&image.place, &image.digest, None).await?,
                config: self
                    .document(&image.place, &image.config_digest, Some(MAX_CONFIG))
                    .await?,
            })
        };
        read.await
            .map_err(|fault: Fault| fault.into_finding(&image.reference))
    }
}
