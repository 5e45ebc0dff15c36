//! Credentials for registries, by repository.
//!
//! [`docker_config`] reads the files and Secrets that hold them (pure), [`places`] finds the
//! files, [`helper`] asks the programs that keep them elsewhere.

pub(crate) mod docker_config;
pub(crate) mod helper;
pub(crate) mod places;
pub(crate) mod source;

pub(crate) use source::{Credential, CredentialSource, SecretText};
