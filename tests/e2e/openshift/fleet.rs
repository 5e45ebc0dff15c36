//! A cluster with six pools: the control plane, workers of two architectures, a real-time, a
//! layered and another operating system's pool, and one without nodes.

use serde_json::{Value, json};

use super::kinds::{install_boot_kinds, install_pool_kinds};
use super::payload::{LAYERED, OLD, REALTIME, Releases};
use crate::cluster::crds::NEWEST;
use crate::cluster::example;
use crate::cluster::operator::call;
use crate::support::cluster::Cluster;
use crate::support::preflight::Ended;

/// The cluster and what it can go to.
pub(super) struct Fleet {
    pub(super) cluster: Cluster,
    pub(super) releases: Releases,
}

impl Fleet {
    pub(super) fn start() -> Self {
        Self::with_streams(&["v1alpha1", "v1"])
    }

    /// A cluster that serves the OSImageStream in these versions.
    pub(super) fn with_streams(versions: &'static [&'static str]) -> Self {
        let own = Self {
            cluster: Cluster::start(),
            releases: Releases::push(),
        };
        NEWEST.install(&own.cluster);
        install_boot_kinds(&own.cluster);
        install_pool_kinds(&own.cluster, versions);
        own.cluster
            .apply("{apiVersion: v1, kind: Namespace, metadata: {name: ns1}}");
        let releases = &own.releases;
        example::install_cluster_version(
            &own.cluster,
            &json!({"desired": {"version": "4.19.1", "image": releases.today},
                "availableUpdates": [{"version": "5.0.1", "image": releases.next}],
                "conditionalUpdates": [{"release": {"version": "5.0.2", "image": releases.narrow},
                    "risks": [{"name": "Slow", "message": "nodes are slow", "url": "https://x"}]}]}),
        );
        let stream = json!({"apiVersion": format!("machineconfiguration.openshift.io/{}", versions[0]),
            "kind": "OSImageStream", "metadata": {"name": "cluster"},
            "spec": {"defaultStream": "rhel-9"}});
        own.cluster.apply(&stream.to_string());
        own.add_pools();
        own.add_nodes();
        own
    }

    fn add_pools(&self) {
        let os = self.releases.today_os.as_str();
        let in_worker = json!({"matchExpressions": [
            {"key": "node-role.kubernetes.io/worker", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/layered", "operator": "Exists"}]});
        self.pool("master", role("master"), json!({"osImageURL": os}), None);
        self.pool(
            "worker",
            role("worker"),
            json!({"osImageURL": os, "kernelType": "default"}),
            None,
        );
        self.pool(
            "rt",
            role("rt"),
            json!({"osImageURL": os, "kernelType": "realtime"}),
            None,
        );
        self.pool(
            "layered",
            in_worker,
            json!({"osImageURL": self.releases.layered}),
            None,
        );
        self.pool(
            "ten",
            role("ten"),
            json!({"osImageURL": os}),
            Some("rhel-10"),
        );
        self.pool("empty", role("empty"), json!({"osImageURL": os}), None);
    }

    /// A pool, and the rendered configuration that its nodes have.
    pub(super) fn pool(&self, name: &str, selector: Value, config: Value, stream: Option<&str>) {
        self.config(&format!("rendered-{name}-1"), config);
        let mut pool = json!({"apiVersion": "machineconfiguration.openshift.io/v1",
            "kind": "MachineConfigPool", "metadata": {"name": name},
            "spec": {"nodeSelector": selector,
                     "configuration": {"name": format!("rendered-{name}-1")}}});
        if let Some(stream) = stream {
            pool["spec"]["osImageStream"] = json!({"name": stream});
        }
        self.cluster.apply(&pool.to_string());
        self.set_current(name, &format!("rendered-{name}-1"));
    }

    pub(super) fn config(&self, name: &str, spec: Value) {
        let config = json!({"apiVersion": "machineconfiguration.openshift.io/v1",
            "kind": "MachineConfig", "metadata": {"name": name}, "spec": spec});
        self.cluster.apply(&config.to_string());
    }

    pub(super) fn set_current(&self, pool: &str, config: &str) {
        self.cluster.set_status(
            &format!("machineconfigpools.machineconfiguration.openshift.io/{pool}"),
            &json!({"configuration": {"name": config}}),
        );
    }

    fn add_nodes(&self) {
        for (name, roles, arch, kernel) in [
            ("m0", &["master"][..], "amd64", OLD),
            ("w0", &["worker"], "amd64", OLD),
            ("w1", &["worker"], "amd64", OLD),
            ("w2", &["worker"], "arm64", "6.1.0-53-arm64"),
            ("r0", &["worker", "rt"], "amd64", REALTIME),
            ("l0", &["worker", "layered"], "amd64", LAYERED),
            ("t0", &["worker", "ten"], "amd64", OLD),
        ] {
            self.node(name, roles, arch, kernel);
        }
    }

    pub(super) fn node(&self, name: &str, roles: &[&str], arch: &str, kernel: &str) {
        let mut labels = json!({"kubernetes.io/arch": arch, "kubernetes.io/os": "linux"});
        for role in roles {
            labels[format!("node-role.kubernetes.io/{role}")] = "".into();
        }
        let node = json!({"apiVersion": "v1", "kind": "Node",
                          "metadata": {"name": name, "labels": labels}});
        self.cluster.apply(&node.to_string());
        let empty = "";
        self.cluster.set_status(
            &format!("node/{name}"),
            &json!({"nodeInfo": {"architecture": arch, "kernelVersion": kernel,
                "operatingSystem": "linux", "bootID": empty, "containerRuntimeVersion": empty,
                "kubeProxyVersion": empty, "kubeletVersion": empty, "machineID": empty,
                "osImage": empty, "systemUUID": empty}}),
        );
    }

    /// A Module for nodes with this role, or for all nodes; `image` is a template.
    pub(super) fn module(&self, name: &str, role: Option<&str>, image: &str) -> Value {
        let selector = role.map_or(
            json!({}),
            |role| json!({format!("node-role.kubernetes.io/{role}"): ""}),
        );
        json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
            "metadata": {"name": name, "namespace": "ns1"},
            "spec": {"selector": selector, "moduleLoader": {"container": {
                "modprobe": {"moduleName": name},
                "kernelMappings": [{"regexp": "^.+$", "containerImage": image}]}}}})
    }

    pub(super) fn call(&self, words: &[&str]) -> Ended {
        call(&self.cluster, words).run()
    }

    /// The kernels of `targets` with these flags, each as
    /// `kernel arch type stream release pools nodes`.
    pub(super) fn targets(&self, words: &[&str]) -> Vec<String> {
        let ended = self
            .call(&[&["targets", "-o=json"], words].concat())
            .code(0);
        lines_of(&ended)
    }
}

/// The kernels in the JSON of `targets`.
pub(super) fn lines_of(ended: &Ended) -> Vec<String> {
    let list = ended.json()["targets"].as_array().cloned();
    list.expect("a list of targets")
        .iter()
        .map(|target| {
            let text = |key: &str| target[key].as_str().unwrap_or("-").to_owned();
            let pools: Vec<&str> = target["pools"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            format!(
                "{} {} {} {} {} {} {}",
                text("kernelVersion"),
                text("arch"),
                text("kernelType"),
                text("osStream"),
                text("release"),
                pools.join(","),
                target["nodes"]
            )
        })
        .collect()
}

/// The selector of a pool for a role of nodes.
pub(super) fn role(name: &str) -> Value {
    json!({"matchLabels": {format!("node-role.kubernetes.io/{name}"): ""}})
}
