//! `run --in-cluster` with Kubernetes' own Job controller and garbage collector, and a runner
//! of pods that runs each container as a process.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crds::NEWEST;
use super::example;
use super::operator::call_as;
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::pod_runner::{Fate, PodRunner};
use crate::support::preflight::{Ended, Preflight, Running};
use crate::support::registry::Registry;

/// Everything that a run makes.
const KINDS: &str = "jobs,pods,configmaps,serviceaccounts,roles,rolebindings,clusterroles,\
                     clusterrolebindings";

/// A cluster with the three Modules of the example, their images and a kernel.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    registry: Registry,
    dtk_image: String,
}

impl Scene {
    pub(super) fn new() -> Self {
        let registry = Registry::start();
        let mut cluster = Cluster::start();
        NEWEST.install(&cluster);
        for namespace in ["drivers", "openshift-kmm"] {
            cluster.apply(&format!(
                "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"
            ));
        }
        for name in ["meter", "sensor", "ticker"] {
            let module = json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
                "metadata": {"name": name, "namespace": "drivers"},
                "spec": {"selector": {"node": "all"}, "moduleLoader": {"container": {
                    "modprobe": {"moduleName": name},
                    "kernelMappings": [{"regexp": "^.+$", "registryTLS": {"insecure": true},
                        "containerImage": example::push(&registry, name)}]}}}});
            cluster.apply(&module.to_string());
        }
        // What `generate --rbac` prints, for a user who has nothing else.
        let roles = Preflight::new(["generate", "--rbac"]).run().code(0).stdout;
        cluster.apply(&roles);
        for role in ["in-cluster", "cross-check", "targets"] {
            let role = format!("kmm-preflight-{role}");
            let flag = format!("--clusterrole={role}");
            let bind = [
                "create",
                "clusterrolebinding",
                &role,
                &flag,
                "--user=nobody",
            ];
            cluster.kubectl(&bind, "");
        }
        cluster.start_controllers();
        let dtk_image = example::push_release(&registry, "4.18.9", "").dtk_image;
        Self {
            cluster,
            registry,
            dtk_image,
        }
    }

    pub(super) fn call(&self, how: &[&str]) -> Preflight {
        call_as(&self.cluster, NOBODY, how)
            .arg(format!("--kernel-version={}", example::KERNEL))
            .arg(format!("--dtk-image={}", self.dtk_image))
            .arg(format!("--insecure-registry={}", self.registry.host()))
            .arg("-o=json")
    }

    pub(super) fn in_cluster(&self, how: &[&str]) -> Preflight {
        self.call(&["run", "--in-cluster", "--shards=3"]).args(how)
    }

    /// A command of a document that begins like this, without the words of `less`.
    pub(super) fn words_of(document: &str, begin: &str, less: &str) -> Vec<String> {
        let text = fs::read_to_string(document).expect("a document");
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(begin));
        let line = line.expect("the command");
        assert!(line.contains(less), "{line}");
        let line = line.replace(less, "");
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Module and shard, as one pod divided them for all.
    fn divided(&self, run: &str) -> BTreeSet<(String, u64)> {
        let plan = self.document(&format!("{run}-division"), "plan.json");
        let plan = plan.as_array().expect("a plan").iter();
        plan.map(|one| (text(&one["name"]), one["shard"].as_u64().expect("a shard")))
            .collect()
    }

    /// The same as the reports of the shards have it.
    fn checked(&self, run: &str) -> BTreeSet<(String, u64)> {
        let of_shard = |shard| {
            let report = self.document(&format!("{run}-report-{shard}"), "report.json");
            let rows = report["modules"].as_array().expect("modules").clone();
            rows.into_iter().map(move |row| (text(&row["name"]), shard))
        };
        (0..3).flat_map(of_shard).collect()
    }

    /// A document in a ConfigMap of a run.
    fn document(&self, map: &str, key: &str) -> Value {
        let words = ["get", "configmap", "-n=openshift-kmm", "-o=json", map];
        let map: Value = serde_json::from_str(&self.cluster.kubectl(&words, "")).expect("JSON");
        serde_json::from_str(&text(&map["data"][key])).expect("a document")
    }

    /// Returns as soon as there is a pod of such a name.
    pub(super) fn wait_for_pod(&self, part: &str) {
        let start = Instant::now();
        let names = ["get", "pods", "-A", "-o=name"];
        while !self.cluster.kubectl(&names, "").contains(part) {
            assert!(start.elapsed() < Duration::from_secs(60), "the run begins");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What is left of runs, as soon as nothing is, and at the latest after a minute.
    pub(super) fn left(&self) -> String {
        let start = Instant::now();
        loop {
            let own = ["get", KINDS, "-A", "-o=name", "-l=preflight.kmm/run"];
            let left = self.cluster.kubectl(&own, "");
            if left.is_empty() || start.elapsed() > Duration::from_secs(60) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Name, verdict and codes of each row.
pub(super) fn rows(ended: &Ended) -> Vec<(String, String, Vec<String>)> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("modules").iter();
    rows.map(|row| {
        let findings = row["findings"].as_array().expect("findings").iter();
        let codes = findings.map(|finding| text(&finding["code"])).collect();
        (text(&row["name"]), text(&row["verdict"]), codes)
    })
    .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn holds(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[test]
fn a_run_in_the_cluster_answers_as_a_local_one_and_leaves_nothing() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[]);
    // Of these two flags each pod has a Module for one at most.
    let assumed = ["meter", "ticker"].map(|name| {
        let image = example::push(&scene.registry, name);
        format!("--assume-image=drivers/{name}={image}")
    });
    let run = scene.in_cluster(&["--timeout=2m"]).args(&assumed);
    let ended = run.run().code(1);
    let local = scene.call(&["run", "--local"]).args(&assumed);
    let local = local.run().code(1);
    assert_eq!(rows(&ended), rows(&local), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--assume-image"), "{}", ended.stderr);
    for field in ["target", "counts", "causes", "verdict"] {
        assert_eq!(ended.json()[field], local.json()[field], "{field}");
    }
    holds(&ended, &["shard 0/3", "shard 1/3", "shard 2/3"]);
    // The next run of the name does not find them, whenever the garbage collector comes.
    let reports = ["get", "configmaps", "-A", "-o=name", "-l=preflight.kmm/run"];
    assert_eq!(scene.cluster.kubectl(&reports, ""), "");
    assert_eq!(scene.left(), "");

    // One that nobody may be.
    let nothing = scene.in_cluster(&["-n=empty"]).run().code(4);
    holds(&nothing, &["nothing to check"]);
    assert_eq!(scene.left(), "");
    drop(pods);
}

#[test]
fn a_shard_killed_in_the_middle_is_told_and_its_modules_are_errors() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[(1, Fate::Killed(2)), (2, Fate::Evicted)]);
    // With this cluster's kernel for the release.
    let readme = Scene::words_of(
        "README.md",
        "kubectl kmm preflight run --in-cluster",
        "--to 4.18.9",
    );
    let readme: Vec<&str> = readme.iter().skip(3).map(String::as_str).collect();
    let ended = scene.call(&readme).arg("--timeout=2m").run();
    let local = scene.call(&["run", "--local"]).run().code(1);
    let (rows, local) = (rows(&ended), rows(&local));
    let (lost, kept): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|(_, _, codes)| codes.iter().any(|code| code == "shard-lost"));
    assert_eq!((lost.len(), kept.len()), (1, 2), "{ended:?}");
    assert_eq!(lost[0].1, "error");
    assert!(kept.iter().all(|row| local.contains(row)), "{kept:?}");
    let fails = kept.iter().any(|(_, verdict, _)| verdict == "failed");
    assert_eq!(ended.code, Some(if fails { 1 } else { 3 }));
    holds(
        &ended,
        &[
            "shard 1/3: pod kmm-preflight-run-1-",
            "was killed (exit code 137)",
            "shard 1/3: started again as pod kmm-preflight-run-1-",
            "shard 1/3 left no report",
            "was evicted",
            "shard 2/3: started again as pod kmm-preflight-run-2-",
        ],
    );
    assert_eq!(scene.left(), "");
    drop(pods);

    // Killed once, it is tried again, and nothing is missing.
    let pods = PodRunner::start(&scene.cluster, &[(0, Fate::Killed(1))]);
    let ended = scene.in_cluster(&["--timeout=2m"]).run().code(1);
    assert_eq!(self::rows(&ended), local, "{}", ended.stderr);
    holds(&ended, &["shard 0/3: started again"]);
    assert_eq!(scene.left(), "");
    drop(pods);
}

/// The other pods do not wait for it to divide the Modules.
#[test]
fn a_shard_whose_image_cannot_be_pulled_is_given_up() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[(0, Fate::NoImage)]);
    let ended = scene.in_cluster(&["--timeout=150s"]).run();
    let local = rows(&scene.call(&["run", "--local"]).run().code(1));
    let (lost, kept): (Vec<_>, Vec<_>) = rows(&ended)
        .into_iter()
        .partition(|(_, _, codes)| codes == &["shard-lost"]);
    assert_eq!((lost.len(), kept.len()), (1, 2), "{ended:?}");
    assert!(kept.iter().all(|row| local.contains(row)), "{kept:?}");
    holds(&ended, &["shard 0/3 left no report", "no such manifest"]);
    assert_eq!(scene.left(), "");
    drop(pods);
}

