//! docker's config.json, containers-auth.json(5), and the Secrets that hold either.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use crate::base64_text;
use crate::images::registry::credentials::{Credential, SecretText};

/// Names of Docker Hub, which are all one registry.
const DOCKER_HUB: [&str; 4] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// What a file or Secret says of credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerConfig {
    /// Credentials by registry, or by registry and path prefix.
    pub entries: Vec<Entry>,
    /// Helper programs by registry (`credHelpers`), without `docker-credential-`.
    pub helpers: BTreeMap<String, String>,
    /// The helper program for every other registry (`credsStore`).
    pub store: Option<String>,
}

/// One credential and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Host, each label of which may be a glob, with its port.
    host: String,
    /// Path prefix, without a leading slash; empty for the whole host.
    path: String,
    /// The credential, or why the entry gives none.
    pub credential: Result<Credential, String>,
}

impl Entry {
    /// An entry under a key as docker, podman and the kubelet write it: with or without a
    /// scheme, a path prefix, or the API's version.
    pub fn new(key: &str, credential: Result<Credential, String>) -> Self {
        let key = key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"))
            .unwrap_or(key);
        let (host, path) = key.split_once('/').unwrap_or((key, ""));
        let path = path.trim_end_matches('/');
        let path = match path {
            "v1" | "v2" => "",
            path => path
                .strip_prefix("v1/")
                .or_else(|| path.strip_prefix("v2/"))
                .unwrap_or(path),
        };
        Self {
            host: canonical_host(host).to_owned(),
            path: path.to_owned(),
            credential,
        }
    }

    fn is_for(&self, host: &str, path: &str) -> bool {
        host_matches(&self.host, host)
            && path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
                self.path.is_empty() || rest.is_empty() || rest.starts_with('/')
            })
    }
}

fn canonical_host(host: &str) -> &str {
    if DOCKER_HUB.contains(&host) {
        DOCKER_HUB[0]
    } else {
        host
    }
}

/// Host against host label by label, as the kubelet's keyring does (`URLsMatch`): a `*` stands
/// for any part of one label, ports have to be equal.
fn host_matches(pattern: &str, host: &str) -> bool {
    let split = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name.to_owned(), Some(port.to_owned()))
        }
        _ => (host.to_owned(), None),
    };
    let (pattern, pattern_port) = split(pattern);
    let (host, port) = split(host);
    let labels = |name: &str| -> Vec<String> { name.split('.').map(str::to_owned).collect() };
    let (patterns, labels) = (labels(&pattern), labels(&host));
    pattern_port == port
        && patterns.len() == labels.len()
        && patterns.iter().zip(&labels).all(|(pattern, label)| {
            pattern == label
                || pattern.contains(['*', '?', '['])
                    && glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(label))
        })
}

impl DockerConfig {
    /// The entry for a repository: the one with the longest path, and of those the most
    /// exact host.
    pub fn entry_for(&self, repository: &str) -> Option<&Entry> {
        let (host, path) = repository.split_once('/').unwrap_or((repository, ""));
        let host = canonical_host(host);
        self.entries
            .iter()
            .filter(|entry| entry.is_for(host, path))
            .max_by_key(|entry| (entry.path.len(), entry.host == host, entry.host.clone()))
    }

    /// The helper program that is named for a host.
    pub fn helper_for(&self, host: &str) -> Option<&str> {
        let host = canonical_host(host);
        self.helpers
            .iter()
            .find(|(name, _)| Entry::new(name, Err(String::new())).host == host)
            .map(|(_, program)| program.as_str())
    }

