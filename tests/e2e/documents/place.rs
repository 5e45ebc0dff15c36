//! Where the commands of documents and of help are run: a home, a cluster, and a registry that a
//! mirror rule puts in the place of the documents' registries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::crds::{NEWEST, install_cluster_versions};
use crate::cluster::operator::{Said, create_modules, say};
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::image::{Image, Layer};
use crate::support::registry::Registry;
use crate::support::server::tool;

/// The kernel of the examples.
pub(crate) const KERNEL: &str = "6.1.0-56-amd64";
const EXAMPLES: &str = "examples/kernel/lib/modules/6.1.0-56-amd64";

/// A folder as its home and working folder, with what the commands refer to.
pub(crate) struct Place {
    pub(crate) home: TempDir,
    pub(crate) registry: Registry,
    pub(crate) cluster: Cluster,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            home: tempfile::tempdir().expect("a home"),
            registry: Registry::start(),
            cluster: Cluster::start(),
        };
        let home = place.home.path();
        for folder in ["modules", ".kube", ".config/containers", "bin"] {
            fs::create_dir_all(home.join(folder)).expect("a folder");
        }
        fs::copy("examples/modules.yaml", home.join("modules/modules.yaml")).expect("a file");
        fs::copy(place.cluster.kubeconfig(ADMIN), home.join(".kube/config")).expect("a file");
        let plugin = env!("CARGO_BIN_EXE_kubectl-kmm-preflight");
        symlink(
            concat!(env!("CARGO_MANIFEST_DIR"), "/examples"),
            home.join("examples"),
        )
        .expect("a link");
        for name in ["kubectl-kmm", "kubectl-kmm-preflight"] {
            symlink(plugin, home.join("bin").join(name)).expect("a link");
        }
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        fs::write(home.join(".config/containers/policy.json"), policy).expect("a file");
        let host = place.registry.host();
        let rules: String = ["quay.io/openshift-release-dev", "registry.example"]
            .map(|prefix| {
                format!(
                    "[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{host}\"\ninsecure = true\n"
                )
            })
            .concat();
        fs::write(home.join(".config/containers/registries.conf"), rules).expect("a file");
        place.push();
        place.prepare_cluster();
        place
    }

    /// A release with its driver toolkit, the examples' images, and one to look into.
    fn push(&self) {
        let references = json!({"kind": "ImageStream", "spec": {"tags": [{
            "name": "driver-toolkit",
            "from": {"kind": "DockerImage", "name": "quay.io/openshift-release-dev/dtk:1"}}]}});
        let release = Layer::new().file(
            "release-manifests/image-references",
            references.to_string().as_bytes(),
        );
        self.registry.push(
            "ocp-release:4.18.9-x86_64",
            &Image::new().layer(release).build(),
        );
        let kernels =
            json!({"KERNEL_VERSION": KERNEL, "RT_KERNEL_VERSION": "", "RHEL_VERSION": "9.4"});
        let mut toolkit = Layer::new().file(
            "etc/driver-toolkit-release.json",
            kernels.to_string().as_bytes(),
        );
        for name in ["config", "symvers.xz"] {
            let bytes = fs::read(Path::new(EXAMPLES).join(name)).expect("a fact");
            toolkit = toolkit.file(&format!("lib/modules/{KERNEL}/{name}"), &bytes);
        }
        self.registry
            .push("dtk:1", &Image::new().layer(toolkit).build());
        let index = fs::read("examples/images/index.json").expect("the layout");
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        for image in index["manifests"].as_array().expect("manifests") {
            let name = image["annotations"]["org.opencontainers.image.ref.name"].as_str();
            let name = name.expect("a name");
            let (_, path) = name.split_once('/').expect("host/path");
            for path in [path, "driver:5.14.0-427.13.1.el9_4.x86_64"] {
                let output = Command::new("skopeo")
                    .args(["--insecure-policy", "copy", "--quiet"])
                    .arg("--dest-tls-verify=false")
                    .arg(format!("oci:examples/images:{name}"))
                    .arg(format!("docker://{}", self.registry.reference(path)))
                    .output()
                    .expect("skopeo runs");
                assert!(output.status.success(), "{output:?}");
            }
        }
    }

    fn prepare_cluster(&self) {
        NEWEST.install(&self.cluster);
        install_cluster_versions(&self.cluster);
        let release = "quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64";
        self.cluster.set_status(
            "clusterversions.config.openshift.io/version",
            &json!({"desired": {"version": "4.17.1", "image": "q/r@sha256:1"},
                    "availableUpdates": [{"version": "4.18.9", "image": release}]}),
        );
        create_modules(&self.cluster, &["m1"]);
        for namespace in ["openshift-kmm", "monitoring"] {
            self.cluster
                .kubectl(&["create", "namespace", namespace], "");
        }
    }

    fn kubectl(&self) -> PathBuf {
        tool("kubectl").parent().expect("a folder").to_owned()
    }

    pub(crate) fn run(&self, command: &str) -> Output {
        let mut shell = Command::new("sh");
        let shell = self.around(shell.args(["-c", command]));
        shell.output().expect("sh runs")
    }

    /// A command in this place.
    pub(crate) fn around<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let home = self.home.path();
        let paths = [
            home.join("bin"),
            self.kubectl(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        command
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::join_paths(paths).expect("a PATH"))
            .env(
                "RELEASE",
                "quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64",
            )
            .env("RUNNER_TEMP", home)
            .env("AUTH", r#"{"auths":{}}"#)
            .env("AUTHFILE", home.join("auth.json"))
    }
}

/// What KMM says in the end.
pub(crate) const DONE: &[Said] = &[("m1", "Success", "Done", "verified image exists")];

/// Plays the operator for the CR that a run makes.
pub(crate) fn decide(cluster: &Cluster, name: &str) {
    let object = format!("{}/{name}", NEWEST.resource());
    let start = Instant::now();
    while !cluster.try_kubectl(&["get", &object], "").status.success() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{object} is made"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    say(cluster, NEWEST, name, DONE);
}
