//! Tokens, each fetched once however many requests need it (distribution, "Token
//! Authentication Specification"; Docker's OAuth2 variant for identity tokens).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use url::Url;

use crate::images::registry::challenge::Challenge;
use crate::images::registry::credentials::{Credential, SecretText};
use crate::images::registry::endpoint::Endpoint;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::Trouble;
use crate::images::registry::repository::bounded;
use crate::images::registry::retry::{self, ATTEMPTS};

/// How long a token lasts whose server does not say (the specification's default).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// Tokens are renewed that much before their end.
const MARGIN: Duration = Duration::from_secs(10);
/// Most bytes of a token server's answer.
const MAX_ANSWER: u64 = 1 << 20;

/// The tokens of a run.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Option<Token>>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    challenge: Challenge,
    scope: String,
    credential: Option<Credential>,
}

#[derive(Debug)]
struct Token {
    value: SecretText,
    until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Tokens {
    /// The `Authorization` header that answers a challenge; `None` where there is nothing to
    /// show. `stale` is a header that was refused.
    pub(crate) async fn authorization(
        &self,
        endpoint: &Endpoint,
        host: &str,
        challenge: &Challenge,
        credential: Option<&Credential>,
        scope: &str,
        stale: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let Challenge::Bearer { realm, service } = challenge else {
            return Ok(match credential {
                Some(Credential::Basic { username, password }) => Some(basic(username, password)),
                Some(Credential::IdentityToken(_)) | None => None,
            });
        };
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let key = Key {
                challenge: challenge.clone(),
                scope: scope.to_owned(),
                credential: credential.cloned(),
            };
            Arc::clone(known.entry(key).or_default())
        };
        let mut cell = cell.lock().await;
        if let Some(token) = &*cell {
            let header = format!("Bearer {}", token.value.reveal());
            if token.until > Instant::now() && stale != Some(&*header) {
                return Ok(Some(header));
            }
        }
        let request = TokenRequest {
            endpoint,
            host,
            realm,
            service: service.as_deref(),
            scope,
            credential,
        };
        let token = request.send().await?;
        let header = format!("Bearer {}", token.value.reveal());
        *cell = Some(token);
        Ok(Some(header))
    }
}

fn basic(username: &str, password: &SecretText) -> String {
    let pair = format!("{username}:{}", password.reveal());
    format!("Basic {}", BASE64.encode(pair))
}

struct TokenRequest<'a> {
    endpoint: &'a Endpoint,
    host: &'a str,
    realm: &'a str,
    service: Option<&'a str>,
    scope: &'a str,
    credential: Option<&'a Credential>,
}

