//! The objects by which KMM works on a preflight CR, as far as they may be read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::{Fault, RBAC_FOLDER};
use crate::cluster::api::objects::{Meta, ModuleQuery};
use crate::cluster::api::resource::{
    BUILD, DEPLOYMENT, MODULE_BUILD_SIGN_CONFIG, MODULE_IMAGES_CONFIG, POD, PREFLIGHT, Resource,
};
use crate::cluster::kmm::diagnose::objects::{BuildObject, BuildSignConfig, ImagesConfig, Pod};
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
use crate::kmm::module::{LocalObjectReference, Module};

/// Where KMM's operator runs: OpenShift's since 2.0 and before, upstream's.
const OPERATORS: [(&str, &str); 4] = [
    ("openshift-kmm", "kmm-operator-controller"),
    ("openshift-kmm", "kmm-operator-controller-manager"),
    ("kmm-operator-system", "kmm-operator-controller"),
    ("kmm-operator-system", "kmm-operator-controller-manager"),
];

/// Labels of KMM's pods and builds.
const PULL_POD_LABEL: &str = "kmm.node.kubernetes.io/pull-pod-type";
/// The label that names the Module.
pub(crate) const MODULE_LABEL: &str = "kmm.node.kubernetes.io/module.name";
/// The label that names the ModuleImagesConfig of a pull pod.
pub(crate) const IMAGE_OWNER_LABEL: &str = "kmm.node.kubernetes.io/image-owner";

/// How long KMM has to begin with a CR before its silence is worth a word, in seconds.
const YOUTH: i64 = 15;
/// How many logs of failed builds are read at most.
const MAX_LOGS: usize = 5;
/// How many ConfigMaps and Secrets are looked at, at most.
const MAX_LOOKS: usize = 100;

/// What was found; an empty list also stands for what may not be read, which
/// [`Evidence::notes`] says.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The Modules; `None` where they may not be listed.
    pub modules: Option<Vec<Module>>,
    /// The PreflightValidation of the CR's name; `Some(None)` where it does not exist.
    pub plain: Option<Option<Meta>>,
    /// KMM ≥2.4's ModuleImagesConfigs; `None` where they may not be listed.
    pub image_configs: Option<Vec<ImagesConfig>>,
    /// KMM ≥2.4's ModuleBuildSignConfigs.
    pub build_sign_configs: Vec<BuildSignConfig>,
    /// Pull pods, and upstream's build pods.
    pub pods: Vec<Pod>,
    /// OpenShift's Builds.
    pub builds: Vec<BuildObject>,
    /// The log's end of failed builds, by namespace and name of the Build.
    pub logs: BTreeMap<(String, String), String>,
    /// KMM's operator.
    pub operator: Option<Operator>,
    /// What the build and sign sections name and does not exist, in words, by namespace and
    /// name of the Module.
    pub missing: BTreeMap<(String, String), Vec<String>>,
    /// True when `openshift-config/pull-secret` was looked for and is not there.
    pub pull_secret_missing: bool,
    /// True when the CR was created so lately that KMM may not have seen it.
    pub is_young: bool,
    /// What could not be read, for the reader.
    pub notes: Vec<String>,
}

/// KMM's operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Namespace.
    pub namespace: String,
    /// Name of the Deployment.
    pub name: String,
    /// True when a replica is available.
    pub is_available: bool,
    /// True on a spoke (`KMM_MANAGED=true`).
    pub is_managed: bool,
}

#[derive(Deserialize)]
struct RawDeployment {
    #[serde(default)]
    spec: serde_json::Value,
    #[serde(default)]
    status: serde_json::Value,
}

/// What was asked for without the right to.
#[derive(Debug, Default)]
struct Denied(BTreeSet<String>);

