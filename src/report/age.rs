//! How long ago something was, as kubectl writes it (apimachinery's `HumanDuration`).

use jiff::Timestamp;

/// The time between an RFC 3339 time and `now`: two units while the smaller one matters.
/// `None` for what is no time.
pub fn age(time: &str, now: Timestamp) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    let seconds = now.duration_since(time).as_secs().max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    Some(if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two(days, "d", hours % 24, "h")
    } else if years < 2 {
        format!("{days}d")
    } else if years < 8 {
        two(years, "y", days % 365, "d")
    } else {
        format!("{years}y")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectls() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().expect("a time");
        for (time, expected) in [
            ("2026-01-10T12:00:05Z", "0s"),
            ("2026-01-10T11:58:01Z", "119s"),
            ("2026-01-10T11:58:00Z", "2m"),
            ("2026-01-10T11:54:30Z", "5m30s"),
            ("2026-01-10T10:00:00Z", "120m"),
            ("2026-01-10T08:30:00Z", "3h30m"),
            ("2026-01-09T12:00:00Z", "24h"),
            ("2026-01-06T10:00:00Z", "4d2h"),
            ("2025-12-01T12:00:00Z", "40d"),
            ("2023-12-31T12:00:00Z", "2y11d"),
            ("2010-01-10T12:00:00Z", "16y"),
        ] {
            assert_eq!(age(time, now).as_deref(), Some(expected), "{time}");
        }
        assert_eq!(age("yesterday", now), None);
    }
}
