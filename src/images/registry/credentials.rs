//! Credentials for registries, by repository.
//!
//! [`docker_config`] reads the files and Secrets that hold them (pure), [`places`] finds the
//! files, [`helper`] asks the programs that keep them elsewhere.

pub mod docker_config;
pub mod helper;
pub mod places;
mod source;

pub use source::{Credential, CredentialFault, CredentialSource, SecretText};
