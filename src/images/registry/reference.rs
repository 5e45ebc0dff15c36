//! Names of images.

use std::net::Ipv6Addr;

use oci_client::{ParseError, Reference};

/// Reads an image's name by the grammar of containers' `distribution/reference`, whose hosts may
/// be IPv6 addresses.
///
/// # Errors
/// It is not a valid reference.
pub(crate) fn parse(text: &str) -> Result<Reference, ParseError> {
    if let Some(plain) = plain(text) {
        return Ok(plain);
    }
    let Some((host, path)) = ipv6_host(text) else {
        return text.parse();
    };
    // The crate's own grammar ends at names and IPv4.
    let parsed: Reference = format!("localhost/{path}").parse()?;
    let (host, repository) = (host.to_owned(), parsed.repository().to_owned());
    let owned = |part: Option<&str>| part.map(str::to_owned);
    Ok(match (owned(parsed.tag()), owned(parsed.digest())) {
        (Some(tag), Some(digest)) => Reference::with_tag_and_digest(host, repository, tag, digest),
        (None, Some(digest)) => Reference::with_digest(host, repository, digest),
        (tag, None) => {
            let tag = tag.unwrap_or_else(|| "latest".to_owned());
            Reference::with_tag(host, repository, tag)
        }
    })
}

/// A name as most are, `HOST/PATH:TAG`, whose parts are plainly right. The crate's grammar is one
/// pattern, which takes more time to compile than anything else in a run that finds all in the
/// cache.
fn plain(text: &str) -> Option<Reference> {
    let (host, rest) = text.split_once('/')?;
    let (path, tag) = rest.split_once(':')?;
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_host = host != name || name == "localhost" || name.contains('.');
    let is_hub = name.ends_with("docker.io");
    let words = |text: &str, is_right: fn(u8) -> bool| {
        let mut words = text.split(['.', '-']);
        words.all(|word| !word.is_empty() && word.bytes().all(is_right))
    };
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_of_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_plain = is_host
        && !is_hub
        && words(name, |byte| byte.is_ascii_alphanumeric())
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && text.len() < 255
        && path.split('/').all(|part| words(part, is_lower))
        && tag.len() <= 128
        && tag.bytes().all(is_of_tag)
        && !tag.starts_with(['.', '-']);
    let [host, path, tag] = [host, path, tag].map(str::to_owned);
    (is_plain && !tag.is_empty()).then(|| Reference::with_tag(host, path, tag))
}

/// `[ADDRESS]` or `[ADDRESS]:PORT`, and what follows its slash.
fn ipv6_host(text: &str) -> Option<(&str, &str)> {
    let (host, path) = text.split_once('/')?;
    let (address, port) = host.strip_prefix('[')?.split_once(']')?;
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    (address.parse::<Ipv6Addr>().is_ok() && is_port).then_some((host, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_name_is_what_the_whole_grammar_makes_of_it(
            text in "([a-zA-Z0-9.:-]{1,8}|localhost|q\\.io|(index\\.)?docker\\.io)(:[0-9]{0,3})?\
                     (/[a-zA-Z0-9._-]{0,5}){0,3}(:[a-zA-Z0-9._-]{0,5})?(@sha256:[0-9a-f]{0,2})?"
        ) {
            if let Some(plain) = plain(&text) {
                prop_assert_eq!(text.parse(), Ok(plain));
            }
        }
    }

    #[test]
    fn names_as_most_are_need_no_pattern() {
        for text in [
            "q.io/a/b-c:1",
            "localhost/a:x_1",
            "127.0.0.1:5000/a.b:v1.2-3",
        ] {
            assert_eq!(plain(text), text.parse().ok(), "{text}");
            assert!(plain(text).is_some(), "{text}");
        }
        for text in [
            "a:1",
            "team/a:1",
            "docker.io/a:1",
            "q.io/A:1",
            "q.io/a--b:1",
            "q.io/a:-1",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_may_be_an_ipv6_address() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let with_digest = format!("[::1]/a@{digest}");
        for (text, registry, repository, tag) in [
            ("[fd00::1]:5000/a/b:1", "[fd00::1]:5000", "a/b", Some("1")),
            ("[::1]/a", "[::1]", "a", Some("latest")),
            (&with_digest, "[::1]", "a", None),
            ("q.io/a:1", "q.io", "a", Some("1")),
            ("a", "docker.io", "library/a", Some("latest")),
        ] {
            let parsed = parse(text).expect("a reference");
            assert_eq!(parsed.registry(), registry, "{text}");
            assert_eq!(parsed.repository(), repository, "{text}");
            assert_eq!(parsed.tag(), tag, "{text}");
        }
        for text in [
            "[::1]:x/a",
            "[::g]/a",
            "[::1]",
            "[::1]/",
            "[::1]/A",
            "::1/a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
