//! Who answers under the name of a registry, looked up once a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Client, Response, StatusCode};

use crate::images::registry::challenge::Challenge;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::{HttpClients, HttpConfig, Trouble};
use crate::images::registry::retry;
use crate::kmm::module::TlsOptions;

/// How long a registry that did not answer is taken for dead.
const DEAD_FOR: Duration = Duration::from_secs(20);

/// How long to wait for the first answer of a registry.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// The registries that were looked up.
#[derive(Debug)]
pub(crate) struct Endpoints {
    http: HttpClients,
    insecure_hosts: Vec<String>,
    known: Mutex<HashMap<(String, bool, bool), SharedEndpoint>>,
}

type SharedEndpoint = Arc<tokio::sync::Mutex<Option<(Instant, Result<Arc<Endpoint>, Fault>)>>>;

/// Who answers for a registry.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`
    pub(crate) base: String,
    pub(crate) client: Client,
    /// How it wants to be shown who asks, as far as it said so.
    pub(crate) challenge: Mutex<Option<Challenge>>,
    /// Its certificate was verified.
    pub(crate) verified: bool,
    /// How long it may be slow.
    pub(crate) patience: Duration,
}

impl Endpoint {
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        let challenge = self.challenge.lock();
        challenge.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn learn(&self, response: &Response) {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let values = headers.iter().filter_map(|value| value.to_str().ok());
        if let Some(challenge) = Challenge::parse(values) {
            let mut known = self
                .challenge
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *known = Some(challenge);
        }
    }
}

impl Endpoints {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, Fault> {
        Ok(Self {
            http: HttpClients::new(config)?,
            insecure_hosts: config.insecure_hosts.clone(),
            known: Mutex::default(),
        })
    }

    /// The further authorities that are trusted at a host (PEM).
    pub(crate) fn authority_files(&self, host: &str) -> Vec<Vec<u8>> {
        self.http.authority_files(host)
    }

    /// Who answers for a registry. Those who ask at the same time share one look.
    pub(crate) async fn get(
        &self,
        host: &str,
        tls: TlsOptions,
        insecure: bool,
    ) -> Result<Arc<Endpoint>, Fault> {
        let named = self.insecure_hosts.iter().any(|name| is_host(name, host));
        let plain = tls.insecure || insecure || named || is_loopback(host);
        let verify = !(tls.insecure || tls.insecure_skip_tls_verify || insecure || named);
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((host.to_owned(), plain, verify)).or_default())
        };
        let mut cell = cell.lock().await;
        match &*cell {
            Some((_, Ok(endpoint))) => return Ok(Arc::clone(endpoint)),
            Some((at, Err(fault))) if at.elapsed() < DEAD_FOR => return Err(fault.clone()),
            _ => {}
        }
        let found = self.look(host, plain, verify).await;
        let found = found.map(|mut endpoint| {
            endpoint.patience = self.http.patience();
            Arc::new(endpoint)
        });
        *cell = Some((Instant::now(), found.clone()));
        found
    }

    async fn look(&self, host: &str, plain: bool, verify: bool) -> Result<Endpoint, Fault> {
        let address = match host {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let proxy = !is_loopback(host);
        let client = self.http.client(self.http.profile(host, verify, proxy)?)?;
        let http = format!("http://{address}");
        let https = format!("https://{address}");
        if !proxy && let Ok(endpoint) = look_at(host, &http, &client, false, true).await {
            return Ok(endpoint);
        }
        match look_at(host, &https, &client, verify, plain).await {
            Ok(endpoint) => Ok(endpoint),
            // Whoever allows plain HTTP gets it where there is no TLS to be had.
            Err((trouble, fault)) if plain && proxy && trouble != Trouble::Certificate => {
                let found = look_at(host, &http, &client, false, false).await;
                found.map_err(|_| fault)
            }
            Err((_, fault)) => Err(fault),
        }
    }
}

/// Asks once who is there (distribution spec, "Determining Support").
async fn look_at(
    host: &str,
    base: &str,
    client: &Client,
    verified: bool,
    once: bool,
) -> Result<Endpoint, (Trouble, Fault)> {
    let url = format!("{base}/v2/");
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = once || attempt >= 2;
        match client.get(&url).timeout(FIRST_ANSWER).send().await {
            // So do servers answer that speak TLS there.
            Ok(response) if response.status() == 400 && base.starts_with("http:") => {
                let message = format!("registry {host} does not speak plain HTTP");
                return Err((Trouble::Broken, Fault::new(FaultKind::Unreachable, message)));
            }
            Ok(response) => {
                let endpoint = Endpoint {
                    base: base.to_owned(),
                    client: client.clone(),
                    challenge: Mutex::default(),
                    verified: verified && base.starts_with("https:"),
                    patience: FIRST_ANSWER,
                };
                if response.status() == StatusCode::UNAUTHORIZED {
                    endpoint.learn(&response);
                }
                return Ok(endpoint);
            }
            Err(error) => {
                let trouble = Trouble::of(&error);
                if last || !trouble.may_pass() {
                    return Err((trouble, trouble.into_fault(host, &error)));
                }
                tokio::time::sleep(retry::pause(attempt)).await;
            }
        }
    }
}

/// `127.0.0.1`, `[::1]` and `localhost` with any port: clients take plain HTTP there.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// True when a host that the user named is this one; a name without a port is any of its ports.
fn is_host(named: &str, host: &str) -> bool {
    let named = named
        .trim_start_matches("http://")
        .trim_start_matches("https://");
    let named = named.trim_end_matches('/');
    named == host || host.rsplit_once(':').is_some_and(|(name, _)| name == named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        for (host, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("registry.localhost:1", true),
            ("localhost.example.com", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
        assert!(is_host("a:5000", "a:5000") && is_host("http://a:5000/", "a:5000"));
        assert!(is_host("a", "a:5000") && !is_host("a:5001", "a:5000") && !is_host("a", "b.a"));
    }
}
