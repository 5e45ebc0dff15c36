//! Points in time (`x509_decode_time`).

use crate::signature::fault::Malformed;

/// Seconds since 1970 of a `UTCTime` or `GeneralizedTime`, as strictly as the kernel reads it.
///
/// # Errors
/// The tag or the text is none that it takes.
pub(super) fn decode(tag: u8, value: &[u8]) -> Result<i64, Malformed> {
    read(tag, value).ok_or(Malformed::Time)
}

fn read(tag: u8, value: &[u8]) -> Option<i64> {
    let (digits, [b'Z']) = value.split_at_checked(value.len().checked_sub(1)?)? else {
        return None;
    };
    let mut pairs = Vec::new();
    for pair in digits.chunks(2) {
        let [tens, ones] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(10).map(i64::from);
        pairs.push(digit(*tens)? * 10 + digit(*ones)?);
    }
    let (year, rest) = match (tag, pairs.as_slice()) {
        (0x17, [year, rest @ ..]) => (year + if *year >= 50 { 1900 } else { 2000 }, rest),
        (0x18, [century, year, rest @ ..]) => match century * 100 + year {
            1950..=2049 => return None,
            year => (year, rest),
        },
        _ => return None,
    };
    let [month, day, hour, minute, second] = *rest else {
        return None;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let sound =
        year >= 1970 && (1..=days).contains(&day) && hour <= 24 && minute <= 59 && second <= 60;
    sound.then(|| {
        // `mktime64`: years begin in March.
        let (month, year) = if month > 2 {
            (month - 2, year)
        } else {
            (month + 10, year - 1)
        };
        let days =
            year / 4 - year / 100 + year / 400 + 367 * month / 12 + day + year * 365 - 719_499;
        ((days * 24 + hour) * 60 + minute) * 60 + second
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_kernel() {
        for (tag, text, seconds) in [
            (0x17, "700101000000Z", Some(0)),
            (0x17, "240229120000Z", Some(1_709_208_000)),
            (0x17, "230229120000Z", None),
            (0x17, "491231235960Z", Some(2_524_608_000)),
            (0x17, "500101000000Z", None),
            (0x17, "240101000000+", None),
            (0x17, "2401010000Z", None),
            (0x17, "24010100000xZ", None),
            (0x18, "20490101000000Z", None),
            (0x18, "21000228240000Z", Some(4_107_542_400)),
            (0x18, "21000229000000Z", None),
            (0x18, "700101000000Z", None),
            (0x04, "700101000000Z", None),
            (0x17, "", None),
        ] {
            let read = decode(tag, text.as_bytes()).ok();
            assert_eq!(read, seconds, "{tag:#x} {text}");
        }
    }
}
