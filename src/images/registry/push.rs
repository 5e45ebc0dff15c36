//! Pushes blobs and manifests to a repository (OCI distribution spec, "Push"), with the
//! certificates, proxies and credentials of a pull.

use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use tokio::sync::mpsc;
use url::Url;

use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::{attempts, bounded};
use crate::images::registry::reference;
use crate::images::registry::refusal::words_of;
use crate::images::registry::repository::{Repository, header};
use crate::images::registry::retry;
use crate::net::address::host_of;
use crate::net::http::{Answered, Content, Http, secret};
use crate::net::no_answer::NoAnswer;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
/// Chunks that wait for a slow registry.
const WAITING: usize = 4;
/// What a token for a push has to allow.
const ACTIONS: &str = "pull,push";
/// Most bytes of a refusal that are looked at.
const MAX_REFUSAL: u64 = 64 << 10;
/// How often it is looked whether an upload goes on.
const LOOK: Duration = Duration::from_millis(200);

/// Where a push goes.
#[derive(Debug)]
pub(crate) struct Destination {
    repository: Arc<Repository>,
    tag: String,
}

impl Destination {
    /// A tag of a repository.
    ///
    /// # Errors
    /// The reference is none, or names a digest, which nobody can push to.
    pub(crate) fn new(repository: Arc<Repository>, reference: &str) -> Result<Self, Fault> {
        let parsed = reference::parse(reference)
            .map_err(|fault| Fault::new(FaultKind::Invalid, format!("{reference}: {fault}")))?;
        if parsed.digest().is_some() {
            let message = "containerImage has a digest, so nothing can be pushed to it";
            return Err(Fault::new(FaultKind::Invalid, message)
                .hint("Use a tag instead of a digest in containerImage."));
        }
        Ok(Self {
            repository,
            tag: parsed.tag().unwrap_or("latest").to_owned(),
        })
    }

    /// `host[:port]` of the registry.
    pub(crate) fn host(&self) -> &str {
        &self.repository.host
    }

