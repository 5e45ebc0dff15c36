//! Credentials for registries, by repository.

use std::fmt;

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
    entries: Vec<(String, Credential)>,
}

impl CredentialSource {
    /// A source with entries by registry, or by registry and path prefix.
    pub fn new(name: impl Into<String>, entries: Vec<(String, Credential)>) -> Self {
        Self {
            name: name.into(),
            entries,
        }
    }

    /// What findings call it: `imageRepoSecret ns/name`, or a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credential for a repository (`host[:port]/path`): that of the longest matching
    /// entry, `None` where none matches.
    ///
    /// # Errors
    /// The source has an entry and cannot give it.
    pub async fn credential_for(
        &self,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialFault> {
        Ok(self
            .entries
            .iter()
            .filter(|(prefix, _)| {
                repository
                    .strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, credential)| credential.clone()))
    }
}
