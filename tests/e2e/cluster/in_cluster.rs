//! `run --in-cluster` with Kubernetes' own Job controller and garbage collector, and a runner
//! of pods that runs each container as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
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
struct Scene {
    cluster: Cluster,
    registry: Registry,
    dtk_image: String,
}

impl Scene {
    fn new() -> Self {
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

    fn call(&self, how: &[&str]) -> Preflight {
        call_as(&self.cluster, NOBODY, how)
            .arg(format!("--kernel-version={}", example::KERNEL))
            .arg(format!("--dtk-image={}", self.dtk_image))
            .arg(format!("--insecure-registry={}", self.registry.host()))
            .arg("-o=json")
    }

    fn in_cluster(&self, how: &[&str]) -> Preflight {
        self.call(&["run", "--in-cluster", "--shards=3"]).args(how)
    }

    /// What is left of runs, as soon as nothing is, and at the latest after a minute.
    fn left(&self) -> String {
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
fn rows(ended: &Ended) -> Vec<(String, String, Vec<String>)> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("modules").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| {
        let findings = row["findings"].as_array().expect("findings").iter();
        let codes = findings.map(|finding| text(&finding["code"])).collect();
        (text(&row["name"]), text(&row["verdict"]), codes)
    })
    .collect()
}

fn holds(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[test]
fn a_run_in_the_cluster_answers_as_a_local_one_and_leaves_nothing() {
    let scene = Scene::new();
    let pods = PodRunner::start(&scene.cluster, &[]);
    let ended = scene.in_cluster(&["--timeout=2m"]).run().code(1);
    let local = scene.call(&["run", "--local"]).run().code(1);
    assert_eq!(rows(&ended), rows(&local), "{}", ended.stderr);
    for field in ["target", "counts", "causes", "verdict"] {
        assert_eq!(ended.json()[field], local.json()[field], "{field}");
    }
    holds(&ended, &["shard 0/3", "shard 1/3", "shard 2/3"]);
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
    let ended = scene.in_cluster(&["--timeout=2m"]).run();
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
    let start = Instant::now();
    let names = ["get", "pods", "-A", "-o=name"];
    while !scene.cluster.kubectl(&names, "").contains("run-1") {
        assert!(start.elapsed() < Duration::from_secs(60), "the run begins");
        std::thread::sleep(Duration::from_millis(100));
    }
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
        "-l=preflight.kmm/run=upgrade",
        "-o=name",
    ];
    assert_eq!(scene.cluster.kubectl(&reports, "").lines().count(), 3);

    let refused = scene.in_cluster(&["upgrade"]).run().code(2);
    holds(&refused, &["Job upgrade exists", &removal]);
    assert_eq!(scene.cluster.kubectl(&reports, "").lines().count(), 3);
    scene.cluster.kubectl(&words, "");
    assert_eq!(scene.left(), "");
    drop(pods);
}

/// Method and path, and the body.
type Push = (String, String);

/// A Pushgateway, as far as a push goes: keeps the path and the body of every PUT.
fn gateway() -> (String, Arc<Mutex<Vec<Push>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let pushed = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&pushed);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let mut head = Vec::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a head");
                if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a length");
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push(line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).expect("an answer");
            let request = head.first().cloned().unwrap_or_default();
            let path = request.split(' ').take(2).collect::<Vec<_>>().join(" ");
            let body = String::from_utf8(body).expect("text");
            kept.lock().expect("the pushes").push((path, body));
        }
    });
    (url, pushed)
}

