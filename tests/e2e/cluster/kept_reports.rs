//! The reports that validations in the cluster leave: of CronJobs, with their metrics in a real
//! Pushgateway, and what `status --last` says of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::in_cluster::{Scene, holds, rows};
use super::operator::call_as;
use crate::support::cluster::NOBODY;
use crate::support::pod_runner::{Fate, PodRunner};
use crate::support::preflight::Ended;
use crate::support::server::{Server, free_port, listens};

/// A Prometheus Pushgateway on a loopback port.
struct Gateway {
    port: u16,
    _server: Server,
    _folder: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let address = format!("--web.listen-address=127.0.0.1:{port}");
        let mut server = Server::start("pushgateway", &[address], &folder.path().join("log"));
        server.wait_until(|| listens(port));
        Self {
            port,
            _server: server,
            _folder: folder,
        }
    }

    fn flag(&self) -> String {
        format!("--pushgateway=http://127.0.0.1:{}", self.port)
    }

    /// The series of this name that Prometheus would scrape, and that have these labels.
    fn series(&self, name: &str, labels: &[&str]) -> Vec<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        let of_name = answer
            .lines()
            .filter(|line| line.split('{').next() == Some(name));
        of_name
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .map(str::to_owned)
            .collect()
    }
}

/// `status --last` as a user who has nothing but what `generate --rbac` gives.
fn status(scene: &Scene, how: &[&str]) -> Ended {
    call_as(&scene.cluster, NOBODY, &["status", "--last"])
        .args(how)
        .run()
}

/// Runs a Job of the CronJob to its end, and removes it.
fn run_once(scene: &Scene, name: &str) {
    let kubectl = |words: &[&str]| {
        let words = [&["-n=openshift-kmm"][..], words].concat();
        scene.cluster.kubectl(&words, "")
    };
    kubectl(&["create", "job", "--from=cronjob/kmm-preflight", name]);
    let start = Instant::now();
    let ended = ["get", "job", name, "-o=jsonpath={.status.conditions}"];
    while kubectl(&ended).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(90), "{name} ends");
        std::thread::sleep(Duration::from_millis(200));
    }
    kubectl(&["delete", "job", name]);
}

#[test]
fn the_last_report_of_a_cron_job_stays_and_its_metrics_are_pushed() {
    let scene = Scene::new();
    let gateway = Gateway::start();
    let cron_job = scene
        .call(&["generate", "--cronjob=0 3 * * *", "--shards=2"])
        .arg(gateway.flag())
        .run()
        .code(0)
        .stdout;
    scene.cluster.apply(&cron_job);
    let nothing = status(&scene, &["-o=json"]).code(4);
    holds(&nothing, &["no report", "--job-namespace"]);

    let pods = PodRunner::start(&scene.cluster, &[]);
    run_once(&scene, "first");
    let local = rows(&scene.call(&["run", "--local"]).run().code(1));
    let last = status(&scene, &["-o=json"]).code(1);
    assert_eq!(rows(&last), local, "{}", last.stderr);
    let table = status(&scene, &[]).code(1);
    assert!(
        table.stdout.contains("Checked by kmm-preflight"),
        "{}",
        table.stdout
    );
    let metrics = status(&scene, &["-o=prometheus", "kmm-preflight"]).code(1);
    let metrics = metrics.stdout;
    assert!(
        metrics.contains("kmm_preflight_modules{verdict=\"verified\"} 1"),
        "{metrics}"
    );
    // One group for each shard, with all that its report says.
    for shard in 0..2 {
        let group = ["job=\"kmm-preflight\"", &format!("shard=\"{shard}\"")];
        let pushed = gateway.series("push_time_seconds", &group);
        assert_eq!(pushed.len(), 1, "{pushed:?}");
        let runs = gateway.series("kmm_preflight_last_run_timestamp_seconds", &group);
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(gateway.series("kmm_preflight_modules", &group).len(), 6);
    }
    let modules = gateway.series("kmm_preflight_module", &["namespace=\"drivers\""]);
    assert_eq!(modules.len(), 3, "{modules:?}");
    drop(pods);

    // Of the next one a shard dies: what it left the last time is not this one's.
    let pods = PodRunner::start(&scene.cluster, &[(1, Fate::Killed(2))]);
    run_once(&scene, "second");
    let last = status(&scene, &["-o=json"]);
    holds(
        &last,
        &["shard 1/2 of the last Job left no report; its last one is of"],
    );
    let last = rows(&last);
    assert_eq!(last.len(), 3);
    let lost = last.iter().filter(|(_, verdict, _)| verdict == "error");
    assert!((1..3).contains(&lost.count()), "{last:?}");
    drop(pods);
    status(&scene, &["another"]).code(4);
    status(&scene, &["-w"]).code(2);

    let removal = Scene::words_of("docs/ci.md", "kubectl delete -n openshift-kmm", "");
    let removal: Vec<&str> = removal.iter().skip(1).map(String::as_str).collect();
    scene.cluster.kubectl(&removal, "");
    assert_eq!(scene.left(), "");
}

#[test]
fn what_is_accepted_is_accepted_by_the_pods_too() {
    let scene = Scene::new();
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    let file = "accept: [{code: module-not-found, reason: ships later, until: 2999-12-31}]\n";
    fs::write(folder.path().join(".kmm-preflight.yaml"), file).expect("a file");
    let accept = "--accept=symbol-version-mismatch";
    let agrees = |ended: &Ended, how: &[&str]| {
        // Nobody accepts anything here: it is the kept report that says so.
        let last = status(&scene, &[how, &["-o=json"]].concat()).code(0);
        assert_eq!(rows(&last), rows(ended), "{}", last.stderr);
        let table = status(&scene, how).code(0).stdout;
        assert!(table.contains("(accepted: ships later)"), "{table}");
    };

    let pods = PodRunner::start(&scene.cluster, &[]);
    let here = scene.call(&["run", "--local", accept]).dir(folder.path());
    let here = here.run().code(0);
    assert_eq!(here.json()["counts"]["accepted"], 2, "{}", here.stderr);
    let ended = scene.in_cluster(&[accept, "--keep", "--timeout=2m"]);
    let ended = ended.dir(folder.path()).run().code(0);
    assert_eq!(rows(&ended), rows(&here), "{}", ended.stderr);
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    agrees(&here, &["kmm-preflight-run"]);
    let removal = ended.stderr.split('`').nth(1);
    let removal: Vec<&str> = removal.expect("a command").split_whitespace().collect();
    scene.cluster.kubectl(&removal[1..], "");
    assert_eq!(scene.left(), "");
    let ended = scene.in_cluster(&[accept, "--timeout=2m"]);
    ended.dir(folder.path()).run().code(0);
    assert_eq!(scene.left(), "");

    let cron_job = scene.call(&["generate", "--cronjob=@daily", "--shards=2", accept]);
    let cron_job = cron_job.arg(gateway.flag()).dir(folder.path()).run();
    scene.cluster.apply(&cron_job.code(0).stdout);
    run_once(&scene, "accepted");
    agrees(&here, &[]);
    for (verdict, count) in [("accepted", 2), ("verified", 1), ("failed", 0)] {
        let label = format!("verdict=\"{verdict}\"");
        let modules = gateway.series("kmm_preflight_module", &[&label]);
        assert_eq!(modules.len(), count, "{modules:?}");
    }
    drop(pods);
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
    fs::write(&file, modules.join("\n---\n")).expect("a file");
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
