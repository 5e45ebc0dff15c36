//! The CRDs of KMM's releases: those in `$KMM_CRDS` (one folder per release) where it is set or
//! found beside the checkout, else small ones with the same shapes.

use std::path::PathBuf;

use crate::support::cluster::Cluster;

/// A KMM release, and how its CRs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    /// Its folder of CRDs, and `--kmm-version`.
    pub(crate) name: &'static str,
    /// The version that its CRs are written in.
    pub(crate) version: &'static str,
    /// True when PreflightValidationOCP takes a release image.
    pub(crate) takes_release_image: bool,
    /// True when PreflightValidationOCP has `useRTKernel`.
    pub(crate) has_rt: bool,
    /// True when it says Success, Failure and InProgress.
    pub(crate) says_success: bool,
    /// True without PreflightValidationOCP.
    pub(crate) is_upstream: bool,
}

const fn release(name: &'static str, version: &'static str) -> Release {
    Release {
        name,
        version,
        takes_release_image: true,
        has_rt: true,
        says_success: false,
        is_upstream: false,
    }
}

const fn third(name: &'static str) -> Release {
    Release {
        takes_release_image: false,
        has_rt: false,
        says_success: true,
        ..release(name, "v1beta2")
    }
}

/// Every release whose CRDs differ.
pub(crate) const RELEASES: [Release; 8] = [
    Release {
        has_rt: false,
        ..release("1.0", "v1beta1")
    },
    release("1.1", "v1beta1"),
    release("2.0", "v1beta1"),
    release("2.1", "v1beta2"),
    release("2.3", "v1beta2"),
    third("2.4"),
    third("2.7"),
    Release {
        is_upstream: true,
        ..third("upstream-main")
    },
];

/// The newest release.
pub(crate) const NEWEST: Release = third("2.7");
/// The newest release of the second generation.
pub(crate) const SECOND: Release = release("2.3", "v1beta2");

impl Release {
    /// The resource that `run` creates.
    pub(crate) fn resource(self) -> &'static str {
        if self.is_upstream {
            "preflightvalidations.kmm.sigs.x-k8s.io"
        } else {
            "preflightvalidationsocp.kmm.sigs.x-k8s.io"
        }
    }

    /// `kind` of what `run` creates.
    pub(crate) fn kind(self) -> &'static str {
        if self.is_upstream {
            "PreflightValidation"
        } else {
            "PreflightValidationOCP"
        }
    }

    /// Installs its CRDs.
    pub(crate) fn install(self, cluster: &Cluster) {
        match folder() {
            Some(folder) => cluster.install_crds(&folder.join(self.name)),
            None => {
                let folder = tempfile::tempdir().expect("a folder for CRDs");
                for (number, crd) in self.own().iter().enumerate() {
                    let file = folder.path().join(format!("{number}.yaml"));
                    std::fs::write(file, crd.to_string()).expect("a CRD");
                }
                cluster.install_crds(folder.path());
            }
        }
    }

    /// Takes its CRDs away, and every CR with them.
    pub(crate) fn remove(self, cluster: &Cluster) {
        let mut args = vec!["delete", "crd", "modules.kmm.sigs.x-k8s.io"];
        args.push("preflightvalidations.kmm.sigs.x-k8s.io");
        if !self.is_upstream {
            args.push("preflightvalidationsocp.kmm.sigs.x-k8s.io");
        }
        cluster.kubectl(&args, "");
    }

    fn own(self) -> Vec<serde_json::Value> {
        use serde_json::json;
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let mut module = any.clone();
        if self.name == "2.7" || self.is_upstream {
            module = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                            "properties": {"dra": any}});
        } else if self.name == "2.3" {
            module = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                            "properties": {"tolerations": {"type": "array", "items": any}}});
        } else if matches!(self.name, "1.0" | "1.1") {
            let modprobe = json!({"type": "object", "required": ["moduleName"],
                                  "x-kubernetes-preserve-unknown-fields": true});
            let container = json!({"type": "object", "properties": {"modprobe": modprobe},
                                   "x-kubernetes-preserve-unknown-fields": true});
            let loader = json!({"type": "object", "properties": {"container": container}});
            module = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                            "properties": {"moduleLoader": loader}});
        }
        let text = json!({"type": "string"});
        let switch = json!({"type": "boolean"});
        let kernel = json!({"type": "object", "required": ["kernelVersion"],
                            "properties": {"kernelVersion": text, "pushBuiltImage": switch}});
        let ocp = if self.takes_release_image {
            let mut fields = json!({"releaseImage": text, "pushBuiltImage": switch});
            if self.has_rt {
                fields["useRTKernel"] = switch.clone();
            }
            json!({"type": "object", "required": ["releaseImage"], "properties": fields})
        } else {
            let mut ocp = kernel.clone();
            ocp["properties"]["dtkImage"] = text.clone();
            ocp
        };
        let mut crds = vec![
            crd("modules", "Module", true, &[("v1beta1", &module, &any)]),
            self.preflight("preflightvalidations", "PreflightValidation", &kernel),
        ];
        if !self.is_upstream {
            crds.push(self.preflight("preflightvalidationsocp", "PreflightValidationOCP", &ocp));
        }
        crds
    }

    fn preflight(self, plural: &str, kind: &str, spec: &serde_json::Value) -> serde_json::Value {
        use serde_json::json;
        let words = if self.says_success {
            json!(["Success", "Failure", "InProgress"])
        } else {
            json!(["True", "False"])
        };
        let text = json!({"type": "string"});
        let mut entry = json!({"type": "object", "properties": {
            "verificationStatus": {"type": "string", "enum": words},
            "verificationStage": text, "statusReason": text,
            "lastTransitionTime": {"type": "string", "format": "date-time"}}});
        let old = json!({"type": "object", "properties": {
            "crStatuses": {"type": "object", "additionalProperties": entry}}});
        if self.version == "v1beta1" {
            return crd(plural, kind, false, &[("v1beta1", spec, &old)]);
        }
        entry["properties"]["namespace"] = text.clone();
        entry["properties"]["name"] = text;
        let new = json!({"type": "object", "properties": {
            "modules": {"type": "array", "items": entry}}});
        crd(
            plural,
            kind,
            false,
            &[("v1beta1", spec, &old), ("v1beta2", spec, &new)],
        )
    }
}

