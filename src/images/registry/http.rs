//! The HTTP clients of registries, one for each way of trusting them, and what it means that
//! one of them got no answer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Response;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::images::registry::cluster_registry::Way;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::retry;
use crate::images::registry::trust::TrustPlaces;
use crate::net::certificates;
use crate::net::client_identity::ClientIdentity;
use crate::net::http::{Http, HttpSettings};
use crate::net::no_answer::{Kind, NoAnswer};
use crate::net::proxy::Proxies;
use crate::net::tls::Trusted;

/// How registries are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Certificates of further authorities (`--ca-file`, PEM).
    pub ca_files: Vec<PathBuf>,
    /// Where the certificates of single hosts are.
    pub trust: TrustPlaces,
    /// Hosts (`host[:port]`) with plain HTTP, or TLS that nobody verifies
    /// (`--insecure-registry`).
    pub insecure_hosts: Vec<String>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a server may stay silent within an answer, or take for a small one, or be
    /// next to silent with a large one.
    pub read_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            ca_files: Vec::new(),
            trust: TrustPlaces::default(),
            insecure_hosts: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
        }
    }
}

/// One way to talk to a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    /// The host whose own certificates count.
    pub(crate) host: String,
    /// Certificates are verified.
    pub(crate) verify: bool,
    /// The name of the way to the cluster's own registry.
    pub(crate) by: Option<String>,
    /// For uploads, during which a server may be silent for as long as it is sent something.
    pub(crate) uploads: bool,
}

/// The clients, each made when it is first needed.
#[derive(Debug)]
pub(crate) struct HttpClients {
    authorities: Vec<CertificateDer<'static>>,
    trust: TrustPlaces,
    proxies: Arc<Proxies>,
    connect_timeout: Duration,
    read_timeout: Duration,
    clients: Mutex<HashMap<Profile, Http>>,
}

impl HttpClients {
    /// Reads the certificates.
    ///
    /// # Errors
    /// A file cannot be read or holds no certificate.
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, Fault> {
        let mut authorities = Vec::new();
        for path in &config.ca_files {
            authorities.extend(read_authorities(path)?);
        }
        Ok(Self {
            authorities,
            trust: config.trust.clone(),
            proxies: Arc::new(Proxies::of_environment()),
            connect_timeout: config.connect_timeout,
            read_timeout: config.read_timeout,
            clients: Mutex::default(),
        })
    }

    /// True where a proxy leads to a URL.
    pub(crate) fn has_proxy(&self, url: &Url) -> bool {
        matches!(self.proxies.for_url(url), Ok(Some(_)))
    }

    /// How long a server may be slow.
    pub(crate) fn patience(&self) -> Duration {
        self.read_timeout
    }

    /// The client for one way to talk to a registry.
    ///
    /// # Errors
    /// The certificates for its host are there and cannot be used.
    pub(crate) fn client(&self, mut profile: Profile, way: Option<&Way>) -> Result<Http, Fault> {
        let own = self
            .trust
            .of_host(&profile.host)
            .map_err(certificates_fault)?;
        profile.by = way.map(|way| way.name.clone());
        if own.is_empty() && way.is_none() {
            // Hosts without certificates of their own share a client.
            profile.host.clear();
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&profile) {
            return Ok(client.clone());
        }
        let damaged = |why: String| certificates_fault(format!("registry {}: {why}", profile.host));
        let mut authorities = self.authorities.clone();
        for pem in &own.authorities {
            authorities.extend(certificates::read(pem).map_err(damaged)?);
        }
        let mut proxies = Arc::clone(&self.proxies);
        if let Some(way) = way {
            authorities.extend(way.authorities.iter().cloned());
            if let Some(tunnel) = &way.tunnel {
                proxies = Arc::new(proxies.with_tunnel(&way.address, &tunnel.proxy));
            }
        }
        let identity = own
            .identity
            .as_ref()
            .map(|(certificate, key)| ClientIdentity::new(certificate, key))
            .transpose()
            .map_err(damaged)?;
        let client = Http::new(HttpSettings {
            trusted: match profile.verify {
                true => Trusted::SystemAnd(authorities),
                false => Trusted::Anybody,
            },
            identity,
            proxies,
            connect_timeout: self.connect_timeout,
            read_timeout: (!profile.uploads).then_some(self.read_timeout),
        })
        .map_err(|why| {
            let message = format!("cannot set up HTTPS: {why}");
            Fault::new(FaultKind::Unreachable, message)
        })?;
        clients.insert(profile, client.clone());
        Ok(client)
    }
}

/// The certificates of a file of authorities (`--ca-file`).
///
/// # Errors
/// It cannot be read or holds no certificate.
pub(crate) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let invalid = |message: String| {
        Fault::new(FaultKind::Invalid, format!("{}: {message}", path.display())).hint(
            "Pass a PEM file with the certificate of the registry, or of the authority that \
             signed it.",
        )
    };
    let pem = std::fs::read(path).map_err(|fault| invalid(fault.to_string()))?;
    certificates::read(&pem).map_err(invalid)
}

