//! Which server certificates are trusted, for every client of this program.
//!
//! As Go's `crypto/x509` has it (`Certificate.Verify`): a certificate that is itself among the
//! trusted ones needs no issuer, whether it is an authority's or not. It still has to bear
//! the name, to be in date and to be for servers.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use crate::net::client_identity::{self, ClientIdentity};
use crate::net::tls_words;

/// `id-kp-serverAuth` and `anyExtendedKeyUsage` (RFC 5280, section 4.2.1.12).
const FOR_SERVERS: [&str; 2] = ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];

/// Who is trusted.
#[derive(Debug, Clone)]
pub(crate) enum Trusted {
    /// Everybody.
    Anybody,
    /// The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` on Linux) and these.
    SystemAnd(Vec<CertificateDer<'static>>),
    /// These alone.
    Only(Vec<CertificateDer<'static>>),
}

/// The TLS side of a client.
///
/// # Errors
/// The system's authorities cannot be read, or none of the given ones can be used; in words.
pub(crate) fn config(
    trusted: Trusted,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let pool = match trusted {
        Trusted::Anybody => None,
        Trusted::SystemAnd(certificates) => {
            let system = rustls_platform_verifier::Verifier::new_with_extra_roots(
                certificates.iter().cloned(),
                Arc::clone(&provider),
            );
            Some(Pool {
                issuers: Arc::new(system.map_err(|error| tls_words::of_error(&error))?),
                certificates,
                with_system: true,
            })
        }
        Trusted::Only(certificates) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            let issuers =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            Some(Pool {
                issuers: issuers
                    .build()
                    .map_err(|_| "it contains no usable certificate".to_owned())?,
                certificates,
                with_system: false,
            })
        }
    };
    let verifier = Arc::new(Verifier {
        signatures: provider.signature_verification_algorithms,
        pool,
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_words::of_error(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(client_identity::with(builder, identity))
}

/// Takes a certificate of the pool; without one any certificate, as long as the server has its
/// key.
#[derive(Debug)]
struct Verifier {
    signatures: WebPkiSupportedAlgorithms,
    pool: Option<Pool>,
}

/// Whom an authority vouches for, and the certificates that are trusted themselves.
#[derive(Debug)]
struct Pool {
    issuers: Arc<dyn ServerCertVerifier>,
    certificates: Vec<CertificateDer<'static>>,
    with_system: bool,
}

impl Pool {
    fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        let is_it = |known: &CertificateDer<'_>| known == certificate;
        self.certificates.iter().any(is_it) || (self.with_system && system_pool().iter().any(is_it))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(pool) = &self.pool else {
            return Ok(ServerCertVerified::assertion());
        };
        let issued = pool.issuers.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match issued {
            Err(_) if pool.has(end_entity) => verify_itself(end_entity, server_name, now),
            issued => issued,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.signatures)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

/// The system's certificates, read when a server shows one that no authority vouches for.
fn system_pool() -> &'static [CertificateDer<'static>] {
    static POOL: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    POOL.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

/// What a trusted certificate has to fulfil by itself.
fn verify_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = x509_cert::Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let body = &parsed.tbs_certificate;
    let time = |time: x509_cert::time::Time| UnixTime::since_unix_epoch(time.to_unix_duration());
    let not_before = time(body.validity.not_before);
    let not_after = time(body.validity.not_after);
    if now < not_before {
        return Err(Error::InvalidCertificate(
            CertificateError::NotValidYetContext {
                time: now,
                not_before,
            },
        ));
    }
    if now > not_after {
        return Err(Error::InvalidCertificate(
            CertificateError::ExpiredContext {
                time: now,
                not_after,
            },
        ));
    }
    let usage = body
        .get::<ExtendedKeyUsage>()
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    if let Some((_, usage)) = usage
        && !usage
            .0
            .iter()
            .any(|usage| FOR_SERVERS.contains(&usage.to_string().as_str()))
    {
        return Err(Error::InvalidCertificate(CertificateError::InvalidPurpose));
    }
    let parsed = ParsedCertificate::try_from(certificate)?;
    rustls::client::verify_server_name(&parsed, name)?;
    Ok(ServerCertVerified::assertion())
}
