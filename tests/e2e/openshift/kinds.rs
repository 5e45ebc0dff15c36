//! OpenShift's kinds as openshift/api shapes them, as far as they matter here: the fields that
//! are read, with their types, and the status subresource.

use serde_json::{Value, json};

use crate::support::cluster::Cluster;

/// Any object.
fn any() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text() -> Value {
    json!({"type": "string"})
}

/// A kind with its versions, of which the last one is stored.
struct Kind {
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    scope: &'static str,
    versions: &'static [&'static str],
    spec: Value,
    status: Option<Value>,
}

impl Kind {
    fn crd(&self) -> Value {
        let mut properties = json!({"spec": self.spec});
        if let Some(status) = &self.status {
            properties["status"] = status.clone();
        }
        let stored = self.versions.last();
        let versions: Vec<Value> = self
            .versions
            .iter()
            .map(|version| {
                let mut version = json!({"name": version, "served": true,
                    "storage": Some(version) == stored,
                    "schema": {"openAPIV3Schema": object(properties.clone())}});
                if self.status.is_some() {
                    version["subresources"] = json!({"status": {}});
                }
                version
            })
            .collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{}", self.plural, self.group),
                // The group is one that only Kubernetes' own may use without this.
                "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
            "spec": {"group": self.group, "scope": self.scope, "versions": versions,
                "names": {"plural": self.plural, "kind": self.kind,
                          "singular": self.kind.to_lowercase()}}
        })
    }
}

fn install(cluster: &Cluster, kinds: &[Kind]) {
    let folder = tempfile::tempdir().expect("a folder for CRDs");
    for kind in kinds {
        let file = folder.path().join(format!("{}.json", kind.plural));
        std::fs::write(file, kind.crd().to_string()).expect("a CRD");
    }
    cluster.install_crds(folder.path());
}

/// Installs what concerns the cluster's registry.
pub(super) fn install_registry_kinds(cluster: &Cluster) {
    let images = Kind {
        group: "config.openshift.io",
        plural: "images",
        kind: "Image",
        scope: "Cluster",
        versions: &["v1"],
        spec: any(),
        status: Some(object(json!({
            "internalRegistryHostname": text(),
            "externalRegistryHostnames": list(text()),
        }))),
    };
    let streams = Kind {
        group: "image.openshift.io",
        plural: "imagestreams",
        kind: "ImageStream",
        scope: "Namespaced",
        versions: &["v1"],
        spec: any(),
        status: Some(object(json!({
            "dockerImageRepository": text(),
            "publicDockerImageRepository": text(),
        }))),
    };
    let routes = Kind {
        group: "route.openshift.io",
        plural: "routes",
        kind: "Route",
        scope: "Namespaced",
        versions: &["v1"],
        spec: object(json!({
            "host": text(),
            "to": object(json!({"kind": text(), "name": text()})),
        })),
        status: Some(object(
            json!({"ingress": list(object(json!({"host": text()})))}),
        )),
    };
    install(cluster, &[images, streams, routes]);
}

/// Installs the pools of nodes and what their nodes run; the OSImageStream is served in these
/// versions.
pub(super) fn install_pool_kinds(cluster: &Cluster, stream_versions: &'static [&'static str]) {
    const GROUP: &str = "machineconfiguration.openshift.io";
    let selector = || {
        let expression = object(json!({"key": text(), "operator": text(), "values": list(text())}));
        object(json!({
            "matchLabels": {"type": "object", "additionalProperties": text()},
            "matchExpressions": list(expression),
        }))
    };
    let configuration =
        || object(json!({"name": text(), "source": list(object(json!({"name": text()})))}));
    let stream = || object(json!({"name": text()}));
    let pools = Kind {
        group: GROUP,
        plural: "machineconfigpools",
        kind: "MachineConfigPool",
        scope: "Cluster",
        versions: &["v1"],
        spec: object(json!({
            "nodeSelector": selector(),
            "machineConfigSelector": selector(),
            "paused": {"type": "boolean"},
            "configuration": configuration(),
            "osImageStream": stream(),
        })),
        status: Some(object(json!({
            "configuration": configuration(),
            "osImageStream": stream(),
            "machineCount": {"type": "integer", "format": "int32"},
        }))),
    };
    let configs = Kind {
        group: GROUP,
        plural: "machineconfigs",
        kind: "MachineConfig",
        scope: "Cluster",
        versions: &["v1"],
        spec: object(json!({
            "osImageURL": text(),
            "kernelType": text(),
            "extensions": list(text()),
            "config": any(),
        })),
        status: None,
    };
    let available = object(json!({
        "name": text(), "osImage": text(), "osExtensionsImage": text(),
    }));
    let streams = Kind {
        group: GROUP,
        plural: "osimagestreams",
        kind: "OSImageStream",
        scope: "Cluster",
        versions: stream_versions,
        spec: object(json!({"defaultStream": text()})),
        status: Some(object(json!({
            "defaultStream": text(),
            "availableStreams": list(available),
        }))),
    };
    install(cluster, &[pools, configs, streams]);
}

/// Installs the kinds of Modules that nodes load while they boot.
pub(super) fn install_boot_kinds(cluster: &Cluster) {
    const GROUP: &str = "kmm.sigs.x-k8s.io";
    let boot = Kind {
        group: GROUP,
        plural: "bootmoduleconfigs",
        kind: "BootModuleConfig",
        scope: "Namespaced",
        versions: &["v1beta1"],
        spec: object(json!({
            "machineConfigName": text(),
            "machineConfigPoolName": text(),
            "kernelModuleImage": text(),
            "kernelModuleName": text(),
            "inTreeModulesToRemove": list(text()),
            "firmwareFilesPath": text(),
            "workerImage": text(),
        })),
        status: Some(any()),
    };
    let initramfs = Kind {
        group: GROUP,
        plural: "initramfsmodules",
        kind: "InitramfsModule",
        scope: "Namespaced",
        versions: &["v1beta1"],
        spec: object(json!({
            "selector": {"type": "object", "additionalProperties": text()},
            "moduleNames": list(text()),
            "omit": list(text()),
            "containerImage": text(),
            "firmwarePath": text(),
            "modulesPath": text(),
            "dirName": text(),
            "build": any(),
            "sign": any(),
            "imageRepoSecret": object(json!({"name": text()})),
            "rollback": {"type": "boolean"},
        })),
        status: Some(any()),
    };
    install(cluster, &[boot, initramfs]);
}
