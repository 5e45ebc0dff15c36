//! What the API server would refuse of any object, told with the document's place.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::input::decode::Reader;
use crate::input::yaml::place;
use crate::kmm::names;
use crate::model::report::Origin;

impl Reader<'_> {
    pub(super) fn bad(&self, what: &str) -> Error {
        let document = match self.origin {
            Origin::File { document, .. } | Origin::Stream { document, .. } => *document,
            Origin::Cluster => 1,
        };
        Error::Input {
            message: format!("{}: document {document}: {what}", place(self.origin)),
            hint: hint(what),
        }
    }

    /// Refuses an object whose name or namespace the API server would refuse.
    pub(super) fn names(&self, kind: &str, metadata: &ObjectMeta) -> Result<(), Error> {
        let name = metadata.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(self.bad(&format!("{kind}: metadata.name is missing")));
        }
        self.name(kind, name)?;
        self.namespace(kind, "metadata.namespace", metadata.namespace.as_deref())
    }

    pub(super) fn name(&self, kind: &str, name: &str) -> Result<(), Error> {
        if names::is_subdomain(name) {
            return Ok(());
        }
        Err(self.bad(&format!(
            "{kind}: metadata.name {name:?} is not a valid name; names consist of lower-case \
             letters, digits, '-' and '.'"
        )))
    }

    pub(super) fn namespace(
        &self,
        kind: &str,
        field: &str,
        namespace: Option<&str>,
    ) -> Result<(), Error> {
        match namespace {
            None | Some("") => Ok(()),
            Some(name) if names::is_dns_label(name) => Ok(()),
            Some(name) => Err(self.bad(&format!(
                "{kind}: {field} {name:?} is not a valid namespace; namespaces consist of \
                 lower-case letters, digits and '-'"
            ))),
        }
    }

    /// Refuses an object with a key that the API server would refuse.
    pub(super) fn keys<'k>(
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

    /// Decodes a value and names the field whose type is wrong; never the value, which may be
    /// a secret.
    pub(super) fn typed<T: DeserializeOwned>(&self, what: &str, value: Value) -> Result<T, Error> {
        // Derived types take a list for their fields in order, which the API server does not.
        for (field, part) in [("", &value), (" metadata:", &value["metadata"])] {
            if !part.is_object() && !part.is_null() {
                return Err(self.bad(&format!("{what}:{field} must be an object")));
            }
        }
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
}

/// Where the fields of the kind are listed that a message begins with.
fn hint(what: &str) -> String {
    let kind = what.split([' ', ':']).next().unwrap_or_default();
    match kind {
        "Module"
        | "ManagedClusterModule"
        | "BootModuleConfig"
        | "InitramfsModule"
        | "PreflightValidation"
        | "PreflightValidationOCP" => format!(
            "Correct the document; `kubectl explain {}.spec` lists the fields and their types.",
            kind.to_lowercase()
        ),
        "Secret" | "ConfigMap" | "ServiceAccount" => format!(
            "Correct the document; `kubectl explain {}` lists the fields and their types.",
            kind.to_lowercase()
        ),
        _ => "Correct the document, or remove it from -f.".to_owned(),
    }
}
