//! `spec.registrySources` of OpenShift's `images.config.openshift.io/cluster`, which the
//! machine config operator writes into registries.conf and policy.json of every node.

use serde::Deserialize;
use serde_json::Value;

use crate::images::registry::mirrors::{Blocked, Mirrors, Registry};
use crate::images::registry::reference;

/// Where nodes may pull from, and how. Scopes are a host with its port, a repository, what a
/// repository begins with, or `*.domain`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegistrySources {
    /// Plain HTTP, or TLS without verification, is allowed there.
    insecure_registries: Vec<String>,
    /// Nothing is pulled from there.
    blocked_registries: Vec<String>,
    /// Nothing is pulled from elsewhere, unless this is empty.
    allowed_registries: Vec<String>,
    /// The registries that names without a registry are looked for in.
    container_runtime_search_registries: Vec<String>,
}

impl RegistrySources {
    /// Those of an `Image` object.
    ///
    /// # Errors
    /// They are not as the CRD says.
    pub fn of_image(image: &Value) -> Result<Self, String> {
        match &image["spec"]["registrySources"] {
            Value::Null => Ok(Self::default()),
            sources => Self::deserialize(sources)
                .map_err(|error| format!("images.config.openshift.io/cluster: {error}")),
        }
    }

    /// The rules for prefixes with what is insecure or blocked here. A rule hides all those
    /// for longer prefixes, so what holds for a scope is said of the rules within it too
    /// (openshift/runtime-utils, `EditRegistriesConfig`).
    pub(super) fn edit(&self, registries: &mut Vec<Registry>) {
        let scopes = self.blocked_registries.iter();
        for scope in scopes.chain(&self.insecure_registries) {
            if !registries.iter().any(|known| known.prefix == *scope) {
                registries.push(Registry {
                    prefix: scope.clone(),
                    ..Registry::default()
                });
            }
        }
        let is_in = |scopes: &[String], place: &str| scopes.iter().any(|s| is_within(place, s));
        for registry in registries {
            registry.blocked |= is_in(&self.blocked_registries, &registry.prefix);
            registry.insecure |= is_in(&self.insecure_registries, &registry.prefix);
            for mirror in &mut registry.mirrors {
                mirror.insecure |= is_in(&self.insecure_registries, &mirror.location);
            }
        }
    }

    /// The registries that names without a registry are looked for in, where it says so.
    pub(super) fn unqualified(&self) -> Option<&[String]> {
        let list = self.container_runtime_search_registries.as_slice();
        (!list.is_empty()).then_some(list)
    }

    /// Whether nodes may pull an image that is known by this reference, whichever mirror it
    /// comes from (containers-policy.json(5), transport `docker`).
    ///
    /// # Errors
    /// They may not.
    pub(super) fn allow(&self, reference: &str) -> Result<(), Blocked> {
        let Ok(parsed) = reference::parse(reference) else {
            return Ok(());
        };
        let repository = format!("{}/{}", parsed.registry(), parsed.repository());
        let allows = |scope: &String| {
            is_within(&repository, scope) || *scope == reference || *scope == parsed.whole()
        };
        if self.allowed_registries.is_empty() || self.allowed_registries.iter().any(allows) {
            return Ok(());
        }
        Err(Blocked(format!(
            "{repository} is not in allowedRegistries of images.config.openshift.io/cluster"
        )))
    }

    /// True when it is this that blocks the rule for a prefix.
    pub(super) fn blocks(&self, prefix: &str) -> bool {
        let mut scopes = self.blocked_registries.iter();
        scopes.any(|scope| is_within(prefix, scope))
    }
}

impl Mirrors {
    /// The rules as a node has them: with these settings of its cluster.
    #[must_use]
    pub fn of_nodes(mut self, sources: RegistrySources) -> Self {
        sources.edit(&mut self.registries);
        if let Some(list) = sources.unqualified() {
            self.unqualified = list.to_vec();
        }
        self.of_cluster = sources;
        self
    }
}

