//! Plans: what is to be looked at for one Module on one target.

use std::fmt;

use crate::findings::finding::Finding;
use crate::kmm::early::ModuleKind;
use crate::kmm::module::{Build, Modprobe, Sign, TlsOptions};
use crate::kmm::owner::Owner;
use crate::model::report::Origin;
use crate::model::target::Target;

/// What matched the target's kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingMatch {
    /// Index in `kernelMappings`.
    pub index: usize,
    /// `literal 'K'` or `regexp 'R'`.
    pub by: String,
    /// The user assumes it (`--assume-image`).
    pub is_assumed: bool,
}

/// What an assumed mapping is called.
pub(crate) const ASSUMED: &str = "--assume-image";

impl fmt::Display for MappingMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_assumed {
            true => f.write_str(ASSUMED),
            false => write!(f, "kernelMappings[{}] {}", self.index, self.by),
        }
    }
}

/// One Module on one target, with everything resolved that its spec alone decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Namespace of the Module.
    pub namespace: String,
    /// Name of the Module.
    pub name: String,
    /// Where the Module came from.
    pub origin: Origin,
    /// The kind of object that it was read from.
    pub kind: ModuleKind,
    /// The object whose controller writes the Module.
    pub owner: Option<Owner>,
    /// The kernel to check against.
    pub target: Target,
    /// What is decided before any look at an image: with a finding whose effect is
    /// `Fails` here there is no `work`.
    pub findings: Vec<Finding>,
    /// The matching mapping, where one matches.
    pub mapping: Option<MappingMatch>,
    /// What to look at; `None` when the findings decide already.
    pub work: Option<Work>,
}

/// The merged and substituted sections that are in force for a Plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Image reference, templates resolved.
    pub image: String,
    /// How to talk to its registry.
    pub registry_tls: TlsOptions,
    /// `imageRepoSecret` of the Module.
    pub image_repo_secret: Option<String>,
    /// What modprobe is told.
    pub modprobe: Modprobe,
    /// In-tree modules that the worker unloads first.
    pub in_tree_modules_to_remove: Vec<String>,
    /// Build section in force.
    pub build: Option<Build>,
    /// Sign section in force, templates resolved.
    pub sign: Option<Sign>,
}
