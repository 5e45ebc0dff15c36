//! The report: what a run or a CR says of every module, ready to be rendered.

use std::path::PathBuf;
use std::time::Duration;

use crate::findings::finding::{Code, Finding};
use crate::model::target::{Arch, Target};
use crate::model::verdict::Verdict;

/// Where an input object came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file of `-f`; `document` counts from 1, `line` is where the document starts, from 1.
    File {
        /// The file, as given or found below the folder given.
        path: PathBuf,
        /// The document in it.
        document: usize,
        /// The document's first line.
        line: usize,
    },
    /// A URL of `-f`, or `-` for standard input.
    Stream {
        /// The URL without credentials, or `-`.
        name: String,
        /// The document in it.
        document: usize,
        /// The document's first line.
        line: usize,
    },
    /// The cluster that the kubeconfig names.
    Cluster,
}

/// Whose word a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedBy {
    /// KMM's alone.
    Kmm,
    /// KMM's, and this program looked at the image too.
    KmmAndImage,
    /// This program's.
    Local,
}

impl CheckedBy {
    /// The word of the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kmm => "kmm",
            Self::KmmAndImage => "kmm+image",
            Self::Local => "local",
        }
    }
}

/// What is known of one Module on one target. The first five `Option`s and strings that
/// carry KMM's names have KMM's raw values when they were read from a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleReport {
    /// Namespace of the Module; empty for a ManagedClusterModule.
    pub namespace: String,
    /// Name of the Module.
    pub name: String,
    /// The kind of object that the row is about, such as Module.
    pub kind: &'static str,
    /// The target's kernel; empty where a CR does not tell.
    pub kernel_version: String,
    /// The target's architecture, where known.
    pub arch: Option<Arch>,
    /// The answer.
    pub verdict: Verdict,
    /// KMM's `verificationStatus`; locally True, False, Error or Unknown.
    pub verification_status: String,
    /// KMM's `verificationStage`; locally Image, Build, Sign or Done.
    pub verification_stage: String,
    /// KMM's `statusReason`; locally the first finding's message.
    pub status_reason: String,
    /// KMM's `lastTransitionTime`, RFC 3339; locally the time of the verdict.
    pub last_transition_time: Option<String>,
    /// The resolved image reference.
    pub image: Option<String>,
    /// The digest of the manifest that was looked at (`sha256:…`).
    pub digest: Option<String>,
    /// The matching kernel mapping in words, such as `kernelMappings[1] regexp '^5\.14'`.
    pub mapping: Option<String>,
    /// Whose word the verdict is.
    pub checked_by: CheckedBy,
    /// What was seen, gravest first.
    pub findings: Vec<Finding>,
    /// How long the checks of this module took; `None` for a CR read from a cluster.
    pub duration: Option<Duration>,
    /// Where the Module came from.
    pub origin: Origin,
    /// Name of the CR this row was read from, where it was.
    pub preflight: Option<String>,
}

impl ModuleReport {
    /// True for a module that was not looked at before the run ended.
    pub fn is_not_checked(&self) -> bool {
        let undecided = |finding: &Finding| finding.code == Code::NotDecided;
        self.verdict == Verdict::Unknown && self.findings.iter().any(undecided)
    }
}

/// The whole answer of one command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// The kernels that were checked.
    pub targets: Vec<Target>,
    /// One row a Module and target, sorted by namespace, name, kernel, architecture.
    pub modules: Vec<ModuleReport>,
    /// Remarks about the run as a whole.
    pub notes: Vec<String>,
    /// The user ended the run before it was over.
    pub interrupted: bool,
    /// When it is shown, from which ages are counted; without it none is.
    pub shown_at: Option<jiff::Timestamp>,
    /// When the run ended, where that was earlier.
    pub finished_at: Option<jiff::Timestamp>,
    /// A line for people below the counts.
    pub footer: Option<String>,
}

impl Report {
    /// The verdict of the whole; `None` when there is nothing to judge.
    pub fn verdict(&self) -> Option<Verdict> {
        Verdict::overall(self.modules.iter().map(|module| module.verdict))
    }

    /// The kernels of the targets, each once.
    pub fn kernels(&self) -> Vec<&str> {
        let mut kernels: Vec<&str> = Vec::new();
        for target in &self.targets {
            let kernel = target.kernel_version.as_str();
            if !kernel.is_empty() && !kernels.contains(&kernel) {
                kernels.push(kernel);
            }
        }
        kernels
    }

    /// How many modules were not looked at before the run ended; their verdict is unknown.
    pub fn not_checked(&self) -> usize {
        self.modules
            .iter()
            .filter(|row| row.is_not_checked())
            .count()
    }

    /// How many modules have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.modules
            .iter()
            .filter(|module| module.verdict == verdict)
            .count()
    }
}
