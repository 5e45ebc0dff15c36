//! Why a request got no answer, and whose fault that is.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as TlsError, InvalidMessage};

use crate::net::tls_words;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// What kind of fault.
    pub(crate) kind: Kind,
    /// The reason in words, without URLs, which may carry tokens.
    pub(crate) why: String,
}

/// What kept a request from being answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The host has no address.
    NoSuchHost,
    /// Nobody listens there.
    Refused,
    /// Its certificate is signed by nobody who is trusted.
    Untrusted,
    /// Its certificate is for another name.
    OtherName,
    /// Its certificate is wrong in another way.
    BadCertificate,
    /// It wants a client certificate, or another one.
    ClientCertificate,
    /// The other side does not speak TLS.
    NotTls,
    /// No answer in time.
    Timeout,
    /// The connection broke, or the answer was no HTTP.
    Broken,
    /// A redirect that is not followed.
    Redirect,
    /// The proxy of this name cannot be used, reached or does not connect.
    Proxy(String),
    /// The setting that names the proxy is wrong.
    ProxySetting,
}

impl NoAnswer {
    /// Sorts an error of any of the clients. `proxy` is the name of the one that the request
    /// went to.
    pub(crate) fn of(error: &(dyn StdError + 'static), proxy: Option<&str>) -> Self {
        let mut chain = Vec::new();
        links(error, &mut chain);
        let tls = chain
            .iter()
            .find_map(|link| link.downcast_ref::<TlsError>());
        let io = chain
            .iter()
            .filter_map(|link| link.downcast_ref::<io::Error>())
            .next_back();
        let says = |text: &str| chain.iter().any(|link| link.to_string() == text);
        // The types of these two are private to hyper-util.
        let tunnel = chain
            .iter()
            .map(|link| link.to_string())
            .find_map(|text| text.strip_prefix("tunnel error: ").map(str::to_owned));
        let is_socks = chain
            .iter()
            .any(|link| link.to_string().to_ascii_lowercase().contains("socks"));
        let kind = if let Some(error) = tls {
            kind_of_tls(error)
        } else if says("dns error") {
            Kind::NoSuchHost
        } else {
            match io.map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => Kind::Refused,
                Some(io::ErrorKind::TimedOut) => Kind::Timeout,
                _ if chain.iter().any(|link| is_timeout(*link)) => Kind::Timeout,
                _ => Kind::Broken,
            }
        };
        let why = match (&kind, tls) {
            (_, Some(error)) => tls_words::of_error(error),
            (Kind::NoSuchHost, _) => "cannot resolve its name".to_owned(),
            (Kind::Refused, _) => "connection refused".to_owned(),
            (Kind::Timeout, _) => "timed out".to_owned(),
            // TLS 1.3 tells of a missing client certificate only after the handshake (RFC 8446,
            // section 4.4.2.4), and hyper keeps the alert of a connection that no request used.
            _ if chain.iter().any(|link| is_unused(*link)) => {
                "it was closed before the request was sent, as by a server that requires a \
                 client certificate"
                    .to_owned()
            }
            _ => text_of(&chain),
        };
        // Whoever goes through a proxy resolves and connects to no other host.
        let is_proxys =
            tunnel.is_some() || is_socks || matches!(kind, Kind::NoSuchHost | Kind::Refused);
        let why = match tunnel.as_deref() {
            Some("proxy authorization required") => {
                "it requires credentials (407 Proxy Authentication Required)".to_owned()
            }
            Some("unsuccessful") => "it refused to connect".to_owned(),
            Some("unexpected end of file") => "it closed the connection".to_owned(),
            _ => why,
        };
        match proxy {
            Some(proxy) if is_proxys && tls.is_none() => Self {
                kind: Kind::Proxy(proxy.to_owned()),
                why,
            },
            _ => Self { kind, why },
        }
    }

    /// A redirect that is not followed.
    pub(crate) fn redirect(why: impl Into<String>) -> Self {
        Self {
            kind: Kind::Redirect,
            why: why.into(),
        }
    }

    /// A server that was waited for long enough.
    pub(crate) fn too_late() -> Self {
        Self {
            kind: Kind::Timeout,
            why: "timed out".to_owned(),
        }
    }

