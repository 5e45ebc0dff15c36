//! The objects that Modules refer to: those that `-f` gave, then the cluster's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::ObjectMeta;
use tokio::sync::OnceCell;

use crate::cluster::Cluster;
use crate::cluster::api::fault::{Fault, RBAC_FOLDER};
use crate::findings::finding::{Code, Finding};
use crate::images::registry::access::Access;
use crate::images::registry::credentials::CredentialSource;
use crate::images::registry::credentials::docker_config::DockerConfig;
use crate::kmm::planned::Work;

/// OpenShift's ServiceAccount for builds, whose pull secrets KMM ≤2.3 uses where a Module
/// names none (`internal/auth`).
const BUILDER: &str = "builder";
/// The cluster's own pull secret, which every node has.
const GLOBAL_PULL_SECRET: (&str, &str) = ("openshift-config", "pull-secret");

/// Finds Secrets and ConfigMaps by namespace and name, and the credentials for images.
#[derive(Debug, Default)]
pub struct Objects {
    /// The Secrets that `-f` gave.
    pub secrets: Vec<Secret>,
    /// The ConfigMaps that `-f` gave.
    pub config_maps: Vec<ConfigMap>,
    /// The ServiceAccounts that `-f` gave.
    pub service_accounts: Vec<ServiceAccount>,
    /// The cluster that is asked for what `-f` did not give.
    pub cluster: Option<Arc<Cluster>>,
    /// The credentials of this machine, first one first.
    pub local_sources: Vec<Arc<CredentialSource>>,
    /// True when `--authfile` named them: they then come before what the cluster's nodes
    /// have for every image.
    pub local_first: bool,
    /// What was read from the cluster.
    pub known: Known,
}

/// A Secret with credentials, or why there is none, once it was read.
type PullSecret = Arc<OnceCell<Result<Arc<CredentialSource>, Finding>>>;

/// The pull secrets of one namespace's `builder` ServiceAccount, once they were read.
type OfBuilder = Arc<OnceCell<Vec<Arc<CredentialSource>>>>;

/// What was read from the cluster, each object once per run, and each without waiting for another.
#[derive(Debug, Default)]
pub struct Known {
    global: OnceCell<Option<Arc<CredentialSource>>>,
    of_builders: Mutex<HashMap<String, OfBuilder>>,
    pull_secrets: Mutex<HashMap<(String, String), PullSecret>>,
}

