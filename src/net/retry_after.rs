//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The time that an answer's `Retry-After` asks for.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(http::header::RETRY_AFTER)?.to_str().ok()?)
}

/// The time that the value of a `Retry-After` asks for: seconds, or a date (RFC 9110, section
/// 10.2.3).
pub(crate) fn parse(value: &str) -> Option<Duration> {
    parse_at(value, SystemTime::now())
}

fn parse_at(value: &str, now: SystemTime) -> Option<Duration> {
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
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_at("7", now), Some(Duration::from_secs(7)));
        assert_eq!(
            parse_at("Sun, 06 Nov 1994 08:49:47 GMT", now),
            Some(Duration::from_secs(10))
        );
        assert_eq!(parse_at("soon", now), None);
    }
}
