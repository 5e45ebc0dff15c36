//! As whom, and how, an image may be asked for.

use std::sync::Arc;

use crate::findings::finding::Finding;
use crate::images::registry::credentials::CredentialSource;
use crate::kmm::module::TlsOptions;

/// The way to one Module's image.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `registryTLS` of the Module.
    pub tls: TlsOptions,
    /// Where credentials may come from; the first that has one for the repository is used,
    /// and without any the request is anonymous.
    pub credentials: Vec<Arc<CredentialSource>>,
    /// A pull secret that the Module names and that is not there.
    pub missing_secret: Option<Finding>,
}

impl Access {
    /// True when a registry would be asked for the same image in the same way.
    pub(crate) fn asks_like(&self, other: &Self) -> bool {
        self.tls == other.tls
            && self.credentials.len() == other.credentials.len()
            && self
                .credentials
                .iter()
                .zip(&other.credentials)
                .all(|(own, others)| Arc::ptr_eq(own, others))
    }
}