impl Denied {
    /// A list; `None` where it may not be read. A type that is not served has no objects.
    fn list<T>(
        &mut self,
        what: &str,
        answer: Result<Vec<T>, Fault>,
    ) -> Result<Option<Vec<T>>, Fault> {
        match answer {
            Ok(items) => Ok(Some(items)),
            Err(Fault::NotServed(_)) => Ok(Some(Vec::new())),
            Err(Fault::Forbidden(_)) => {
                self.0.insert(what.to_owned());
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// True when an object exists; `None` where that may not be known.
    fn get<T>(&mut self, what: &str, answer: Result<T, Fault>) -> Result<Option<Option<T>>, Fault> {
        match answer {
            Ok(object) => Ok(Some(Some(object))),
            Err(Fault::NotFound(_) | Fault::NotServed(_)) => Ok(Some(None)),
            Err(Fault::Forbidden(_)) => {
                self.0.insert(what.to_owned());
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Cluster {
    /// Gathers what shows why the rows of a CR are in progress. Rights that are missing
    /// become a note.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn evidence(&self, preflight: &Preflight) -> Result<Evidence, Fault> {
        let plain = PREFLIGHT.at(preflight.resource.version);
        let (modules, plain, configs, build_sign, pull_pods, build_pods, builds, operator) = tokio::join!(
            self.modules(ModuleQuery::default()),
            self.get::<RawPreflight>(plain, None, &preflight.meta.name),
            self.every::<ImagesConfig>(MODULE_IMAGES_CONFIG, None),
            self.every::<BuildSignConfig>(MODULE_BUILD_SIGN_CONFIG, None),
            self.every::<Pod>(POD, Some(PULL_POD_LABEL)),
            self.every::<Pod>(POD, Some(MODULE_LABEL)),
            self.every::<BuildObject>(BUILD, Some(MODULE_LABEL)),
            self.operator(),
        );
        let mut denied = Denied::default();
        let mut pods = denied.list("list pods", pull_pods)?.unwrap_or_default();
        pods.extend(denied.list("list pods", build_pods)?.unwrap_or_default());
        let mut evidence = Evidence {
            modules: denied.list("list modules", modules)?,
            plain: denied
                .get("get preflightvalidations", plain)?
                .map(|raw| raw.map(|raw| raw.metadata)),
            image_configs: denied.list("list moduleimagesconfigs", configs)?,
            build_sign_configs: denied
                .list("list modulebuildsignconfigs", build_sign)?
                .unwrap_or_default(),
            pods,
            builds: denied.list("list builds", builds)?.unwrap_or_default(),
            operator: denied.get("get deployments", operator)?.flatten(),
            is_young: is_young(&preflight.meta),
            ..Evidence::default()
        };
        if !preflight.spec.release_image.is_empty() && evidence.plain == Some(None) {
            let secret = self.secret("openshift-config", "pull-secret").await;
            evidence.pull_secret_missing = denied.get("get secrets", secret)? == Some(None);
        }
        self.look_for_missing(&mut evidence, &mut denied).await?;
        self.read_logs(&mut evidence, &mut denied).await?;
        if !denied.0.is_empty() {
            let rights: Vec<String> = denied.0.into_iter().collect();
            evidence.notes.push(format!(
                "the reasons of modules in progress are incomplete without the rights to {} \
                 ({RBAC_FOLDER}/diagnose.yaml)",
                rights.join(", ")
            ));
        }
        Ok(evidence)
    }

    async fn every<T: DeserializeOwned>(
        &self,
        resource: Resource,
        selector: Option<&str>,
    ) -> Result<Vec<T>, Fault> {
        self.list(resource, None, selector).await
    }

    /// KMM's operator, wherever it is known to run.
    async fn operator(&self) -> Result<Operator, Fault> {
        let looks = OPERATORS.map(|(namespace, name)| async move {
            self.get::<RawDeployment>(DEPLOYMENT, Some(namespace), name)
                .await
                .map(|raw| operator_of(namespace, name, &raw))
        });
        let mut fault = Fault::NotFound("no operator found".to_owned());
        for look in futures::future::join_all(looks).await {
            match look {
                Err(Fault::NotFound(_)) => {}
                Err(why) => fault = why,
                found => return found,
            }
        }
        Err(fault)
    }

    /// Looks for the ConfigMaps and Secrets of images that are being built or signed.
    async fn look_for_missing(
        &self,
        evidence: &mut Evidence,
        denied: &mut Denied,
    ) -> Result<(), Fault> {
        let configs = evidence.image_configs.clone().unwrap_or_default();
        let mut looks = 0;
        for config in configs {
            let Some(module) = config.metadata.name.strip_suffix("-preflight") else {
                continue;
            };
            if !config.is_building_or_signing() || looks > MAX_LOOKS {
                continue;
            }
            let mut missing = Vec::new();
            for need in config.needs() {
                looks += 1;
                if let Some(what) = self
                    .lacks(&config.metadata.namespace, &need, denied)
                    .await?
                {
                    missing.push(what);
                }
            }
            let key = (config.metadata.namespace.clone(), module.to_owned());
            evidence.missing.insert(key, missing);
        }
        Ok(())
    }

    /// What is missing of a ConfigMap or Secret, in words.
    async fn lacks(
        &self,
        namespace: &str,
        need: &Need,
        denied: &mut Denied,
    ) -> Result<Option<String>, Fault> {
        let Need {
            is_secret,
            name,
            key,
        } = need;
        let (kind, found) = if *is_secret {
            let secret = denied.get("get secrets", self.secret(namespace, name).await)?;
            let keys = secret.map(|secret| {
                secret.map(|secret| secret.data.unwrap_or_default().into_keys().collect())
            });
            ("Secret", keys)
        } else {
            let map = denied.get("get configmaps", self.config_map(namespace, name).await)?;
            let keys = map.map(|map| {
                map.map(|map| map.data.unwrap_or_default().into_keys().collect::<Vec<_>>())
            });
            ("ConfigMap", keys)
        };
        Ok(match found {
            None => None,
            Some(None) => Some(format!("{kind} {namespace}/{name} does not exist")),
            Some(Some(keys)) => key
                .filter(|key| !keys.iter().any(|known| known == key))
                .map(|key| format!("{kind} {namespace}/{name} has no key `{key}`")),
        })
    }

    async fn read_logs(&self, evidence: &mut Evidence, denied: &mut Denied) -> Result<(), Fault> {
        let silent = evidence
            .builds
            .iter()
            .filter(|build| build.has_failed() && build.status.log_snippet.is_empty())
            .take(MAX_LOGS);
        for build in silent {
            let Meta {
                namespace, name, ..
            } = &build.metadata;
            // OpenShift names the pod after its Build.
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}-build/log?tailLines=10");
            let log = denied.get("get pods/log", self.get_text(&path).await);
            if let Ok(Some(Some(log))) = log {
                evidence
                    .logs
                    .insert((namespace.clone(), name.clone()), log.trim().to_owned());
            }
        }
        Ok(())
    }
}

/// A ConfigMap or Secret that a build or sign section names.
struct Need {
    is_secret: bool,
    name: String,
    key: Option<&'static str>,
}

impl ImagesConfig {
    fn is_building_or_signing(&self) -> bool {
        matches!(self.state(), "NeedsBuilding" | "NeedsSigning")
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let mut need = |is_secret, reference: &LocalObjectReference, key| {
            if !reference.name.is_empty() {
                needs.push(Need {
                    is_secret,
                    name: reference.name.clone(),
                    key,
                });
            }
        };
        for image in &self.spec.images {
            if let Some(build) = &image.build {
                if let Some(map) = &build.dockerfile_config_map {
                    need(false, map, Some("dockerfile"));
                }
                for secret in &build.secrets {
                    need(true, secret, None);
                }
            }
            if let Some(sign) = &image.sign {
                if let Some(secret) = &sign.key_secret {
                    need(true, secret, Some("key"));
                }
                if let Some(secret) = &sign.cert_secret {
                    need(true, secret, Some("cert"));
                }
            }
        }
        if let Some(secret) = &self.spec.image_repo_secret {
            need(true, secret, None);
        }
        needs
    }
}

fn is_young(meta: &Meta) -> bool {
    meta.creation_timestamp
        .as_deref()
        .and_then(|time| time.parse::<jiff::Timestamp>().ok())
        .is_some_and(|time| jiff::Timestamp::now().duration_since(time).as_secs() < YOUTH)
}

fn operator_of(namespace: &str, name: &str, raw: &RawDeployment) -> Operator {
    let containers = raw.spec["template"]["spec"]["containers"].as_array();
    let is_managed = containers.into_iter().flatten().any(|container| {
        container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|env| env["name"] == "KMM_MANAGED" && env["value"] == "true")
    });
    Operator {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        is_available: raw.status["availableReplicas"].as_u64().unwrap_or(0) > 0,
        is_managed,
    }
}
