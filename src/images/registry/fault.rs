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

    /// The finding about the image of this reference.
    pub fn into_finding(self, reference: &str) -> Finding {
        let (code, default_hint) = match self.kind {
            FaultKind::NotFound => (
                Code::ImageNotFound,
                "Push the image for this kernel, or correct containerImage in the kernel mapping.",
            ),
            FaultKind::Unauthorized => (
                Code::ImageUnauthorized,
                "Pass credentials with --authfile, or set the Module's imageRepoSecret.",
            ),
            FaultKind::Unreachable => (
                Code::ImageUnreachable,
                "Check the registry's name, and that it can be reached from this machine.",
            ),
            FaultKind::Unreadable => (
                Code::ImageUnreadable,
                "Pull the image with another tool and push it again.",
            ),
            FaultKind::Invalid => (
                Code::ImageInvalid,
                "Correct containerImage in the kernel mapping.",
            ),
            FaultKind::Busy => (
                Code::ImageUnreadable,
                "Check the image on its own with --jobs 1; if it is still too large, remove \
                 files that the module does not need.",
            ),
            FaultKind::ArchMissing => (
                Code::ImageArchMissing,
                "Build the image for this architecture as well.",
            ),
        };
        let finding = Finding::new(code, format!("image {reference}: {}", self.message))
            .hint(self.hint.unwrap_or_else(|| default_hint.to_owned()));
        debug_assert!(matches!(finding.effect, Effect::Fails | Effect::Blocks));
        finding
    }
}