impl TokenRequest<'_> {
    async fn send(&self) -> Result<Token, Fault> {
        let realm = Url::parse(self.realm)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(realm) = realm else {
            return Err(self.fault(FaultKind::Unreachable, "names a token server by no URL"));
        };
        let credential = self.credential.filter(|_| may_see(self.endpoint, &realm));
        let withheld = self.credential.is_some() && credential.is_none();
        let server = match (realm.host_str().unwrap_or_default(), realm.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let response = match self.request(realm.clone(), credential).send().await {
                Ok(response) => response,
                Err(error) => {
                    let trouble = Trouble::of(&error);
                    if attempt >= trouble.attempts() {
                        return Err(self.trouble(trouble, &server, &error));
                    }
                    tokio::time::sleep(retry::pause(attempt)).await;
                    continue;
                }
            };
            let status = response.status().as_u16();
            let asked = response.headers().get(RETRY_AFTER);
            let asked = asked.and_then(|value| value.to_str().ok());
            if let Some(pause) = retry::pause_after(attempt, status, asked) {
                tokio::time::sleep(pause).await;
                continue;
            }
            if matches!(status, 400 | 401 | 403) {
                let message = if withheld {
                    format!(
                        "sends to token server {server}, which is shown no credential because \
                         nothing vouches for it; it answers with status {status}"
                    )
                } else {
                    format!("wants other credentials: token server {server} says {status}")
                };
                return Err(self.fault(FaultKind::Unauthorized, &message));
            }
            let read = tokio::time::timeout(self.endpoint.patience, bounded(response, MAX_ANSWER));
            let answer = match read.await {
                Ok(Ok(bytes)) => {
                    bytes.and_then(|bytes| serde_json::from_slice::<Answer>(&bytes).ok())
                }
                Ok(Err(_)) if attempt < ATTEMPTS => continue,
                Ok(Err(error)) => return Err(self.trouble(Trouble::of(&error), &server, &error)),
                Err(_late) => {
                    let message = format!("sends to token server {server}, which is too slow");
                    return Err(self.fault(FaultKind::Unreachable, &message));
                }
            };
            let life = answer.as_ref().and_then(|answer| answer.expires_in);
            let value = answer.and_then(|answer| answer.token.or(answer.access_token));
            let Some(value) = value.filter(|value| is_header_text(value)) else {
                let message = format!("sends to token server {server}, which gives no token");
                return Err(self.fault(FaultKind::Unreachable, &message));
            };
            let life = life.map_or(DEFAULT_LIFE, Duration::from_secs);
            let life = life.clamp(DEFAULT_LIFE, Duration::from_secs(24 * 3600));
            return Ok(Token {
                value: SecretText::new(value),
                until: Instant::now() + (life - MARGIN),
            });
        }
    }

    fn request(&self, mut url: Url, credential: Option<&Credential>) -> reqwest::RequestBuilder {
        let client = &self.endpoint.client;
        if let Some(Credential::IdentityToken(token)) = credential {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("client_id", "kubectl-kmm-preflight");
            form.append_pair("scope", self.scope);
            form.append_pair("service", self.service.unwrap_or_default());
            form.append_pair("refresh_token", token.reveal());
            return client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.finish());
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", self.scope);
        }
        match credential {
            Some(Credential::Basic { username, password }) => client
                .get(url)
                .header("authorization", basic(username, password)),
            _ => client.get(url),
        }
    }

    fn trouble(&self, trouble: Trouble, server: &str, error: &reqwest::Error) -> Fault {
        let whom = format!("token server {server} of registry {}", self.host);
        trouble.into_fault_of(&whom, self.host, error)
    }

    fn fault(&self, kind: FaultKind, message: &str) -> Fault {
        Fault::new(kind, format!("registry {} {message}", self.host))
    }
}

fn is_header_text(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

/// A credential goes to the registry's own host; to another host only over TLS, and only when
/// it was the registry's verified answer that named it. Loopback addresses are one host.
fn may_see(endpoint: &Endpoint, realm: &Url) -> bool {
    let Ok(registry) = Url::parse(&endpoint.base) else {
        return false;
    };
    let is_loopback = |url: &Url| {
        url.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    };
    let same_host = realm.host_str() == registry.host_str()
        && (realm.scheme() == "https" || registry.scheme() == "http");
    same_host
        || (is_loopback(&registry) && is_loopback(realm))
        || (endpoint.verified && realm.scheme() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_where_they_belong() {
        for (registry, verified, realm, expected) in [
            ("https://r.io", true, "https://r.io/token", true),
            ("https://r.io", true, "https://auth.r.io/token", true),
            ("https://r.io", true, "http://r.io/token", false),
            ("https://r.io", true, "http://auth.r.io/token", false),
            ("https://r.io", false, "https://auth.r.io/token", false),
            ("https://r.io", false, "https://r.io:8443/token", true),
            ("http://r.io", false, "http://r.io:5001/token", true),
            ("http://r.io", false, "https://other.io/token", false),
            (
                "http://127.0.0.1:1",
                false,
                "http://localhost:2/token",
                true,
            ),
            ("http://127.0.0.1:1", false, "http://r.io/token", false),
        ] {
            let endpoint = Endpoint {
                base: registry.to_owned(),
                client: reqwest::Client::new(),
                challenge: Mutex::default(),
                verified,
                patience: Duration::from_secs(1),
            };
            let realm = Url::parse(realm).expect("a URL");
            assert_eq!(may_see(&endpoint, &realm), expected, "{registry} {realm}");
        }
    }
}
