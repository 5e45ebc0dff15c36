//! One place that credentials come from, and which of its entries is for a repository.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::images::registry::credentials::docker_config::{DockerConfig, Entry};
use crate::images::registry::credentials::helper;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretText(String);

impl SecretText {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What a registry is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretText,
    },
    /// An OAuth2 refresh token (docker's `identitytoken`).
    IdentityToken(SecretText),
}

/// Why a source that should have a credential gave none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {message}")]
pub struct CredentialFault {
    /// The source.
    pub source_name: String,
    /// What went wrong, without any secret.
    pub message: String,
}

/// One place that credentials come from.
#[derive(Debug, Clone)]
pub struct CredentialSource {
    name: String,
    config: Result<DockerConfig, String>,
    helped: Helped,
}

/// What helpers answered, by program and host: each is asked once per run.
type Helped = Arc<Mutex<HashMap<(String, String), Arc<OnceCell<HelperAnswer>>>>>;
type HelperAnswer = Result<Option<Credential>, String>;

impl CredentialSource {
    /// A source with entries by registry, or by registry and path prefix.
    pub fn new(name: impl Into<String>, entries: Vec<(String, Credential)>) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, credential)| Entry::new(&key, Ok(credential)))
            .collect();
        Self::of_config(
            name,
            Ok(DockerConfig {
                entries,
                ..DockerConfig::default()
            }),
        )
    }

    /// A source with what its file or Secret says, or why that cannot be read. The reason is
    /// told when a credential is asked for, so that a damaged Secret stops only the images
    /// that need it.
    pub fn of_config(name: impl Into<String>, config: Result<DockerConfig, String>) -> Self {
        Self {
            name: name.into(),
            config,
            helped: Helped::default(),
        }
    }

    /// What findings call it: `imageRepoSecret ns/name`, or a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credential for a repository (`host[:port]/path`): a helper named for its host,
    /// else the longest matching entry, else the helper for everything. `None` where none
    /// has one.
    ///
    /// # Errors
    /// The source has an entry and cannot give it.
    pub async fn credential_for(
        &self,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialFault> {
        let fault = |message: String| CredentialFault {
            source_name: self.name.clone(),
            message,
        };
        let config = self
            .config
            .as_ref()
            .map_err(|message| fault(message.clone()))?;
        let host = repository.split('/').next().unwrap_or(repository);
        if let Some(program) = config.helper_for(host) {
            return self.helper(program, host).await.map_err(fault);
        }
        if let Some(entry) = config.entry_for(repository) {
            return entry.credential.clone().map(Some).map_err(fault);
        }
        match &config.store {
            Some(program) => self.helper(program, host).await.map_err(fault),
            None => Ok(None),
        }
    }

    async fn helper(&self, program: &str, host: &str) -> HelperAnswer {
        let cell = {
            let mut helped = self.helped.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (program.to_owned(), host.to_owned());
            Arc::clone(helped.entry(key).or_default())
        };
        cell.get_or_init(|| helper::get(program, host))
            .await
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(username: &str) -> Credential {
        Credential::Basic {
            username: username.into(),
            password: SecretText::new("hush"),
        }
    }

    #[tokio::test]
    async fn two_credentials_of_one_host_are_told_apart() {
        let source = CredentialSource::new(
            "test",
            vec![
                ("quay.io".into(), basic("all")),
                ("quay.io/org/repo".into(), basic("one")),
            ],
        );
        for (repository, username) in [
            ("quay.io/org/repo", Some("one")),
            ("quay.io/org/other", Some("all")),
            ("other.io/org/repo", None),
        ] {
            let found = source.credential_for(repository).await.expect("readable");
            assert_eq!(found, username.map(basic), "{repository}");
        }
    }

    #[tokio::test]
    async fn a_damaged_source_says_so_without_its_content() {
        let source = CredentialSource::of_config("file x", Err("no JSON".into()));
        let fault = source.credential_for("a/b").await.expect_err("damaged");
        assert_eq!(fault.to_string(), "file x: no JSON");
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", basic("u")).contains("hush"));
    }
}
