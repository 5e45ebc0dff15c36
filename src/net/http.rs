//! The HTTP client of registries, token servers, blob storage and `-f` URLs.
//!
//! Redirects are followed here and not by the library: what is secret goes to the server that
//! was asked, and only its own answers are believed about credentials.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy, Response, StatusCode};
use url::Url;

use crate::net::address::host_of;
use crate::net::client_identity::ClientIdentity;
use crate::net::no_answer::{Kind, NoAnswer};
use crate::net::proxy::{self, Proxies};
use crate::net::tls::{self, Trusted};

/// How many redirects one request follows.
const MAX_REDIRECTS: usize = 10;

/// How a client connects.
#[derive(Debug)]
pub(crate) struct HttpSettings {
    /// Whose certificates are taken.
    pub(crate) trusted: Trusted,
    /// The client's own certificate.
    pub(crate) identity: Option<ClientIdentity>,
    /// Which proxies lead where.
    pub(crate) proxies: Arc<Proxies>,
    /// How long a connection may take to come about.
    pub(crate) connect_timeout: Duration,
    /// How long a server may be silent; `None` where the caller looks after that.
    pub(crate) read_timeout: Option<Duration>,
}

/// A client.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    proxies: Arc<Proxies>,
    is_verified: bool,
}

/// What a GET or HEAD is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Something that is believed because of who sent it: no redirect from HTTPS to HTTP.
    Believed,
    /// Something that is held to its digest whoever sent it.
    DigestChecked,
}

/// A request without a body.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    /// `Authorization`, for the server of `url` alone.
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) content: Content,
    /// How long all of it may take.
    pub(crate) timeout: Option<Duration>,
}

/// An answer, and where it came from.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// It is the answer of the server that was asked, and not of one that it redirected to.
    pub(crate) is_own: bool,
    /// The name of the proxy that it came by.
    pub(crate) proxy: Option<String>,
}

impl Http {
    /// A client.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(crate) fn new(settings: HttpSettings) -> Result<Self, String> {
        let is_verified = !matches!(settings.trusted, Trusted::Anybody);
        let tls = tls::config(settings.trusted, settings.identity.as_ref())?;
        let proxies = Arc::clone(&settings.proxies);
        let mut builder = Client::builder()
            .user_agent(concat!("kubectl-kmm-preflight/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .referer(false)
            .redirect(Policy::none())
            // Before anything is sent, `send` sees to it that the setting is a good one.
            .proxy(Proxy::custom(move |url| {
                proxies.for_url(url).ok().flatten().map(by_name)
            }))
            .tls_backend_preconfigured(tls);
        if let Some(timeout) = settings.read_timeout {
            builder = builder.read_timeout(timeout);
        }
        let client = builder
            .build()
            .map_err(|error| NoAnswer::of(&error, None).why)?;
        Ok(Self {
            client,
            proxies: settings.proxies,
            is_verified,
        })
    }

    /// True where certificates are verified.
    pub(crate) fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// The name of the proxy to a URL.
    fn proxy(&self, url: &Url) -> Result<Option<String>, NoAnswer> {
        match self.proxies.for_url(url) {
            Ok(proxy) => Ok(proxy.map(proxy::named)),
            Err(bad) => Err(NoAnswer {
                kind: Kind::ProxySetting,
                why: bad.to_string(),
            }),
        }
    }

    /// Sends one request and follows nothing. The body of a POST or PUT is sent to this URL
    /// and to no other.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        prepare: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Answered, NoAnswer> {
        let proxy = self.proxy(url)?;
        let request = prepare(self.client.request(method, url.clone()));
        let response = request
            .send()
            .await
            .map_err(|error| NoAnswer::of(&error, proxy.as_deref()))?;
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(proxy) = proxy
        {
            return Err(NoAnswer {
                kind: Kind::Proxy(proxy),
                why: "it requires credentials (407 Proxy Authentication Required)".to_owned(),
            });
        }
        Ok(Answered {
            response,
            is_own: true,
            proxy,
        })
    }

    /// Sends a GET or HEAD and follows redirects, without the credentials once they lead to
    /// another scheme, host or port.
    ///
    /// # Errors
    /// There was no answer, or a redirect that is not followed.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answered, NoAnswer> {
        let mut url = ask.url.clone();
        let mut is_own = true;
        for _ in 0..=MAX_REDIRECTS {
            let answered = self
                .send(ask.method.clone(), &url, |mut request| {
                    request = request.headers(ask.headers.clone());
                    if let Some(timeout) = ask.timeout {
                        request = request.timeout(timeout);
                    }
                    match &ask.authorization {
                        Some(value) if is_own => request.header("authorization", secret(value)),
                        _ => request,
                    }
                })
                .await
                .map_err(|no_answer| match is_own {
                    true => no_answer,
                    false => no_answer.at(&host_of(&url)),
                })?;
            let Some(next) = target(&answered.response, &url) else {
                return Ok(Answered { is_own, ..answered });
            };
            let next = next?;
            let leaves_tls = url.scheme() == "https" && next.scheme() != "https";
            if leaves_tls && self.is_verified && ask.content == Content::Believed {
                return Err(NoAnswer::redirect(format!(
                    "a redirect from HTTPS to plain HTTP, at {}, was not followed",
                    host_of(&next)
                )));
            }
            // Whoever was left once is not trusted with what another one says.
            is_own = is_own && next.origin() == ask.url.origin();
            url = next;
        }
        Err(NoAnswer::redirect("too many redirects"))
    }
}

/// True for a web page, which registries, token servers and API servers do not answer with:
/// it is a proxy's, a gateway's, or another server's.
pub(crate) fn is_web_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let says_so = headers
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let body = body.trim_ascii_start();
    let begins = |word: &[u8]| {
        body.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    (says_so && !body.starts_with(b"{")) || begins(b"<html") || begins(b"<!doctype html")
}

/// A header's value that no log shows.
pub(crate) fn secret(value: &HeaderValue) -> HeaderValue {
    let mut value = value.clone();
    value.set_sensitive(true);
    value
}

/// Where an answer redirects to; `None` where it does not.
fn target(response: &Response, from: &Url) -> Option<Result<Url, NoAnswer>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let target = location
        .to_str()
        .ok()
        .and_then(|location| from.join(location).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    Some(target.ok_or_else(|| NoAnswer::redirect("a redirect has no HTTP address")))
}

/// The proxy with host names resolved by itself, as Go has SOCKS proxies do.
fn by_name(proxy: &Url) -> Url {
    let text = proxy.as_str().replacen("socks5://", "socks5h://", 1);
    Url::parse(&text).unwrap_or_else(|_| proxy.clone())
}
