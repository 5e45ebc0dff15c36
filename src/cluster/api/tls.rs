//! The certificates of a kubeconfig: whom the API server's is to be signed by, and the user's
//! own.

use kube::config::{AuthInfo, Cluster};
use rustls::pki_types::CertificateDer;
use secrecy::ExposeSecret as _;

use crate::base64_text;
use crate::error::Error;
use crate::net::certificates;
use crate::net::client_identity::ClientIdentity;

/// The certificates of the kubeconfig's authority; `None` leaves the system's.
///
/// # Errors
/// They cannot be read.
pub(crate) fn certificate_authority(
    cluster: &Cluster,
) -> Result<Option<Vec<CertificateDer<'static>>>, Error> {
    let bad = |what: String| Error::Input {
        message: format!("the certificate authority of the API server cannot be used: {what}"),
        hint: "Check --certificate-authority and the kubeconfig's cluster.".to_owned(),
    };
    let pem = content(
        "certificate-authority",
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
    )
    .map_err(bad)?;
    match pem {
        Some(pem) => certificates::read(&pem).map(Some).map_err(bad),
        None => Ok(None),
    }
}

/// The certificate and key of a user; `None` for one without either.
///
/// # Errors
/// One of them is absent or cannot be used; in words that name the kubeconfig's field.
pub(crate) fn identity(user: &AuthInfo) -> Result<Option<ClientIdentity>, String> {
    let certificate = content(
        "client-certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = content(
        "client-key",
        user.client_key_data.as_ref().map(|key| key.expose_secret()),
        user.client_key.as_deref(),
    )?;
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err("the user has a client-certificate but no client-key".to_owned()),
        (None, Some(_)) => Err("the user has a client-key but no client-certificate".to_owned()),
        (Some(certificate), Some(key)) => ClientIdentity::new(&certificate, &key).map(Some),
    }
}

/// What `FIELD-data` holds, or else the file that `FIELD` names.
fn content(field: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    let given = |text: &&str| !text.is_empty();
    match (data.filter(given), file.filter(given)) {
        (Some(data), _) => match base64_text::decode(data) {
            Ok(content) => Ok(Some(content)),
            Err(_) => Err(format!("{field}-data is not valid base64")),
        },
        (None, Some(file)) => match std::fs::read(file) {
            Ok(content) => Ok(Some(content)),
            Err(error) => Err(format!("{field} {file}: {error}")),
        },
        (None, None) => Ok(None),
    }
}
