//! Reads certificates that a user, a cluster or a folder names.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use x509_cert::der::Decode as _;

/// The certificates of a PEM text.
///
/// # Errors
/// It is damaged or holds none, in words.
pub(crate) fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| damaged(&error))?;
    if certificates.is_empty() {
        return Err("it contains no certificate".to_owned());
    }
    // One that cannot be read is passed over, as Go does; a file of nothing else is a mistake.
    let can_be_read =
        |certificate: &CertificateDer<'_>| x509_cert::Certificate::from_der(certificate).is_ok();
    match certificates.iter().any(can_be_read) {
        true => Ok(certificates),
        false => Err("it contains a corrupt certificate".to_owned()),
    }
}

/// What is wrong with a PEM text.
pub(crate) fn damaged(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { .. } => "a PEM section has no end".to_owned(),
        PemError::IllegalSectionStart { .. } => "a PEM section has an invalid first \
            line"
            .to_owned(),
        PemError::Base64Decode(_) => "a PEM section is not valid base64".to_owned(),
        PemError::NoItemsFound => "it contains no PEM section of that kind".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}
