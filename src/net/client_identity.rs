//! A client's certificate and key, which it shows to servers that ask for them.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::net::certificates;
use crate::net::tls_words;

/// A certificate chain with its private key.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    pair: Arc<CertifiedKey>,
}

impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl ClientIdentity {
    /// Reads a certificate and its key, both PEM.
    ///
    /// # Errors
    /// Which of them cannot be used, and why, without any of their content.
    pub(crate) fn new(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = certificates::read(certificate)
            .map_err(|why| format!("the client certificate is not usable: {why}"))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            format!("the client key is not usable: {}", why_no_key(&error, key))
        })?;
        Self::of_parts(chain, key)
    }

    fn of_parts(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        match CertifiedKey::from_der(chain, key, &provider) {
            Ok(pair) => Ok(Self {
                pair: Arc::new(pair),
            }),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err("the client key does not belong to the client certificate".to_owned())
            }
            Err(error) => Err(format!(
                "the client key is not usable: {}",
                tls_words::of_error(&error)
            )),
        }
    }

    /// Has a client show it.
    pub(crate) fn resolver(&self) -> Arc<dyn rustls::client::ResolvesClientCert> {
        Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(&self.pair)))
    }
}

/// Puts the identity, where there is one, into a client's configuration.
pub(crate) fn with(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    identity: Option<&ClientIdentity>,
) -> ClientConfig {
    match identity {
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
        None => builder.with_no_client_auth(),
    }
}

fn why_no_key(error: &PemError, pem: &[u8]) -> String {
    let text = String::from_utf8_lossy(pem);
    let is_encrypted =
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
    if is_encrypted {
        return "it is encrypted (decrypt it with `openssl pkey`)".to_owned();
    }
    let holds_certificate = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .any(|section| matches!(section, Ok((SectionKind::Certificate, _))));
    match error {
        PemError::NoItemsFound if holds_certificate => {
            "it contains a certificate instead of a private key".to_owned()
        }
        PemError::NoItemsFound => "it contains no private key in PEM".to_owned(),
        error => certificates::damaged(error),
    }
}
