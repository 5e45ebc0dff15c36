//! registries.conf, version 2 (containers-registries.conf(5)).

use serde::Deserialize;
use toml::Table;

use crate::images::registry::mirrors::{Mirror, Mirrors, Registry, When};

/// What one registries.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RegistriesConf {
    /// The rules for prefixes.
    pub registries: Vec<Registry>,
    /// `unqualified-search-registries`; `None` where the file has no such key.
    pub unqualified: Option<Vec<String>>,
    /// Keys that mean nothing, which podman passes over in silence.
    pub unknown_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    unqualified_search_registries: Option<Vec<String>>,
    #[serde(default)]
    registry: Vec<RawRegistry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawRegistry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<RawMirror>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawMirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: String,
}

const TOP: [&str; 7] = [
    "unqualified-search-registries",
    "registry",
    "short-name-mode",
    "credential-helpers",
    "aliases",
    "additional-layer-store-auth-helper",
    "registries",
];
const OF_REGISTRY: [&str; 6] = [
    "prefix",
    "location",
    "insecure",
    "blocked",
    "mirror-by-digest-only",
    "mirror",
];
const OF_MIRROR: [&str; 3] = ["location", "insecure", "pull-from-mirror"];

impl RegistriesConf {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no TOML of version 2; the reason names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| place(&error))?;
        if table.contains_key("registries") {
            return Err(
                "version 1 of the format is not supported; use version 2, with [[registry]] tables"
                    .to_owned(),
            );
        }
        let unknown_keys = unknown_keys(&table);
        let file: File = toml::from_str(text).map_err(|error| place(&error))?;
        Ok(Self {
            registries: file
                .registry
                .into_iter()
                .map(rule)
                .collect::<Result<_, _>>()?,
            unqualified: file.unqualified_search_registries,
            unknown_keys,
        })
    }
}

/// Writes rules as a file for programs that read registries.conf; hosts that `insecure` names
/// may be plain HTTP, or TLS without verification.
pub(crate) fn write(mirrors: &Mirrors, insecure: &[String]) -> String {
    let is_insecure = |location: &str| {
        let host = location.split('/').next().unwrap_or(location);
        insecure.iter().any(|known| known == host)
    };
    let unqualified: Vec<String> = mirrors
        .unqualified()
        .iter()
        .map(|name| quoted(name))
        .collect();
    let mut text = format!(
        "unqualified-search-registries = [{}]\n",
        unqualified.join(", ")
    );
    let mut insecure_hosts: Vec<&String> = insecure.iter().collect();
    insecure_hosts.sort_unstable();
    insecure_hosts.dedup();
    for host in insecure_hosts {
        let mut rules = mirrors.registries().iter();
        if !rules.any(|registry| registry.prefix == *host) {
            let host = quoted(host);
            text.push_str(&format!(
                "[[registry]]\nprefix = {host}\nlocation = {host}\ninsecure = true\n"
            ));
        }
    }
    for registry in mirrors.registries() {
        text.push_str("[[registry]]\n");
        text.push_str(&format!("prefix = {}\n", quoted(&registry.prefix)));
        // With a wildcard the host itself stays where no location takes its place.
        let location = match registry.location.as_str() {
            "" if registry.prefix.starts_with("*.") => None,
            "" => Some(&registry.prefix),
            _ => Some(&registry.location),
        };
        if let Some(location) = location {
            text.push_str(&format!("location = {}\n", quoted(location)));
        }
        let open = registry.insecure || location.is_some_and(|location| is_insecure(location));
        text.push_str(&format!("insecure = {open}\n"));
        text.push_str(&format!("blocked = {}\n", registry.blocked));
        for mirror in &registry.mirrors {
            text.push_str("[[registry.mirror]]\n");
            text.push_str(&format!("location = {}\n", quoted(&mirror.location)));
            let open = mirror.insecure || is_insecure(&mirror.location);
            text.push_str(&format!("insecure = {open}\n"));
            let when = match mirror.when {
                When::Always => "all",
                When::ByDigest => "digest-only",
                When::ByTag => "tag-only",
            };
            text.push_str(&format!("pull-from-mirror = \"{when}\"\n"));
        }
    }
    text
}

/// A TOML basic string: JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn place(error: &toml::de::Error) -> String {
    error.to_string().trim_end().replace('\n', "\n  ")
}

