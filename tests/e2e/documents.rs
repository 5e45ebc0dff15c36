//! Every command of the documents, as it stands there, through the real kubectl: against a
//! cluster, and a registry that a mirror rule puts in the place of the documents' registries.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use kmm_preflight::for_tests::yaml;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::crds::{NEWEST, install_cluster_versions};
use crate::cluster::operator::{create_cr, create_modules, say};
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::image::{Image, Layer};
use crate::support::registry::Registry;
use crate::support::server::tool;

const DOCUMENTS: [&str; 11] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/README.md",
    "docs/air-gap.md",
    "docs/boot.md",
    "docs/ci.md",
    "docs/exit-codes.md",
    "docs/findings.md",
    "docs/project-file.md",
    "docs/rights.md",
];
const KERNEL: &str = "6.1.0-56-amd64";
const EXAMPLES: &str = "examples/kernel/lib/modules/6.1.0-56-amd64";

/// Commands that something else runs: how they begin, what runs them, and a word there.
const ELSEWHERE: [(&str, &str, &str); 23] = [
    (
        "kubectl kmm preflight generate --cronjob",
        "tests/e2e/cluster/in_cluster.rs",
        "the_last_report_of_a_cron_job",
    ),
    (
        "kubectl kmm preflight status --last",
        "tests/e2e/cluster/in_cluster.rs",
        "the_last_report_of_a_cron_job",
    ),
    // It needs the controllers of Jobs, and a kubelet.
    (
        "kubectl kmm preflight run --in-cluster",
        "tests/e2e/cluster/in_cluster.rs",
        "a_shard_killed_in_the_middle",
    ),
    (
        "cargo run --release --quiet -- run --local",
        "tests/cli/documents.rs",
        "a cargo run",
    ),
    ("cargo test", "scripts/test", "cargo test"),
    // With another number than that of every run.
    (
        "KMM_JUDGE_MUTANTS=",
        "tests/e2e/kernel_judge/mutants/mod.rs",
        "KMM_JUDGE_MUTANTS",
    ),
    // More of them than every run reads.
    (
        "KMM_IN_TREE_STEP=",
        "tests/e2e/in_tree.rs",
        "KMM_IN_TREE_STEP",
    ),
    // By hand, with a nightly toolchain; its targets are run over their corpus.
    (
        "cargo +nightly fuzz run",
        "tests/corpus.rs",
        "pub mod fuzz;",
    ),
    (
        "scripts/test --all",
        ".github/workflows/release.yml",
        "scripts/test --all",
    ),
    ("scripts/test", ".ci/run", "scripts/test"),
    ("scripts/package", "scripts/env/krew", "scripts/package"),
    // From a release, which the workflow publishes.
    (
        "kubectl krew install --manifest-url=",
        ".github/workflows/release.yml",
        "release/kmm.yaml",
    ),
    (
        "curl -LO https://github.com/kmm-preflight/",
        "scripts/package",
        "kubectl-kmm-preflight",
    ),
    (
        "curl -sSfL \"$PLUGIN/kubectl-kmm-preflight_linux_amd64.tar.gz\"",
        "scripts/package",
        "kubectl-kmm-preflight",
    ),
    (
        "sudo tar -xzf kubectl-kmm-preflight_linux_amd64.tar.gz",
        "scripts/package",
        "kubectl-kmm-preflight",
    ),
    ("podman run --rm", "scripts/image", "/usr/bin/$name"),
    ("apt-get", ".github/workflows/ci.yml", "apt-get"),
    (
        "kubectl krew install",
        "scripts/env/krew",
        "kubectl krew install --manifest=target/package/plugin.yaml --archive=",
    ),
    (
        "kubectl kmm preflight completion install",
        "scripts/env/krew",
        "kubectl kmm preflight completion install",
    ),
    (
        "gh attestation verify",
        ".github/workflows/release.yml",
        "attest-build-provenance",
    ),
    (
        "kubectl apply -f examples/rbac",
        "tests/e2e/cluster/rights.rs",
        "the_commands_about_rights_bind_the_roles",
    ),
    (
        "kubectl create clusterrolebinding",
        "tests/e2e/cluster/rights.rs",
        "the_commands_about_rights_bind_the_roles",
    ),
    (
        "kubectl kmm preflight status --as=",
        "tests/e2e/cluster/rights.rs",
        "the_commands_about_rights_bind_the_roles",
    ),
];