    /// Reads the `.dockerconfigjson` of a Secret. Whoever may write the Secret must not choose
    /// programs of this machine, so `credHelpers` and `credsStore` are ignored, as the kubelet
    /// ignores them (`DockerConfigJSON` of pkg/credentialprovider has `auths` only).
    ///
    /// # Errors
    /// It is no such JSON; the reason names line and column and no content.
    pub fn parse_secret(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self {
            entries: Self::parse(bytes)?.entries,
            ..Self::default()
        })
    }

    /// Reads a config.json or an auth.json of this machine.
    ///
    /// # Errors
    /// It is no such JSON; the reason names line and column and no content.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        Ok(Self {
            entries: entries(file.auths),
            helpers: file.cred_helpers,
            store: file.creds_store.filter(|program| !program.is_empty()),
        })
    }

    /// Reads the older `.dockercfg`, which is the bare map of `auths`.
    ///
    /// # Errors
    /// It is no such JSON; the reason names line and column and no content.
    pub fn parse_legacy(bytes: &[u8]) -> Result<Self, String> {
        let auths = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        Ok(Self {
            entries: entries(auths),
            ..Self::default()
        })
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!(
        "not a valid docker configuration, line {}, column {}",
        error.line(),
        error.column()
    )
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credHelpers")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

fn entries(auths: BTreeMap<String, Auth>) -> Vec<Entry> {
    auths
        .into_iter()
        .filter_map(|(key, auth)| {
            let credential = auth.credential().transpose()?;
            Some(Entry::new(
                &key,
                credential.map_err(|why| format!("the entry for {key} {why}")),
            ))
        })
        .collect()
}

impl Auth {
    /// The credential; `None` for an empty entry, which says that a helper has it.
    fn credential(self) -> Result<Option<Credential>, &'static str> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credential::IdentityToken(SecretText::new(
                self.identitytoken,
            ))));
        }
        if self.auth.is_empty() {
            return Ok((!self.username.is_empty()).then(|| Credential::Basic {
                username: self.username,
                password: SecretText::new(self.password),
            }));
        }
        let auth = base64_text::without_breaks(&self.auth);
        let decoded = base64_text::decode(&auth)
            .or_else(|_| STANDARD_NO_PAD.decode(&auth))
            .map_err(|_| "is not valid base64")?;
        let text = String::from_utf8(decoded).map_err(|_| "is not text")?;
        let (username, password) = text.split_once(':').ok_or("has no colon")?;
        Ok(Some(Credential::Basic {
            username: username.to_owned(),
            password: SecretText::new(password.trim_end_matches('\0')),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_of(config: &DockerConfig, repository: &str) -> Option<String> {
        match config.entry_for(repository)?.credential.clone() {
            Ok(Credential::Basic { username, .. }) => Some(username),
            other => panic!("{other:?}"),
        }
    }

    fn config(keys: &[&str]) -> DockerConfig {
        let auths: Vec<String> = keys
            .iter()
            .map(|key| format!(r#""{key}":{{"username":"{key}","password":"p"}}"#))
            .collect();
        let text = format!(r#"{{"auths":{{{}}}}}"#, auths.join(","));
        DockerConfig::parse(text.as_bytes()).expect("a configuration")
    }

    #[test]
    fn keys_are_matched_as_nodes_and_podman_match_them() {
        for (keys, repository, key) in [
            (&["quay.io"][..], "quay.io/org/repo", Some("quay.io")),
            (
                &["https://quay.io/v2/"],
                "quay.io/org/repo",
                Some("https://quay.io/v2/"),
            ),
            (&["quay.io/org"], "quay.io/org/repo", Some("quay.io/org")),
            (&["quay.io/org"], "quay.io/organisation/repo", None),
            (
                &["quay.io", "quay.io/org", "quay.io/org/repo"],
                "quay.io/org/repo",
                Some("quay.io/org/repo"),
            ),
            (&["quay.io:443"], "quay.io/a", None),
            (
                &["localhost:5000"],
                "localhost:5000/a/b",
                Some("localhost:5000"),
            ),
            (
                &["*.example.com"],
                "reg.example.com/a",
                Some("*.example.com"),
            ),
            (&["*.example.com"], "a.reg.example.com/a", None),
            (
                &["*.example.com", "reg.example.com"],
                "reg.example.com/a",
                Some("reg.example.com"),
            ),
            (
                &["https://index.docker.io/v1/"],
                "docker.io/library/busybox",
                Some("https://index.docker.io/v1/"),
            ),
            (
                &["docker.io"],
                "registry-1.docker.io/a/b",
                Some("docker.io"),
            ),
        ] {
            assert_eq!(
                user_of(&config(keys), repository).as_deref(),
                key,
                "{keys:?} {repository}"
            );
        }
    }

    #[test]
    fn every_form_of_a_credential_is_read() {
        let parsed = DockerConfig::parse(
            br#"{"auths":{
                "a":{"auth":"dTpwOmM="},
                "b":{"auth":"!"},
                "e":{"auth":"dTpw\r\nOmM=\n"},
                "f":{"auth":"dTpw OmM="},
                "c":{"identitytoken":"t","auth":"dTpw"},
                "d":{}
            },"credHelpers":{"gcr.io":"gcloud"},"credsStore":"desktop","more":1}"#,
        )
        .expect("a configuration");
        let credential = |host: &str| parsed.entry_for(host).map(|entry| entry.credential.clone());
        assert_eq!(
            credential("a"),
            Some(Ok(Credential::Basic {
                username: "u".into(),
                password: SecretText::new("p:c"),
            }))
        );
        assert_eq!(credential("e"), credential("a"), "line breaks do not count");
        assert!(matches!(credential("f"), Some(Err(_))), "blanks do");
        assert_eq!(
            credential("b"),
            Some(Err("the entry for b is not valid base64".into()))
        );
        assert_eq!(
            credential("c"),
            Some(Ok(Credential::IdentityToken(SecretText::new("t"))))
        );
        assert_eq!(credential("d"), None);
        assert_eq!(parsed.helper_for("gcr.io"), Some("gcloud"));
        assert_eq!(parsed.store.as_deref(), Some("desktop"));
    }

    #[test]
    fn a_secret_names_no_programs_of_this_machine() {
        let text =
            br#"{"auths":{"a":{"auth":"dTpw"}},"credHelpers":{"gcr.io":"x"},"credsStore":"x"}"#;
        let secret = DockerConfig::parse_secret(text).expect("a configuration");
        assert!(secret.entry_for("a/b").is_some());
        assert_eq!(secret.helper_for("gcr.io"), None);
        assert_eq!(secret.store, None);
        let file = DockerConfig::parse(text).expect("a configuration");
        assert_eq!(file.helper_for("gcr.io"), Some("x"));
        assert!(file.store.is_some());
    }

    #[test]
    fn what_is_no_json_is_told_by_place_and_not_by_content() {
        let error = DockerConfig::parse(b"{\"auths\": {\"a\": hunter2}}").expect_err("no JSON");
        assert!(error.contains("line 1"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let legacy = br#"{"quay.io":{"auth":"dTpw"}}"#;
        assert_eq!(
            DockerConfig::parse_legacy(legacy)
                .expect("JSON")
                .entries
                .len(),
            1
        );
    }
}
