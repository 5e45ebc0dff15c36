//! Every command of the documents, as it stands there, through the real kubectl: against a
//! cluster, and a registry that a mirror rule puts in the place of the documents' registries.

pub(crate) mod place;

use std::collections::BTreeSet;
use std::fs;

use kmm_preflight::for_tests::{examples, yaml};
use serde_json::{Value, json};

use crate::cluster::crds::NEWEST;
use crate::cluster::operator::{create_cr, say};
use crate::documents::place::{DONE, KERNEL, Place, decide};
use crate::support::image::{Image, Layer};

/// Every page of the repository.
fn documents() -> Vec<String> {
    let pages = |folder: &str| {
        let entries = fs::read_dir(if folder.is_empty() { "." } else { folder });
        let names = entries
            .expect("a folder")
            .map(|entry| entry.expect("a page").file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let pages = names.filter(|name| name.ends_with(".md"));
        pages
            .map(|name| format!("{folder}{name}"))
            .collect::<Vec<_>>()
    };
    [pages(""), pages("docs/")].concat()
}

/// Commands that something else runs: how they begin, what runs them, and a word there.
const ELSEWHERE: [(&str, &str, &str); 31] = [
    (
        "kubectl kmm preflight generate --cronjob",
        "tests/e2e/cluster/kept_reports.rs",
        "the_last_report_of_a_cron_job",
    ),
    (
        "kubectl kmm preflight status --last",
        "tests/e2e/cluster/kept_reports.rs",
        "the_last_report_of_a_cron_job",
    ),
    // It needs the controllers of Jobs, and a kubelet.
    (
        "kubectl kmm preflight run --in-cluster --to 4.18.9 --shards 3",
        "tests/e2e/cluster/in_cluster.rs",
        "let readme = Scene::words_of(",
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
        "curl -sSfL --remote-name-all",
        "scripts/install-release",
        "\"$archive\" checksums.txt",
    ),
    (
        "sha256sum --check --ignore-missing checksums.txt",
        "tests/cli/action.rs",
        "sha256sum --check --ignore-missing checksums.txt",
    ),
    (
        "sudo tar -xzf kubectl-kmm-preflight_linux_amd64.tar.gz",
        "tests/cli/action.rs",
        "tar -xzf {archive}",
    ),
    (
        "tar -xzf kubectl-kmm-preflight_linux_amd64.tar.gz",
        "tests/cli/action.rs",
        "tar -xzf {archive}",
    ),
    (
        "brew tap-new",
        "scripts/package",
        "class KubectlKmmPreflight",
    ),
    (
        "curl -sSfL -o \"$(brew --repository",
        ".github/workflows/release.yml",
        "release/kubectl-kmm-preflight.rb",
    ),
    (
        "brew install",
        "tests/e2e/release_files.rs",
        "the_formula_is_one_for_homebrew",
    ),
    (
        "oc apply -f https://",
        ".github/workflows/release.yml",
        "release/cli-manager.yaml",
    ),
    (
        "ROUTE=$(oc get route",
        "scripts/package",
        "config.openshift.io",
    ),
    (
        "oc krew",
        "tests/cli/publishing.rs",
        "the_cli_manager_finds_the_program_in_the_image",
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
const HERE: [(&str, i32); 19] = [
    (
        "kubectl kmm preflight run --local -f modules/ --release-image quay.io",
        1,
    ),
    (
        "kubectl kmm preflight run --local -f modules/ --release-image \"$RELEASE\" --authfile",
        1,
    ),
    (
        "kubectl-kmm-preflight run --local -f modules/ --release-image \"$RELEASE\" --authfile",
        1,
    ),
    (
        "/usr/bin/kubectl-kmm-preflight run --local -f modules/ --release-image $RELEASE",
        1,
    ),
    ("printf '%s' \"$AUTH\"", 0),
    ("skopeo copy docker://registry.example/", 0),
    ("kubectl label namespace openshift-kmm monitoring", 0),
    ("kubectl create role prometheus-k8s", 0),
    ("kubectl create rolebinding prometheus-k8s", 0),
    // What there is to remove is in tests/e2e/cluster/kept_reports.rs, and no rules are known here.
    (
        "kubectl delete -n openshift-kmm -l preflight.kmm/run=kmm-preflight cronjobs",
        0,
    ),
    (
        "kubectl delete -n openshift-kmm -l preflight.kmm/run=kmm-preflight prometheusrules",
        1,
    ),
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
            (Some(name), None) => {
                // What is in another one is no command.
                let known = ["sh", "bash", "yaml", "json", "text"];
                assert!(known.contains(&name), "{document}: ```{name}");
                language = Some(name);
            }
            (Some(_), Some("yaml")) => {
                commands.extend(of_recipe(&yaml::from_str(&recipe).expect("YAML")));
                recipe.clear();
                language = None;
            }
            (Some(_), Some(_)) => language = None,
            (None, Some("sh" | "bash")) if !line.is_empty() => commands.push(line.to_owned()),
            (None, Some("text")) => {
                let is_command = ["$ ", "kubectl "].iter().any(|one| line.starts_with(one));
                assert!(!is_command, "{document}: {line}");
            }
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
        .filter_map(|step| text(&step["run"]))
        .flat_map(|run| run.lines().map(str::to_owned).collect::<Vec<_>>());
    let gitlab = ["before_script", "script"]
        .map(|part| words(&recipe["kmm-preflight"][part]))
        .concat();
    let tekton = recipe["spec"]["steps"].as_array();
    let tekton = tekton.into_iter().flatten().map(|step| {
        let line = [words(&step["command"]), words(&step["args"])]
            .concat()
            .join(" ");
        line.replace("$(params.release)", "$RELEASE").replace(
            "$(workspaces.credentials.path)/.dockerconfigjson",
            "$AUTHFILE",
        )
    });
    github.chain(gitlab).chain(tekton).collect()
}

#[test]
fn every_command_in_the_documents_is_run() {
    let place = Place::new();
    let mut seen = BTreeSet::new();
    for command in documents().iter().flat_map(|page| commands(page)) {
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

/// How the examples of help end that do not end with 0.
const OF_HELP: [(&str, i32); 5] = [
    ("run --local -f examples/modules.yaml", 1),
    // Its image is nowhere, so nobody could look into it.
    ("run --local --to 4.18.9", 3),
    ("run --to 4.18.9 --cleanup", 3),
    // The cluster has no nodes, so what they run is not known.
    ("targets --to all --current", 3),
    ("explain -f examples/modules.yaml", 0),
];

#[test]
fn every_example_of_help_is_run() {
    let place = Place::new();
    let kernels = json!({"KERNEL_VERSION": KERNEL, "RT_KERNEL_VERSION": "", "RHEL_VERSION": "9.4"});
    let told = kernels.to_string();
    let toolkit = Layer::new().file("etc/driver-toolkit-release.json", told.as_bytes());
    let toolkit = Image::new().architecture("arm64").layer(toolkit).build();
    place.registry.push("driver-toolkit:latest", &toolkit);
    let mut seen = 0;
    for text in examples::ALL {
        for command in text.replace("\\\n", " ").lines() {
            let Some(words) = command.trim().strip_prefix("kubectl kmm preflight ") else {
                continue;
            };
            // KMM runs one preflight at a time, so they are there for these commands only.
            let is_about_crs = ["status", "delete"]
                .iter()
                .any(|one| words.starts_with(one));
            for name in ["upgrade-4-18-9", "earlier"]
                .iter()
                .filter(|_| is_about_crs)
            {
                create_cr(&place.cluster, NEWEST, name);
                say(&place.cluster, NEWEST, name, DONE);
            }
            let known = OF_HELP.iter().find(|(begin, _)| words.starts_with(begin));
            let code = known.map_or(0, |(_, code)| *code);
            let output = std::thread::scope(|scope| {
                if words.starts_with("run --to ") {
                    scope.spawn(|| decide(&place.cluster, "preflight-4-18-9"));
                }
                place.run(command.trim())
            });
            assert_eq!(output.status.code(), Some(code), "{command}: {output:#?}");
            let rest = ["delete", NEWEST.resource(), "--all"];
            place.cluster.kubectl(&rest, "");
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}
