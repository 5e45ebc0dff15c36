//! Pushes blobs and manifests to a repository (OCI distribution spec, "Push").

use std::io::BufRead;

use bytes::Bytes;
use futures::Stream;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use reqwest::header::HeaderValue;
use tokio::sync::mpsc;

use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::repository::Repository;
use crate::images::registry::retry::{self, ATTEMPTS};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
/// Chunks that wait for a slow registry.
const WAITING: usize = 4;

/// Where a push goes.
#[derive(Debug)]
pub struct Destination {
    repository: Repository,
    reference: Reference,
}

impl Destination {
    /// A tag of a repository.
    ///
    /// # Errors
    /// The reference is none, or names a digest, which nobody can push to.
    pub fn new(repository: Repository, reference: &str) -> Result<Self, Fault> {
        let parsed: Reference = reference
            .parse()
            .map_err(|fault| Fault::new(FaultKind::Invalid, format!("{reference}: {fault}")))?;
        if parsed.digest().is_some() {
            let message = "a digest names one image for ever, so nothing can be pushed as it";
            return Err(Fault::new(FaultKind::Invalid, message)
                .hint("give containerImage a tag instead of a digest"));
        }
        Ok(Self {
            repository,
            reference: parsed,
        })
    }

    /// `host[:port]` of the registry.
    pub fn host(&self) -> &str {
        self.reference.registry()
    }

    /// True when the repository has the blob.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn has(&self, digest: &str) -> Result<bool, Fault> {
        let client = self.client().await?;
        let asked = client.blob_exists(&self.reference, digest).await;
        asked.map_err(|error| self.fault(&error))
    }

    /// Takes a blob over from another repository of the same registry; false where the
    /// registry does not allow it.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn mount(&self, digest: &str, from: &str) -> Result<bool, Fault> {
        let Ok(source) = format!("{}/{from}", self.host()).parse::<Reference>() else {
            return Ok(false);
        };
        let client = self.client().await?;
        let mounted = client.mount_blob(&self.reference, &source, digest).await;
        Ok(mounted.is_ok())
    }

    /// Sends a blob once.
    ///
    /// # Errors
    /// It cannot be read or sent; the second value says whether another try may help.
    pub async fn send(
        &self,
        digest: &str,
        size: u64,
        content: Box<dyn BufRead + Send>,
    ) -> Result<(), (Fault, bool)> {
        let client = self.client().await.map_err(|fault| (fault, false))?;
        let stream = stream_of(content);
        let sent = client
            .push_blob_stream(&self.reference, stream, digest, Some(size))
            .await;
        sent.map(|_| ())
            .map_err(|error| (self.fault(&error), may_pass(&error)))
    }

    /// Writes the manifest under the tag.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn put_manifest(&self, manifest: &[u8], media_type: &str) -> Result<(), Fault> {
        let media_type = HeaderValue::from_str(media_type)
            .map_err(|_| Fault::new(FaultKind::Unreadable, "the manifest's media type is none"))?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let client = self.client().await?;
            let put = client
                .push_manifest_raw(&self.reference, manifest.to_vec(), media_type.clone())
                .await;
            match put {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => {
                    tokio::time::sleep(retry::pause(attempt)).await;
                }
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    /// A client with a fresh token: a long upload may outlive the one before it.
    async fn client(&self) -> Result<Client, Fault> {
        let access = self.repository.push_access().await?;
        let config = ClientConfig {
            protocol: match access.plain_http {
                true => ClientProtocol::Http,
                false => ClientProtocol::Https,
            },
            accept_invalid_certificates: !access.verified,
            use_monolithic_push: true,
            extra_root_certificates: access
                .authorities
                .into_iter()
                .map(|data| Certificate {
                    encoding: CertificateEncoding::Pem,
                    data,
                })
                .collect(),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| self.fault(&error))?;
        client
            .store_auth_if_needed(self.reference.resolve_registry(), &access.auth)
            .await;
        Ok(client)
    }

    fn fault(&self, error: &OciDistributionError) -> Fault {
        let (kind, said) = match error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => (
                FaultKind::Unauthorized,
                "it wants other credentials for a push".to_owned(),
            ),
            OciDistributionError::ServerError { code, message, .. } => (
                match code {
                    401 | 403 => FaultKind::Unauthorized,
                    _ => FaultKind::Unreachable,
                },
                format!("status {code}: {}", short(message)),
            ),
            OciDistributionError::RegistryError { envelope, .. } => {
                (FaultKind::Unreachable, short(&envelope.to_string()))
            }
            other => (FaultKind::Unreachable, short(&other.to_string())),
        };
        let place = format!("{}/{}", self.host(), self.reference.repository());
        Fault::new(kind, format!("{place} does not take it: {said}"))
    }
}

/// The beginning of what a registry said. The query of an upload's URL may hold its state.
fn short(message: &str) -> String {
    let message = message.split('?').next().unwrap_or_default();
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}

/// What another client needs to push.
pub struct PushAccess {
    /// The registry has no TLS.
    pub plain_http: bool,
    /// Its certificate is verified.
    pub verified: bool,
    /// Further authorities, PEM.
    pub authorities: Vec<Vec<u8>>,
    /// As whom.
    pub auth: RegistryAuth,
}

impl std::fmt::Debug for PushAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushAccess")
            .field("plain_http", &self.plain_http)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

fn may_pass(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(_) => true,
        OciDistributionError::ServerError { code, .. } => retry::is_worth_a_retry(*code),
        _ => false,
    }
}

/// What a reader gives, read by a thread that may wait.
fn stream_of(
    mut content: Box<dyn BufRead + Send>,
) -> impl Stream<Item = Result<Bytes, OciDistributionError>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = match content.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => {
                    chunk.truncate(length);
                    Ok(Bytes::from(chunk))
                }
                Err(error) => Err(OciDistributionError::IoError(error)),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
}
