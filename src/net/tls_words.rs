//! What TLS refuses, in words for people.

use rustls::{AlertDescription, CertificateError, Error};

/// An error of TLS.
pub(crate) fn of_error(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => "the response is not TLS".to_owned(),
        Error::PeerIncompatible(_) => "client and server have no TLS version or cipher in \
            common"
            .to_owned(),
        Error::DecryptError => "a message could not be decrypted".to_owned(),
        Error::NoCertificatesPresented => "no certificate was presented".to_owned(),
        other => other.to_string(),
    }
}

/// Why a certificate is refused.
pub(crate) fn of_certificate(error: &CertificateError) -> String {
    match error {
        // A wrong signature is that of another authority with the trusted one's name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is signed by an authority that is not trusted".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            let presented: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            match presented.as_slice() {
                [] => format!("it has no host, so it is not for {expected}"),
                names => format!("it is for {}, not for {expected}", names.join(", ")),
            }
        }
        CertificateError::NotValidForName => "it is for another host".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired on {}", day(not_after.as_secs()))
        }
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", day(not_before.as_secs()))
        }
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers".to_owned()
        }
        CertificateError::Revoked => "it is revoked".to_owned(),
        CertificateError::BadEncoding => "it is damaged".to_owned(),
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is not supported".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed by an algorithm that is not supported".to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's own certificate, and is not trusted itself".to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "it is not an X.509 certificate of version 3".to_owned()
        }
        _ => "it is not valid".to_owned(),
    }
}

/// What a server says of the client's certificate.
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it requires a client certificate".to_owned(),
        alert if is_about_client(alert) => "it does not accept the client certificate".to_owned(),
        AlertDescription::UnrecognisedName => "it does not serve that host name".to_owned(),
        AlertDescription::ProtocolVersion => "it supports no version of TLS from 1.2 on".to_owned(),
        _ => "it ended the TLS handshake".to_owned(),
    }
}

/// True for an alert that a server sends about the client's certificate.
pub(crate) fn is_about_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// `a.example` in webpki's `DnsName("a.example")`, `10.0.0.1` in `IpAddress(10.0.0.1)`.
fn bare(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |name| name.trim_matches('"'))
}

fn day(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "an unknown day".to_owned(),
            |time| time.strftime("%F").to_string(),
        )
}
