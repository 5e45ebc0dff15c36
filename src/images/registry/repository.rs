//! One repository of a registry, asked as somebody (distribution spec 1.1, "Pull").

use std::fmt;
use std::sync::Arc;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::images::registry::client::Registries;
use crate::images::registry::credentials::Credential;
use crate::images::registry::digest;
use crate::images::registry::endpoint::Endpoint;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::{attempts, bounded};
use crate::images::registry::manifest::{ACCEPT as MANIFEST_TYPES, MAX_MANIFEST};
use crate::images::registry::retry;
use crate::net::http::{Answered, Ask, Content};

/// A repository of a registry, asked as somebody.
pub struct Repository {
    pub(crate) registries: Arc<Registries>,
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The source of the credential and the credential.
    pub(crate) credential: Option<(String, Credential)>,
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

impl Repository {
    /// The manifest of a tag or digest, verified where its digest is known.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn manifest(&self, wanted: &str) -> Result<Vec<u8>, Fault> {
        let path = format!("manifests/{wanted}");
        let (bytes, response_digest) = self
            .small(&path, Some(MANIFEST_TYPES), MAX_MANIFEST, "the manifest")
            .await?;
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let message = format!("registry {} did not return a manifest", self.host);
            return Err(Fault::new(FaultKind::Unreachable, message)
                .hint("Check that this is the address of the registry, not of its web page."));
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
                "registry {} sent a manifest that does not match {promised}",
                self.host
            );
            return Err(Fault::new(FaultKind::Unreadable, message));
        }
        Ok(bytes)
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
            let message = format!(
                "registry {} sent a blob that does not match \
                {digest}",
                self.host
            );
            return Err(Fault::new(FaultKind::Unreadable, message));
        }
        Ok(bytes)
    }

    /// The bytes of a blob from `from` up to, and without, `to`; `None` when the registry
    /// gives no ranges.
    ///
    /// # Errors
    /// The registry does not give it.
    pub async fn range(&self, digest: &str, from: u64, to: u64) -> Result<Option<Vec<u8>>, Fault> {
        let path = format!("blobs/{digest}");
        let last = Some(to.saturating_sub(1));
        let response = self.get(&path, None, Some((from, last))).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(None);
        }
        let bytes = bounded(response, to - from)
            .await
            .map_err(|no_answer| self.endpoint.fault_of(&no_answer))?;
        Ok(bytes.filter(|bytes| bytes.len() as u64 == to - from))
    }

    /// A whole small answer, and the digest that the registry says it has.
    async fn small(
        &self,
        path: &str,
        accept: Option<&'static str>,
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
            let read = tokio::time::timeout(self.endpoint.patience, bounded(response, limit)).await;
            match read {
                Ok(Ok(Some(bytes))) => return Ok((bytes, digest)),
                Ok(Ok(None)) => {
                    let message = format!(
                        "{what} from registry {} is larger than {limit} bytes",
                        self.host
                    );
                    return Err(Fault::new(FaultKind::Unreadable, message));
                }
                Ok(Err(no_answer)) if attempt >= attempts(&no_answer) => {
                    return Err(self.endpoint.fault_of(&no_answer));
                }
                Err(_late) if attempt >= retry::SILENT_ATTEMPTS => {
                    let message = format!("registry {} sends {what} too slowly", self.host);
                    return Err(Fault::new(FaultKind::Unreachable, message));
                }
                Ok(Err(_)) | Err(_) => {
                    tokio::time::sleep(retry::pause(attempt)).await;
                }
            }
        }
    }

    /// A successful answer to a GET below `/v2/NAME/`, from byte `offset` on where one is given.
    pub(crate) async fn get(
        &self,
        path: &str,
        accept: Option<&'static str>,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<Response, Fault> {
        let mut headers = HeaderMap::new();
        if let Some(types) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(types));
        }
        if let Some((from, to)) = range {
            let to = to.map(|to| to.to_string()).unwrap_or_default();
            let value = HeaderValue::from_str(&format!("bytes={from}-{to}"));
            headers.extend(value.ok().map(|value| (RANGE, value)));
        }
        let content = match path.starts_with("blobs/") {
            true => Content::DigestChecked,
            false => Content::Believed,
        };
        let answered = self
            .ask(Method::GET, path, "pull", &headers, content)
            .await?;
        match answered.response.status().is_success() {
            true => Ok(answered.response),
            false => Err(self.refused(path, answered).await),
        }
    }

    /// The last answer to a GET or HEAD below `/v2/NAME/`, whatever its status, after the
    /// retries that its status allows.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        actions: &str,
        headers: &HeaderMap,
        content: Content,
    ) -> Result<Answered, Fault> {
        let url = self.url(path)?;
        let mut attempt = 0;
        let mut renewed = false;
        let mut shown: Option<String> = None;
        loop {
            attempt += 1;
            let stale = if renewed { shown.take() } else { None };
            let authorization = self.authorization(actions, stale.as_deref()).await?;
            let answer = self.endpoint.http.ask(Ask {
                method: method.clone(),
                url: &url,
                headers: headers.clone(),
                authorization: header(authorization.as_deref()),
                content,
                timeout: None,
            });
            let answered = answer.await;
            shown = authorization;
            let answered = match answered {
                Ok(answered) => answered,
                Err(no_answer) => {
                    if attempt >= attempts(&no_answer) {
                        return Err(self.endpoint.fault_of(&no_answer));
                    }
                    tokio::time::sleep(retry::pause(attempt)).await;
                    continue;
                }
            };
            let status = answered.response.status();
            if status == StatusCode::UNAUTHORIZED && answered.is_own && !renewed {
                self.endpoint.learn(&answered);
                renewed = true;
                attempt -= 1;
                continue;
            }
            let asked = answered.response.headers().get(RETRY_AFTER);
            let asked = asked.and_then(|value| value.to_str().ok());
            if let Some(pause) = retry::pause_after(attempt, status.as_u16(), asked) {
                tokio::time::sleep(pause).await;
                continue;
            }
            return Ok(answered);
        }
    }

    /// `/v2/NAME/PATH` of the registry.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Fault> {
        let path = format!("v2/{}/{path}", self.name);
        self.endpoint.base.join(&path).map_err(|_| {
            let message = format!("{self} is not a valid name of a repository");
            Fault::new(FaultKind::Invalid, message)
        })
    }

    /// The registry (`host[:port]`) and the name in it.
    pub(crate) fn names(&self) -> (String, String) {
        (self.host.clone(), self.name.clone())
    }

    /// The value of the `Authorization` header; `stale` is one that was refused just now.
    pub(crate) async fn authorization(
        &self,
        actions: &str,
        stale: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let challenges = self.endpoint.challenges();
        if challenges.is_empty() {
            return Ok(None);
        }
        let credential = self.credential.as_ref().map(|(_, credential)| credential);
        let tokens = &self.registries.tokens;
        let scope = format!("repository:{}:{actions}", self.name);
        tokens
            .authorization(&self.endpoint, &challenges, credential, &scope, stale)
            .await
    }
}

/// The header of this value.
pub(crate) fn header(value: Option<&str>) -> Option<HeaderValue> {
    value.and_then(|value| HeaderValue::from_str(value).ok())
}
