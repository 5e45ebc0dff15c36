//! When a request is tried again, and after how long.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::net::retry_after;

/// How often one request is sent at most.
pub(crate) const ATTEMPTS: u32 = 4;
/// How often at most where each attempt ends with the server's silence.
pub(crate) const SILENT_ATTEMPTS: u32 = 2;
/// The pause before the second attempt; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// No pause of our own is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that wants to be left alone for longer than this is not asked again.
const LONGEST_WISH: Duration = Duration::from_secs(120);

/// True for answers that may be better the next time: time-outs, too many requests and
/// faults of the server (RFC 9110 section 15, RFC 6585 section 4).
pub(crate) fn is_worth_a_retry(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 522 | 524)
}

/// The pause before a request is sent again whose attempt number `attempt` was answered with
/// a status and perhaps a `Retry-After`; `None` when the answer is final, or the server asks
/// for more time than a run can wait.
pub(crate) fn pause_after(
    attempt: u32,
    status: u16,
    retry_after: Option<&str>,
) -> Option<Duration> {
    if !is_worth_a_retry(status) || attempt >= ATTEMPTS {
        return None;
    }
    match retry_after.and_then(retry_after::parse) {
        Some(asked) => (asked <= LONGEST_WISH).then_some(asked),
        None => Some(pause(attempt)),
    }
}

/// The pause after failed attempt number `attempt` (from 1): a doubling time of which up to a
/// quarter is left to chance, so that parallel requests do not come back all at once.
pub(crate) fn pause(attempt: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(8));
    let chance = RandomState::new().hash_one(attempt) % 256;
    let shortened = doubled.mul_f64(1.0 - 0.25 * chance as f64 / 256.0);
    shortened.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passing_trouble_is_retried() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(is_worth_a_retry(status), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 501] {
            assert!(!is_worth_a_retry(status), "{status}");
        }
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let first = pause(1);
        assert!(first >= Duration::from_millis(300) && first <= Duration::from_millis(400));
        assert!(pause(3) > first);
        assert!(pause(40) <= LONGEST_PAUSE);
    }

    #[test]
    fn the_servers_wish_counts_within_reason() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (attempt, status, asked, expected) in [
            (1, 429, Some("2"), seconds(2)),
            (3, 503, Some("120"), seconds(120)),
            (1, 429, Some("3600"), None),
            (ATTEMPTS, 429, Some("2"), None),
            (1, 404, Some("2"), None),
        ] {
            assert_eq!(pause_after(attempt, status, asked), expected, "{asked:?}");
        }
        for asked in [None, Some("soon")] {
            let own = pause_after(1, 503, asked).expect("another attempt");
            assert!(own <= FIRST_PAUSE, "{asked:?}");
        }
    }
}
