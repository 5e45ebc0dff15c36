//! A cluster with a registry of its own: a real API server, a kubelet that forwards ports, and a
//! real registry behind it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::kinds::install_registry_kinds;
use crate::cluster::crds::NEWEST;
use crate::cluster::example::{self, KERNEL};
use crate::cluster::operator::call;
use crate::support::cluster::Cluster;
use crate::support::kubelet::Kubelet;
use crate::support::preflight::{Ended, Preflight};
use crate::support::registry::Registry;

pub(super) const NAMESPACE: &str = "openshift-image-registry";
pub(super) const SERVICE: &str = "image-registry.openshift-image-registry.svc:5000";
pub(super) const LONG_NAME: &str = "image-registry.openshift-image-registry.svc.cluster.local:5000";

/// A cluster with a registry of its own, which only its kubelet reaches.
pub(super) struct OpenShift {
    pub(super) cluster: Cluster,
    pub(super) registry: Registry,
    pub(super) kubelet: Kubelet,
}

impl OpenShift {
    pub(super) fn start() -> Self {
        let cluster = Cluster::start();
        let registry = Registry::of_cluster();
        let kubelet = Kubelet::start(registry.port());
        install_registry_kinds(&cluster);
        NEWEST.install(&cluster);
        for name in [NAMESPACE, "openshift", "ns1"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
                                   "metadata": {"name": name}});
            cluster.apply(&namespace.to_string());
        }
        let own = Self {
            cluster,
            registry,
            kubelet,
        };
        own.add_pod();
        own.config_map(
            NAMESPACE,
            "openshift-service-ca.crt",
            "service-ca.crt",
            &own.registry.ca(),
        );
        own.cluster.apply(
            &json!({"apiVersion": "config.openshift.io/v1", "kind": "Image",
                    "metadata": {"name": "cluster"}, "spec": {}})
            .to_string(),
        );
        own.set_image_status(&json!({"internalRegistryHostname": SERVICE}));
        example::push(&own.registry, "ticker");
        own
    }

    /// A node whose kubelet forwards ports, and the registry's pod on it.
    pub(super) fn add_pod(&self) {
        let cluster = &self.cluster;
        cluster.apply(r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}"#);
        cluster.set_status(
            "node/node-1",
            &json!({"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet.port()}}}),
        );
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "image-registry-1", "namespace": NAMESPACE,
                         "labels": {"docker-registry": "default"}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "registry", "image": "r"}]}});
        cluster.apply(&pod.to_string());
        self.set_pod_status("True");
    }

    pub(super) fn set_pod_status(&self, ready: &str) {
        self.cluster.kubectl(
            &[
                "patch",
                "pod/image-registry-1",
                "-n",
                NAMESPACE,
                "--subresource=status",
                "--type=merge",
                "-p",
                &json!({"status": {"phase": "Running",
                        "conditions": [{"type": "Ready", "status": ready}]}})
                .to_string(),
            ],
            "",
        );
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str, key: &str, file: &Path) {
        let pem = fs::read_to_string(file).expect("a certificate");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {key: pem},
                         "metadata": {"name": name, "namespace": namespace}});
        self.cluster.apply(&map.to_string());
    }

    pub(super) fn set_image_status(&self, status: &Value) {
        self.cluster
            .set_status("images.config.openshift.io/cluster", status);
    }

    /// A Module whose image is in a registry of this name.
    pub(super) fn module(&self, host: &str, secret: Option<&str>) {
        let mut module = Self::of_image(&format!("{host}/drivers/ticker:1"));
        if let Some(name) = secret {
            module["spec"]["imageRepoSecret"] = json!({"name": name});
        }
        self.cluster.apply(&module.to_string());
    }

    /// A Module with this image on every kernel.
    pub(super) fn of_image(image: &str) -> Value {
        json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
            "metadata": {"name": "ticker", "namespace": "ns1"},
            "spec": {"selector": {}, "moduleLoader": {"container": {
                "modprobe": {"moduleName": "ticker"},
                "kernelMappings": [{"regexp": "^.+$", "containerImage": image}]}}}})
    }

    pub(super) fn run(&self) -> Ended {
        Self::local(call(&self.cluster, &[])).run()
    }

    pub(super) fn local(call: Preflight) -> Preflight {
        let kernel_dir = example::kernel_dir();
        call.args([
            "run",
            "--local",
            "-o=json",
            "--pools=off",
            "--kernel-version",
            KERNEL,
        ])
        .arg("--kernel-dir")
        .arg(kernel_dir)
    }
}
