//! Registries: who answers under a name, and one repository of them with one credential
//! (distribution spec 1.1, "Pull").

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, AUTHORIZATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};

use crate::model::module::TlsOptions;
use crate::registry::access::Access;
use crate::registry::challenge::Challenge;
use crate::registry::credentials::Credential;
use crate::registry::digest;
use crate::registry::fault::{Fault, FaultKind};
use crate::registry::http::{HttpClients, HttpConfig, Profile, Trouble};
use crate::registry::manifest::{ACCEPT as MANIFEST_TYPES, MAX_MANIFEST};
use crate::registry::mirrors::PullSource;
use crate::registry::push::PushAccess;
use crate::registry::retry::{self, ATTEMPTS};
use crate::registry::token::Tokens;

/// How long a registry that did not answer is taken for dead.
const DEAD_FOR: Duration = Duration::from_secs(20);
/// How long one small answer may take as a whole.
const SMALL_ANSWER: Duration = Duration::from_secs(60);
/// Most bytes of an error's body that are looked at.
const MAX_ERROR_BODY: u64 = 64 << 10;

/// The registries of a run, what was learnt of each, and the tokens that they gave.
#[derive(Debug)]
pub struct Registries {
    http: HttpClients,
    insecure_hosts: Vec<String>,
    endpoints: Mutex<HashMap<(String, bool, bool), SharedEndpoint>>,
    pub(crate) tokens: Tokens,
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
}

