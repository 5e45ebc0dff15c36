//! Which KMM a cluster runs, from the schemas that it serves (pure).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::api::resource::KMM_GROUP;
use crate::kmm::releases::{Generation, KmmRelease};

/// What the schema of one kind, in its newest served version, says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Schema {
    /// `v1beta2`, or `v1beta1` where that is not served.
    pub version: String,
    /// The names below `spec`.
    pub spec: BTreeSet<String>,
    /// The values that a module's `verificationStatus` may have.
    pub statuses: BTreeSet<String>,
    /// True when `spec.moduleLoader.container.modprobe.moduleName` is required (Module).
    pub needs_module_name: bool,
    /// The names below `spec.images[]` (ModuleImagesConfig).
    pub image: BTreeSet<String>,
}

/// The schemas by which releases differ; `None` where a kind is not served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Schemas {
    /// PreflightValidationOCP.
    pub preflight_ocp: Option<Schema>,
    /// PreflightValidation.
    pub preflight: Option<Schema>,
    /// Module.
    pub module: Option<Schema>,
    /// ModuleImagesConfig.
    pub module_images_config: Option<Schema>,
}

impl Schema {
    /// Reads a CustomResourceDefinition; `None` where it serves no version.
    pub(crate) fn of_crd(crd: &Value) -> Option<Self> {
        let versions = crd["spec"]["versions"].as_array()?;
        let newest = versions
            .iter()
            .filter(|version| version["served"] == true)
            .max_by_key(|version| version["name"].as_str().map(str::to_owned))?;
        let version = newest["name"].as_str()?;
        Some(Self::of_object(
            version,
            &newest["schema"]["openAPIV3Schema"],
        ))
    }

    /// Reads an OpenAPI v3 document of one group version; `None` where the kind is not in it.
    pub(crate) fn of_openapi(document: &Value, version: &str, kind: &str) -> Option<Self> {
        let schemas = document["components"]["schemas"].as_object()?;
        let schema = schemas.values().find(|schema| {
            schema["x-kubernetes-group-version-kind"]
                .as_array()
                .is_some_and(|kinds| {
                    kinds.iter().any(|gvk| {
                        gvk["group"] == KMM_GROUP
                            && gvk["version"] == version
                            && gvk["kind"] == kind
                    })
                })
        })?;
        Some(Self::of_object(version, schema))
    }

    fn of_object(version: &str, schema: &Value) -> Self {
        let spec = &schema["properties"]["spec"]["properties"];
        let status = &schema["properties"]["status"]["properties"];
        let entry = if status["modules"].is_object() {
            &status["modules"]["items"]
        } else {
            &status["crStatuses"]["additionalProperties"]
        };
        let container = &spec["moduleLoader"]["properties"]["container"]["properties"];
        Self {
            version: version.to_owned(),
            spec: keys(spec),
            statuses: words(&entry["properties"]["verificationStatus"]["enum"]),
            needs_module_name: words(&container["modprobe"]["required"]).contains("moduleName"),
            image: keys(&spec["images"]["items"]["properties"]),
        }
    }
}

fn keys(object: &Value) -> BTreeSet<String> {
    object
        .as_object()
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}

fn words(list: &Value) -> BTreeSet<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

impl Schemas {
    /// Which KMM serves these schemas; `None` where no preflight kind is served.
    pub(crate) fn kmm(&self) -> Option<KmmRelease> {
        let upstream = self.preflight_ocp.is_none();
        let schema = self.preflight_ocp.as_ref().or(self.preflight.as_ref())?;
        let generation = if schema.version == "v1beta1" {
            Generation::One
        } else if schema.statuses.contains("Success")
            || (!upstream && schema.spec.contains("kernelVersion"))
        {
            Generation::Three
        } else {
            Generation::Two
        };
        let has_rt = schema.spec.contains("useRTKernel");
        let (major, minor) = match generation {
            Generation::One => self.release_of_one(upstream, has_rt),
            Generation::Two => self.release_of_two(),
            Generation::Three => self.release_of_three(),
        };
        Some(KmmRelease {
            major,
            minor,
            upstream,
        })
    }

    /// 1.0 has no `useRTKernel`, 2.0 no longer requires `moduleName`.
    fn release_of_one(&self, upstream: bool, has_rt: bool) -> (u8, u8) {
        if !upstream && !has_rt {
            return (1, 0);
        }
        match &self.module {
            Some(module) if module.needs_module_name => (1, 1),
            _ => (2, 0),
        }
    }

    /// 2.3 adds `tolerations` to the Module; 2.1 and 2.2 do not differ in their schemas.
    fn release_of_two(&self) -> (u8, u8) {
        match &self.module {
            Some(module) if !module.spec.contains("tolerations") => (2, 1),
            _ => (2, 3),
        }
    }

    /// 2.7 adds `dra` to the Module; 2.5 `pushBuiltImage` and 2.6 more to the
    /// ModuleImagesConfig.
    fn release_of_three(&self) -> (u8, u8) {
        let Some(module) = &self.module else {
            return (2, 7);
        };
        if module.spec.contains("dra") {
            return (2, 7);
        }
        if module.spec.contains("imageRebuildTriggerGeneration") {
            return (2, 6);
        }
        match &self.module_images_config {
            Some(mic) if mic.spec.contains("tolerations") || mic.image.contains("dirName") => {
                (2, 6)
            }
            Some(mic) if mic.spec.contains("pushBuiltImage") => (2, 5),
            _ => (2, 4),
        }
    }
}

#[cfg(test)]
mod tests;
