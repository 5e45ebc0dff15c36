//! When a request is tried again, and after how long.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// How often one request is sent at most.
pub const ATTEMPTS: u32 = 4;
/// The pause before the second attempt; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// No pause is longer, whatever `Retry-After` says.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// True for answers that may be better the next time: time-outs, too many requests and
/// faults of the server (RFC 9110 section 15, RFC 6585 section 4).
pub fn is_worth_a_retry(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 522 | 524)
}

/// The pause after failed attempt number `attempt` (from 1): what the server asked for, or
/// a doubling time of which up to a quarter is left to chance, so that parallel requests
/// do not come back all at once.
pub fn pause(attempt: u32, retry_after: Option<Duration>) -> Duration {
    if let Some(asked) = retry_after {
        return asked.min(LONGEST_PAUSE);
    }
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(8));
    let chance = RandomState::new().hash_one(attempt) % 256;
    let shortened = doubled.mul_f64(1.0 - 0.25 * chance as f64 / 256.0);
    shortened.min(LONGEST_PAUSE)
}

/// The time that a `Retry-After` header asks for: seconds, or a date (RFC 9110 section
/// 10.2.3).
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let wanted: SystemTime = date.timestamp().into();
    Some(wanted.duration_since(now).unwrap_or_default())
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
        let first = pause(1, None);
        assert!(first >= Duration::from_millis(300) && first <= Duration::from_millis(400));
        assert!(pause(3, None) > first);
        assert!(pause(40, None) <= LONGEST_PAUSE);
        assert_eq!(
            pause(1, Some(Duration::from_secs(2))),
            Duration::from_secs(2)
        );
        assert_eq!(pause(1, Some(Duration::from_secs(9999))), LONGEST_PAUSE);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(
            parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now),
            Some(Duration::from_secs(10))
        );
        assert_eq!(parse_retry_after("soon", now), None);
    }
}