/// How each of the others begins, and how it ends here.
const HERE: [(&str, i32); 14] = [
    (
        "kubectl kmm preflight run --local -f modules/ --release-image quay.io",
        1,
    ),
    (
        "kubectl kmm preflight run --local -f modules/ --release-image \"$RELEASE\" --authfile",
        1,
    ),
    (
        "kubectl-kmm-preflight run --local -f modules/ --release-image \"$RELEASE\" -o junit",
        1,
    ),
    (
        "/usr/bin/kubectl-kmm-preflight run --local -f modules/ --release-image $RELEASE",
        1,
    ),
    ("printf '%s' \"$AUTH\"", 0),
    ("skopeo copy docker://registry.example/", 0),
    // Its image is nowhere, so nobody could look into it.
    ("kubectl kmm preflight run --local --to", 3),
    ("kubectl kmm preflight status --watch", 0),
    // Its image is nowhere, so nobody could look into it.
    ("kubectl kmm preflight run --to 4.18.9 --cleanup", 3),
    ("kubectl kmm preflight explain -f", 1),
    ("kubectl kmm preflight explain symbol-version-mismatch", 0),
    ("kubectl kmm preflight inspect registry.example/", 0),
    ("kubectl kmm preflight kernel quay.io/", 0),
    // The cluster has no nodes, so what they run is not known.
    ("kubectl kmm preflight targets --to all --current", 3),
];

/// The commands in a document: lines of shell blocks, and what the recipes run.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(document).expect("a document");
    let mut commands = Vec::new();
    let mut language = None;
    let mut recipe = String::new();
    for line in text.lines() {
        match (line.strip_prefix("```"), language) {
            (Some(name), None) => language = Some(name),
            (Some(_), Some("yaml")) => {
                commands.extend(of_recipe(&yaml::from_str(&recipe).expect("YAML")));
                recipe.clear();
                language = None;
            }
            (Some(_), Some(_)) => language = None,
            (None, Some("sh" | "bash")) if !line.is_empty() => commands.push(line.to_owned()),
            (None, Some("yaml")) => recipe.push_str(&format!("{line}\n")),
            (None, None) if line.contains("`gh ") => {
                let command = line.split('`').nth(1).unwrap_or_default();
                commands.push(command.to_owned());
            }
            _ => {}
        }
    }
    commands
}

fn of_recipe(recipe: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let words = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect()
    };
    let github = recipe["jobs"]["preflight"]["steps"].as_array();
    let github = github
        .into_iter()
        .flatten()
        .filter_map(|step| text(&step["run"]));
    let gitlab = ["before_script", "script"]
        .map(|part| words(&recipe["kmm-preflight"][part]))
        .concat();
    let tekton = recipe["spec"]["steps"].as_array();
    let tekton = tekton.into_iter().flatten().map(|step| {
        let line = [words(&step["command"]), words(&step["args"])]
            .concat()
            .join(" ");
        line.replace("$(params.release)", "$RELEASE")
    });
    github.chain(gitlab).chain(tekton).collect()
}

/// A folder as its home and working folder, with what the commands refer to.
struct Place {
    home: TempDir,
    registry: Registry,
    cluster: Cluster,
}

impl Place {
    fn new() -> Self {
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
    }

    fn kubectl(&self) -> PathBuf {
        tool("kubectl").parent().expect("a folder").to_owned()
    }

    fn run(&self, command: &str) -> Output {
        let home = self.home.path();
        let paths = [
            home.join("bin"),
            self.kubectl(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        Command::new("sh")
            .args(["-c", command])
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
            .output()
            .expect("sh runs")
    }
}

const DONE: &[crate::cluster::operator::Said] =
    &[("m1", "Success", "Done", "verified image exists")];

/// Plays the operator for the CR that a run makes.
fn decide(cluster: &Cluster, name: &str) {
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

#[test]
fn every_command_in_the_documents_is_run() {
    let place = Place::new();
    let mut seen = BTreeSet::new();
    for command in DOCUMENTS.into_iter().flat_map(commands) {
        let elsewhere = ELSEWHERE.iter().find(|row| command.starts_with(row.0));
        if let Some((begin, runner, word)) = elsewhere {
            let text = fs::read_to_string(runner).expect("what runs it");
            assert!(text.contains(word), "{runner} runs no `{begin}`");
            seen.insert(*begin);
            continue;
        }
        let row = HERE.iter().find(|(begin, _)| command.starts_with(begin));
        let (begin, code) = row.unwrap_or_else(|| panic!("no test runs `{command}`"));
        let output = std::thread::scope(|scope| {
            if command.contains("--watch") {
                create_cr(&place.cluster, NEWEST, "earlier");
                say(&place.cluster, NEWEST, "earlier", DONE);
            }
            if command.contains("run --to ") {
                scope.spawn(|| decide(&place.cluster, "preflight-4-18-9"));
            }
            // The image's own path of the program.
            place.run(command.trim_start_matches("/usr/bin/"))
        });
        assert_eq!(output.status.code(), Some(*code), "{command}: {output:#?}");
        seen.insert(*begin);
    }
    let junit = fs::read_to_string(place.home.path().join("preflight.xml")).expect("a report");
    assert!(junit.contains("module-not-found"), "{junit}");
    let all = ELSEWHERE.iter().map(|row| row.0);
    let all: BTreeSet<_> = all.chain(HERE.iter().map(|row| row.0)).collect();
    assert_eq!(seen, all, "a row is for no command");
}
