//! One repository of a registry, asked as somebody (distribution spec 1.1, "Pull").

use std::fmt;
use std::sync::Arc;

use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, AUTHORIZATION, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::images::registry::client::Registries;
use crate::images::registry::credentials::Credential;
use crate::images::registry::digest;
use crate::images::registry::endpoint::Endpoint;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::Trouble;
use crate::images::registry::manifest::{ACCEPT as MANIFEST_TYPES, MAX_MANIFEST};
use crate::images::registry::push::PushAccess;
use crate::images::registry::retry;

/// Most bytes of an error's body that are looked at.
const MAX_ERROR_BODY: u64 = 64 << 10;

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

/// A manifest as a registry sent it, verified where its digest was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedManifest {
    /// The document.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: String,
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
        let bytes = bounded(response, to - from).await.map_err(|error| {
            let trouble = Trouble::of(&error);
            trouble.into_fault(&self.host, &error)
        })?;
        Ok(bytes.filter(|bytes| bytes.len() as u64 == to - from))
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
                Ok(Err(error)) if attempt >= Trouble::of(&error).attempts() => {
                    return Err(Trouble::of(&error).into_fault(&self.host, &error));
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
                    if attempt >= trouble.attempts() {
                        return Err(trouble.into_fault(&self.host, &error));
                    }
                    tokio::time::sleep(retry::pause(attempt)).await;
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
            let asked = response.headers().get(RETRY_AFTER);
            let asked = asked.and_then(|value| value.to_str().ok());
            if let Some(pause) = retry::pause_after(attempt, status.as_u16(), asked) {
                tokio::time::sleep(pause).await;
                continue;
            }
            return Err(self.refused(path, response).await);
        }
    }

    /// What a status that is no success means.
    async fn refused(&self, path: &str, response: Response) -> Fault {
        let name = self.to_string();
        let status = response.status();
        let later = response.headers().get(RETRY_AFTER);
        let later = later.and_then(|value| value.to_str().ok());
        let later = later.map(|later| format!(" and wants to be asked again later ({later})"));
        let body = bounded(response, MAX_ERROR_BODY);
        let body = tokio::time::timeout(self.endpoint.patience, body).await;
        let said = body
            .ok()
            .and_then(Result::ok)
            .flatten()
            .and_then(|bytes| words_of(&bytes));
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
                format!(
                    "{name} answers with status {}{said}{}",
                    status.as_u16(),
                    later.unwrap_or_default()
                ),
            ),
        };
        let fault = Fault::new(kind, message);
        match status.as_u16() {
            404 if path.starts_with("blobs/") => {
                fault.hint("push the image again: its manifest is there without all of its blobs")
            }
            429 => fault.hint(
                "try again later, or with --authfile: registries answer those who sign in more often",
            ),
            500.. => fault.hint("try again, and look at the registry's log when it happens again"),
            _ => fault,
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
            authorities: self.registries.endpoints.authority_files(&self.host),
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
    fn error_documents_are_quoted_in_one_line() {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"un\nknown","detail":{}}]}"#;
        assert_eq!(words_of(body).as_deref(), Some("MANIFEST_UNKNOWN: unknown"));
        assert_eq!(words_of(b"<html>"), None);
    }
}
