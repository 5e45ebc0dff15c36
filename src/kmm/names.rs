//! Names as Kubernetes checks them (apimachinery, `util/validation`).

/// A DNS label of lower-case letters, digits and `-`.
fn is_label(text: &str) -> bool {
    let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|c| edge(*c))
        && bytes.last().is_some_and(|c| edge(*c))
        && bytes.iter().all(|c| edge(*c) || *c == b'-')
}

/// `IsDNS1123Label`: the name of a namespace.
pub(crate) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

/// `IsDNS1123Subdomain`: the name of most objects.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// `IsValidLabelValue`.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

fn is_name_part(text: &str) -> bool {
    let edge = |c: u8| c.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.first().is_some_and(|c| edge(*c))
        && bytes.last().is_some_and(|c| edge(*c))
        && bytes
            .iter()
            .all(|c| edge(*c) || matches!(c, b'-' | b'_' | b'.'))
}

/// `IsQualifiedName`: a label key, with or without a prefix.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_name_part(name),
        None => is_name_part(text),
    }
}

/// `IsConfigMapKey`: a key of a ConfigMap or Secret.
pub(crate) fn is_data_key(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=253).contains(&text.len())
        && text.bytes().all(is_allowed)
        && text != "."
        && !text.starts_with("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_names_are_never_paths() {
        for key in ["tls.key", ".dockerconfigjson", "A_b-c", "a..b"] {
            assert!(is_data_key(key), "{key}");
        }
        for key in ["", ".", "..", "..a", "a/b", "/a", "a b", "a\n", "é"] {
            assert!(!is_data_key(key), "{key:?}");
        }
        for name in ["..", "/x", "../x", "a\\b", "a:b", "a\n", "a\0", "é"] {
            assert!(!is_subdomain(name) && !is_dns_label(name), "{name:?}");
        }
    }

    #[test]
    fn names_are_checked_as_kubernetes_does() {
        let long = "a".repeat(64);
        for (text, label, subdomain, value, qualified) in [
            ("a", true, true, true, true),
            ("", false, false, true, false),
            ("a-b", true, true, true, true),
            ("a.b", false, true, true, true),
            ("A_b.c", false, false, true, true),
            ("-a", false, false, false, false),
            ("a-", false, false, false, false),
            ("a..b", false, false, true, true),
            ("a/b", false, false, false, true),
            ("A/b", false, false, false, false),
            ("a/b/c", false, false, false, false),
            (&long, false, true, false, false),
        ] {
            assert_eq!(is_dns_label(text), label, "{text}");
            assert_eq!(is_subdomain(text), subdomain, "{text}");
            assert_eq!(is_label_value(text), value, "{text}");
            assert_eq!(is_qualified_name(text), qualified, "{text}");
        }
    }
}
