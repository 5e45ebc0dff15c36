//! The HTTP clients of registries, one for each way of trusting them, and what their errors
//! mean.

use std::collections::HashMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity};

use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::retry;
use crate::images::registry::trust::TrustPlaces;

/// How many redirects one request follows.
const MAX_REDIRECTS: usize = 10;

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
    /// The host whose own certificates count; `None` for one that has none.
    pub(crate) host: Option<String>,
    /// Certificates are verified.
    pub(crate) verify: bool,
    /// Through the proxy that the environment names.
    pub(crate) proxy: bool,
}

/// The clients, each made when it is first needed.
#[derive(Debug)]
pub(crate) struct HttpClients {
    authorities: Vec<Certificate>,
    authority_files: Vec<Vec<u8>>,
    trust: TrustPlaces,
    connect_timeout: Duration,
    read_timeout: Duration,
    clients: Mutex<HashMap<Profile, Client>>,
}

impl HttpClients {
    /// Reads the certificates.
    ///
    /// # Errors
    /// A file cannot be read or holds no certificate.
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, Fault> {
        let mut authorities = Vec::new();
        let mut authority_files = Vec::new();
        for path in &config.ca_files {
            let (read, pem) = read_authorities(path)?;
            authorities.extend(read);
            authority_files.push(pem);
        }
        Ok(Self {
            authorities,
            authority_files,
            trust: config.trust.clone(),
            connect_timeout: config.connect_timeout,
            read_timeout: config.read_timeout,
            clients: Mutex::default(),
        })
    }

    /// The files of further authorities for a host, PEM.
    pub(crate) fn authority_files(&self, host: &str) -> Vec<Vec<u8>> {
        let own = self.trust.of_host(host).unwrap_or_default();
        [self.authority_files.clone(), own.authorities].concat()
    }

    /// The way to talk to a host.
    ///
    /// # Errors
    /// Its certificates are there and cannot be read.
    pub(crate) fn profile(&self, host: &str, verify: bool, proxy: bool) -> Result<Profile, Fault> {
        let trust = self.trust.of_host(host).map_err(certificates_fault)?;
        Ok(Profile {
            host: (!trust.is_empty()).then(|| host.to_owned()),
            verify,
            proxy,
        })
    }

    /// How long a server may be slow.
    pub(crate) fn patience(&self) -> Duration {
        self.read_timeout
    }

    pub(crate) fn client(&self, profile: Profile) -> Result<Client, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&profile) {
            return Ok(client.clone());
        }
        let verify = profile.verify;
        let mut builder = Client::builder()
            .user_agent(concat!("kubectl-kmm-preflight/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .referer(false)
            .redirect(Policy::custom(move |attempt| {
                let from_tls = attempt
                    .previous()
                    .last()
                    .is_some_and(|url| url.scheme() == "https");
                if attempt.previous().len() > MAX_REDIRECTS {
                    attempt.error("too many redirects")
                } else if verify && from_tls && attempt.url().scheme() != "https" {
                    attempt.error("a redirect from HTTPS to plain HTTP")
                } else {
                    attempt.follow()
                }
            }))
            .tls_certs_merge(self.authorities.iter().cloned())
            .tls_danger_accept_invalid_certs(!verify);
        if let Some(host) = &profile.host {
            builder = self.with_own(builder, host)?;
        }
        if !profile.proxy {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|fault| {
            Fault::new(
                FaultKind::Unreachable,
                format!("no HTTPS client can be set up: {}", chain(&fault)),
            )
        })?;
        clients.insert(profile, client.clone());
        Ok(client)
    }
}

