//! Blobs as streams: fetched in the background, resumed where a connection breaks, and read by
//! a thread that may wait.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use tokio::sync::mpsc;

use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::attempts;
use crate::images::registry::repository::Repository;
use crate::images::registry::retry::{self, ATTEMPTS};
use crate::net::no_answer::NoAnswer;

/// Pieces that wait for their reader; a piece is what one read of a socket gave.
const WAITING: usize = 4;
/// A blob whose stream gives less than this in the time that its server may be slow is asked
/// for again.
const LEAST: u64 = 16 << 10;
/// How often a stream is taken up again however much each attempt brought.
const MAX_RESUMES: u32 = 50;

/// A blob on its way.
#[derive(Debug)]
pub struct BlobStream {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Repository {
    /// A blob of `size` bytes, from its start. It is not verified.
    ///
    /// # Errors
    /// The registry does not give it; what happens later is an error of the stream, with a
    /// [`Fault`] inside.
    pub async fn blob(self: &Arc<Self>, digest: &str, size: u64) -> Result<BlobStream, Fault> {
        let path = format!("blobs/{digest}");
        let response = self.get(&path, None, None).await?;
        let (sender, pieces) = mpsc::channel(WAITING);
        let pump = Pump {
            repository: Arc::clone(self),
            path,
            size,
            sender,
            sent: 0,
        };
        tokio::spawn(pump.run(response));
        Ok(BlobStream {
            pieces,
            piece: Bytes::new(),
        })
    }
}

/// Moves a blob from the network to its reader.
struct Pump {
    repository: Arc<Repository>,
    path: String,
    size: u64,
    sender: mpsc::Sender<io::Result<Bytes>>,
    sent: u64,
}

/// How a stream ended early.
enum Break {
    /// Nobody reads any more.
    Unread,
    /// It may go on, but for so many attempts in a row that bring nothing.
    Again(Fault, u32),
    /// It may not.
    Fault(Fault),
}

impl Pump {
    async fn run(mut self, first: Response) {
        let mut response = Some(first);
        let mut failures = 0;
        let mut resumes = 0;
        loop {
            let from = self.sent;
            let end = match response.take() {
                Some(response) => self.pass(response, 0).await,
                None => self.resume().await,
            };
            let fault = match end {
                Ok(()) | Err(Break::Unread) => return,
                Err(Break::Fault(fault)) => fault,
                Err(Break::Again(fault, attempts)) => {
                    let went_on = self.sent - from >= LEAST.min(self.size / 20).max(1);
                    failures = if went_on { 1 } else { failures + 1 };
                    resumes += 1;
                    if failures < attempts && resumes < MAX_RESUMES {
                        tokio::time::sleep(retry::pause(failures)).await;
                        continue;
                    }
                    fault
                }
            };
            drop(self.sender.send(Err(io::Error::other(fault))).await);
            return;
        }
    }

    /// Asks for what is missing. A server that knows no ranges sends all of it again.
    async fn resume(&mut self) -> Result<(), Break> {
        let range = (self.sent > 0).then_some((self.sent, None));
        let response = self.repository.get(&self.path, None, range).await;
        let response = response.map_err(Break::Fault)?;
        let skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            let start = response.headers().get(CONTENT_RANGE);
            let start = start
                .and_then(|value| value.to_str().ok())
                .and_then(range_start);
            if start != Some(self.sent) {
                let message = format!("{} returned another range than requested", self.repository);
                return Err(Break::Fault(Fault::new(FaultKind::Unreadable, message)));
            }
            0
        } else {
            self.sent
        };
        self.pass(response, skip).await
    }

    /// Passes an answer on, without its first `skip` bytes.
    async fn pass(&mut self, mut response: Response, mut skip: u64) -> Result<(), Break> {
        let mut since = Instant::now();
        let mut arrived = 0;
        loop {
            let mut piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => {
                    let no_answer = NoAnswer::of(&error, None);
                    let fault = self.repository.endpoint.fault_of(&no_answer);
                    return Err(Break::Again(fault, attempts(&no_answer)));
                }
            };
            arrived += piece.len() as u64;
            if since.elapsed() > self.repository.endpoint.patience {
                if arrived < LEAST {
                    let message = format!("{} sends a layer too slowly", self.repository);
                    let fault = Fault::new(FaultKind::Unreachable, message);
                    return Err(Break::Again(fault, retry::SILENT_ATTEMPTS));
                }
                arrived = 0;
                since = Instant::now();
            }
            let skipped = skip.min(piece.len() as u64);
            skip -= skipped;
            let piece = piece.split_off(usize::try_from(skipped).unwrap_or(piece.len()));
            if piece.is_empty() {
                continue;
            }
            self.sent += piece.len() as u64;
            if self.sent > self.size {
                let message = format!(
                    "{} sent more than the {} bytes that the manifest lists for a layer",
                    self.repository, self.size
                );
                return Err(Break::Fault(Fault::new(FaultKind::Unreadable, message)));
            }
            let waited = Instant::now();
            if self.sender.send(Ok(piece)).await.is_err() {
                return Err(Break::Unread);
            }
            // Time in which the reader had enough to do is not the server's.
            since += waited.elapsed();
        }
        if self.sent < self.size {
            let message = format!(
                "{} sent {} of the {} bytes that the manifest lists for a layer",
                self.repository, self.sent, self.size
            );
            let fault = Fault::new(FaultKind::Unreadable, message);
            return Err(Break::Again(fault, ATTEMPTS));
        }
        Ok(())
    }
}

/// The first byte's number in `bytes 5-9/10`.
fn range_start(value: &str) -> Option<u64> {
    let range = value.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.parse().ok()
}

impl BufRead for BlobStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        drop(self.piece.split_to(amount));
    }
}

impl Read for BlobStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = {
            let piece = self.fill_buf()?;
            let length = piece.len().min(into.len());
            into[..length].copy_from_slice(&piece[..length]);
            length
        };
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_range_is_read() {
        for (value, expected) in [
            ("bytes 5-9/10", Some(5)),
            ("bytes 0-9/*", Some(0)),
            ("bytes */10", None),
            ("5-9", None),
        ] {
            assert_eq!(range_start(value), expected, "{value}");
        }
    }
}