fn certificates_fault(message: String) -> Fault {
    Fault::new(
        FaultKind::Unreachable,
        format!("the certificates for a registry are not usable: {message}"),
    )
    .hint("Correct the registry's certs.d folder, or the cluster's additionalTrustedCA.")
}

/// What the user allowed for a registry already, so that no hint asks for it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Plain HTTP, or TLS that nobody verifies.
    pub(crate) insecure: bool,
    /// Further authorities were named with `--ca-file`.
    pub(crate) ca_file: bool,
}

/// How often a request is sent that ends like this: a server that was silent for the whole
/// time it was given gets one more chance.
pub(crate) fn attempts(no_answer: &NoAnswer) -> u32 {
    match no_answer.kind {
        Kind::Broken => retry::ATTEMPTS,
        Kind::Timeout => retry::SILENT_ATTEMPTS,
        Kind::NoSuchHost
        | Kind::Refused
        | Kind::Untrusted
        | Kind::OtherName
        | Kind::BadCertificate
        | Kind::ClientCertificate
        | Kind::NotTls
        | Kind::Redirect
        | Kind::Proxy(_)
        | Kind::ProxySetting => 1,
    }
}

/// What it means that a request to `server` got no answer, which is the registry at `host` or
/// its token server.
pub(crate) fn fault_of(no_answer: &NoAnswer, server: &str, host: &str, allowed: Allowed) -> Fault {
    let why = &no_answer.why;
    // What the message says already.
    let further = match why.as_str() {
        "cannot resolve its name" | "connection refused" => String::new(),
        why => format!(": {why}"),
    };
    let (message, hint) = match &no_answer.kind {
        Kind::NoSuchHost => (
            format!("cannot resolve {server}{further}"),
            "Check the registry's name and this machine's DNS.".to_owned(),
        ),
        Kind::Refused => (
            format!("connection refused by {server}{further}"),
            match allowed.insecure {
                true => "Check host and port.".to_owned(),
                false => "Check host and port; for plain HTTP add --insecure-registry.".to_owned(),
            },
        ),
        Kind::Untrusted => (
            format!("the certificate of {server} is not trusted: {why}"),
            match allowed.ca_file {
                true => format!(
                    "Add the authority that signed it, or the certificate itself, to the file of \
                     --ca-file, or accept any certificate with --insecure-registry {host}."
                ),
                false => format!(
                    "Pass the authority that signed it, or the certificate itself, with \
                     --ca-file, or accept any certificate with --insecure-registry {host}."
                ),
            },
        ),
        Kind::OtherName => (
            format!("the certificate of {server} is for another name: {why}"),
            "Use one of the names in the certificate, or issue one for this name.".to_owned(),
        ),
        Kind::BadCertificate => (
            format!("the certificate of {server} is not valid: {why}"),
            "Renew the certificate, and check this machine's clock.".to_owned(),
        ),
        Kind::ClientCertificate => (
            format!("{server} rejected the client certificate: {why}"),
            format!("Put the client's certificate and key into the folder {host} of certs.d."),
        ),
        Kind::NotTls => (
            format!("{server} does not speak TLS"),
            match allowed.insecure {
                true => "Check the registry's port.".to_owned(),
                false => format!("For plain HTTP add --insecure-registry {host}."),
            },
        ),
        Kind::Timeout => (
            format!("{server} timed out"),
            "Check that it can be reached from this machine, and the proxy settings.".to_owned(),
        ),
        Kind::Broken => (
            format!("lost the connection to {server}: {why}"),
            "Try again; if it fails again, check the registry's log.".to_owned(),
        ),
        Kind::Redirect => (
            format!("a redirect from {server} was not followed: {why}"),
            "Correct the registry's redirect.".to_owned(),
        ),
        Kind::Proxy(proxy) => (
            format!("{proxy} cannot connect to {server}: {why}"),
            "Correct HTTPS_PROXY and HTTP_PROXY, or add the registry to NO_PROXY.".to_owned(),
        ),
        Kind::ProxySetting => (
            format!("no request was sent to {server}: {why}"),
            "Correct or unset the variable.".to_owned(),
        ),
    };
    Fault::new(FaultKind::Unreachable, message).hint(hint)
}

/// The body of a response; `None` when it is larger than `limit`.
pub(crate) async fn bounded(
    mut response: Response,
    limit: u64,
) -> Result<Option<Vec<u8>>, NoAnswer> {
    let broke = |error: reqwest::Error| NoAnswer::of(&error, None);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broke)? {
        if bytes.len() as u64 + chunk.len() as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}