impl HttpClients {
    /// A client that trusts, and shows, what there is for one host.
    fn with_own(&self, mut builder: ClientBuilder, host: &str) -> Result<ClientBuilder, Fault> {
        let trust = self.trust.of_host(host).map_err(certificates_fault)?;
        let damaged = |error: reqwest::Error| {
            certificates_fault(format!("registry {host}: {}", chain(&error)))
        };
        for pem in &trust.authorities {
            let certificates = Certificate::from_pem_bundle(pem).map_err(damaged)?;
            if certificates.is_empty() {
                return Err(certificates_fault(format!(
                    "a file for registry {host} holds none"
                )));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        if let Some(pem) = &trust.identity {
            builder = builder.identity(Identity::from_pem(pem).map_err(damaged)?);
        }
        Ok(builder)
    }
}

/// The certificates of a file of authorities (`--ca-file`), and the file as it is.
///
/// # Errors
/// It cannot be read or holds no certificate.
pub fn read_authorities(path: &Path) -> Result<(Vec<Certificate>, Vec<u8>), Fault> {
    let invalid = |message: String| {
        Fault::new(FaultKind::Invalid, format!("{}: {message}", path.display()))
            .hint("name a PEM file with the certificates of the registry's authority")
    };
    let pem = std::fs::read(path).map_err(|fault| invalid(fault.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem);
    let certificates = certificates.map_err(|fault| invalid(chain(&fault)))?;
    if certificates.is_empty() {
        return Err(invalid("it holds no certificate".to_owned()));
    }
    Ok((certificates, pem))
}

fn certificates_fault(message: String) -> Fault {
    Fault::new(
        FaultKind::Unreachable,
        format!("the certificates for a registry cannot be used: {message}"),
    )
    .hint("correct the registry's certs.d folder, or the cluster's additionalTrustedCA")
}

/// What kept a request from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The host has no address.
    NoSuchHost,
    /// Nobody listens there.
    Refused,
    /// Its certificate is by nobody who is trusted, or for another name.
    Certificate,
    /// The other side does not speak TLS.
    NotTls,
    /// No answer in time.
    Timeout,
    /// The connection broke, or the answer was no HTTP.
    Broken,
}

impl Trouble {
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let text = chain(error);
        let has = |part: &str| text.contains(part);
        if has("invalid peer certificate") || has("certificate") {
            Self::Certificate
        } else if has("InvalidContentType") || has("corrupt message") {
            Self::NotTls
        } else if has("dns error") || has("failed to lookup") {
            Self::NoSuchHost
        } else if has("Connection refused") {
            Self::Refused
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken
        }
    }

    /// True when the next attempt may end better.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Timeout | Self::Broken)
    }

    /// How often a request is sent that meets this: a server that was silent for the whole
    /// time it was given gets one more chance.
    pub(crate) fn attempts(self) -> u32 {
        match self {
            Self::Broken => retry::ATTEMPTS,
            Self::Timeout => retry::SILENT_ATTEMPTS,
            Self::NoSuchHost | Self::Refused | Self::Certificate | Self::NotTls => 1,
        }
    }

    /// What a request to a registry met.
    pub(crate) fn into_fault(self, host: &str, error: &reqwest::Error) -> Fault {
        self.into_fault_of(&format!("registry {host}"), host, error)
    }

    /// What a request met that a registry is the reason for: to itself, or to its token server.
    pub(crate) fn into_fault_of(self, whom: &str, host: &str, error: &reqwest::Error) -> Fault {
        let (message, hint) = match self {
            Self::NoSuchHost => (
                format!("{whom} has no address"),
                "check the registry's name, and the name servers of this machine".to_owned(),
            ),
            Self::Refused => (
                format!("{whom} refuses connections"),
                "check the registry's name and port, and that it runs".to_owned(),
            ),
            Self::Certificate => (
                format!("the certificate of {whom} is not trusted: {}", chain(error)),
                format!(
                    "name its authority with --ca-file, or trust it unseen with \
                     --insecure-registry {host}"
                ),
            ),
            Self::NotTls => (
                format!("{whom} does not speak TLS"),
                format!("allow plain HTTP with --insecure-registry {host}"),
            ),
            Self::Timeout => (
                format!("{whom} does not answer in time"),
                "check that it can be reached from this machine, and the proxy settings".to_owned(),
            ),
            Self::Broken => (
                format!("the connection to {whom} broke: {}", chain(error)),
                "try again, and look at the registry's log when it happens again".to_owned(),
            ),
        };
        Fault::new(FaultKind::Unreachable, message).hint(hint)
    }
}

/// An error with its causes, without URLs, which may carry tokens.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
        cause = error.source();
    }
    if text.is_empty() {
        text = if error.is_timeout() {
            "timed out"
        } else {
            "no further reason"
        }
        .to_owned();
    }
    text
}