fn rule(raw: RawRegistry) -> Result<Registry, String> {
    let prefix = if raw.prefix.is_empty() {
        &raw.location
    } else {
        &raw.prefix
    };
    if prefix.is_empty() {
        return Err("a [[registry]] has neither prefix nor location".to_owned());
    }
    // With a wildcard the host itself stays where no location takes its place.
    if raw.location.is_empty() && !prefix.starts_with("*.") {
        return Err(format!(
            "the [[registry]] with prefix {prefix} has no location"
        ));
    }
    let mirrors = raw
        .mirror
        .into_iter()
        .map(|mirror| {
            let when = match (raw.mirror_by_digest_only, mirror.pull_from_mirror.as_str()) {
                (true, "" | "digest-only") | (false, "digest-only") => When::ByDigest,
                (false, "" | "all") => When::Always,
                (false, "tag-only") => When::ByTag,
                (true, other) => {
                    return Err(format!(
                        "pull-from-mirror = \"{other}\" of mirror {} contradicts \
                         mirror-by-digest-only",
                        mirror.location
                    ));
                }
                (false, other) => {
                    return Err(format!(
                        "pull-from-mirror = \"{other}\" of mirror {} is not all, digest-only or \
                         tag-only",
                        mirror.location
                    ));
                }
            };
            Ok(Mirror {
                location: mirror.location.trim_end_matches('/').to_owned(),
                insecure: mirror.insecure,
                when,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Registry {
        prefix: prefix.trim_end_matches('/').to_owned(),
        location: raw.location.trim_end_matches('/').to_owned(),
        insecure: raw.insecure,
        blocked: raw.blocked,
        mirrors,
    })
}

fn unknown_keys(table: &Table) -> Vec<String> {
    let tables = |value: Option<&toml::Value>| -> Vec<Table> {
        value
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_table)
            .cloned()
            .collect()
    };
    let mut unknown: Vec<String> = others(table, &TOP, "");
    for registry in tables(table.get("registry")) {
        unknown.extend(others(&registry, &OF_REGISTRY, "registry."));
        for mirror in tables(registry.get("mirror")) {
            unknown.extend(others(&mirror, &OF_MIRROR, "registry.mirror."));
        }
    }
    unknown
}

fn others(table: &Table, known: &[&str], within: &str) -> Vec<String> {
    table
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("{within}{key}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_version_2_is_read() {
        let conf = RegistriesConf::parse(
            r#"
            unqualified-search-registries = ["registry.example"]
            short-name-mode = "enforcing"
            colour = "blue"
            [[registry]]
            prefix = "quay.io/org"
            location = "quay.io/org"
            mirror-by-digest-only = true
            [[registry.mirror]]
            location = "mirror.example:5000/org/"
            insecure = true
            [[registry]]
            location = "bad.example"
            blocked = true
            "#,
        )
        .expect("version 2");
        assert_eq!(conf.unqualified, Some(vec!["registry.example".to_owned()]));
        assert_eq!(conf.unknown_keys, ["colour"]);
        assert_eq!(
            conf.registries[0].mirrors[0].location,
            "mirror.example:5000/org"
        );
        assert_eq!(conf.registries[0].mirrors[0].when, When::ByDigest);
        assert!(conf.registries[0].mirrors[0].insecure);
        assert_eq!(conf.registries[1].prefix, "bad.example");
        assert!(conf.registries[1].blocked);
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        let rule = |prefix: &str, location: &str, blocked| Registry {
            prefix: prefix.into(),
            location: location.into(),
            blocked,
            mirrors: [("m.io/a", When::ByDigest), ("n.io:5000", When::Always)]
                .map(|(location, when)| Mirror {
                    location: location.into(),
                    insecure: false,
                    when,
                })
                .to_vec(),
            ..Registry::default()
        };
        let rules = vec![
            rule("quay.io/org", "quay.io/org", true),
            rule("*.example.com", "", false),
            rule("odd\"prefix", "other.io", false),
        ];
        let mirrors = Mirrors::new(rules.clone(), vec!["a.io".into()]);
        let read = RegistriesConf::parse(&write(&mirrors, &[])).expect("version 2");
        assert_eq!(read.registries, rules);
        assert_eq!(read.unqualified, Some(vec!["a.io".to_owned()]));
        assert_eq!(read.unknown_keys, [""; 0]);

        let open = write(&mirrors, &["n.io:5000".into(), "other.io".into()]);
        let open = RegistriesConf::parse(&open).expect("version 2").registries;
        let insecure: Vec<(&str, bool)> = open
            .iter()
            .map(|rule| (rule.prefix.as_str(), rule.insecure))
            .collect();
        assert_eq!(
            insecure,
            [
                ("n.io:5000", true),
                ("other.io", true),
                ("quay.io/org", false),
                ("*.example.com", false),
                ("odd\"prefix", true)
            ]
        );
        assert!(!open[2].mirrors[0].insecure && open[2].mirrors[1].insecure);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, message) in [
            ("a = \n[", "line 1"),
            ("[registries.search]\nregistries = []", "version 1"),
            (
                "[[registry]]\ninsecure = true",
                "neither prefix nor location",
            ),
            ("[[registry]]\nprefix = \"a.io\"", "has no location"),
            (
                "[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \
                 \"b\"\npull-from-mirror = \"x\"",
                "is not all, digest-only or tag-only",
            ),
            ("[[registry]]\nlocation = 5", "line 2"),
        ] {
            let error = RegistriesConf::parse(text).expect_err(text);
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