impl Endpoint {
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        let challenge = self.challenge.lock();
        challenge.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, response: &Response) {
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

/// A repository of a registry, asked as somebody.
pub struct Repository {
    registries: Arc<Registries>,
    host: String,
    name: String,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The source of the credential and the credential.
    credential: Option<(String, Credential)>,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("name", &self.to_string())
            .field(
                "credential_of",
                &self.credential.as_ref().map(|(source, _)| source),
            )
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

/// A manifest as a registry sent it, verified where its digest was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedManifest {
    /// The document.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: String,
}

impl Registries {
    /// Registries that are trusted in this way.
    ///
    /// # Errors
    /// A file of certificates cannot be read.
    pub fn new(config: &HttpConfig) -> Result<Arc<Self>, Fault> {
        Ok(Arc::new(Self {
            http: HttpClients::new(config)?,
            insecure_hosts: config.insecure_hosts.clone(),
            endpoints: Mutex::default(),
            tokens: Tokens::default(),
        }))
    }

    /// The manifest that a reference names, with each credential that fits until one is
    /// good enough, as kubelets do; and the repository as the one whose credential it was.
    ///
    /// # Errors
    /// Why there is none; an unauthorised answer names the credentials that were tried.
    pub async fn manifest(
        self: &Arc<Self>,
        source: &PullSource,
        access: &Access,
    ) -> Result<(Arc<Repository>, FetchedManifest), Fault> {
        let reference = parse(&source.reference)?;
        let tls = if source.mirror_of.is_none() {
            access.tls
        } else {
            TlsOptions::default()
        };
        let endpoint = self
            .endpoint(reference.registry(), tls, source.insecure)
            .await?;
        let full_name = format!("{}/{}", reference.registry(), reference.repository());
        let (credentials, broken) = credentials_for(access, &full_name).await;
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
        let mut refusal = None;
        let mut tried = Vec::new();
        for credential in credentials {
            tried.extend(credential.as_ref().map(|(source, _)| source.clone()));
            let repository = Repository {
                registries: Arc::clone(self),
                host: reference.registry().to_owned(),
                name: reference.repository().to_owned(),
                endpoint: Arc::clone(&endpoint),
                credential,
            };
            match repository.manifest(wanted).await {
                Ok(manifest) => return Ok((Arc::new(repository), manifest)),
                Err(fault) if fault.kind == FaultKind::Unauthorized => refusal = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(unauthorized(refusal, &tried, &broken, &full_name))
    }

    /// A repository to push to, with the first credential that fits.
    ///
    /// # Errors
    /// The reference is none, or its registry does not answer.
    pub async fn repository(
        self: &Arc<Self>,
        reference: &str,
        access: &Access,
    ) -> Result<Repository, Fault> {
        let reference = parse(reference)?;
        let endpoint = self
            .endpoint(reference.registry(), access.tls, false)
            .await?;
        let full_name = format!("{}/{}", reference.registry(), reference.repository());
        let (mut credentials, _) = credentials_for(access, &full_name).await;
        Ok(Repository {
            registries: Arc::clone(self),
            host: reference.registry().to_owned(),
            name: reference.repository().to_owned(),
            endpoint,
            credential: credentials.swap_remove(0),
        })
    }

    /// Who answers for a registry. Those who ask at the same time share one look.
    async fn endpoint(
        &self,
        host: &str,
        tls: TlsOptions,
        insecure: bool,
    ) -> Result<Arc<Endpoint>, Fault> {
        let named = self.insecure_hosts.iter().any(|name| is_host(name, host));
        let plain = tls.insecure || insecure || named || is_loopback(host);
        let verify = !(tls.insecure || tls.insecure_skip_tls_verify || insecure || named);
        let cell = {
            let mut known = self
                .endpoints
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((host.to_owned(), plain, verify)).or_default())
        };
        let mut cell = cell.lock().await;
        match &*cell {
            Some((_, Ok(endpoint))) => return Ok(Arc::clone(endpoint)),
            Some((at, Err(fault))) if at.elapsed() < DEAD_FOR => return Err(fault.clone()),
            _ => {}
        }
        let found = self.look(host, plain, verify).await;
        *cell = Some((Instant::now(), found.clone()));
        found
    }

    async fn look(&self, host: &str, plain: bool, verify: bool) -> Result<Arc<Endpoint>, Fault> {
        let address = match host {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let proxy = !is_loopback(host);
        let client = self.http.client(Profile { verify, proxy })?;
        let tls = look_at(host, &format!("https://{address}"), &client, verify, plain).await;
        match tls {
            Ok(endpoint) => Ok(endpoint),
            // Whoever allows plain HTTP gets it where there is no TLS to be had.
            Err((trouble, fault)) if plain && trouble != Trouble::Certificate => {
                let base = format!("http://{address}");
                let found = look_at(host, &base, &client, false, false).await;
                found.map_err(|(_, other)| {
                    if trouble == Trouble::NotTls {
                        other
                    } else {
                        fault
                    }
                })
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
) -> Result<Arc<Endpoint>, (Trouble, Fault)> {
    let url = format!("{base}/v2/");
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = once || attempt >= 2;
        match client.get(&url).send().await {
            Ok(response) => {
                let endpoint = Endpoint {
                    base: base.to_owned(),
                    client: client.clone(),
                    challenge: Mutex::default(),
                    verified: verified && base.starts_with("https:"),
                };
                if response.status() == StatusCode::UNAUTHORIZED {
                    endpoint.learn(&response);
                }
                return Ok(Arc::new(endpoint));
            }
            Err(error) => {
                let trouble = Trouble::of(&error);
                if last || !trouble.may_pass() {
                    return Err((trouble, trouble.into_fault(host, &error)));
                }
                tokio::time::sleep(retry::pause(attempt, None)).await;
            }
        }
    }
}

type Candidates = Vec<Option<(String, Credential)>>;

/// The credentials that fit, or nobody's; and what kept a source from giving one.
async fn credentials_for(access: &Access, name: &str) -> (Candidates, Vec<String>) {
    let mut found = Vec::new();
    let mut broken = Vec::new();
    for source in &access.credentials {
        match source.credential_for(name).await {
            Ok(Some(credential)) => found.push(Some((source.name().to_owned(), credential))),
            Ok(None) => {}
            Err(fault) => broken.push(fault.to_string()),
        }
    }
    if found.is_empty() {
        found.push(None);
    }
    (found, broken)
}

fn unauthorized(refusal: Option<Fault>, tried: &[String], broken: &[String], name: &str) -> Fault {
    let mut message = refusal.map(|fault| fault.message).unwrap_or_default();
    message.push_str(&match tried {
        [] => format!("; no credential is known for {name}, so nobody's was tried"),
        tried => format!("; tried the credential of {}", tried.join(", then of ")),
    });
    for fault in broken {
        message.push_str(&format!("; {fault}"));
    }
    let fault = Fault::new(FaultKind::Unauthorized, message);
    match tried {
        [] => fault,
        _ => fault.hint("check the name and password there, and that they may pull this image"),
    }
}

fn parse(reference: &str) -> Result<Reference, Fault> {
    reference.parse().map_err(|fault| {
        Fault::new(
            FaultKind::Invalid,
            format!("this is no image reference: {fault}"),
        )
    })
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

impl Repository {
    /// The manifest of a tag or digest. One that is asked for by digest is verified.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn manifest(&self, wanted: &str) -> Result<FetchedManifest, Fault> {
        let path = format!("manifests/{wanted}");
        let (bytes, response_digest) = self
            .small(&path, Some(MANIFEST_TYPES), MAX_MANIFEST, "the manifest")
            .await?;
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let message = format!("registry {} answers with no manifest", self.host);
            return Err(Fault::new(FaultKind::Unreachable, message)
                .hint("check that this is the address of a registry, and not of its web page"));
        }
        let promised = if wanted.contains(':') {
            Some(wanted.to_owned())
        } else {
            response_digest
        };
        if let Some(promised) = promised
            && !digest::verify(&promised, &bytes)
        {
            let message = format!(
                "registry {} sent a manifest that is not {promised}",
                self.host
            );
            return Err(Fault::new(FaultKind::Unreadable, message));
        }
        let digest = digest::sha256(&bytes);
        Ok(FetchedManifest { bytes, digest })
    }

    /// A blob of at most `limit` bytes, verified.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn small_blob(&self, digest: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let (bytes, _) = self
            .small(&format!("blobs/{digest}"), None, limit, "a blob")
            .await?;
        if !digest::verify(digest, &bytes) {
            let message = format!("registry {} sent a blob that is not {digest}", self.host);
            return Err(Fault::new(FaultKind::Unreadable, message));
        }
        Ok(bytes)
    }

    /// A whole small answer, and the digest that the registry says it has.
    async fn small(
        &self,
        path: &str,
        accept: Option<&str>,
        limit: u64,
        what: &str,
    ) -> Result<(Vec<u8>, Option<String>), Fault> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let response = self.get(path, accept, None).await?;
            let digest = response.headers().get("docker-content-digest");
            let digest = digest
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let read = tokio::time::timeout(SMALL_ANSWER, bounded(response, limit)).await;
            match read {
                Ok(Ok(Some(bytes))) => return Ok((bytes, digest)),
                Ok(Ok(None)) => {
                    let message = format!(
                        "{what} from registry {} is larger than {limit} bytes",
                        self.host
                    );
                    return Err(Fault::new(FaultKind::Unreadable, message));
                }
                Ok(Err(error)) if attempt >= ATTEMPTS => {
                    return Err(Trouble::of(&error).into_fault(&self.host, &error));
                }
                Err(_late) if attempt >= 2 => {
                    let message = format!("registry {} sends {what} too slowly", self.host);
                    return Err(Fault::new(FaultKind::Unreachable, message));
                }
                Ok(Err(_)) | Err(_) => {
                    tokio::time::sleep(retry::pause(attempt, None)).await;
                }
            }
        }
    }

    /// A successful answer to a GET below `/v2/NAME/`, from byte `offset` on where one is given.
    pub(crate) async fn get(
        &self,
        path: &str,
        accept: Option<&str>,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<Response, Fault> {
        let url = format!("{}/v2/{}/{path}", self.endpoint.base, self.name);
        let mut attempt = 0;
        let mut renewed = false;
        let mut shown: Option<String> = None;
        loop {
            attempt += 1;
            let stale = if renewed { shown.take() } else { None };
            let authorization = self.authorization(stale.as_deref()).await?;
            let mut request = self.endpoint.client.get(&url);
            if let Some(types) = accept {
                request = request.header(ACCEPT, types);
            }
            if let Some((from, to)) = range {
                let to = to.map(|to| to.to_string()).unwrap_or_default();
                request = request.header(RANGE, format!("bytes={from}-{to}"));
            }
            if let Some(value) = &authorization {
                request = request.header(AUTHORIZATION, value.clone());
            }
            shown = authorization;
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    let trouble = Trouble::of(&error);
                    if attempt >= ATTEMPTS || !trouble.may_pass() {
                        return Err(trouble.into_fault(&self.host, &error));
                    }
                    tokio::time::sleep(retry::pause(attempt, None)).await;
                    continue;
                }
            };
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if status == StatusCode::UNAUTHORIZED && !renewed {
                self.endpoint.learn(&response);
                renewed = true;
                attempt -= 1;
                continue;
            }
            if retry::is_worth_a_retry(status.as_u16()) && attempt < ATTEMPTS {
                let asked = response.headers().get(RETRY_AFTER);
                let asked = asked.and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|v| retry::parse_retry_after(v, SystemTime::now()));
                tokio::time::sleep(retry::pause(attempt, asked)).await;
                continue;
            }
            return Err(refused(&self.to_string(), path, response).await);
        }
    }

    /// The registry (`host[:port]`) and the name in it.
    pub(crate) fn names(&self) -> (String, String) {
        (self.host.clone(), self.name.clone())
    }

    /// What another client needs to push here; a token is good for that and nothing else.
    ///
    /// # Errors
    /// No token is to be had.
    pub(crate) async fn push_access(&self) -> Result<PushAccess, Fault> {
        let header = self.authorization_for("pull,push", None).await?;
        let token = header
            .as_deref()
            .and_then(|header| header.strip_prefix("Bearer "));
        let auth = match (token, &self.credential) {
            (Some(token), _) => RegistryAuth::Bearer(token.to_owned()),
            (None, Some((_, Credential::Basic { username, password }))) => {
                RegistryAuth::Basic(username.clone(), password.reveal().to_owned())
            }
            (None, _) => RegistryAuth::Anonymous,
        };
        Ok(PushAccess {
            plain_http: self.endpoint.base.starts_with("http:"),
            verified: self.endpoint.verified,
            authorities: self.registries.http.authority_files().to_vec(),
            auth,
        })
    }

    /// The value of the `Authorization` header; `stale` is one that was refused just now.
    async fn authorization(&self, stale: Option<&str>) -> Result<Option<String>, Fault> {
        self.authorization_for("pull", stale).await
    }

    async fn authorization_for(
        &self,
        actions: &str,
        stale: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let Some(challenge) = self.endpoint.challenge() else {
            return Ok(None);
        };
        let credential = self.credential.as_ref().map(|(_, credential)| credential);
        let tokens = &self.registries.tokens;
        let scope = format!("repository:{}:{actions}", self.name);
        tokens
            .authorization(
                &self.endpoint,
                &self.host,
                &challenge,
                credential,
                &scope,
                stale,
            )
            .await
    }
}

