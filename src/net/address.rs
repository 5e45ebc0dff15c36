//! The one place that makes a URL fit to be shown.

use url::Url;

/// A URL without its user, password, query and fragment, any of which may hold a secret.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    let text = url.to_string();
    match url.path() {
        "/" => text.trim_end_matches('/').to_owned(),
        _ => text,
    }
}

/// The same for a text that may not be a URL.
pub(crate) fn shown_text(text: &str) -> String {
    if let Ok(url) = Url::parse(text)
        && url.has_host()
    {
        return shown(&url);
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = &text[..end];
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let start = rest.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[start..])
}

/// `host:port` of a URL, without the scheme's own port.
pub(crate) fn host_of(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        for (text, expected) in [
            (
                "https://user:hush@host:5000/a/b.yaml?token=hush#hush",
                "https://host:5000/a/b.yaml",
            ),
            ("http://hush@proxy:3128", "http://proxy:3128"),
            ("https://host/a?X-Amz-Signature=hush", "https://host/a"),
            ("http://user:hu/sh@host/x", "http://host/x"),
            ("user:hush@host:1?hush", "host:1"),
            ("http://user:hush@", "http://"),
            ("registry.example:5000/a", "registry.example:5000/a"),
            ("https://host/a/b.yaml", "https://host/a/b.yaml"),
        ] {
            assert_eq!(shown_text(text), expected, "{text}");
        }
    }
}
