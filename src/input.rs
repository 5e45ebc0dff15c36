//! Inputs: what `-f` names, read and decoded; nothing is decided here.
//!
//! [`source`] reads files, folders, URLs and standard input, [`yaml`] splits them into
//! documents, [`decode`] makes Modules and the objects that they refer to of them,
//! [`selector`] selects.

pub(crate) mod decode;
pub(crate) mod kustomize;
pub(crate) mod selector;
pub(crate) mod source;
mod url;
pub mod yaml;

use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use serde_json::Value;

use crate::error::Error;
use crate::input::source::Text;
use crate::kmm::module::Module;
use crate::model::report::Origin;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Inputs {
    /// Modules, and ManagedClusterModules as Modules.
    pub modules: Vec<Module>,
    /// ConfigMaps, each with its namespace.
    pub config_maps: Vec<ConfigMap>,
    /// Secrets, each with its namespace and `stringData` moved into `data`.
    pub secrets: Vec<Secret>,
    /// ServiceAccounts, each with its namespace.
    pub service_accounts: Vec<ServiceAccount>,
    /// ImageDigestMirrorSets, ImageTagMirrorSets and ImageContentSourcePolicies as they are.
    pub mirror_sets: Vec<Value>,
    /// Preflight CRs, which say what to check against.
    pub preflights: Vec<PreflightInput>,
    /// Objects that are named like KMM's and of another group or version, with both.
    pub strangers: Vec<String>,
    /// Remarks for stderr.
    pub notes: Vec<String>,
}

/// A PreflightValidation or PreflightValidationOCP of any KMM release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreflightInput {
    /// Its name.
    pub name: String,
    /// `spec.kernelVersion`.
    pub kernel_version: Option<String>,
    /// `spec.dtkImage` (KMM ≥2.4).
    pub dtk_image: Option<String>,
    /// `spec.releaseImage` (KMM ≤2.3).
    pub release_image: Option<String>,
    /// `spec.useRTKernel` (KMM 1.1 to 2.3).
    pub rt: bool,
    /// `spec.pushBuiltImage`.
    pub push_built_image: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// True for a text that is meant for KMM, so that it must not be skipped however broken it is.
fn mentions_kmm(text: &str) -> bool {
    text.contains("kmm.sigs") || text.contains("kind: Module")
}

/// Decodes texts; an object without a namespace is in `namespace`.
///
/// # Errors
/// A document that is malformed, with file, document and line.
pub(crate) fn parse(texts: Vec<Text>, namespace: &str) -> Result<Inputs, Error> {
    let mut inputs = Inputs::default();
    for text in texts {
        let text = match text.is_damaged {
            true if text.found && !mentions_kmm(&text.text) => {
                let fault = text.intact().err().map(|error| error.to_string());
                let notes = fault.map(|fault| format!("{fault}; skipped"));
                inputs.notes.extend(notes);
                continue;
            }
            _ => text.intact()?,
        };
        let documents = match yaml::documents(&text) {
            // Folders hold values, templates and workflows too, which are not KMM's.
            Err(error) if text.found && !mentions_kmm(&text.text) => {
                inputs.notes.push(format!("{error}; skipped"));
                continue;
            }
            documents => documents?,
        };
        let found = text.found;
        drop(text);
        for document in documents {
            decode::document(document, namespace, found, &mut inputs)?;
        }
    }
    Ok(inputs)
}
