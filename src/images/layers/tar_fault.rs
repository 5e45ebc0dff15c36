//! Faults of tar archives.

use std::io;

/// Why a stream is no tar archive, or not one that is read.
#[derive(Debug, thiserror::Error)]
pub enum TarFault {
    /// The underlying stream broke, or its compression is damaged.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The archive is damaged.
    #[error("{0}")]
    Damaged(String),
    /// The archive is beyond a limit.
    #[error("{0}")]
    Limit(String),
    /// What has to be kept of it is more than the run has memory for.
    #[error("its files and modules need more memory than the limit for images")]
    Busy,
}