#[test]
fn the_last_report_of_a_cron_job_stays_and_its_metrics_are_pushed() {
    let scene = Scene::new();
    let (url, pushed) = gateway();
    let cron_job = scene
        .call(&["generate", "--cronjob=0 3 * * *", "--shards=2"])
        .arg(format!("--pushgateway={url}"))
        .run()
        .code(0)
        .stdout;
    scene.cluster.apply(&cron_job);
    let status = |how: &[&str]| call_as(&scene.cluster, NOBODY, &["status", "--last"]).args(how);
    let nothing = status(&["-o=json"]).run().code(4);
    holds(&nothing, &["no report", "--job-namespace"]);

    let run = |name: &str| {
        let create = [
            "create",
            "job",
            "-n=openshift-kmm",
            "--from=cronjob/kmm-preflight",
            name,
        ];
        scene.cluster.kubectl(&create, "");
        let start = Instant::now();
        let ended = [
            "get",
            "job",
            "-n=openshift-kmm",
            name,
            "-o=jsonpath={.status.conditions}",
        ];
        while scene.cluster.kubectl(&ended, "").is_empty() {
            assert!(start.elapsed() < Duration::from_secs(90), "{name} ends");
            std::thread::sleep(Duration::from_millis(200));
        }
        scene
            .cluster
            .kubectl(&["delete", "job", "-n=openshift-kmm", name], "");
    };
    let pods = PodRunner::start(&scene.cluster, &[]);
    run("first");
    let local = rows(&scene.call(&["run", "--local"]).run().code(1));
    let last = status(&["-o=json"]).run().code(1);
    assert_eq!(rows(&last), local, "{}", last.stderr);
    let table = status(&[]).run().code(1);
    assert!(
        table.stdout.contains("Checked by kmm-preflight"),
        "{}",
        table.stdout
    );
    let metrics = status(&["-o=prometheus", "kmm-preflight"])
        .run()
        .code(1)
        .stdout;
    assert!(
        metrics.contains("kmm_preflight_modules{verdict=\"verified\"} 1"),
        "{metrics}"
    );
    let mut pushes = pushed.lock().expect("the pushes").clone();
    pushes.sort();
    let paths: Vec<&str> = pushes.iter().map(|(path, _)| path.as_str()).collect();
    let path = |shard: u32| format!("PUT /metrics/job/kmm-preflight/shard/{shard}");
    assert_eq!(paths, [path(0), path(1)]);
    let modules = pushes.iter().flat_map(|(_, body)| body.lines());
    let modules = modules.filter(|line| line.starts_with("kmm_preflight_module{"));
    assert_eq!(modules.count(), 3);
    drop(pods);

    // Of the next one a shard dies: what it left the last time is not this one's.
    let pods = PodRunner::start(&scene.cluster, &[(1, Fate::Killed(2))]);
    run("second");
    let last = status(&["-o=json"]).run();
    holds(
        &last,
        &["shard 1/2 of the last Job left no report; its last one is of"],
    );
    let last = rows(&last);
    assert_eq!(last.len(), 3);
    let lost = last.iter().filter(|(_, verdict, _)| verdict == "error");
    assert!((1..3).contains(&lost.count()), "{last:?}");
    drop(pods);
    status(&["another"]).run().code(4);
    call_as(&scene.cluster, NOBODY, &["status", "--last", "-w"])
        .run()
        .code(2);
}

#[test]
fn a_long_report_is_compressed() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder");
    let modules: Vec<String> = (0..700)
        .map(|number| {
            let mut module = super::operator::module(&format!("m{number}"));
            let mappings = &mut module["spec"]["moduleLoader"]["container"]["kernelMappings"];
            *mappings = json!([{"regexp": "^none$", "containerImage": "i"}]);
            module.to_string()
        })
        .collect();
    let file = folder.path().join("modules.yaml");
    std::fs::write(&file, modules.join("\n---\n")).expect("a file");
    let call = call_as(
        &scene.cluster,
        NOBODY,
        &["run", "--local", "--kernel-version=6.1.0"],
    )
    .arg(format!("-f={}", file.display()))
    .arg("--report-configmap=long");
    let ended = call.run().code(1);
    let stored = ["get", "configmap", "long-report-0", "-o=json"];
    let map: Value = serde_json::from_str(&scene.cluster.kubectl(&stored, "")).expect("JSON");
    assert_eq!(map["data"], Value::Null);
    assert!(
        map["binaryData"]["report.json.gz"].is_string(),
        "{}",
        ended.stderr
    );
    let last = [
        "status",
        "--last",
        "long",
        "--job-namespace=default",
        "-o=json",
    ];
    let last = call_as(&scene.cluster, NOBODY, &last).run().code(1);
    assert_eq!(last.json()["counts"]["failed"], 700);
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
