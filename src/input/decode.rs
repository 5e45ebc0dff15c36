//! Documents as Modules and the objects that they refer to.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use serde_json::Value;

use crate::base64_text;
use crate::error::Error;
use crate::input::decode::metadata::Meta;
use crate::input::yaml::{Document, place};
use crate::input::{Inputs, PreflightInput};
use crate::kmm::early::{self, ModuleKind};
use crate::kmm::module::{Module, ModuleSpec};
use crate::kmm::owner::Owner;
use crate::kmm::schema::{self, Written};
use crate::model::report::Origin;

mod checks;
mod metadata;

/// How deep Lists may lie in each other.
const MAX_LISTS: usize = 8;
/// KMM's API group, and that of its hub.
const GROUP: &str = "kmm.sigs.x-k8s.io";
const HUB_GROUP: &str = "hub.kmm.sigs.x-k8s.io";

/// The `apiVersion`s of KMM's kinds that are read; empty for other kinds.
fn wanted(kind: &str) -> &'static [&'static str] {
    match kind {
        "Module" => &["kmm.sigs.x-k8s.io/v1beta1"],
        "ManagedClusterModule" => &["hub.kmm.sigs.x-k8s.io/v1beta1"],
        "PreflightValidation" | "PreflightValidationOCP" => {
            &["kmm.sigs.x-k8s.io/v1beta2", "kmm.sigs.x-k8s.io/v1beta1"]
        }
        _ => &[],
    }
}

/// Adds what a document holds to the inputs. A kind that is of no use is left out with a note.
///
/// # Errors
/// The document is no Kubernetes object, or a field has the wrong type.
pub(crate) fn document(
    document: Document,
    namespace: &str,
    found: bool,
    inputs: &mut Inputs,
) -> Result<(), Error> {
    let reader = Reader {
        origin: &document.origin,
        namespace,
        found,
    };
    reader.object(document.value, 0, inputs)
}

