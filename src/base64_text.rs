//! Base64 as people write it: with the line breaks of `base64` and `openssl base64`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes of a base64 text. Line breaks count as little as they do to Go's
/// `encoding/base64`, and with it to kubectl, the API server and containers/image; any other
/// sign that is none of the alphabet's is a fault.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    STANDARD.decode(without_breaks(text))
}

/// A base64 text without its line breaks.
pub(crate) fn without_breaks(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_skipped_and_nothing_else() {
        for text in ["aGVsbG8=", "aGVs\nbG8=\n", "\r\naGVs\r\nbG8\r\n=\r\n"] {
            assert_eq!(decode(text).as_deref(), Ok(&b"hello"[..]), "{text:?}");
        }
        for text in ["aGVs bG8=", "aGVs\tbG8=", "aGVsbG8", "aGVs-bG8="] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }
}
