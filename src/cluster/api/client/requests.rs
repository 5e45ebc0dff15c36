//! One request to the API server: its time limits, what is tried again, and the renewal of a
//! rejected credential.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use kube::Client;
use kube::client::Body;
use kube::core::Status;

use super::{Cluster, Current, client_of};
use crate::cluster::api::credentials;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::warnings;
use crate::net::http::is_web_page;
use crate::net::retry_after::retry_after;

/// How long to wait for the head of an answer where `--request-timeout` says nothing.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// The same for a write, during which admission webhooks run.
const WRITE_LIMIT: Duration = Duration::from_secs(35);
/// How long the body of an answer may take.
const BODY_LIMIT: Duration = Duration::from_secs(60);
/// How long to wait before a read is tried again where the API server names no time.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(900)];
/// The same before a write that may be carried out twice is.
const LONG_PAUSES: [u64; 6] = [1, 2, 4, 8, 15, 30];
/// How often the time that the API server names is waited for, as client-go has it.
const MOST_WAITS: u32 = 10;
/// How long at most in all.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Cluster {
    /// Makes the client anew, which has a credential plugin renew what it gave; unless that
    /// was done since the client of this number was rejected.
    pub(super) async fn renew(&self, rejected: usize) -> Result<(), Fault> {
        let _alone = self.inner.renewal.lock().await;
        if self.current().number != rejected {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let (client, config) =
            tokio::task::spawn_blocking(move || client_of(&inner.settings, inner.limit))
                .await
                .map_err(|error| Fault::Credentials(error.to_string()))??;
        *self
            .inner
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Current {
            client,
            config,
            upgradable: Arc::default(),
            number: rejected + 1,
        };
        Ok(())
    }

    pub(super) fn current(&self) -> Current {
        self.inner
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A read: tried again where the API server was busy, after the time that it names or a
    /// short one of our own. A server that cannot be reached at all is not tried again.
    pub(super) async fn read(&self, request: Request<Vec<u8>>) -> Result<Bytes, Fault> {
        let limit = self.inner.limit.unwrap_or(ANSWER_LIMIT);
        let mut pauses = PAUSES.into_iter();
        let mut heeded = Heeded::default();
        loop {
            let fault = match self.send(request.clone(), limit).await {
                Err(fault @ Fault::Refused { .. }) if fault.is_transient() => fault,
                answer => return answer,
            };
            match heeded.pause(&fault).or_else(|| pauses.next()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(fault),
            }
        }
    }

    /// A write: sent again only where the API server did not even begin with it, and names a
    /// time (429 with `Retry-After`, as client-go has it).
    pub(super) async fn write(&self, request: Request<Vec<u8>>) -> Result<Bytes, Fault> {
        let limit = self.inner.limit.unwrap_or(WRITE_LIMIT);
        let mut heeded = Heeded::default();
        loop {
            let fault = match self.send(request.clone(), limit).await {
                Err(fault @ Fault::Refused { code: 429, .. }) => fault,
                answer => return answer,
            };
            match heeded.pause(&fault) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(fault),
            }
        }
    }

    /// A write that may be carried out twice: tried again for a minute, whatever keeps the API
    /// server from answering.
    pub(super) async fn write_patiently(&self, request: Request<Vec<u8>>) -> Result<Bytes, Fault> {
        let mut pauses = LONG_PAUSES.into_iter().map(Duration::from_secs);
        loop {
            let fault = match self.write(request.clone()).await {
                Err(fault) if fault.is_transient() => fault,
                answer => return answer,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(fault),
            }
        }
    }

    /// Any request: sent again where the API server no longer takes the credential, and it
    /// can be had anew. What is rejected so was not carried out.
    pub(super) async fn send(
        &self,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Bytes, Fault> {
        let Current { client, number, .. } = self.current();
        let answer = self.once(client, request.clone(), limit).await;
        let user = &self.inner.settings.config.auth_info;
        if matches!(answer, Err(Fault::Unauthorized(_))) && credentials::is_renewable(user) {
            self.renew(number).await?;
            return self.once(self.current().client, request, limit).await;
        }
        answer
    }

    async fn once(
        &self,
        client: Client,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<Bytes, Fault> {
        let path = request.uri().path().to_owned();
        let route = self.route();
        let server = &route.server;
        let response = timed(limit, server, client.send(request.map(Body::from)))
            .await?
            .map_err(|error| Fault::of_kube(&error, &route))?;
        self.note_warnings(response.headers());
        let status = response.status();
        let headers = response.headers().clone();
        let body_limit = self.inner.limit.unwrap_or(BODY_LIMIT);
        let body = timed(body_limit, server, response.into_body().collect_bytes())
            .await?
            .map_err(|error| Fault::of_kube(&error, &route))?;
        if is_web_page(&headers, &body) {
            let by = route.proxy.map(|proxy| format!(", by {proxy}"));
            let by = by.unwrap_or_default();
            return Err(Fault::Nonsense(format!("a web page ({status}{by})")));
        }
        if status.is_success() {
            return Ok(body);
        }
        let said = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(&body);
            Status::failure(text.trim(), "")
        });
        let fault = Fault::of_status(&said.with_code(status.as_u16()), &path);
        Err(match (fault, retry_after(&headers)) {
            (
                Fault::Refused {
                    code,
                    reason,
                    message,
                    ..
                },
                asked @ Some(_),
            ) => Fault::Refused {
                code,
                reason,
                message,
                retry_after: asked,
            },
            (fault, _) => fault,
        })
    }

    /// Keeps the texts of `Warning: 299 - "text"` headers (RFC 7234, section 5.5).
    fn note_warnings(&self, headers: &http::HeaderMap) {
        for value in headers.get_all(http::header::WARNING) {
            let Some(text) = value.to_str().ok().and_then(warnings::text) else {
                continue;
            };
            self.inner
                .warnings
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(text);
        }
    }
}

/// How far the API server's `Retry-After` was heeded.
#[derive(Default)]
struct Heeded {
    times: u32,
    waited: Duration,
}

impl Heeded {
    /// The time to wait, where the API server names one and it is not too much.
    fn pause(&mut self, fault: &Fault) -> Option<Duration> {
        let asked = fault.retry_after()?;
        self.times += 1;
        self.waited += asked;
        (self.times <= MOST_WAITS && self.waited <= LONGEST_WAIT).then_some(asked)
    }
}

/// Waits for an answer; a limit of zero waits for ever, as kubectl's `--request-timeout=0`.
pub(super) async fn timed<T>(
    limit: Duration,
    server: &str,
    answer: impl Future<Output = T>,
) -> Result<T, Fault> {
    if limit.is_zero() {
        return Ok(answer.await);
    }
    tokio::time::timeout(limit, answer)
        .await
        .map_err(|_| Fault::TimedOut {
            server: server.to_owned(),
            seconds: limit.as_secs(),
        })
}
