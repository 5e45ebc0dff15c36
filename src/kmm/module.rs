//! KMM's Module resource as every release from 1.0 to 2.7 writes it
//! (`kmm.sigs.x-k8s.io/v1beta1`), and the hub's ManagedClusterModule around the same spec.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kmm::early::ModuleKind;
use crate::kmm::owner::Owner;
use crate::kmm::schema::Written;
use crate::model::report::Origin;

/// What tells a Module of the cluster from every other one: kind, namespace and name.
pub(crate) type ModuleKey = (ModuleKind, String, String);

/// A Module to check, wherever it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Namespace; for a ManagedClusterModule its `spokeNamespace`.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels, for `-l`.
    pub labels: BTreeMap<String, String>,
    /// What to load.
    pub spec: ModuleSpec,
    /// What of the manifest the spec no longer shows.
    pub written: Written,
    /// Where it was read from.
    pub origin: Origin,
    /// The kind of object that it was read from.
    pub kind: ModuleKind,
    /// The object whose controller writes it.
    pub owner: Option<Owner>,
}

/// `spec` of a Module, and `spec.moduleSpec` of a ManagedClusterModule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleSpec {
    /// What to load; absent in Modules that only run a device plugin (KMM ≥2.4).
    pub module_loader: Option<ModuleLoader>,
    /// The pull secret, in the Module's namespace.
    pub image_repo_secret: Option<LocalObjectReference>,
    /// Labels of the nodes that load the module.
    #[serde(default, deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
    /// Taints of nodes that the worker tolerates (KMM ≥2.3).
    #[serde(default, deserialize_with = "null_as_default")]
    pub tolerations: Vec<Toleration>,
    /// The device plugin, which has no bearing on loading; admission looks at its volumes.
    pub device_plugin: Option<DevicePlugin>,
    /// Dynamic resource allocation (KMM ≥2.7), likewise.
    pub dra: Option<Dra>,
}

/// One of `tolerations`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    pub(crate) key: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) effect: Option<String>,
    pub(crate) toleration_seconds: Option<i64>,
}

/// `devicePlugin`, as far as admission looks at it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DevicePlugin {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) volumes: Vec<Volume>,
}

/// `dra`, as far as admission looks at it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dra {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) driver_name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) device_classes: Vec<LocalObjectReference>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) volumes: Vec<Volume>,
}

/// A pod's volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Volume {
    pub(crate) host_path: Option<HostPath>,
}

/// `hostPath` of a volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HostPath {
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) path: String,
}

/// `moduleLoader`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleLoader {
    /// Images and modprobe's arguments.
    pub container: Container,
    /// The ServiceAccount of KMM 1.x' module loader pods.
    pub service_account_name: Option<String>,
}

/// `moduleLoader.container`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Build section for every mapping.
    pub build: Option<Build>,
    /// Image for mappings that name none (KMM ≥1.1).
    #[serde(default, deserialize_with = "null_as_default")]
    pub container_image: String,
    /// When to pull the image again.
    pub image_pull_policy: Option<String>,
    /// In-tree module to unload first, the older spelling (KMM ≥1.1).
    pub in_tree_module_to_remove: Option<String>,
    /// In-tree modules to unload first (KMM ≥2.1).
    pub in_tree_modules_to_remove: Option<Vec<String>>,
    /// Which image for which kernel; the first that matches wins.
    #[serde(default, deserialize_with = "null_as_default")]
    pub kernel_mappings: Vec<KernelMapping>,
    /// What modprobe is told.
    #[serde(default, deserialize_with = "null_as_default")]
    pub modprobe: Modprobe,
    /// How to talk to the image's registry.
    #[serde(rename = "registryTLS")]
    pub registry_tls: Option<TlsOptions>,
    /// Sign section for every mapping.
    pub sign: Option<Sign>,
    /// Version for ordered upgrades (KMM ≥1.1).
    pub version: Option<String>,
}

/// One of `kernelMappings`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelMapping {
    /// Build section, merged over the container's.
    pub build: Option<Build>,
    /// Image template; empty falls back to the container's.
    #[serde(default, deserialize_with = "null_as_default")]
    pub container_image: String,
    /// In-tree module to unload first, the older spelling.
    pub in_tree_module_to_remove: Option<String>,
    /// In-tree modules to unload first.
    pub in_tree_modules_to_remove: Option<Vec<String>>,
    /// The exact kernel that this mapping is for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub literal: String,
    /// A Go (RE2) pattern, unanchored, for the kernels that this mapping is for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub regexp: String,
    /// Replaces the container's as a whole.
    #[serde(rename = "registryTLS")]
    pub registry_tls: Option<TlsOptions>,
    /// Sign section, merged over the container's.
    pub sign: Option<Sign>,
    /// The user assumes it (`--assume-image`); the Module does not have it.
    #[serde(skip)]
    pub is_assumed: bool,
}

