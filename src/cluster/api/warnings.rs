//! The `Warning` headers by which the API server remarks on a request (pure).

/// The quoted text of one header: `299 - "text"` (RFC 7234, section 5.5).
pub(crate) fn text(header: &str) -> Option<String> {
    let mut quoted = header
        .splitn(3, ' ')
        .nth(2)?
        .trim()
        .strip_prefix('"')?
        .chars();
    let mut text = String::new();
    loop {
        match quoted.next()? {
            '\\' => text.push(quoted.next()?),
            '"' => return Some(text),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_unquoted() {
        for (header, said) in [
            (r#"299 - "x is deprecated""#, Some("x is deprecated")),
            (r#"299 - "say \"so\"" "date""#, Some(r#"say "so""#)),
            ("299 - bare", None),
            (r#"299 - "open"#, None),
        ] {
            assert_eq!(text(header).as_deref(), said, "{header}");
        }
    }
}
