//! The rules for pulling, and the places that they give for an image
//! (containers-registries.conf(5)).

use crate::images::registry::mirrors::registry_sources::RegistrySources;

/// One place to pull from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSource {
    /// The reference there, with the tag or digest that was asked for.
    pub reference: String,
    /// Plain HTTP, or TLS without verification, is allowed there.
    pub insecure: bool,
    /// The reference that this place stands for, where it is a mirror.
    pub mirror_of: Option<String>,
}

/// A rule forbids pulling an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Blocked(pub String);

/// Which pulls may go to a mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum When {
    /// All of them.
    #[default]
    Always,
    /// Those by digest.
    ByDigest,
    /// Those by tag.
    ByTag,
}

impl When {
    fn allows(self, by_digest: bool) -> bool {
        match self {
            Self::Always => true,
            Self::ByDigest => by_digest,
            Self::ByTag => !by_digest,
        }
    }
}

/// One mirror of a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Host, port and path that take the place of the registry's prefix.
    pub location: String,
    /// Plain HTTP, or TLS without verification, is allowed there.
    pub insecure: bool,
    /// Which pulls may go there.
    pub when: When,
}

/// The rule for one prefix of references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// What references begin with, or `*.domain` for every host below a domain.
    pub prefix: String,
    /// What takes the prefix's place; empty for the prefix itself.
    pub location: String,
    /// Plain HTTP, or TLS without verification, is allowed there.
    pub insecure: bool,
    /// Nothing is pulled from the location itself.
    pub blocked: bool,
    /// Its mirrors, first one first.
    pub mirrors: Vec<Mirror>,
}

/// The rules of registries.conf and of the cluster's mirror sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    pub(super) registries: Vec<Registry>,
    pub(super) unqualified: Vec<String>,
    pub(super) of_cluster: RegistrySources,
}

impl Mirrors {
    /// Rules for prefixes, and the registries that names without a registry are looked for
    /// in (`unqualified-search-registries`).
    pub fn new(registries: Vec<Registry>, unqualified: Vec<String>) -> Self {
        Self {
            registries,
            unqualified,
            of_cluster: RegistrySources::default(),
        }
    }

    /// Adds rules after those that are there. Of two for one prefix the mirrors are joined.
    #[must_use]
    pub fn and(mut self, registries: Vec<Registry>) -> Self {
        for registry in registries {
            let known = self
                .registries
                .iter_mut()
                .find(|known| known.prefix == registry.prefix);
            match known {
                Some(known) => {
                    known.blocked |= registry.blocked;
                    for mirror in registry.mirrors {
                        if !known.mirrors.contains(&mirror) {
                            known.mirrors.push(mirror);
                        }
                    }
                }
                None => self.registries.push(registry),
            }
        }
        self
    }

    /// The rules for prefixes.
    pub fn registries(&self) -> &[Registry] {
        &self.registries
    }

    /// The registries that names without a registry are looked for in.
    pub fn unqualified(&self) -> &[String] {
        &self.unqualified
    }

    /// The places to ask for an image, first one first.
    ///
    /// # Errors
    /// A rule blocks the image.
    pub fn sources(&self, reference: &str) -> Result<Vec<PullSource>, Blocked> {
        let candidates = self.qualified(reference);
        let mut sources = Vec::new();
        let mut blocked = None;
        for candidate in &candidates {
            match self.sources_of(candidate) {
                Ok(found) => sources.extend(found),
                Err(rule) => blocked = Some(rule),
            }
        }
        match blocked {
            Some(rule) if sources.is_empty() => Err(rule),
            _ => Ok(sources),
        }
    }

    /// A name without a registry, in each registry that such names are looked for in.
    fn qualified(&self, reference: &str) -> Vec<String> {
        let first = reference.split('/').next().unwrap_or_default();
        let has_registry =
            reference.contains('/') && (first.contains(['.', ':']) || first == "localhost");
        if has_registry || self.unqualified.is_empty() {
            return vec![reference.to_owned()];
        }
        self.unqualified
            .iter()
            .map(|registry| format!("{registry}/{reference}"))
            .collect()
    }

    fn sources_of(&self, reference: &str) -> Result<Vec<PullSource>, Blocked> {
        self.of_cluster.allow(reference)?;
        let Some((registry, matched)) = self.rule_for(reference) else {
            return Ok(vec![PullSource {
                reference: reference.to_owned(),
                insecure: false,
                mirror_of: None,
            }]);
        };
        let rest = &reference[matched..];
        let by_digest = reference.contains('@');
        let at = |location: &str| {
            if location.is_empty() {
                reference.to_owned()
            } else {
                format!("{location}{rest}")
            }
        };
        let mut sources: Vec<PullSource> = registry
            .mirrors
            .iter()
            .filter(|mirror| mirror.when.allows(by_digest))
            .map(|mirror| PullSource {
                reference: at(&mirror.location),
                insecure: mirror.insecure,
                mirror_of: Some(reference.to_owned()),
            })
            .collect();
        if !registry.blocked {
            sources.push(PullSource {
                reference: at(&registry.location),
                insecure: registry.insecure,
                mirror_of: None,
            });
        }
        if sources.is_empty() {
            let prefix = &registry.prefix;
            let by = match self.of_cluster.blocks(prefix) {
                true => "blockedRegistries of images.config.openshift.io/cluster",
                false => "the rules for mirrors",
            };
            return Err(Blocked(format!(
                "registry {prefix} is blocked by {by} and has no mirror for this reference"
            )));
        }
        Ok(sources)
    }

