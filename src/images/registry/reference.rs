//! Names of images.

use std::net::Ipv6Addr;

use oci_client::{ParseError, Reference};

/// Reads an image's name by the grammar of containers' `distribution/reference`, whose hosts may
/// be IPv6 addresses.
///
/// # Errors
/// It is not a valid reference.
pub(crate) fn parse(text: &str) -> Result<Reference, ParseError> {
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
    use super::*;

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
