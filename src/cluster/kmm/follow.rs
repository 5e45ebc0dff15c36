//! Follows one CR until its reader has seen enough: over expired versions, resets, restarts
//! of the API server, expired credentials, and by polling where `watch` is not allowed.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kube::core::WatchEvent;

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};

/// How often a CR is read where it may not be watched.
const POLL: Duration = Duration::from_secs(2);
/// How long a watch may be silent before the CR is read beside it: the API server sends a
/// bookmark a minute.
const SILENCE: Duration = Duration::from_secs(75);
/// The pauses before a broken watch is taken up again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// How long the API server may be away before the reader is told that it is gone.
const PATIENCE: Duration = Duration::from_secs(300);

type Events = Pin<Box<dyn Stream<Item = Result<WatchEvent<RawPreflight>, Fault>> + Send>>;

/// What happened to a followed CR.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// It is now like this.
    Changed(Box<Preflight>),
    /// It was deleted.
    Deleted,
    /// The connection was lost and is being taken up again, or another remark.
    Note(String),
}

/// A CR that is followed.
pub(crate) struct Follower<'a> {
    cluster: &'a Cluster,
    preflight: Preflight,
    events: Option<Events>,
    polls: bool,
    must_read: bool,
    lost_since: Option<Instant>,
    is_reported: bool,
    heard: Instant,
    attempts: usize,
}

impl std::fmt::Debug for Follower<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("name", &self.preflight.meta.name)
            .field("polls", &self.polls)
            .finish_non_exhaustive()
    }
}

impl<'a> Follower<'a> {
    /// Follows a CR from the state in which it was read.
    pub(crate) fn new(cluster: &'a Cluster, preflight: Preflight) -> Self {
        Self {
            cluster,
            preflight,
            events: None,
            polls: false,
            must_read: false,
            lost_since: None,
            is_reported: false,
            heard: Instant::now(),
            attempts: 0,
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// The CR may no longer be read, or the API server was away for five minutes.
    pub(crate) async fn next(&mut self) -> Result<Event, Fault> {
        loop {
            if self.must_read
                && let Some(event) = self.read().await?
            {
                return Ok(event);
            }
            if self.must_read {
                continue;
            }
            if self.polls {
                tokio::time::sleep(POLL).await;
                self.must_read = true;
                continue;
            }
            if let Some(event) = self.watch().await? {
                return Ok(event);
            }
        }
    }

    /// Reads the CR; `None` when it is as before, or the server was away once more.
    async fn read(&mut self) -> Result<Option<Event>, Fault> {
        let resource = self.preflight.resource;
        let name = self.preflight.meta.name.clone();
        match self
            .cluster
            .get::<RawPreflight>(resource, None, &name)
            .await
        {
            Ok(raw) => {
                self.must_read = false;
                self.lost_since = None;
                self.is_reported = false;
                Ok(self.take(raw))
            }
            Err(Fault::NotFound(_)) => Ok(Some(Event::Deleted)),
            Err(fault) => self.lost(fault).await,
        }
    }

    /// Takes the next event of the watch; `None` when it brought nothing new.
    async fn watch(&mut self) -> Result<Option<Event>, Fault> {
        let Some(events) = &mut self.events else {
            return self.open().await;
        };
        // A connection that nobody ends and nothing comes through looks like a quiet one.
        let event = tokio::time::timeout_at((self.heard + SILENCE).into(), events.next())
            .await
            .unwrap_or(None);
        self.heard = Instant::now();
        if matches!(event, Some(Ok(ref event)) if !matches!(event, WatchEvent::Error(_))) {
            self.attempts = 0;
        }
        match event {
            Some(Ok(WatchEvent::Added(raw) | WatchEvent::Modified(raw))) => Ok(self.take(raw)),
            Some(Ok(WatchEvent::Deleted(_))) => Ok(Some(Event::Deleted)),
            Some(Ok(WatchEvent::Bookmark(bookmark))) => {
                self.preflight.meta.resource_version = bookmark.metadata.resource_version;
                Ok(None)
            }
            Some(Ok(WatchEvent::Error(status))) => self.broken(Fault::of_status(&status, "")).await,
            Some(Err(fault)) => self.broken(fault).await,
            None => {
                self.events = None;
                self.must_read = true;
                self.pause().await;
                Ok(None)
            }
        }
    }

    async fn open(&mut self) -> Result<Option<Event>, Fault> {
        let meta = &self.preflight.meta;
        let opened = self
            .cluster
            .watch::<RawPreflight>(self.preflight.resource, &meta.name, &meta.resource_version)
            .await;
        match opened {
            Ok(events) => {
                self.events = Some(Box::pin(events));
                self.heard = Instant::now();
                Ok(None)
            }
            Err(Fault::Forbidden(_)) => {
                self.polls = true;
                Ok(Some(Event::Note(format!(
                    "Not allowed to watch {}; polling every {} s.",
                    self.preflight.resource.qualified(),
                    POLL.as_secs()
                ))))
            }
            Err(fault) => self.broken(fault).await,
        }
    }

    /// The watch cannot go on. Where the version is too old, the credential has expired, or
    /// something on the way has garbled an event, a read goes on from the newest version, and
    /// renews the credential.
    async fn broken(&mut self, fault: Fault) -> Result<Option<Event>, Fault> {
        self.events = None;
        if matches!(
            fault,
            Fault::Gone | Fault::Unauthorized(_) | Fault::Nonsense(_)
        ) {
            self.must_read = true;
            self.pause().await;
            return Ok(None);
        }
        self.lost(fault).await
    }

    /// The connection was lost: waits a little and has the CR read again.
    async fn lost(&mut self, fault: Fault) -> Result<Option<Event>, Fault> {
        self.must_read = true;
        if !fault.is_transient() {
            return Err(fault);
        }
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        if since.elapsed() > PATIENCE {
            return Err(fault);
        }
        match fault.retry_after() {
            Some(asked) => tokio::time::sleep(asked.min(PATIENCE)).await,
            None => self.pause().await,
        }
        // A reset connection is ordinary; only a server that stays away is worth a word.
        let is_away = matches!(fault, Fault::Unreachable { .. } | Fault::TimedOut { .. });
        if is_away && !self.is_reported && since.elapsed() > PAUSES[1] {
            self.is_reported = true;
            return Ok(Some(Event::Note(format!("{fault}; retrying"))));
        }
        Ok(None)
    }

    /// Waits, and the longer the more often since the watch last brought something.
    async fn pause(&mut self) {
        let pause = PAUSES[self.attempts.min(PAUSES.len() - 1)];
        self.attempts += 1;
        tokio::time::sleep(pause).await;
    }

    /// The new state, where it is one. A CR of the same name with another UID is another CR.
    fn take(&mut self, raw: RawPreflight) -> Option<Event> {
        if raw.metadata.uid != self.preflight.meta.uid {
            return Some(Event::Deleted);
        }
        if raw.metadata.resource_version == self.preflight.meta.resource_version {
            return None;
        }
        self.preflight = Preflight::of_raw(raw, self.preflight.resource);
        Some(Event::Changed(Box::new(self.preflight.clone())))
    }
}
