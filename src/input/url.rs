//! Reads a URL that `-f` names.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::error::Error;
use crate::input::source::{MAX_BYTES, Text, TextSource, text, unreadable};
use crate::net::address::shown_text;
use crate::net::http::{Answered, Ask, Content, Http, HttpSettings};
use crate::net::no_answer::{Kind, NoAnswer};
use crate::net::proxy::Proxies;
use crate::net::tls::Trusted;

/// How long a URL may take.
const URL_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the text at a URL. `authorities` are trusted besides the system's.
///
/// # Errors
/// It cannot be read, or is no text of a manifest.
pub(super) async fn read(
    name: &str,
    authorities: &[CertificateDer<'static>],
) -> Result<Text, Error> {
    let shown = shown_text(name);
    let mut url: Url = name
        .parse()
        .map_err(|error| unreadable(&shown, &format!("not a URL: {error}")))?;
    let authorization = authorization_of(&mut url);
    let failed = |why: String, hint: &str| Error::Input {
        message: format!("{shown}: {why}"),
        hint: hint.to_owned(),
    };
    let unfetched = |why: String, hint: &str| Error::Unfetched {
        message: format!("{shown}: {why}"),
        hint: hint.to_owned(),
    };
    let unanswered = |no_answer: NoAnswer| {
        let (why, hint) = words_of(&no_answer, !authorities.is_empty());
        match no_answer.kind {
            Kind::ProxySetting => failed(why, hint),
            _ => unfetched(why, hint),
        }
    };
    let client = Http::new(HttpSettings {
        trusted: Trusted::SystemAnd(authorities.to_vec()),
        identity: None,
        proxies: Arc::new(Proxies::of_environment()),
        connect_timeout: URL_TIMEOUT,
        read_timeout: Some(URL_TIMEOUT),
    })
    .map_err(|why| failed(format!("cannot set up HTTPS: {why}"), ""))?;
    let answered = client.ask(Ask {
        method: Method::GET,
        url: &url,
        headers: HeaderMap::new(),
        authorization,
        content: Content::Believed,
        timeout: Some(URL_TIMEOUT),
    });
    let Answered {
        response, proxy, ..
    } = answered.await.map_err(unanswered)?;
    let status = response.status();
    if !status.is_success() {
        let by = proxy
            .map(|proxy| format!(", by {proxy}"))
            .unwrap_or_default();
        let why = format!("the server responded with status {status}{by}");
        let hint = "Check the address, or download the file and pass it.";
        return Err(match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => failed(why, hint),
            _ => unfetched(why, hint),
        });
    }
    let mut bytes = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| unanswered(NoAnswer::of(&error, None)))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_BYTES {
            break;
        }
    }
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(failed(
            "the response is a web page, not a manifest".to_owned(),
            "Pass the address of the file itself (raw).",
        ));
    }
    text(TextSource::Stream(shown.clone()), bytes)?.intact()
}

/// Takes the user and password out of a URL, so that they are neither shown nor sent to where
/// it redirects.
fn authorization_of(url: &mut Url) -> Option<HeaderValue> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let user = decoded(url.username());
    let password = url.password().map(decoded).unwrap_or_default();
    // Both fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let pair = [user, b":".to_vec(), password].concat();
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()
}

/// Why a URL was not answered, and what to do about it.
fn words_of(no_answer: &NoAnswer, has_authorities: bool) -> (String, &'static str) {
    let why = &no_answer.why;
    match &no_answer.kind {
        Kind::Untrusted => (
            format!("the server's certificate is not trusted: {why}"),
            match has_authorities {
                true => "Add the authority that signed it to the file of --ca-file.",
                false => "Pass the authority that signed it with --ca-file.",
            },
        ),
        Kind::OtherName | Kind::BadCertificate => (
            format!("the server's certificate is not valid: {why}"),
            "Use a name in the certificate, or download the file and pass it.",
        ),
        Kind::Proxy(proxy) => (
            format!("{proxy} cannot connect to the server: {why}"),
            "Correct HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY.",
        ),
        Kind::ProxySetting => (
            format!("no request was sent: {why}"),
            "Correct or unset the variable.",
        ),
        Kind::NoSuchHost
        | Kind::Refused
        | Kind::ClientCertificate
        | Kind::NotTls
        | Kind::Timeout
        | Kind::Broken
        | Kind::Redirect => (
            why.clone(),
            "Check the address, and that its server can be reached from this machine; or \
             download the file and pass it.",
        ),
    }
}
