//! Pushes an image that this run has made: what the registry has is left there, what another
//! of its repositories has is mounted, the rest is copied from wherever it is.

use std::sync::Arc;

use crate::findings::finding::{Code, Finding};
use crate::images::documents::{Documents, media_type};
use crate::images::open::{Images, OpenImage};
use crate::images::registry::access::Access;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::manifest::{Descriptor, Manifest};
use crate::images::registry::push::Destination;
use crate::images::registry::retry::{self, ATTEMPTS};

impl Images {
    /// Pushes an image under a reference.
    ///
    /// # Errors
    /// `push-failed`, with the registry's reason.
    pub async fn push(
        &self,
        image: &OpenImage,
        reference: &str,
        access: &Access,
    ) -> Result<(), Finding> {
        let documents = self.documents(image).await?;
        let pushed = self.push_parts(image, &documents, reference, access);
        pushed.await.map_err(|fault| {
            let message = format!("{reference} could not be pushed: {}", fault.message);
            Finding::new(Code::PushFailed, message).hint(fault.hint.unwrap_or_else(|| {
                "Check that the credentials for the registry allow pushes.".to_owned()
            }))
        })
    }

    async fn push_parts(
        &self,
        image: &OpenImage,
        documents: &Documents,
        reference: &str,
        access: &Access,
    ) -> Result<(), Fault> {
        let Manifest::Image { config, layers } = Manifest::parse(&documents.manifest)? else {
            let message = "the manifest is an index";
            return Err(Fault::new(FaultKind::Unreadable, message));
        };
        // A credential that may pull need not be one that may push.
        let candidates = self.registries().to_push(reference, access).await?;
        let mut refusal = None;
        for repository in &candidates.repositories {
            let destination = Destination::new(Arc::clone(repository), reference)?;
            let blobs = layers.iter().chain([&config]);
            match send(image, &destination, blobs, documents).await {
                Err(fault) if fault.kind == FaultKind::Unauthorized => refusal = Some(fault),
                ended => return ended,
            }
        }
        Err(candidates.refused(refusal, "push"))
    }
}

async fn send(
    image: &OpenImage,
    destination: &Destination,
    blobs: impl Iterator<Item = &Descriptor>,
    documents: &Documents,
) -> Result<(), Fault> {
    for blob in blobs {
        copy(image, destination, &blob.digest, blob.size).await?;
    }
    destination
        .put_manifest(&documents.manifest, &media_type(&documents.manifest))
        .await
}

async fn copy(
    image: &OpenImage,
    destination: &Destination,
    digest: &str,
    size: u64,
) -> Result<(), Fault> {
    if destination.has(digest).await? {
        return Ok(());
    }
    if let Some((host, repository)) = image.place.registry_of(digest)
        && host == destination.host()
        && destination.mount(digest, &repository).await?
    {
        return Ok(());
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let content = image.place.blob(digest, size).await?;
        match destination.send(digest, size, content).await {
            Ok(()) => return Ok(()),
            Err((_, true)) if attempt < ATTEMPTS => {
                tokio::time::sleep(retry::pause(attempt)).await;
            }
            Err((fault, _)) => return Err(fault),
        }
    }
}