impl Objects {
    /// A Secret.
    ///
    /// # Errors
    /// `secret-missing` when it is nowhere, or what kept the look from being made.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, Finding> {
        if let Some(secret) = given(&self.secrets, |secret| &secret.metadata, namespace, name) {
            return Ok(secret);
        }
        let read = match &self.cluster {
            Some(cluster) => Some(cluster.secret(namespace, name).await),
            None => None,
        };
        found(read, Code::SecretMissing, "Secret", namespace, name)
    }

    /// A ConfigMap.
    ///
    /// # Errors
    /// `configmap-missing` when it is nowhere, or what kept the look from being made.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<ConfigMap, Finding> {
        if let Some(map) = given(&self.config_maps, |map| &map.metadata, namespace, name) {
            return Ok(map);
        }
        let read = match &self.cluster {
            Some(cluster) => Some(cluster.config_map(namespace, name).await),
            None => None,
        };
        found(read, Code::ConfigmapMissing, "ConfigMap", namespace, name)
    }

    /// How the image of a Module is asked for: its `registryTLS`; the credentials of its
    /// imageRepoSecret, or else of the `builder` ServiceAccount; the cluster's pull secret;
    /// and this machine's.
    ///
    /// A node pulls without an imageRepoSecret that is not there, and so does this: the
    /// finding about it is left in [`Access::missing_secret`] for the case that the registry
    /// wants a credential. A source that cannot be read says so when it is asked.
    pub async fn access(&self, namespace: &str, work: &Work) -> Access {
        let mut access = Access {
            tls: work.registry_tls,
            ..Access::default()
        };
        match &work.image_repo_secret {
            Some(name) => match self.image_repo_secret(namespace, name).await {
                Ok(source) => access.credentials.push(source),
                Err(finding) => access.missing_secret = Some(finding),
            },
            None => access.credentials.extend(self.of_builder(namespace).await),
        }
        access
            .credentials
            .extend(self.local_sources.iter().cloned());
        if let Some(global) = self.global().await {
            let at = if self.local_first {
                access.credentials.len()
            } else {
                access.credentials.len() - self.local_sources.len()
            };
            access.credentials.insert(at, global);
        }
        access
    }

    /// How images are asked for that belong to no Module: releases and driver toolkits.
    pub async fn access_of_release(&self) -> Access {
        let mut access = Access {
            credentials: self.local_sources.clone(),
            ..Access::default()
        };
        if let Some(global) = self.global().await {
            let at = if self.local_first {
                access.credentials.len()
            } else {
                0
            };
            access.credentials.insert(at, global);
        }
        access
    }

    /// The credentials of an imageRepoSecret, one source for all who name it.
    async fn image_repo_secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<CredentialSource>, Finding> {
        let cell = {
            let known = &self.known.pull_secrets;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (namespace.to_owned(), name.to_owned());
            Arc::clone(known.entry(key).or_default())
        };
        let read = async || {
            let secret = self.secret(namespace, name).await?;
            let source = source_of("imageRepoSecret", namespace, name, &secret);
            Ok(Arc::new(source))
        };
        cell.get_or_init(read).await.clone()
    }

    async fn global(&self) -> Option<Arc<CredentialSource>> {
        let (namespace, name) = GLOBAL_PULL_SECRET;
        let read = async || {
            let secret = self.secret(namespace, name).await.ok()?;
            let source = source_of("the cluster's pull secret", namespace, name, &secret);
            Some(Arc::new(source))
        };
        self.known.global.get_or_init(read).await.clone()
    }

    /// The pull secrets of a namespace's `builder` ServiceAccount; none where there is no
    /// such account or it may not be read.
    async fn of_builder(&self, namespace: &str) -> Vec<Arc<CredentialSource>> {
        let cell = {
            let known = &self.known.of_builders;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(namespace.to_owned()).or_default())
        };
        let read = async || {
            let mut sources = Vec::new();
            for name in self.pull_secrets_of_builder(namespace).await {
                if let Ok(secret) = self.secret(namespace, &name).await {
                    let source = source_of("ServiceAccount builder's", namespace, &name, &secret);
                    sources.push(Arc::new(source));
                }
            }
            sources
        };
        cell.get_or_init(read).await.clone()
    }

    async fn pull_secrets_of_builder(&self, namespace: &str) -> Vec<String> {
        let account = match given(
            &self.service_accounts,
            |account| &account.metadata,
            namespace,
            BUILDER,
        ) {
            Some(account) => Some(account),
            None => match &self.cluster {
                Some(cluster) => cluster.service_account(namespace, BUILDER).await.ok(),
                None => None,
            },
        };
        account
            .and_then(|account| account.image_pull_secrets)
            .unwrap_or_default()
            .into_iter()
            .map(|reference| reference.name)
            .filter(|name| !name.is_empty())
            .collect()
    }
}

/// An object of the files by namespace and name.
fn given<T: Clone>(
    objects: &[T],
    metadata: impl Fn(&T) -> &ObjectMeta,
    namespace: &str,
    name: &str,
) -> Option<T> {
    objects
        .iter()
        .find(|object| {
            let metadata = metadata(object);
            metadata.name.as_deref() == Some(name)
                && metadata.namespace.as_deref().unwrap_or("default") == namespace
        })
        .cloned()
}

