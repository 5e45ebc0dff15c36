//! What it means that a registry answered with a status that is no success.

use reqwest::StatusCode;
use reqwest::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::bounded;
use crate::images::registry::repository::Repository;
use crate::net::address::host_of;
use crate::net::http::{Answered, is_web_page};

/// Most bytes of an error's body that are looked at.
const MAX_ERROR_BODY: u64 = 64 << 10;

impl Repository {
    /// What a status that is no success means.
    pub(crate) async fn refused(&self, path: &str, answered: Answered) -> Fault {
        let Answered {
            response,
            is_own,
            proxy,
        } = answered;
        let name = self.to_string();
        let status = response.status();
        let host = host_of(response.url());
        let headers = response.headers().clone();
        let later = headers.get(RETRY_AFTER);
        let later = later.and_then(|value| value.to_str().ok());
        let later = later.map(|later| format!("; retry after {later}"));
        let body = bounded(response, MAX_ERROR_BODY);
        let body = tokio::time::timeout(self.endpoint.patience, body).await;
        let body = body.ok().and_then(Result::ok).flatten().unwrap_or_default();
        if is_web_page(&headers, &body) && !headers.contains_key(WWW_AUTHENTICATE) {
            let via = proxy.map_or_else(String::new, |proxy| format!(" via {proxy}"));
            let message = format!(
                "registry {} returned a web page{via} (status {})",
                self.host,
                status.as_u16()
            );
            return Fault::new(FaultKind::Unreachable, message)
                .hint("Check the registry's address, and the proxy or gateway in front of it.");
        }
        if !is_own && matches!(status.as_u16(), 401 | 403) {
            let message = format!(
                "{host}, to which {name} redirects, responded with status {}",
                status.as_u16()
            );
            return Fault::new(FaultKind::Unreachable, message).hint(
                "Check the registry's storage: its credentials or signature may have expired.",
            );
        }
        let said = words_of(&body);
        let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
        let by = match &proxy {
            Some(proxy) => format!(" through {proxy}"),
            None => String::new(),
        };
        let (kind, message) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
                FaultKind::Unauthorized,
                format!("{name} rejected the request ({status}){said}"),
            ),
            StatusCode::NOT_FOUND => (
                FaultKind::NotFound,
                match path.split_once('/') {
                    Some(("manifests", wanted)) => format!("{name} has no {wanted}{said}"),
                    Some((_, wanted)) => format!("{name} does not have blob {wanted}{said}"),
                    None => format!("{name} does not exist{said}"),
                },
            ),
            _ => (
                FaultKind::Unreachable,
                format!(
                    "{name} responded with status {}{by}{said}{}",
                    status.as_u16(),
                    later.unwrap_or_default()
                ),
            ),
        };
        let fault = Fault::new(kind, message);
        match status.as_u16() {
            404 if path.starts_with("blobs/") => {
                fault.hint("Push the image again: the registry does not have all of its blobs.")
            }
            429 => fault.hint(
                "Try again later, or pass credentials with --authfile: registries allow them \
                 more requests.",
            ),
            500.. if proxy.is_some() => fault.hint(
                "Check the proxy and its way to the registry, or add the registry to NO_PROXY.",
            ),
            500.. => fault.hint("Try again; if it fails again, check the registry's log."),
            _ => fault,
        }
    }
}

/// The code and message of an error document (distribution spec, "Error Codes").
pub(crate) fn words_of(body: &[u8]) -> Option<String> {
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