    /// The same where a redirect led to another host.
    pub(crate) fn at(self, host: &str) -> Self {
        Self {
            why: format!("{host}, where a redirect leads: {}", self.why),
            ..self
        }
    }

    /// True when the next attempt may end better.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Timeout | Kind::Broken)
    }

    /// True where the server's certificate is at fault.
    pub(crate) fn is_about_certificate(&self) -> bool {
        matches!(
            self.kind,
            Kind::Untrusted | Kind::OtherName | Kind::BadCertificate
        )
    }
}

fn kind_of_tls(error: &TlsError) -> Kind {
    match error {
        TlsError::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Kind::OtherName
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Kind::Untrusted,
            // An authority's own certificate, which would be trusted if it were named.
            CertificateError::Other(_) => Kind::Untrusted,
            _ => Kind::BadCertificate,
        },
        TlsError::AlertReceived(alert) if tls_words::is_about_client(*alert) => {
            Kind::ClientCertificate
        }
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => Kind::NotTls,
        _ => Kind::Broken,
    }
}

/// An error and what caused it. The standard library keeps the error inside an `io::Error`
/// out of the chain of sources.
fn links<'a>(error: &'a (dyn StdError + 'static), chain: &mut Vec<&'a (dyn StdError + 'static)>) {
    chain.push(error);
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => links(inner, chain),
        None => {
            if let Some(source) = error.source() {
                links(source, chain);
            }
        }
    }
}

/// A connection that ended before it took a request.
fn is_unused(error: &(dyn StdError + 'static)) -> bool {
    error.to_string().ends_with("connection was not ready")
}

fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    error
        .downcast_ref::<reqwest::Error>()
        .is_some_and(reqwest::Error::is_timeout)
}

/// The reasons of a chain without the client's own words, which name the URL, and without
/// error numbers.
fn text_of(chain: &[&(dyn StdError + 'static)]) -> String {
    let mut text = String::new();
    for link in chain {
        if link.is::<reqwest::Error>() {
            continue;
        }
        let part = link.to_string();
        let part = part.split(" (os error ").next().unwrap_or_default();
        let is_layer = part.starts_with("client error (")
            || part.starts_with("tunnel error")
            || part == "tcp connect error"
            || part.contains("://");
        if is_layer || text.ends_with(part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(part);
    }
    if text.is_empty() {
        text.push_str("the connection was closed");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<dyn StdError + 'static>>);

    fn chain(layers: &[&'static str], end: Option<Box<dyn StdError + 'static>>) -> Layer {
        let (first, rest) = layers.split_first().expect("a layer");
        let cause = match rest {
            [] => end,
            rest => Some(Box::new(chain(rest, end)) as Box<dyn StdError>),
        };
        Layer(first, cause)
    }

    #[test]
    fn a_fault_is_the_proxys_where_only_the_proxy_was_spoken_to() {
        let refused = || -> Option<Box<dyn StdError>> {
            Some(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)))
        };
        let untrusted = || -> Option<Box<dyn StdError>> {
            let inner = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
            Some(Box::new(io::Error::new(io::ErrorKind::InvalidData, inner)))
        };
        let proxy = || Kind::Proxy("proxy http://p".to_owned());
        for (layers, end, direct, through) in [
            (
                &["client error (Connect)", "tcp connect error"][..],
                refused(),
                Kind::Refused,
                proxy(),
            ),
            (
                &["client error (Connect)", "dns error"],
                None,
                Kind::NoSuchHost,
                proxy(),
            ),
            (
                &["client error (Connect)", "tunnel error: unsuccessful"],
                None,
                Kind::Broken,
                proxy(),
            ),
            (
                &["client error (Connect)"],
                untrusted(),
                Kind::Untrusted,
                Kind::Untrusted,
            ),
            (
                &["client error (SendRequest)", "connection reset"],
                None,
                Kind::Broken,
                Kind::Broken,
            ),
        ] {
            let error = chain(layers, end);
            assert_eq!(NoAnswer::of(&error, None).kind, direct, "{layers:?}");
            let found = NoAnswer::of(&error, Some("proxy http://p"));
            assert_eq!(found.kind, through, "{layers:?}");
            assert!(!found.why.contains("client error"), "{}", found.why);
        }
    }
}
