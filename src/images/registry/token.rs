//! Tokens, each fetched once however many requests need it (distribution, "Token
//! Authentication Specification"; Docker's OAuth2 variant for identity tokens).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use url::Url;

use crate::images::registry::challenge::Challenge;
use crate::images::registry::credentials::{Credential, SecretText};
use crate::images::registry::endpoint::Endpoint;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::{attempts, bounded, fault_of};
use crate::images::registry::retry::{self, ATTEMPTS};
use crate::net::address::host_of;
use crate::net::http::{Answered, Ask, Content, is_web_page};
use crate::net::no_answer::NoAnswer;

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
    /// What one registry may be shown, another one with the same token server may not.
    registry: String,
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
    /// The `Authorization` header that answers the first challenge that can be answered, as
    /// containers/image and crane take them (`setupRequestAuth`); `None` where there is
    /// nothing to show. `stale` is a header that was refused.
    pub(crate) async fn authorization(
        &self,
        endpoint: &Endpoint,
        challenges: &[Challenge],
        credential: Option<&Credential>,
        scope: &str,
        stale: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let mut no_token = None;
        for challenge in challenges {
            match (challenge, credential) {
                (Challenge::Basic, Some(Credential::Basic { username, password })) => {
                    return Ok(Some(basic(username, password)));
                }
                (Challenge::Basic, Some(Credential::IdentityToken(_)) | None) => {}
                (Challenge::Bearer { realm, service }, _) => {
                    let request = TokenRequest {
                        endpoint,
                        realm,
                        service: service.as_deref(),
                        scope,
                        credential,
                    };
                    match self.token(challenge, request, stale).await {
                        Ok(header) => return Ok(Some(header)),
                        Err(fault) => no_token = no_token.or(Some(fault)),
                    }
                }
            }
        }
        no_token.map_or(Ok(None), Err)
    }

    async fn token(
        &self,
        challenge: &Challenge,
        request: TokenRequest<'_>,
        stale: Option<&str>,
    ) -> Result<String, Fault> {
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let key = Key {
                registry: request.endpoint.base.to_string(),
                challenge: challenge.clone(),
                scope: request.scope.to_owned(),
                credential: request.credential.cloned(),
            };
            Arc::clone(known.entry(key).or_default())
        };
        let mut cell = cell.lock().await;
        if let Some(token) = &*cell {
            let header = format!("Bearer {}", token.value.reveal());
            if token.until > Instant::now() && stale != Some(&*header) {
                return Ok(header);
            }
        }
        let token = request.send().await?;
        let header = format!("Bearer {}", token.value.reveal());
        *cell = Some(token);
        Ok(header)
    }
}

fn basic(username: &str, password: &SecretText) -> String {
    let pair = format!("{username}:{}", password.reveal());
    format!("Basic {}", BASE64.encode(pair))
}