/// True when a prefix or repository lies in a scope (openshift/runtime-utils,
/// `ScopeIsNestedInsideScope`).
fn is_within(place: &str, scope: &str) -> bool {
    if let Some(domain) = scope.strip_prefix('*') {
        let host = place.split('/').next().unwrap_or(place);
        return place == scope || (domain.starts_with('.') && host.ends_with(domain));
    }
    let rest = place.strip_prefix(scope);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::images::registry::mirrors::{Mirror, When};

    fn mirrors(sources: &Value) -> Mirrors {
        let image = json!({"spec": {"registrySources": sources}});
        let mirrored = Registry {
            prefix: "quay.io/team/x".into(),
            mirrors: vec![Mirror {
                location: "mirror.local:5000/team".into(),
                insecure: false,
                when: When::Always,
            }],
            ..Registry::default()
        };
        Mirrors::new(vec![mirrored], vec!["machine.io".into()])
            .of_nodes(RegistrySources::of_image(&image).expect("as the CRD says"))
    }

    /// The places, with `!` where they are insecure, or what is said of a block.
    fn asked(sources: &Value, reference: &str) -> String {
        match mirrors(sources).sources(reference) {
            Ok(sources) => {
                let place = |source: crate::images::registry::mirrors::PullSource| {
                    let mark = if source.insecure { "!" } else { "" };
                    format!("{}{mark}", source.reference)
                };
                sources.into_iter().map(place).collect::<Vec<_>>().join(" ")
            }
            Err(blocked) => blocked.to_string(),
        }
    }

    #[test]
    fn each_list_does_to_a_reference_what_nodes_do() {
        let blocks = |prefix: &str| {
            format!(
                "registry {prefix} is blocked by blockedRegistries of \
                 images.config.openshift.io/cluster and has no mirror for this reference"
            )
        };
        let not_allowed = |repository: &str| {
            format!(
                "{repository} is not in allowedRegistries of images.config.openshift.io/cluster"
            )
        };
        for (list, scope, reference, expected) in [
            (
                "insecureRegistries",
                "a.io",
                "a.io/b:1",
                "a.io/b:1!".to_owned(),
            ),
            (
                "insecureRegistries",
                "a.io",
                "b.io/b:1",
                "b.io/b:1".to_owned(),
            ),
            (
                "insecureRegistries",
                "a.io/b",
                "a.io/bc:1",
                "a.io/bc:1".to_owned(),
            ),
            (
                "insecureRegistries",
                "*.a.io",
                "x.a.io/b:1",
                "x.a.io/b:1!".to_owned(),
            ),
            (
                "insecureRegistries",
                "mirror.local:5000",
                "quay.io/team/x:1",
                "mirror.local:5000/team:1! quay.io/team/x:1".to_owned(),
            ),
            (
                "insecureRegistries",
                "quay.io",
                "quay.io/team/x:1",
                "mirror.local:5000/team:1 quay.io/team/x:1!".to_owned(),
            ),
            ("blockedRegistries", "a.io", "a.io/b:1", blocks("a.io")),
            (
                "blockedRegistries",
                "a.io",
                "b.io/b:1",
                "b.io/b:1".to_owned(),
            ),
            // Its mirrors are not blocked.
            (
                "blockedRegistries",
                "quay.io",
                "quay.io/team/x:1",
                "mirror.local:5000/team:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "a.io",
                "a.io/b:1",
                "a.io/b:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "a.io/b",
                "a.io/b/c:1",
                "a.io/b/c:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "a.io/b:1",
                "a.io/b:1",
                "a.io/b:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "a.io/b:1",
                "a.io/b:2",
                not_allowed("a.io/b"),
            ),
            (
                "allowedRegistries",
                "*.a.io",
                "x.a.io/b:1",
                "x.a.io/b:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "*.a.io",
                "a.io/b:1",
                not_allowed("a.io/b"),
            ),
            (
                "allowedRegistries",
                "docker.io",
                "docker.io/b:1",
                "docker.io/b:1".to_owned(),
            ),
            (
                "allowedRegistries",
                "quay.io",
                "quay.io/team/x:1",
                "mirror.local:5000/team:1 quay.io/team/x:1".to_owned(),
            ),
            (
                "containerRuntimeSearchRegistries",
                "a.io",
                "team/b:1",
                "a.io/team/b:1".to_owned(),
            ),
        ] {
            let sources = json!({list: [scope]});
            assert_eq!(
                asked(&sources, reference),
                expected,
                "{sources} {reference}"
            );
        }
        assert_eq!(asked(&json!({}), "team/b:1"), "machine.io/team/b:1");
    }

    #[test]
    fn settings_that_are_not_as_the_crd_says_are_named() {
        let image = json!({"spec": {"registrySources": {"blockedRegistries": "a.io"}}});
        let error = RegistrySources::of_image(&image).expect_err("no list");
        assert!(
            error.starts_with("images.config.openshift.io/cluster: "),
            "{error}"
        );
        let none = RegistrySources::of_image(&json!({"spec": {}}));
        assert_eq!(none, Ok(RegistrySources::default()));
    }
}