/// An object that `-f` did not give, as it was read from the cluster, where there is one.
fn found<T>(
    read: Option<Result<T, Fault>>,
    code: Code,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<T, Finding> {
    let missing = |why: &str| Finding::new(code, format!("{kind} {namespace}/{name} {why}"));
    match read {
        Some(Ok(object)) => Ok(object),
        None => Err(missing("is not in the files of -f").hint(format!(
            "Add the {kind} to the files of -f, or run with access to the cluster."
        ))),
        Some(Err(Fault::NotFound(_))) => Err(missing("does not exist").hint(format!(
            "Create the {kind}, or correct its name in the Module."
        ))),
        Some(Err(fault)) => Err(missing(&format!("could not be read: {fault}")).hint(
            match fault {
                Fault::Forbidden(_) => format!(
                    "Ask an administrator for the right to get {kind}s in namespace {namespace}; \
                     {RBAC_FOLDER}/cross-check.yaml grants it."
                ),
                _ => "Check that the API server can be reached.".to_owned(),
            },
        )),
    }
}

/// The credentials of a pull secret (`kubernetes.io/dockerconfigjson` or
/// `kubernetes.io/dockercfg`).
fn source_of(what: &str, namespace: &str, name: &str, secret: &Secret) -> CredentialSource {
    let value = |key: &str| {
        let data = secret.data.as_ref().and_then(|data| data.get(key));
        data.map(|data| data.0.clone())
    };
    let config = if let Some(bytes) = value(".dockerconfigjson") {
        DockerConfig::parse_secret(&bytes)
    } else if let Some(bytes) = value(".dockercfg") {
        DockerConfig::parse_legacy(&bytes)
    } else {
        Err("it contains neither .dockerconfigjson nor .dockercfg".to_owned())
    };
    CredentialSource::of_config(format!("{what} {namespace}/{name}"), config)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use k8s_openapi::api::core::v1::LocalObjectReference;

    use super::*;
    use crate::images::registry::credentials::Credential;
    use crate::kmm::module::{Modprobe, TlsOptions};

    fn metadata(namespace: &str, name: &str) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(namespace.into()),
            name: Some(name.into()),
            ..ObjectMeta::default()
        }
    }

    fn secret(namespace: &str, name: &str, key: &str, user: &str) -> Secret {
        let auths = format!(r#"{{"quay.io":{{"username":"{user}","password":"p"}}}}"#);
        let text = if key == ".dockercfg" {
            auths
        } else {
            format!(r#"{{"auths":{auths}}}"#)
        };
        Secret {
            metadata: metadata(namespace, name),
            data: Some([(key.to_owned(), ByteString(text.into_bytes()))].into()),
            ..Secret::default()
        }
    }

    fn work(image_repo_secret: Option<&str>) -> Work {
        Work {
            image: "quay.io/org/repo:1".into(),
            registry_tls: TlsOptions::default(),
            image_repo_secret: image_repo_secret.map(str::to_owned),
            modprobe: Modprobe::default(),
            in_tree_modules_to_remove: Vec::new(),
            build: None,
            sign: None,
        }
    }

    fn objects() -> Objects {
        Objects {
            secrets: vec![
                secret("ns", "repo", ".dockerconfigjson", "repo"),
                secret("ns", "old", ".dockercfg", "old"),
                secret("ns", "of-builder", ".dockercfg", "builder"),
                secret(
                    "openshift-config",
                    "pull-secret",
                    ".dockerconfigjson",
                    "global",
                ),
            ],
            service_accounts: vec![ServiceAccount {
                metadata: metadata("ns", "builder"),
                image_pull_secrets: Some(vec![LocalObjectReference {
                    name: "of-builder".into(),
                }]),
                ..ServiceAccount::default()
            }],
            local_sources: vec![Arc::new(CredentialSource::new("local", Vec::new()))],
            ..Objects::default()
        }
    }

    async fn users(objects: &Objects, work: &Work) -> Vec<String> {
        let access = objects.access("ns", work).await;
        let mut users = Vec::new();
        for source in &access.credentials {
            match source.credential_for("quay.io/org/repo").await {
                Ok(Some(Credential::Basic { username, .. })) => users.push(username),
                Ok(_) => users.push(source.name().to_owned()),
                Err(fault) => users.push(fault.to_string()),
            }
        }
        users
    }

    #[tokio::test]
    async fn credentials_come_in_the_order_of_the_nodes() {
        let objects = objects();
        for (name, expected) in [
            (Some("repo"), ["repo", "global", "local"]),
            (Some("old"), ["old", "global", "local"]),
            (None, ["builder", "global", "local"]),
        ] {
            assert_eq!(users(&objects, &work(name)).await, expected, "{name:?}");
        }
        let named = Objects {
            local_first: true,
            ..objects
        };
        assert_eq!(
            users(&named, &work(Some("repo"))).await,
            ["repo", "local", "global"]
        );
    }

    #[tokio::test]
    async fn an_absent_secret_is_told_and_passed_over() {
        let access = objects().access("ns", &work(Some("none"))).await;
        let finding = access.missing_secret.expect("a finding");
        assert_eq!(finding.code, Code::SecretMissing);
        assert!(finding.message.contains("ns/none"), "{}", finding.message);
    }
}
