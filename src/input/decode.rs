//! Documents as Modules and the objects that they refer to.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::input::yaml::{Document, place};
use crate::input::{Inputs, PreflightInput, names};
use crate::kmm::module::{Module, ModuleSpec};
use crate::model::report::Origin;

/// How deep Lists may lie in each other.
const MAX_LISTS: usize = 8;
/// Fields of a Module's spec that have no bearing on loading and are not decoded.
const IGNORED: &[&str] = &[
    "devicePlugin",
    "dra",
    "tolerations",
    "imageRebuildTriggerGeneration",
];

/// Adds what a document holds to the inputs. A kind that is of no use is left out with a note.
///
/// # Errors
/// The document is no Kubernetes object, or a field has the wrong type.
pub fn document(document: Document, namespace: &str, inputs: &mut Inputs) -> Result<(), Error> {
    let reader = Reader {
        origin: &document.origin,
        namespace,
    };
    reader.object(document.value, 0, inputs)
}

struct Reader<'a> {
    origin: &'a Origin,
    namespace: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
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
    fn bad(&self, what: &str) -> Error {
        let document = match self.origin {
            Origin::File { document, .. } | Origin::Stream { document, .. } => *document,
            Origin::Cluster => 1,
        };
        Error::Input {
            message: format!("{}: document {document}: {what}", place(self.origin)),
            hint: "correct the document; `kubectl explain module.spec` tells the fields' types"
                .to_owned(),
        }
    }

    fn object(&self, value: Value, depth: usize, inputs: &mut Inputs) -> Result<(), Error> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        if !value.is_object() {
            return Err(self.bad("not a Kubernetes object"));
        }
        let Some(kind) = text("kind") else {
            return Err(self.bad("not a Kubernetes object: no kind"));
        };
        let group = text("apiVersion").unwrap_or_default();
        let group = group.rsplit_once('/').map_or("", |(group, _)| group);
        match (group, kind.as_str()) {
            ("kmm.sigs.x-k8s.io", "Module") => self.module(value, inputs),
            ("hub.kmm.sigs.x-k8s.io", "ManagedClusterModule") => self.managed(value, inputs),
            ("kmm.sigs.x-k8s.io", "PreflightValidation" | "PreflightValidationOCP") => {
                self.preflight(&kind, value, inputs)
            }
            ("", "ConfigMap") => {
                let mut map: k8s_openapi::api::core::v1::ConfigMap = self.typed(&kind, value)?;
                self.names(&kind, &map.metadata)?;
                self.keys(&kind, map.data.iter().flat_map(BTreeMap::keys))?;
                self.keys(&kind, map.binary_data.iter().flat_map(BTreeMap::keys))?;
                self.fill_namespace(&mut map.metadata.namespace);
                inputs.config_maps.push(map);
                Ok(())
            }
            ("", "Secret") => {
                let mut secret: k8s_openapi::api::core::v1::Secret = self.typed(&kind, value)?;
                self.names(&kind, &secret.metadata)?;
                self.keys(&kind, secret.data.iter().flat_map(BTreeMap::keys))?;
                self.keys(&kind, secret.string_data.iter().flat_map(BTreeMap::keys))?;
                self.fill_namespace(&mut secret.metadata.namespace);
                for (key, text) in secret.string_data.take().unwrap_or_default() {
                    let bytes = k8s_openapi::ByteString(text.into_bytes());
                    secret.data.get_or_insert_default().insert(key, bytes);
                }
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
                    "{}: {kind} {name} is of no use here and was ignored",
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
            return Err(self.bad("Lists lie too deep in each other"));
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

    /// Refuses an object whose name or namespace the API server would refuse.
    fn names(&self, kind: &str, metadata: &ObjectMeta) -> Result<(), Error> {
        let name = metadata.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(self.bad(&format!("{kind}: metadata.name is missing")));
        }
        self.name(kind, name)?;
        self.namespace(kind, "metadata.namespace", metadata.namespace.as_deref())
    }

    fn name(&self, kind: &str, name: &str) -> Result<(), Error> {
        if names::is_object_name(name) {
            return Ok(());
        }
        Err(self.bad(&format!(
            "{kind}: metadata.name {name:?} is not a valid name; names consist of lower-case \
             letters, digits, '-' and '.'"
        )))
    }

    fn namespace(&self, kind: &str, field: &str, namespace: Option<&str>) -> Result<(), Error> {
        match namespace {
            None | Some("") => Ok(()),
            Some(name) if names::is_namespace(name) => Ok(()),
            Some(name) => Err(self.bad(&format!(
                "{kind}: {field} {name:?} is not a valid namespace; namespaces consist of \
                 lower-case letters, digits and '-'"
            ))),
        }
    }

    /// Refuses an object with a key that the API server would refuse.
    fn keys<'k>(
        &self,
        kind: &str,
        mut keys: impl Iterator<Item = &'k String>,
    ) -> Result<(), Error> {
        match keys.find(|key| !names::is_data_key(key)) {
            None => Ok(()),
            Some(key) => Err(self.bad(&format!(
                "{kind}: {key:?} is not a valid key; keys consist of letters, digits, '-', '_' \
                 and '.'"
            ))),
        }
    }

    fn fill_namespace(&self, namespace: &mut Option<String>) {
        if namespace.as_ref().is_none_or(String::is_empty) {
            *namespace = Some(self.namespace.to_owned());
        }
    }

    /// Decodes a value and names the field whose type is wrong; never the value, which may be
    /// a secret.
    fn typed<T: DeserializeOwned>(&self, what: &str, value: Value) -> Result<T, Error> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let why = if what == "Secret" {
                "wrong type or not base64".to_owned()
            } else {
                error.into_inner().to_string()
            };
            let field = if path == "." {
                String::new()
            } else {
                format!(" {path}:")
            };
            self.bad(&format!("{what}:{field} {why}"))
        })
    }

    /// Decodes the spec of a Module and notes the fields that no release of KMM knows.
    fn module_spec(
        &self,
        what: &str,
        path: &str,
        value: Value,
        inputs: &mut Inputs,
    ) -> Result<ModuleSpec, Error> {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&value, &mut track);
        let spec = serde_ignored::deserialize(tracked, |field| unknown.push(field.to_string()));
        let spec: ModuleSpec =
            spec.map_err(|error| self.bad(&format!("{what}: {path}.{}: {error}", track.path())))?;
        let known = |field: &str| {
            let first = field.split('.').next().unwrap_or_default();
            IGNORED.contains(&first)
        };
        for field in unknown.iter().map(|field| clean_path(field)) {
            if !known(&field) {
                inputs.notes.push(format!(
                    "{}: {what}: unknown field {path}.{field} was ignored",
                    place(self.origin)
                ));
            }
        }
        Ok(spec)
    }

    fn module(&self, value: Value, inputs: &mut Inputs) -> Result<(), Error> {
        let object: Object = self.typed("Module", value)?;
        let name = object.metadata.name.unwrap_or_default();
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
        let namespace = object.metadata.namespace;
        let module = self.with_spec(name, namespace, object.metadata.labels, spec);
        inputs.modules.push(module);
        Ok(())
    }

    /// The Module of this document.
    fn with_spec(
        &self,
        name: String,
        mut namespace: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        spec: ModuleSpec,
    ) -> Module {
        self.fill_namespace(&mut namespace);
        Module {
            namespace: namespace.unwrap_or_default(),
            name,
            labels: labels.unwrap_or_default(),
            spec,
            origin: self.origin.clone(),
        }
    }

    fn managed(&self, value: Value, inputs: &mut Inputs) -> Result<(), Error> {
        let object: Object = self.typed("ManagedClusterModule", value)?;
        let name = object.metadata.name.unwrap_or_default();
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
        let module = self.with_spec(name, namespace, object.metadata.labels, spec);
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

/// A path as KMM's documentation writes it, without the marks of optional values.
fn clean_path(path: &str) -> String {
    path.split('.')
        .filter(|part| *part != "?")
        .collect::<Vec<_>>()
        .join(".")
}

#[cfg(test)]
mod tests;