struct TokenRequest<'a> {
    endpoint: &'a Endpoint,
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
            return Err(self.fault(
                FaultKind::Unreachable,
                "has no valid URL of its token server",
            ));
        };
        let credential = self.credential.filter(|_| may_see(self.endpoint, &realm));
        let withheld = self.credential.is_some() && credential.is_none();
        let server = host_of(&realm);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Answered { response, .. } = match self.request(realm.clone(), credential).await {
                Ok(answered) => answered,
                Err(no_answer) => {
                    if attempt >= attempts(&no_answer) {
                        return Err(self.no_answer(&no_answer, &server));
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
            let (shown, headers) = (response.status(), response.headers().clone());
            let read = tokio::time::timeout(self.endpoint.patience, bounded(response, MAX_ANSWER));
            let body = match read.await {
                Ok(Ok(bytes)) => bytes.unwrap_or_default(),
                Ok(Err(_)) if attempt < ATTEMPTS => continue,
                Ok(Err(no_answer)) => return Err(self.no_answer(&no_answer, &server)),
                Err(_late) => {
                    let message = format!("uses token server {server}, which timed out");
                    return Err(self.fault(FaultKind::Unreachable, &message));
                }
            };
            if is_web_page(&headers, &body) {
                let message =
                    format!("uses token server {server}, which returned a web page ({shown})");
                return Err(self.no_token(&message));
            }
            if matches!(status, 400 | 401 | 403) {
                let message = if withheld {
                    format!(
                        "uses token server {server}, which responded with status {status}; no \
                         credentials were sent because it is on another host and was not \
                         verified by TLS"
                    )
                } else {
                    format!(
                        "rejected the credentials: token server {server} responded with \
                        {status}"
                    )
                };
                return Err(self.fault(FaultKind::Unauthorized, &message));
            }
            if !shown.is_success() {
                let message = format!("uses token server {server}, which responded with {shown}");
                return Err(self.no_token(&message));
            }
            let answer = serde_json::from_slice::<Answer>(&body).ok();
            let life = answer.as_ref().and_then(|answer| answer.expires_in);
            let value = answer.and_then(|answer| answer.token.or(answer.access_token));
            let Some(value) = value.filter(|value| is_header_text(value)) else {
                let message = format!("uses token server {server}, which returned no token");
                return Err(self.no_token(&message));
            };
            let life = life.map_or(DEFAULT_LIFE, Duration::from_secs);
            let life = life.clamp(DEFAULT_LIFE, Duration::from_secs(24 * 3600));
            return Ok(Token {
                value: SecretText::new(value),
                until: Instant::now() + (life - MARGIN),
            });
        }
    }

    /// The registry was reached; the server that it names gives no token.
    fn no_token(&self, message: &str) -> Fault {
        let fault = self.fault(FaultKind::Unreachable, message);
        fault.hint("Check the token server, or the registry's setting that names it.")
    }

    async fn request(
        &self,
        mut url: Url,
        credential: Option<&Credential>,
    ) -> Result<Answered, NoAnswer> {
        let http = &self.endpoint.http;
        if let Some(Credential::IdentityToken(token)) = credential {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "kubectl-kmm-preflight")
                .append_pair("scope", self.scope)
                .append_pair("service", self.service.unwrap_or_default())
                .append_pair("refresh_token", token.reveal())
                .finish();
            // The refresh token is for this server, so no redirect is followed.
            return http
                .send(Method::POST, &url, |request| {
                    request
                        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                        .body(form)
                })
                .await;
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", self.scope);
        }
        let authorization = match credential {
            Some(Credential::Basic { username, password }) => {
                HeaderValue::from_str(&basic(username, password)).ok()
            }
            _ => None,
        };
        http.ask(Ask {
            method: Method::GET,
            url: &url,
            headers: HeaderMap::new(),
            authorization,
            content: Content::Believed,
            timeout: None,
        })
        .await
    }

    fn no_answer(&self, no_answer: &NoAnswer, server: &str) -> Fault {
        let host = &self.endpoint.host;
        let server = format!("token server {server} of registry {host}");
        fault_of(no_answer, &server, host, self.endpoint.allowed)
    }

    fn fault(&self, kind: FaultKind, message: &str) -> Fault {
        Fault::new(kind, format!("registry {} {message}", self.endpoint.host))
    }
}

fn is_header_text(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

/// A credential goes to the registry's own host; to another host only over TLS, and only when
/// it was the registry's verified answer that named it. Loopback addresses are one host.
fn may_see(endpoint: &Endpoint, realm: &Url) -> bool {
    let registry = &endpoint.base;
    let is_loopback = |url: &Url| {
        url.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    };
    let same_host = realm.host_str() == registry.host_str()
        && (realm.scheme() == "https" || registry.scheme() == "http");
    same_host
        || (is_loopback(registry) && is_loopback(realm))
        || (endpoint.verified && realm.scheme() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::registry::http::Allowed;
    use crate::net::http::{Http, HttpSettings};
    use crate::net::tls::Trusted;

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
            let http = Http::new(HttpSettings {
                trusted: Trusted::Anybody,
                identity: None,
                proxies: Arc::default(),
                connect_timeout: Duration::from_secs(1),
                read_timeout: None,
            });
            let endpoint = Endpoint {
                base: Url::parse(registry).expect("a URL"),
                host: "r.io".to_owned(),
                http: http.expect("a client"),
                challenges: Mutex::default(),
                verified,
                patience: Duration::from_secs(1),
                allowed: Allowed::default(),
                way: None,
            };
            let realm = Url::parse(realm).expect("a URL");
            assert_eq!(may_see(&endpoint, &realm), expected, "{registry} {realm}");
        }
    }
}