/// `modprobe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modprobe {
    /// The module's name, in either spelling; empty with `rawArgs` (KMM ≥2.0).
    #[serde(default, deserialize_with = "null_as_default")]
    pub module_name: String,
    /// Folder in the image whose `lib/modules/<kernel>` holds the module; `modprobe -d`.
    #[serde(default = "default_dir_name", deserialize_with = "dir_name_or_default")]
    pub dir_name: String,
    /// Folder in the image with firmware for the host.
    #[serde(default, deserialize_with = "null_as_default")]
    pub firmware_path: String,
    /// Module parameters.
    #[serde(default, deserialize_with = "null_as_default")]
    pub parameters: Vec<String>,
    /// Options before the module's name.
    pub args: Option<ModprobeArgs>,
    /// The whole command line instead.
    pub raw_args: Option<ModprobeArgs>,
    /// Modules in loading order, last one first; the first is `moduleName` (KMM ≥1.1).
    #[serde(default, deserialize_with = "null_as_default")]
    pub modules_loading_order: Vec<String>,
}

impl Default for Modprobe {
    fn default() -> Self {
        Self {
            module_name: String::new(),
            dir_name: default_dir_name(),
            firmware_path: String::new(),
            parameters: Vec::new(),
            args: None,
            raw_args: None,
            modules_loading_order: Vec::new(),
        }
    }
}

/// `args` and `rawArgs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModprobeArgs {
    /// For loading.
    #[serde(default, deserialize_with = "null_as_default")]
    pub load: Vec<String>,
    /// For unloading.
    #[serde(default, deserialize_with = "null_as_default")]
    pub unload: Vec<String>,
}

/// `build`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// TLS of the base images' registry.
    #[serde(
        rename = "baseImageRegistryTLS",
        default,
        deserialize_with = "null_as_default"
    )]
    pub base_image_registry_tls: TlsOptions,
    /// Build arguments.
    #[serde(default, deserialize_with = "null_as_default")]
    pub build_args: Vec<BuildArg>,
    /// ConfigMap whose key `dockerfile` is the Dockerfile.
    pub dockerfile_config_map: Option<LocalObjectReference>,
    /// Which kaniko builds it, on upstream KMM.
    pub kaniko_params: Option<KanikoParams>,
    /// Secrets mounted at `/run/secrets/<name>`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub secrets: Vec<LocalObjectReference>,
    /// Labels of the nodes that build (KMM ≥1.1).
    #[serde(default, deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
}

/// One of `buildArgs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildArg {
    /// Name.
    pub name: String,
    /// Value, not a template.
    #[serde(default, deserialize_with = "null_as_default")]
    pub value: String,
}

/// `kanikoParams`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KanikoParams {
    /// kaniko's image tag.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tag: String,
}

/// `sign`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sign {
    /// Secret with the certificate, key `cert`.
    pub cert_secret: Option<LocalObjectReference>,
    /// Absolute paths (globs from KMM 2.6 on) of the files to sign.
    #[serde(default, deserialize_with = "null_as_default")]
    pub files_to_sign: Vec<String>,
    /// Secret with the private key, key `key`.
    pub key_secret: Option<LocalObjectReference>,
    /// The image whose files are signed, where no build makes it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub unsigned_image: String,
    /// How to talk to the unsigned image's registry.
    #[serde(
        rename = "unsignedImageRegistryTLS",
        default,
        deserialize_with = "null_as_default"
    )]
    pub unsigned_image_registry_tls: TlsOptions,
}

/// `registryTLS` and its kin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsOptions {
    /// Plain HTTP is allowed.
    #[serde(default, deserialize_with = "null_as_default")]
    pub insecure: bool,
    /// Certificates are not verified.
    #[serde(
        rename = "insecureSkipTLSVerify",
        default,
        deserialize_with = "null_as_default"
    )]
    pub insecure_skip_tls_verify: bool,
}

/// A name in the Module's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalObjectReference {
    /// The name; KMM treats an empty one as absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
}

fn default_dir_name() -> String {
    "/opt".to_owned()
}

/// Kubernetes treats an explicit `null` of an optional field as its absence.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The CRD's default of `dirName`, which the API server applies to `null` too; an empty one is
/// left out of the NodeModulesConfig that the worker goes by (`ModprobeSpec`, `omitempty`), where
/// it gets the default in its turn.
fn dir_name_or_default<'de, D>(deserializer: D) -> Result<String, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let name: Option<String> = Option::deserialize(deserializer)?;
    Ok(name
        .filter(|name| !name.is_empty())
        .unwrap_or_else(default_dir_name))
}