struct Reader<'a> {
    origin: &'a Origin,
    namespace: &'a str,
    /// It was found in a folder, which may hold other things too.
    found: bool,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Meta,
    spec: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManagedSpec {
    #[serde(default)]
    spoke_namespace: Option<String>,
    module_spec: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreflightSpec {
    kernel_version: Option<String>,
    dtk_image: Option<String>,
    release_image: Option<String>,
    #[serde(rename = "useRTKernel")]
    rt: Option<bool>,
    push_built_image: Option<bool>,
}

impl Reader<'_> {
    fn object(&self, value: Value, depth: usize, inputs: &mut Inputs) -> Result<(), Error> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let Some(kind) = text("kind") else {
            let what = match value.is_object() {
                true => "not a Kubernetes object: no kind",
                false => "not a Kubernetes object",
            };
            if self.found {
                let note = format!("{}: {what}; skipped", place(self.origin));
                inputs.notes.push(note);
                return Ok(());
            }
            return Err(self.bad(what));
        };
        let version = text("apiVersion").unwrap_or_default();
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let wanted = wanted(&kind);
        let is_wanted = wanted.contains(&version.as_str());
        match (group, kind.as_str()) {
            (GROUP, "Module") if is_wanted => self.module(value, inputs),
            (GROUP, "BootModuleConfig") => {
                self.early_module(ModuleKind::BootModuleConfig, value, inputs)
            }
            (GROUP, "InitramfsModule") => {
                self.early_module(ModuleKind::InitramfsModule, value, inputs)
            }
            (HUB_GROUP, "ManagedClusterModule") if is_wanted => self.managed(value, inputs),
            (GROUP, "PreflightValidation" | "PreflightValidationOCP") if is_wanted => {
                self.preflight(&kind, value, inputs)
            }
            (_, kind) if !wanted.is_empty() => {
                let name = value["metadata"]["name"]
                    .as_str()
                    .unwrap_or("without a name");
                let found = match version.as_str() {
                    "" => "no apiVersion",
                    version => version,
                };
                let stranger = format!(
                    "{}: {kind} {name} has {found}, but KMM's {kind}s have {}",
                    place(self.origin),
                    wanted.join(" or ")
                );
                inputs.notes.push(format!("{stranger}; skipped"));
                inputs.strangers.push(stranger);
                Ok(())
            }
            ("", "ConfigMap") => {
                let value = with_plain_base64(value, "binaryData");
                let mut map: k8s_openapi::api::core::v1::ConfigMap = self.typed(&kind, value)?;
                self.names(&kind, &map.metadata)?;
                self.keys(&kind, map.data.iter().flat_map(BTreeMap::keys))?;
                self.keys(&kind, map.binary_data.iter().flat_map(BTreeMap::keys))?;
                self.fill_namespace(&mut map.metadata.namespace);
                inputs.config_maps.push(map);
                Ok(())
            }
            ("", "Secret") => {
                let value = with_plain_base64(value, "data");
                let mut secret: Secret = self.typed(&kind, value)?;
                self.names(&kind, &secret.metadata)?;
                self.keys(&kind, secret.data.iter().flat_map(BTreeMap::keys))?;
                self.keys(&kind, secret.string_data.iter().flat_map(BTreeMap::keys))?;
                self.fill_namespace(&mut secret.metadata.namespace);
                merge_string_data(&mut secret);
                inputs.secrets.push(secret);
                Ok(())
            }
            ("", "ServiceAccount") => {
                let mut account: k8s_openapi::api::core::v1::ServiceAccount =
                    self.typed(&kind, value)?;
                self.names(&kind, &account.metadata)?;
                self.fill_namespace(&mut account.metadata.namespace);
                inputs.service_accounts.push(account);
                Ok(())
            }
            ("config.openshift.io", "ImageDigestMirrorSet" | "ImageTagMirrorSet")
            | ("operator.openshift.io", "ImageContentSourcePolicy") => {
                inputs.mirror_sets.push(value);
                Ok(())
            }
            (_, list) if list.ends_with("List") && value.get("items").is_some() => {
                self.list(list, value, depth, inputs)
            }
            _ => {
                let name = value["metadata"]["name"]
                    .as_str()
                    .unwrap_or("without a name");
                inputs.notes.push(format!(
                    "{}: {kind} {name} was ignored; it does not affect the validation.",
                    place(self.origin)
                ));
                Ok(())
            }
        }
    }

    fn list(
        &self,
        kind: &str,
        mut value: Value,
        depth: usize,
        inputs: &mut Inputs,
    ) -> Result<(), Error> {
        if depth >= MAX_LISTS {
            return Err(self.bad("Lists are nested too deeply"));
        }
        let group = value.get("apiVersion").cloned();
        let items = match value["items"].take() {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            _ => return Err(self.bad(&format!("{kind}: items: not a list"))),
        };
        for mut item in items {
            // The API server's typed lists name the kind once for all.
            if let Some(object) = item.as_object_mut()
                && !object.contains_key("kind")
                && kind != "List"
            {
                object.insert("kind".to_owned(), kind[..kind.len() - 4].into());
                if let Some(group) = &group {
                    object.insert("apiVersion".to_owned(), group.clone());
                }
            }
            self.object(item, depth + 1, inputs)?;
        }
        Ok(())
    }

    fn fill_namespace(&self, namespace: &mut Option<String>) {
        if namespace.as_ref().is_none_or(String::is_empty) {
            *namespace = Some(self.namespace.to_owned());
        }
    }

    /// Decodes the spec of a Module and notes the fields elsewhere than below the container that
    /// no release of KMM knows.
    fn module_spec(
        &self,
        what: &str,
        path: &str,
        value: Value,
        inputs: &mut Inputs,
    ) -> Result<(ModuleSpec, Written), Error> {
        let (spec, written) = schema::decode(value, path)
            .map_err(|mismatch| self.bad(&format!("{what}: {mismatch}")))?;
        for field in &written.other_fields {
            inputs.notes.push(format!(
                "{}: {what}: unknown field {field} was ignored.",
                place(self.origin)
            ));
        }
        Ok((spec, written))
    }

    fn module(&self, value: Value, inputs: &mut Inputs) -> Result<(), Error> {
        let mut object: Object = self.typed("Module", value)?;
        let name = object.metadata.name.take().unwrap_or_default();
        if name.is_empty() {
            return Err(self.bad("Module: metadata.name is missing"));
        }
        self.name("Module", &name)?;
        self.namespace(
            "Module",
            "metadata.namespace",
            object.metadata.namespace.as_deref(),
        )?;
        let what = format!("Module {name}");
        let spec = object
            .spec
            .ok_or_else(|| self.bad(&format!("{what}: spec is missing")))?;
        let spec = self.module_spec(&what, "spec", spec, inputs)?;
        let owner = Owner::of(&object.metadata.owner_references);
        let mut module = self.with_spec(name, object.metadata, spec);
        module.owner = owner;
        inputs.modules.push(module);
        Ok(())
    }

    /// A BootModuleConfig or an InitramfsModule, as a Module that loads the same.
    fn early_module(
        &self,
        kind: ModuleKind,
        value: Value,
        inputs: &mut Inputs,
    ) -> Result<(), Error> {
        let word = kind.as_str();
        let mut object: Object = self.typed(word, value)?;
        let name = object.metadata.name.take().unwrap_or_default();
        if name.is_empty() {
            return Err(self.bad(&format!("{word}: metadata.name is missing")));
        }
        let what = format!("{word} {name}");
        let spec = object
            .spec
            .ok_or_else(|| self.bad(&format!("{what}: spec is missing")))?;
        let spec =
            early::spec(kind, &spec).map_err(|why| self.bad(&format!("{what}: spec: {why}")))?;
        let owner = Owner::of(&object.metadata.owner_references);
        let spec = (spec, Written::default());
        let module = self.with_spec(name, object.metadata, spec);
        inputs.modules.push(Module {
            kind,
            owner,
            ..module
        });
        Ok(())
    }

    /// The Module of this document.
    fn with_spec(
        &self,
        name: String,
        mut metadata: Meta,
        (spec, mut written): (ModuleSpec, Written),
    ) -> Module {
        written.refused.extend(metadata.refused());
        self.fill_namespace(&mut metadata.namespace);
        Module {
            namespace: metadata.namespace.unwrap_or_default(),
            name,
            labels: metadata.labels,
            spec,
            written,
            origin: self.origin.clone(),
            kind: ModuleKind::Module,
            owner: None,
        }
    }

    fn managed(&self, value: Value, inputs: &mut Inputs) -> Result<(), Error> {
        let mut object: Object = self.typed("ManagedClusterModule", value)?;
        let name = object.metadata.name.take().unwrap_or_default();
        if name.is_empty() {
            return Err(self.bad("ManagedClusterModule: metadata.name is missing"));
        }
        self.name("ManagedClusterModule", &name)?;
        let what = format!("ManagedClusterModule {name}");
        let missing = |field: &str| self.bad(&format!("{what}: {field} is missing"));
        let spec = object.spec.ok_or_else(|| missing("spec"))?;
        let managed: ManagedSpec = self.typed(&what, spec)?;
        let spec = managed
            .module_spec
            .ok_or_else(|| missing("spec.moduleSpec"))?;
        let spec = self.module_spec(&what, "spec.moduleSpec", spec, inputs)?;
        let namespace = managed.spoke_namespace;
        self.namespace(&what, "spec.spokeNamespace", namespace.as_deref())?;
        object.metadata.namespace = namespace;
        let module = self.with_spec(name, object.metadata, spec);
        inputs.modules.push(module);
        Ok(())
    }

    fn preflight(&self, kind: &str, value: Value, inputs: &mut Inputs) -> Result<(), Error> {
        let object: Object = self.typed(kind, value)?;
        let name = object.metadata.name.unwrap_or_default();
        if !name.is_empty() {
            self.name(kind, &name)?;
        }
        let what = format!("{kind} {name}");
        let spec = object
            .spec
            .ok_or_else(|| self.bad(&format!("{what}: spec is missing")))?;
        let spec: PreflightSpec = self.typed(&what, spec)?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let preflight = PreflightInput {
            name,
            kernel_version: filled(spec.kernel_version),
            dtk_image: filled(spec.dtk_image),
            release_image: filled(spec.release_image),
            rt: spec.rt.unwrap_or_default(),
            push_built_image: spec.push_built_image.unwrap_or_default(),
            origin: self.origin.clone(),
        };
        if preflight.kernel_version.is_none() && preflight.release_image.is_none() {
            return Err(self.bad(&format!(
                "{what}: neither spec.kernelVersion nor spec.releaseImage is set"
            )));
        }
        inputs.preflights.push(preflight);
        Ok(())
    }
}

/// Moves `stringData` into `data`, where it wins, as the API server does.
fn merge_string_data(secret: &mut Secret) {
    for (key, text) in secret.string_data.take().unwrap_or_default() {
        let bytes = ByteString(text.into_bytes());
        secret.data.get_or_insert_default().insert(key, bytes);
    }
}

/// The object with the base64 texts of a field in one line each: line breaks do not count.
fn with_plain_base64(mut value: Value, field: &str) -> Value {
    let texts = value.get_mut(field).and_then(Value::as_object_mut);
    for text in texts.into_iter().flat_map(|texts| texts.values_mut()) {
        if let Value::String(text) = text {
            *text = base64_text::without_breaks(text);
        }
    }
    value
}

#[cfg(test)]
mod tests;
