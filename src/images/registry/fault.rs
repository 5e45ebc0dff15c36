//! Why an image could not be read, before it becomes a finding about a Module.

use crate::findings::finding::{Code, Effect, Finding};

/// What kind of answer a registry, or a layout on disk, gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// There is no such image, tag, digest or blob.
    NotFound,
    /// Other credentials are needed.
    Unauthorized,
    /// No answer, or none that makes sense.
    Unreachable,
    /// The answer is damaged or beyond the limits.
    Unreadable,
    /// The reference is not one.
    Invalid,
    /// No manifest for the architecture.
    ArchMissing,
    /// It takes more memory than the run has left for images.
    Busy,
}

/// Why an image could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind of answer.
    pub kind: FaultKind,
    /// What was seen: names the place that was asked.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The finding about the image of this reference, which a kernel mapping names.
    pub fn into_finding(self, reference: &str) -> Finding {
        let code = match self.kind {
            FaultKind::NotFound => Code::ImageNotFound,
            FaultKind::Unauthorized => Code::ImageUnauthorized,
            FaultKind::Unreachable => Code::ImageUnreachable,
            FaultKind::Unreadable | FaultKind::Busy => Code::ImageUnreadable,
            FaultKind::Invalid => Code::ImageInvalid,
            FaultKind::ArchMissing => Code::ImageArchMissing,
        };
        let hint = self.hint.unwrap_or_else(|| self.kind.hint().to_owned());
        let finding = Finding::new(code, format!("image {reference}: {}", self.message)).hint(hint);
        debug_assert!(matches!(finding.effect, Effect::Fails | Effect::Blocks));
        finding
    }
}

impl FaultKind {
    /// The hint about an image that a kernel mapping names.
    fn hint(self) -> &'static str {
        match self {
            Self::NotFound => {
                "Push the image for this kernel, or correct containerImage in the kernel mapping."
            }
            Self::Unauthorized => {
                "Pass credentials with --authfile, or set the Module's imageRepoSecret."
            }
            Self::Unreachable => {
                "Check the registry's name, and that it can be reached from this machine."
            }
            Self::Unreadable => "Pull the image with another tool and push it again.",
            Self::Invalid => "Correct containerImage in the kernel mapping.",
            Self::Busy => {
                "Check the image on its own with --jobs 1; if it is still too large, remove \
                 files that the module does not need."
            }
            Self::ArchMissing => "Build the image for this architecture as well.",
        }
    }
}

/// What names an image, where no kernel mapping does: a hint is about what can be corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The argument of a command.
    Argument,
    /// A release, or a flag for an image of one.
    Release,
    /// A Dockerfile, as a base image.
    Dockerfile,
}

impl NamedBy {
    /// The finding with a hint about what names the image, where it had a mapping's.
    #[must_use]
    pub(crate) fn hint(self, finding: Finding) -> Finding {
        let is_of_mapping = |kind: FaultKind| finding.hint.as_deref() == Some(kind.hint());
        let kind = [
            FaultKind::NotFound,
            FaultKind::Unauthorized,
            FaultKind::Invalid,
            FaultKind::ArchMissing,
        ]
        .into_iter()
        .find(|kind| is_of_mapping(*kind));
        let hint = match (kind, self) {
            (Some(FaultKind::NotFound), Self::Argument) => "Check the image's name and tag.",
            (Some(FaultKind::NotFound), Self::Release) => {
                "Check the name; `oc adm release info` prints the images of a release."
            }
            (Some(FaultKind::Unauthorized), Self::Dockerfile) => return finding,
            (Some(FaultKind::NotFound | FaultKind::Invalid), Self::Dockerfile) => {
                "Correct the base image in the Dockerfile, or push it."
            }
            (Some(FaultKind::ArchMissing), Self::Dockerfile) => {
                "Push the base image for this architecture as well."
            }
            (Some(FaultKind::Unauthorized), _) => "Pass credentials with --authfile.",
            (Some(FaultKind::Invalid), _) => {
                "Pass the name as HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST."
            }
            (Some(FaultKind::ArchMissing), Self::Argument) => {
                "Pass another architecture with --arch."
            }
            (Some(FaultKind::ArchMissing), Self::Release) => {
                "Pass the image for this architecture, or another architecture with --arch."
            }
            _ => return finding,
        };
        finding.hint(hint)
    }
}
