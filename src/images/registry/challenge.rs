//! The response of a registry to a request without credentials (`WWW-Authenticate`, RFC 9110
//! section 11.6.1; distribution spec, "Token Authentication").

/// How a registry wants a request to be authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token that `realm` gives out.
    Bearer {
        /// URL of the token server.
        realm: String,
        /// The name by which the token server knows the registry.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenges in the values of some headers that can be answered, in their order.
    pub(crate) fn parse_all<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut found = Vec::new();
        for (scheme, parameters) in values.into_iter().flat_map(split) {
            if scheme.eq_ignore_ascii_case("basic") {
                found.push(Self::Basic);
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let find = |name: &str| {
                    let found = parameters.iter().find(|(key, _)| key == name);
                    found.map(|(_, value)| value.clone())
                };
                if let Some(realm) = find("realm") {
                    let service = find("service");
                    found.push(Self::Bearer { realm, service });
                }
            }
        }
        found
    }
}

type Parameters = Vec<(String, String)>;

/// `Scheme key=value, key="value", Scheme key=value` in its parts.
fn split(value: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = value.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', ',', '\t']).unwrap_or(rest.len());
        let word = &rest[..end];
        let after = rest[end..].trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = text(value.trim_start());
            if let Some((_, parameters)) = challenges.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = after;
        } else {
            if !word.is_empty() {
                challenges.push((word.to_owned(), Vec::new()));
            }
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

/// A quoted or bare text, and what follows it.
fn text(value: &str) -> (String, &str) {
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([',', ' ', '\t']).unwrap_or(value.len());
        return (value[..end].to_owned(), &value[end..]);
    };
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &quoted[at + 1..]),
            '\\' => text.extend(characters.next().map(|(_, next)| next)),
            other => text.push(other),
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        for (values, expected) in [
            (&["Basic realm=\"tests\""][..], vec![Challenge::Basic]),
            (&["basic"], vec![Challenge::Basic]),
            (
                &["Bearer realm=\"https://a/t\",service=\"r\",scope=\"repository:x:pull\""],
                vec![bearer("https://a/t", Some("r"))],
            ),
            (
                &["BEARER service = r , realm=https://a/t"],
                vec![bearer("https://a/t", Some("r"))],
            ),
            (
                &["Basic realm=\"a, Bearer b\", Bearer realm=\"x\\\"y\""],
                vec![Challenge::Basic, bearer("x\"y", None)],
            ),
            (
                &["Bearer realm=b", "Basic realm=a"],
                vec![bearer("b", None), Challenge::Basic],
            ),
            (&["Bearer service=r"], vec![]),
            (&["Negotiate"], vec![]),
            (&["", " ,,= =\""], vec![]),
            (&[], vec![]),
        ] {
            assert_eq!(
                Challenge::parse_all(values.iter().copied()),
                expected,
                "{values:?}"
            );
        }
    }
}