    /// True when the repository has the blob.
    ///
    /// # Errors
    /// It cannot be asked.
    pub(crate) async fn has(&self, digest: &str) -> Result<bool, Fault> {
        let path = format!("blobs/{digest}");
        let (none, content) = (HeaderMap::new(), Content::DigestChecked);
        let asked = self
            .repository
            .ask(Method::HEAD, &path, ACTIONS, &none, content);
        let answered = asked.await?;
        match answered.response.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            // A storage that gives content and answers no HEAD.
            _ if !answered.is_own => Ok(false),
            _ => Err(self.refused(answered).await),
        }
    }

    /// Takes a blob over from another repository of the same registry; false where the
    /// registry does not allow it.
    ///
    /// # Errors
    /// It cannot be asked.
    pub(crate) async fn mount(&self, digest: &str, from: &str) -> Result<bool, Fault> {
        let mut url = self.repository.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", digest)
            .append_pair("from", from);
        let answered = self.order(Method::POST, &url, |request| request).await?;
        Ok(answered.response.status() == StatusCode::CREATED)
    }

    /// Sends a blob once.
    ///
    /// # Errors
    /// It cannot be read or sent; the second value says whether another try may help.
    pub(crate) async fn send(
        &self,
        digest: &str,
        size: u64,
        content: Box<dyn BufRead + Send>,
    ) -> Result<(), (Fault, bool)> {
        let mut url = self.upload_url().await.map_err(|fault| (fault, false))?;
        url.query_pairs_mut().append_pair("digest", digest);
        let sent = self.upload(&url, size, content).await;
        let answered = match sent {
            Ok(answered) => answered,
            Err(Stopped::Fault(fault)) => return Err((fault, false)),
            Err(Stopped::NoAnswer(no_answer)) => {
                let fault = self.repository.endpoint.fault_of(&no_answer);
                return Err((fault, no_answer.may_pass()));
            }
        };
        let status = answered.response.status();
        if status.is_success() {
            return Ok(());
        }
        let may_pass = retry::is_worth_a_retry(status.as_u16());
        Err((self.refused(answered).await, may_pass))
    }

    /// Writes the manifest under the tag.
    ///
    /// # Errors
    /// The registry rejects it.
    pub(crate) async fn put_manifest(
        &self,
        manifest: &[u8],
        media_type: &str,
    ) -> Result<(), Fault> {
        let url = self.repository.url(&format!("manifests/{}", self.tag))?;
        let put = self.order(Method::PUT, &url, |request| {
            request
                .header(CONTENT_TYPE, media_type)
                .body(manifest.to_vec())
        });
        let answered = put.await?;
        match answered.response.status().is_success() {
            true => Ok(()),
            false => Err(self.refused(answered).await),
        }
    }

    /// Opens an upload, and gives the URL that its content goes to.
    async fn upload_url(&self) -> Result<Url, Fault> {
        let url = self.repository.url("blobs/uploads/")?;
        let answered = self.order(Method::POST, &url, |request| request).await?;
        if answered.response.status() != StatusCode::ACCEPTED {
            return Err(self.refused(answered).await);
        }
        let location = answered.response.headers().get(LOCATION);
        let upload = location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| url.join(location).ok())
            .filter(|upload| matches!(upload.scheme(), "http" | "https"));
        let Some(upload) = upload else {
            return Err(self.fault("its response has no address for the upload"));
        };
        if self.repository.endpoint.verified && upload.scheme() != "https" {
            let host = host_of(&upload);
            return Err(self.fault(&format!(
                "it requires the upload over plain HTTP, at {host}"
            )));
        }
        Ok(upload)
    }

    /// Sends the content of a blob. A registry that neither takes more nor answers is given
    /// up; one that waits for a slow source is not.
    async fn upload(
        &self,
        url: &Url,
        size: u64,
        content: Box<dyn BufRead + Send>,
    ) -> Result<Answered, Stopped> {
        let endpoint = &self.repository.endpoint;
        let http = self.repository.registries.endpoints.uploader(endpoint);
        let http = http.map_err(Stopped::Fault)?;
        let authorization = self.repository.authorization(ACTIONS, None).await;
        let authorization = authorization.map_err(Stopped::Fault)?;
        let progress = Arc::<Progress>::default();
        let body = Body::wrap_stream(stream_of(content, Arc::clone(&progress)));
        let sent = http.send(Method::PUT, url, |request| {
            let request = self.authorized(request, url, authorization.as_deref());
            request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, size)
                .body(body)
        });
        tokio::pin!(sent);
        loop {
            tokio::select! {
                answered = &mut sent => return answered.map_err(Stopped::NoAnswer),
                () = tokio::time::sleep(LOOK) => {
                    // After the content the registry has to store it.
                    if progress.idle_for() > endpoint.patience * 2 {
                        return Err(Stopped::NoAnswer(NoAnswer::too_late()));
                    }
                }
            }
        }
    }

    /// Sends a request whose answer is short. One that is refused for its token is sent again
    /// with a fresh one: a long upload may outlive a token.
    async fn order(
        &self,
        method: Method,
        url: &Url,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answered, Fault> {
        let endpoint = &self.repository.endpoint;
        let http: &Http = &endpoint.http;
        let mut attempt = 0;
        let mut renewed = false;
        let mut stale = None;
        loop {
            attempt += 1;
            let authorization = self
                .repository
                .authorization(ACTIONS, stale.as_deref())
                .await?;
            let sent = http.send(method.clone(), url, |request| {
                prepare(self.authorized(request, url, authorization.as_deref()))
            });
            let answered = match sent.await {
                Ok(answered) => answered,
                Err(no_answer) if attempt >= attempts(&no_answer) => {
                    return Err(endpoint.fault_of(&no_answer));
                }
                Err(_) => {
                    tokio::time::sleep(retry::pause(attempt)).await;
                    continue;
                }
            };
            let status = answered.response.status();
            if status == StatusCode::UNAUTHORIZED && !renewed {
                endpoint.learn(&answered);
                renewed = true;
                stale = authorization;
                attempt -= 1;
                continue;
            }
            let asked = answered.response.headers().get("retry-after");
            let asked = asked.and_then(|value| value.to_str().ok());
            if let Some(pause) = retry::pause_after(attempt, status.as_u16(), asked) {
                tokio::time::sleep(pause).await;
                continue;
            }
            return Ok(answered);
        }
    }

    /// The credential is for the registry's own scheme, host and port alone.
    fn authorized(
        &self,
        request: RequestBuilder,
        url: &Url,
        value: Option<&str>,
    ) -> RequestBuilder {
        let is_own = url.origin() == self.repository.endpoint.base.origin();
        match header(value) {
            Some(value) if is_own => request.header(AUTHORIZATION, secret(&value)),
            _ => request,
        }
    }

    async fn refused(&self, answered: Answered) -> Fault {
        let status = answered.response.status();
        let patience = self.repository.endpoint.patience;
        let body = tokio::time::timeout(patience, bounded(answered.response, MAX_REFUSAL)).await;
        let body = body.ok().and_then(Result::ok).flatten().unwrap_or_default();
        let said = words_of(&body).map(|said| format!(" ({said})"));
        let said = said.unwrap_or_default();
        match status.as_u16() {
            401 | 403 => Fault {
                kind: FaultKind::Unauthorized,
                ..self.fault(&format!(
                    "it rejected the credentials for a push: status {}{said}",
                    status.as_u16()
                ))
            },
            status => self.fault(&format!("status {status}{said}")),
        }
    }

    fn fault(&self, why: &str) -> Fault {
        let message = format!("{} rejected it: {why}", self.repository);
        Fault::new(FaultKind::Unreachable, message)
    }
}

/// Why an upload ended early.
enum Stopped {
    NoAnswer(NoAnswer),
    Fault(Fault),
}

/// When an upload last went on.
#[derive(Debug)]
struct Progress(Mutex<State>);

#[derive(Debug)]
enum State {
    /// The registry has been sent all that was read, and more is being read.
    Reading,
    /// The registry is to take a piece, or to answer.
    Sending { since: Instant },
}

impl Default for Progress {
    fn default() -> Self {
        let since = Instant::now();
        Self(Mutex::new(State::Sending { since }))
    }
}

impl Progress {
    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn idle_for(&self) -> Duration {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Reading => Duration::ZERO,
            State::Sending { since } => since.elapsed(),
        }
    }
}

/// What a reader gives, read by a thread that may wait.
fn stream_of(
    mut content: Box<dyn BufRead + Send>,
    progress: Arc<Progress>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = match content.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => {
                    chunk.truncate(length);
                    Ok(Bytes::from(chunk))
                }
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    futures::stream::unfold(receiver, move |mut receiver| {
        let progress = Arc::clone(&progress);
        async move {
            progress.set(State::Reading);
            let chunk = receiver.recv().await;
            let since = Instant::now();
            progress.set(State::Sending { since });
            chunk.map(|chunk| (chunk, receiver))
        }
    })
}