    /// The rule with the longest prefix, and how much of the reference it covers.
    fn rule_for(&self, reference: &str) -> Option<(&Registry, usize)> {
        self.registries
            .iter()
            .filter_map(|registry| Some((registry, covers(&registry.prefix, reference)?)))
            .max_by_key(|(registry, _)| registry.prefix.len())
    }
}

/// How many bytes of a reference a prefix covers; `None` where it does not match.
fn covers(prefix: &str, reference: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = reference.split('/').next().unwrap_or(reference);
        let name = host.split(':').next().unwrap_or(host);
        return (name.ends_with(domain) && name.len() > domain.len()).then_some(host.len());
    }
    let rest = reference.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then_some(prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(location: &str, when: When) -> Mirror {
        Mirror {
            location: location.into(),
            when,
            ..Mirror::default()
        }
    }

    fn registry(prefix: &str, mirrors: Vec<Mirror>) -> Registry {
        Registry {
            prefix: prefix.into(),
            mirrors,
            ..Registry::default()
        }
    }

    fn references(mirrors: &Mirrors, reference: &str) -> Vec<String> {
        mirrors
            .sources(reference)
            .expect("not blocked")
            .into_iter()
            .map(|source| source.reference)
            .collect()
    }

    #[test]
    fn the_longest_prefix_decides_and_the_source_comes_last() {
        let mirrors = Mirrors::new(
            vec![
                registry("quay.io", vec![mirror("m1:5000", When::Always)]),
                registry("quay.io/org", vec![mirror("m2/x/org", When::Always)]),
                registry("*.example.com", vec![mirror("m3", When::Always)]),
            ],
            Vec::new(),
        );
        for (reference, expected) in [
            ("quay.io/a:1", &["m1:5000/a:1", "quay.io/a:1"][..]),
            (
                "quay.io/org/a@sha256:1",
                &["m2/x/org/a@sha256:1", "quay.io/org/a@sha256:1"],
            ),
            (
                "quay.io/organ/a:1",
                &["m1:5000/organ/a:1", "quay.io/organ/a:1"],
            ),
            ("quay.iox/a:1", &["quay.iox/a:1"]),
            ("a.example.com/b:1", &["m3/b:1", "a.example.com/b:1"]),
            ("example.com/b:1", &["example.com/b:1"]),
        ] {
            assert_eq!(references(&mirrors, reference), expected, "{reference}");
        }
    }

    #[test]
    fn mirrors_may_be_for_digests_or_tags_only() {
        let mirrors = Mirrors::new(
            vec![registry(
                "quay.io",
                vec![mirror("d", When::ByDigest), mirror("t", When::ByTag)],
            )],
            Vec::new(),
        );
        assert_eq!(
            references(&mirrors, "quay.io/a:1"),
            ["t/a:1", "quay.io/a:1"]
        );
        assert_eq!(
            references(&mirrors, "quay.io/a@sha256:1"),
            ["d/a@sha256:1", "quay.io/a@sha256:1"]
        );
    }

    #[test]
    fn a_blocked_source_leaves_its_mirrors() {
        let blocked = Registry {
            blocked: true,
            ..registry("quay.io", vec![mirror("d", When::ByDigest)])
        };
        let mirrors = Mirrors::new(vec![blocked], Vec::new());
        assert_eq!(references(&mirrors, "quay.io/a@sha256:1"), ["d/a@sha256:1"]);
        assert!(mirrors.sources("quay.io/a:1").is_err());
    }

    #[test]
    fn names_without_a_registry_are_looked_for_in_order() {
        let mirrors = Mirrors::new(Vec::new(), vec!["a.io".into(), "b.io".into()]);
        assert_eq!(references(&mirrors, "x/y:1"), ["a.io/x/y:1", "b.io/x/y:1"]);
        assert_eq!(references(&mirrors, "localhost/y:1"), ["localhost/y:1"]);
        assert_eq!(references(&Mirrors::default(), "x/y:1"), ["x/y:1"]);
    }

    #[test]
    fn two_rules_for_a_prefix_are_joined() {
        let one = registry("quay.io", vec![mirror("a", When::Always)]);
        let two = registry(
            "quay.io",
            vec![mirror("a", When::Always), mirror("b", When::Always)],
        );
        let joined = Mirrors::new(vec![one], Vec::new()).and(vec![two]);
        assert_eq!(
            references(&joined, "quay.io/x:1"),
            ["a/x:1", "b/x:1", "quay.io/x:1"]
        );
    }
}