/// Else they would wait three minutes for a division that nobody writes.
#[test]
fn no_pod_waits_for_one_that_cannot_divide_the_modules() {
    let scene = Scene::new();
    let pod = |index: &str, what: &str| {
        let call = call_as(&scene.cluster, ADMIN, &["run", "--local", "-o=json", what])
            .arg(format!("--kernel-version={}", example::KERNEL))
            .arg(format!("--dtk-image={}", scene.dtk_image))
            .arg(format!("--insecure-registry={}", scene.registry.host()));
        let call = call.arg("--report-configmap=by-hand");
        let call = call.env("JOB_COMPLETION_INDEX", index);
        let call = call.env("KMM_PREFLIGHT_SHARDS", "2");
        let call = call.env("KMM_PREFLIGHT_JOB_NAME", "by-hand-1");
        call.env("KMM_PREFLIGHT_JOB_UID", "1").run()
    };
    let start = Instant::now();
    pod("0", "-n=empty").code(4);
    let other = pod("1", "-n=drivers");
    assert!(start.elapsed() < Duration::from_secs(90));
    assert!(rows(&other).len() < 3, "{other:?}");
    assert!(!rows(&other).is_empty(), "{other:?}");
}

#[test]
fn a_run_that_ends_early_says_what_is_missing_and_leaves_nothing() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[(0, Fate::NoImage), (1, Fate::Stopped)]);
    let ended = scene.in_cluster(&["--timeout=20s"]).run();
    holds(
        &ended,
        &[
            "cannot pull image",
            "no such manifest",
            "timed out after 20s",
        ],
    );
    let undecided = rows(&ended)
        .into_iter()
        .filter(|(_, _, codes)| codes == &["not-decided"]);
    // The third one may take longer than that where much else runs.
    assert!(undecided.count() >= 2, "{ended:?}");
    assert_eq!(rows(&ended).len(), 3);
    assert_eq!(scene.left(), "");

    let running = Running::start(scene.in_cluster(&[]));
    scene.wait_for_pod("run-1");
    running.signal("INT");
    let ended = running.end().code(130);
    assert_eq!(
        ended.json()["modules"].as_array().map(Vec::len),
        Some(3),
        "{ended:?}"
    );
    assert_eq!(scene.left(), "");
    drop(pods);
}

