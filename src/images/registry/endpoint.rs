//! Who answers under the name of a registry, looked up once per run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::images::registry::challenge::Challenge;
use crate::images::registry::cluster_registry::{ClusterRegistry, Way, is_service};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::{Allowed, HttpClients, HttpConfig, Profile, fault_of};
use crate::images::registry::retry;
use crate::kmm::module::TlsOptions;
use crate::net::http::{Answered, Ask, Content, Http};
use crate::net::no_answer::{Kind, NoAnswer};

/// How long a registry that did not answer is taken for dead.
const DEAD_FOR: Duration = Duration::from_secs(20);

/// How long to wait for the first answer of a registry.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// The registries that were looked up.
#[derive(Debug)]
pub(crate) struct Endpoints {
    http: HttpClients,
    insecure_hosts: Vec<String>,
    has_ca_file: bool,
    /// The registry of the cluster itself, where there is a cluster.
    of_cluster: Option<Arc<dyn ClusterRegistry>>,
    known: Mutex<HashMap<(String, bool, bool), SharedEndpoint>>,
}

type SharedEndpoint = Arc<tokio::sync::Mutex<Option<(Instant, Result<Arc<Endpoint>, Fault>)>>>;

/// Who answers for a registry.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `https://host[:port]/`
    pub(crate) base: Url,
    /// `host[:port]` as references name it.
    pub(crate) host: String,
    pub(crate) http: Http,
    /// How it wants to be shown who asks, as far as it said so, in its own order.
    pub(crate) challenges: Mutex<Vec<Challenge>>,
    /// Its certificate was verified.
    pub(crate) verified: bool,
    /// How long it may be slow.
    pub(crate) patience: Duration,
    pub(crate) allowed: Allowed,
    /// The way to the cluster's own registry.
    pub(crate) way: Option<Way>,
}