/// Where KMM's own CRDs are.
fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/crds");
    std::env::var_os("KMM_CRDS")
        .map(PathBuf::from)
        .or_else(|| beside.is_dir().then_some(beside))
}

/// Installs KMM ≥2.4's internal types and OpenShift's Build, with open schemas.
pub(crate) fn install_internals(cluster: &Cluster) {
    let any = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let folder = tempfile::tempdir().expect("a folder for CRDs");
    let mut build = crd("builds", "Build", true, &[("v1", &any, &any)]);
    build["metadata"]["name"] = "builds.build.openshift.io".into();
    build["spec"]["group"] = "build.openshift.io".into();
    for (file, crd) in [
        (
            "mic",
            crd(
                "moduleimagesconfigs",
                "ModuleImagesConfig",
                true,
                &[("v1beta1", &any, &any)],
            ),
        ),
        (
            "mbsc",
            crd(
                "modulebuildsignconfigs",
                "ModuleBuildSignConfig",
                true,
                &[("v1beta1", &any, &any)],
            ),
        ),
        ("build", build),
    ] {
        let path = folder.path().join(format!("{file}.yaml"));
        std::fs::write(path, crd.to_string()).expect("a CRD");
    }
    cluster.install_crds(folder.path());
}

/// Installs OpenShift's ClusterVersion with an open schema, and its one object.
pub(crate) fn install_cluster_versions(cluster: &Cluster) {
    install_config(cluster, "clusterversions", "ClusterVersion");
    cluster.apply(
        "{apiVersion: config.openshift.io/v1, kind: ClusterVersion, metadata: {name: version}}",
    );
}

/// Serves OpenShift's settings for images; there are none yet.
pub(crate) fn install_image_configs(cluster: &Cluster) {
    install_config(cluster, "images", "Image");
}

/// Installs a CRD of OpenShift's configuration.
fn install_config(cluster: &Cluster, plural: &str, kind: &str) {
    let any = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut crd = crd(plural, kind, false, &[("v1", &any, &any)]);
    crd["metadata"]["name"] = format!("{plural}.config.openshift.io").into();
    crd["spec"]["group"] = "config.openshift.io".into();
    let folder = tempfile::tempdir().expect("a folder for CRDs");
    std::fs::write(folder.path().join("crd.yaml"), crd.to_string()).expect("a CRD");
    cluster.install_crds(folder.path());
}

/// A CRD whose last version is stored; each version with the schemas of spec and status.
pub(crate) fn crd(
    plural: &str,
    kind: &str,
    namespaced: bool,
    versions: &[(&str, &serde_json::Value, &serde_json::Value)],
) -> serde_json::Value {
    use serde_json::json;
    let versions: Vec<serde_json::Value> = versions
        .iter()
        .enumerate()
        .map(|(number, (name, spec, status))| {
            json!({"name": name, "served": true, "storage": number + 1 == versions.len(),
                   "subresources": {"status": {}},
                   "schema": {"openAPIV3Schema": {"type": "object",
                       "properties": {"spec": spec, "status": status}}}})
        })
        .collect();
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
           "metadata": {"name": format!("{plural}.kmm.sigs.x-k8s.io")},
           "spec": {"group": "kmm.sigs.x-k8s.io",
                    "scope": if namespaced {"Namespaced"} else {"Cluster"},
                    "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind,
                              "listKind": format!("{kind}List")},
                    "versions": versions}})
}
