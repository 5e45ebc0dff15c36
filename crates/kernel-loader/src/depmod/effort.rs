//! How much may be done for one answer, so that no file, however it is made, keeps a look at it
//! going for long.

use std::cell::Cell;

/// Bytes that may be looked at for one call of `modprobe`: a thousand times what the indexes of
/// a kernel with all its modules take.
pub const MOST_EFFORT: u64 = 1 << 30;

/// Effort that may still be made.
#[derive(Debug)]
pub struct Effort(Cell<u64>);

/// More effort than may be made for one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(MOST_EFFORT))
    }
}

impl Effort {
    #[cfg(test)]
    pub(crate) fn of(bytes: u64) -> Self {
        Self(Cell::new(bytes))
    }

    /// Counts what is about to be done.
    ///
    /// # Errors
    /// There is not as much left.
    pub fn spend(&self, bytes: usize) -> Result<(), TooMuch> {
        let left = self.0.get().checked_sub(bytes as u64).ok_or(TooMuch)?;
        self.0.set(left);
        Ok(())
    }

    /// Counts a look at whether a pattern matches: with stars it may start again at every letter.
    ///
    /// # Errors
    /// There is not as much left.
    pub fn spend_match(&self, pattern: &str, text: &str) -> Result<(), TooMuch> {
        let starts = pattern.bytes().filter(|byte| *byte == b'*').count().min(1);
        let retries = 1 + starts * text.len();
        self.spend((pattern.len() + text.len()).saturating_mul(retries))
    }
}