/// What a status that is no success means.
async fn refused(name: &str, path: &str, response: Response) -> Fault {
    let status = response.status();
    let body = bounded(response, MAX_ERROR_BODY).await;
    let said = body.ok().flatten().and_then(|bytes| words_of(&bytes));
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    let (kind, message) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            FaultKind::Unauthorized,
            format!(
                "{name} wants other credentials: status {}{said}",
                status.as_u16()
            ),
        ),
        StatusCode::NOT_FOUND => (
            FaultKind::NotFound,
            match path.split_once('/') {
                Some(("manifests", wanted)) => format!("{name} has no {wanted}{said}"),
                Some((_, wanted)) => format!("{name} has lost blob {wanted}{said}"),
                None => format!("{name} is not there{said}"),
            },
        ),
        _ => (
            FaultKind::Unreachable,
            format!("{name} answers with status {}{said}", status.as_u16()),
        ),
    };
    Fault::new(kind, message)
}

/// The code and message of an error document (distribution spec, "Error Codes").
fn words_of(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Document {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: Option<String>,
        message: Option<String>,
    }
    let document: Document = serde_json::from_slice(body).ok()?;
    let first = document.errors.into_iter().next()?;
    let words = [first.code, first.message];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let text: String = words
        .join(": ")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    (!text.is_empty()).then_some(text)
}

/// The body of an answer; `None` when it is larger than `limit`.
pub(crate) async fn bounded(
    mut response: Response,
    limit: u64,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() as u64 + chunk.len() as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
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

    #[test]
    fn error_documents_are_quoted_in_one_line() {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"un\nknown","detail":{}}]}"#;
        assert_eq!(words_of(body).as_deref(), Some("MANIFEST_UNKNOWN: unknown"));
        assert_eq!(words_of(b"<html>"), None);
    }
}
