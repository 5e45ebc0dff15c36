//! KMM's working objects, pods and Builds, as far as a diagnosis reads them.

use serde::Deserialize;

use crate::cluster::api::objects::Meta;
use crate::kmm::module::{Build, LocalObjectReference, Sign};

/// A ModuleImagesConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ImagesConfig {
    /// Metadata.
    pub metadata: Meta,
    /// The image to look at.
    pub spec: ImagesSpec,
    /// What KMM knows of it.
    pub status: ImagesStatus,
}

/// `spec` of a ModuleImagesConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImagesSpec {
    /// One image a preflight.
    pub images: Vec<ImageSpec>,
    /// The pull secret.
    pub image_repo_secret: Option<LocalObjectReference>,
}

/// One of `spec.images`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageSpec {
    /// Reference.
    pub image: String,
    /// Kernel.
    pub kernel_version: String,
    /// Build section in force.
    pub build: Option<Build>,
    /// Sign section in force.
    pub sign: Option<Sign>,
}

/// `status` of a ModuleImagesConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImagesStatus {
    /// `Exists`, `DoesNotExist`, `NeedsBuilding` or `NeedsSigning` by image.
    pub images_states: Vec<ImageState>,
}

/// One of `status.imagesStates`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ImageState {
    /// Reference.
    pub image: String,
    /// State.
    pub status: String,
}

/// A ModuleBuildSignConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BuildSignConfig {
    /// Metadata.
    pub metadata: Meta,
    /// What was built and signed.
    pub status: BuildSignStatus,
}

/// `status` of a ModuleBuildSignConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BuildSignStatus {
    /// Results by image.
    pub images: Vec<BuildSignState>,
}

/// One of `status.images` of a ModuleBuildSignConfig.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BuildSignState {
    /// `Success` or `Failure`.
    pub status: String,
    /// `BuildImage` or `SignImage`.
    pub action: String,
}

/// A pod of KMM.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: Meta,
    /// Its state.
    pub status: PodStatus,
}

/// `status` of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Phase.
    pub phase: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Containers.
    pub container_statuses: Vec<ContainerStatus>,
}

/// A condition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// Message.
    pub message: String,
}

/// One of `containerStatuses`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// State.
    pub state: ContainerState,
}

/// State of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Why it waits.
    pub waiting: Option<Why>,
    /// How it ended.
    pub terminated: Option<Why>,
}

/// A reason with its message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Why {
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// Exit code, where it ended.
    pub exit_code: i64,
}

/// An OpenShift Build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BuildObject {
    /// Metadata.
    pub metadata: Meta,
    /// Its state.
    pub status: BuildStatus,
}

/// `status` of a Build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BuildStatus {
    /// `New`, `Pending`, `Running`, `Complete`, `Failed`, `Error` or `Cancelled`.
    pub phase: String,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// The last lines of a failed build's log.
    pub log_snippet: String,
}

impl ImagesConfig {
    /// The state of its image; empty while KMM has not looked.
    pub fn state(&self) -> &str {
        self.status
            .images_states
            .first()
            .map_or("", |state| state.status.as_str())
    }
}

impl BuildObject {
    /// True when the build ended without an image.
    pub fn has_failed(&self) -> bool {
        matches!(self.status.phase.as_str(), "Failed" | "Error" | "Cancelled")
    }
}