impl Endpoint {
    pub(crate) fn challenges(&self) -> Vec<Challenge> {
        let challenges = self.challenges.lock();
        challenges.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the challenges of an answer by the registry itself. Where it redirects to
    /// somebody else, that one's are about somebody else's credentials.
    pub(crate) fn learn(&self, answered: &Answered) {
        if !answered.is_own {
            return;
        }
        let headers = answered.response.headers().get_all(WWW_AUTHENTICATE);
        let values = headers.iter().filter_map(|value| value.to_str().ok());
        let challenges = Challenge::parse_all(values);
        if !challenges.is_empty() {
            let mut known = self
                .challenges
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *known = challenges;
        }
    }

    /// What it means that the registry did not answer.
    pub(crate) fn fault_of(&self, no_answer: &NoAnswer) -> Fault {
        let server = match &self.way {
            Some(way) => format!("registry {} ({})", self.host, way.name),
            None => format!("registry {}", self.host),
        };
        let tunnel = self.way.as_ref().and_then(|way| way.tunnel.as_ref());
        if let (Kind::Proxy(_) | Kind::Broken, Some(tunnel)) = (&no_answer.kind, tunnel)
            && let Some(trouble) = tunnel.trouble.get()
        {
            return Fault {
                message: format!("{server} cannot be reached: {}", trouble.message),
                ..trouble
            };
        }
        fault_of(no_answer, &server, &self.host, self.allowed)
    }
}

impl Endpoints {
    pub(crate) fn new(
        config: &HttpConfig,
        of_cluster: Option<Arc<dyn ClusterRegistry>>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            http: HttpClients::new(config)?,
            insecure_hosts: config.insecure_hosts.clone(),
            has_ca_file: !config.ca_files.is_empty(),
            of_cluster,
            known: Mutex::default(),
        })
    }

    /// The client for uploads to a registry.
    ///
    /// # Errors
    /// The certificates for its host are there and cannot be used.
    pub(crate) fn uploader(&self, endpoint: &Endpoint) -> Result<Http, Fault> {
        let profile = Profile {
            host: endpoint.host.clone(),
            verify: endpoint.http.is_verified(),
            by: None,
            uploads: true,
        };
        self.http.client(profile, endpoint.way.as_ref())
    }

    /// The cluster's own registry, where this `host[:port]` is one of its names.
    pub(crate) fn of_cluster(&self, host: &str) -> Option<&Arc<dyn ClusterRegistry>> {
        let registry = self.of_cluster.as_ref()?;
        registry.has_name(host).then_some(registry)
    }

    /// Who answers for a registry. Those who ask at the same time share one look.
    pub(crate) async fn get(
        &self,
        host: &str,
        tls: TlsOptions,
        insecure: bool,
    ) -> Result<Arc<Endpoint>, Fault> {
        let named = self.insecure_hosts.iter().any(|name| is_host(name, host));
        let of_cluster = self.of_cluster(host);
        let (plain, verify) = match of_cluster {
            // A Module's word does not send the user's token to somebody unverified.
            Some(_) => (false, !named),
            None => (
                tls.insecure || insecure || named || is_loopback(host),
                !(tls.insecure || tls.insecure_skip_tls_verify || insecure || named),
            ),
        };
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
        let found = match of_cluster {
            Some(registry) => self.look_in_cluster(registry.as_ref(), host, verify).await,
            None => self.look(host, plain, verify).await,
        };
        let found = found.map(Arc::new).map_err(|fault| match of_cluster {
            None if is_service(host) => fault.hint(self.way_to_service()),
            _ => fault,
        });
        *cell = Some((Instant::now(), found.clone()));
        found
    }

    /// How to get at what has the name of a Service, which this machine does not know.
    fn way_to_service(&self) -> &'static str {
        match &self.of_cluster {
            Some(_) => {
                "This is a cluster-internal Service name. From outside only the cluster's \
                 own registry is reached: use run --in-cluster, or a name that this machine resolves."
            }
            None => {
                "This is a cluster-internal Service name. Pass --kubeconfig or --context: \
                 a cluster's own registry is reached through its API server."
            }
        }
    }

    async fn look(&self, host: &str, plain: bool, verify: bool) -> Result<Endpoint, Fault> {
        let address = match host {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let https = self.endpoint("https", host, address, verify, None)?;
        let http = self.endpoint("http", host, address, verify, None)?;
        let fault = |no_answer: &NoAnswer| https.fault_of(no_answer);
        let loopback = is_loopback(host);
        if loopback && look_at(&http, true).await.is_ok() {
            return Ok(http);
        }
        match look_at(&https, plain).await {
            Ok(()) => Ok(https),
            // Whoever allows plain HTTP gets it where there is no TLS to be had.
            Err(first)
                if plain
                    && !loopback
                    && !first.is_about_certificate()
                    && first.kind != Kind::ProxySetting =>
            {
                let Err(second) = look_at(&http, false).await else {
                    return Ok(http);
                };
                let (first, mut second) = (fault(&first), fault(&second));
                if self.http.has_proxy(&https.base) && !self.http.has_proxy(&http.base) {
                    second = second.hint(
                        "HTTPS_PROXY is not used for plain HTTP: set HTTP_PROXY as well, or add \
                         the registry to NO_PROXY.",
                    );
                }
                if first.message != second.message {
                    second.message =
                        format!("{}; and over plain HTTP, {}", first.message, second.message);
                }
                Err(second)
            }
            Err(no_answer) => Err(fault(&no_answer)),
        }
    }

    /// The same for the cluster's own registry: by the first of its ways that answers. One
    /// that answers with a certificate that is not trusted ends the look.
    async fn look_in_cluster(
        &self,
        registry: &dyn ClusterRegistry,
        host: &str,
        verify: bool,
    ) -> Result<Endpoint, Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for way in registry.ways().await?.iter() {
            let endpoint = self.endpoint("https", host, &way.address, verify, Some(way))?;
            match look_at(&endpoint, false).await {
                Ok(()) => {
                    registry.took(way, &faults);
                    return Ok(endpoint);
                }
                Err(no_answer) => {
                    faults.push(endpoint.fault_of(&no_answer));
                    if no_answer.is_about_certificate() {
                        break;
                    }
                }
            }
        }
        let messages: Vec<String> = faults.iter().map(|fault| fault.message.clone()).collect();
        let last = faults.pop();
        Err(Fault {
            message: messages.join("; "),
            ..last.unwrap_or_else(|| Fault::new(FaultKind::Unreachable, ""))
        })
    }

    fn endpoint(
        &self,
        scheme: &str,
        host: &str,
        address: &str,
        verify: bool,
        way: Option<&Way>,
    ) -> Result<Endpoint, Fault> {
        let base = Url::parse(&format!("{scheme}://{address}/")).map_err(|_| {
            let message = format!("`{host}` is not the address of a registry");
            Fault::new(FaultKind::Invalid, message)
        })?;
        let profile = Profile {
            host: host.to_owned(),
            verify,
            by: None,
            uploads: false,
        };
        Ok(Endpoint {
            verified: verify && base.scheme() == "https",
            base,
            host: host.to_owned(),
            http: self.http.client(profile, way)?,
            challenges: Mutex::default(),
            patience: self.http.patience(),
            allowed: Allowed {
                insecure: !verify,
                ca_file: self.has_ca_file,
            },
            way: way.cloned(),
        })
    }
}

/// Asks once who is there (distribution spec, "Determining Support").
async fn look_at(endpoint: &Endpoint, once: bool) -> Result<(), NoAnswer> {
    let url = endpoint
        .base
        .join("v2/")
        .unwrap_or_else(|_| endpoint.base.clone());
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = once || attempt >= 2;
        let answer = endpoint.http.ask(Ask {
            method: Method::GET,
            url: &url,
            headers: HeaderMap::new(),
            authorization: None,
            content: Content::Believed,
            timeout: Some(FIRST_ANSWER),
        });
        match answer.await {
            // So do servers answer that speak TLS there.
            Ok(answered) if answered.response.status() == 400 && url.scheme() == "http" => {
                return Err(NoAnswer {
                    kind: Kind::Broken,
                    why: "it does not speak plain HTTP".to_owned(),
                });
            }
            Ok(answered) => {
                if answered.response.status() == StatusCode::UNAUTHORIZED {
                    endpoint.learn(&answered);
                }
                return Ok(());
            }
            Err(no_answer) if last || !no_answer.may_pass() => return Err(no_answer),
            Err(_) => tokio::time::sleep(retry::pause(attempt)).await,
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