#[test]
fn a_kept_run_is_in_the_way_of_the_next_one_until_it_is_removed() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[]);
    let kept = scene
        .in_cluster(&["--keep", "upgrade", "--timeout=2m"])
        .run()
        .code(1);
    let removal = kept.stderr.split('`').nth(1).expect("a command").to_owned();
    let words: Vec<&str> = removal.split_whitespace().skip(1).collect();
    assert!(removal.starts_with("kubectl delete"), "{removal}");
    let reports = [
        "get",
        "configmaps",
        "-n=openshift-kmm",
        "-l=preflight.kmm/run=upgrade,preflight.kmm/shard",
        "-o=name",
    ];
    assert_eq!(scene.cluster.kubectl(&reports, "").lines().count(), 3);
    assert_eq!(scene.checked("upgrade"), scene.divided("upgrade"));

    let refused = scene.in_cluster(&["upgrade"]).run().code(2);
    holds(&refused, &["Job upgrade exists", &removal]);
    assert_eq!(scene.cluster.kubectl(&reports, "").lines().count(), 3);
    scene.cluster.kubectl(&words, "");
    assert_eq!(scene.left(), "");
    drop(pods);
}

#[test]
fn what_keeps_a_job_from_being_made_is_told() {
    let scene = Scene::new();
    let ended = scene.in_cluster(&["--job-namespace=absent"]).run().code(3);
    holds(&ended, &["absent", "--job-namespace"]);
    let printed = scene.in_cluster(&["--dry-run=server"]).run().code(0).json();
    assert_eq!(printed["items"].as_array().map(Vec::len), Some(6));
    let printed = scene.in_cluster(&["--dry-run=client"]).run().code(0).json();
    assert_eq!(printed["items"][5]["kind"], "Job");
    let unbind = ["delete", "clusterrolebinding", "kmm-preflight-in-cluster"];
    scene.cluster.kubectl(&unbind, "");
    let ended = scene.in_cluster(&[]).run().code(3);
    holds(
        &ended,
        &[
            "cannot create resource \"jobs\"",
            "examples/rbac/in-cluster.yaml",
        ],
    );
    assert_eq!(scene.left(), "");

    for flags in [
        &["run", "--in-cluster"][..],
        &["run", "--in-cluster", "--local", "--kernel-version=6.1"],
        &[
            "run",
            "--in-cluster",
            "--kernel-version=6.1",
            "--kernel-dir=/k",
        ],
        &[
            "run",
            "--in-cluster",
            "--kernel-version=6.1",
            "--wait=false",
        ],
        &["run", "--in-cluster", "--kernel-version=6.1", "Bad_Name"],
        &["run", "--local", "--shards=2", "--kernel-version=6.1"],
        &["run", "--keep", "--kernel-version=6.1"],
    ] {
        call_as(&scene.cluster, ADMIN, flags).run().code(2);
    }
}
