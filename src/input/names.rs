//! Names and keys as the API server accepts them. They become parts of file names and of
//! requests, so an object of `-f` with any other name is refused where it is decoded.

/// The longest name of an object, and the longest key, in bytes.
const LONGEST: usize = 253;
/// The longest name of a namespace, in bytes.
const LONGEST_LABEL: usize = 63;

/// The name of an object: an RFC 1123 subdomain (`IsDNS1123Subdomain` of apimachinery).
pub(crate) fn is_object_name(name: &str) -> bool {
    name.len() <= LONGEST && name.split('.').all(is_label_of_any_length)
}

/// The name of a namespace: an RFC 1123 label (`IsDNS1123Label`).
pub(crate) fn is_namespace(name: &str) -> bool {
    name.len() <= LONGEST_LABEL && is_label_of_any_length(name)
}

/// A key of a ConfigMap or Secret (`IsConfigMapKey`).
pub(crate) fn is_data_key(key: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=LONGEST).contains(&key.len())
        && key.bytes().all(is_allowed)
        && key != "."
        && !key.starts_with("..")
}

fn is_label_of_any_length(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty()
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api_server() {
        let long = "a".repeat(LONGEST);
        for name in ["a", "a-b.c", "0", &long] {
            assert!(is_object_name(name), "{name}");
        }
        let too_long = "a".repeat(LONGEST + 1);
        for name in [
            "", ".", "..", "/x", "../x", "a/b", "a\\b", "a:b", "A", "a..b", "-a", "a-", "a\n",
            "a\0", "é", &too_long,
        ] {
            assert!(!is_object_name(name), "{name:?}");
        }
        assert!(is_namespace("kube-system"));
        for name in ["a.b", "..", "", &"a".repeat(LONGEST_LABEL + 1)] {
            assert!(!is_namespace(name), "{name:?}");
        }
    }

    #[test]
    fn keys_are_those_of_the_api_server() {
        for key in ["tls.key", ".dockerconfigjson", "A_b-c", "a..b"] {
            assert!(is_data_key(key), "{key}");
        }
        for key in ["", ".", "..", "..a", "a/b", "/a", "a b", "a\n", "é"] {
            assert!(!is_data_key(key), "{key:?}");
        }
    }
}
