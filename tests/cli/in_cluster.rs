//! What runs in the cluster, and the shards of a run.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use test_support::faults::{Answer, FaultServer};

use super::preflight::{Ended, Preflight};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A local run on the example.
fn example() -> Preflight {
    Preflight::new(["run", "--local", "--kernel-version=6.1.0-56-amd64"])
        .arg(format!("--filename={ROOT}/examples/modules.yaml"))
        .arg(format!("--oci-layout={ROOT}/examples/images"))
        .arg(format!("--kernel-dir={ROOT}/examples/kernel"))
}

fn shard(part: &str) -> Preflight {
    example().arg("-o=json").arg(part)
}

fn names(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let modules = report["modules"].as_array().expect("modules");
    let name = |module: &serde_json::Value| module["name"].as_str().expect("a name").to_owned();
    modules.iter().map(name).collect()
}

#[test]
fn shards_together_check_every_module_once() {
    for count in [1, 2, 3, 5] {
        let mut seen = Vec::new();
        for index in 0..count {
            let ended = shard(&format!("--shard={index}/{count}")).run();
            let own = names(&ended);
            if own.is_empty() {
                assert_eq!(ended.code, Some(0), "{ended:?}");
            }
            seen.extend(own);
        }
        seen.sort();
        assert_eq!(seen, ["meter", "sensor", "ticker"], "{count} shards");
    }
}

#[test]
fn an_indexed_job_says_which_shard_a_pod_is() {
    let of_pod = |index: &str| {
        let call = shard("-q").env("JOB_COMPLETION_INDEX", index);
        call.env("KMM_PREFLIGHT_SHARDS", "2").run()
    };
    let all: BTreeSet<String> = [of_pod("0"), of_pod("1")].iter().flat_map(names).collect();
    assert_eq!(all.len(), 3);
    of_pod("2").code(2);
    for part in ["--shard=2/2", "--shard=0/0", "--shard=x"] {
        shard(part).run().code(2);
    }
}

#[test]
fn a_flag_for_pods_is_refused_where_no_pods_are_wanted() {
    for flag in [
        "--pushgateway=http://gateway.example",
        "--accept=image-not-found",
        "--shards=2",
        "--image=registry.example/p:1",
        "--job-namespace=drivers",
    ] {
        let with = |what: &str| {
            let call = Preflight::new(["generate", "--kernel-version=6.1.0-56-amd64", flag]);
            call.arg(what).run()
        };
        let ended = with("--kmm-version=2.7").code(2);
        let name = flag.split('=').next().unwrap_or(flag);
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
        with("--job").code(0);
        with("--cronjob=0 3 * * *").code(0);
    }
}

#[test]
fn manifests_are_documents_that_can_be_applied() {
    let generate = |words: &[&str]| {
        let call = Preflight::new(["generate", "upgrade", "--kernel-version=6.1.0-56-amd64"]);
        call.args(words).run()
    };
    let job = generate(&["--job", "--shards=4", "--image=registry.example/p:1"]).code(0);
    let documents: Vec<&str> = job.stdout.split("---\n").collect();
    assert_eq!(documents.len(), 6, "{}", job.stdout);
    for word in [
        "kind: Job",
        "completionMode: Indexed",
        "completions: 4",
        "image: registry.example/p:1",
        "--kernel-version=6.1.0-56-amd64",
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
    ] {
        assert!(job.stdout.contains(word), "{word}: {}", job.stdout);
    }
    let list = generate(&["--cronjob=0 3 * * *", "--alert", "-o=json"])
        .code(0)
        .json();
    let kinds: Vec<&str> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["kind"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "Role",
            "RoleBinding",
            "CronJob",
            "PrometheusRule"
        ]
    );
    for words in [
        &["--cronjob=daily"][..],
        &["--job", "--shards=0"],
        &["--job", "--cronjob=@daily"],
        &["--job", "--kernel-dir=/k"],
    ] {
        generate(words).code(2);
    }
}

#[test]
fn pods_without_a_target_are_not_printed() {
    for how in ["--job", "--cronjob=@daily"] {
        let ended = Preflight::new(["generate", how]).run().code(2);
        assert!(ended.stderr.contains("no target kernel given"), "{ended:?}");
    }
    Preflight::new(["generate", "--alert"]).run().code(0);
}

#[test]
fn rights_are_printed_in_the_format_that_is_asked_for() {
    let rights = |format: &str| Preflight::new(["generate", "--rbac", format]).run();
    let list = rights("-o=json").code(0).json();
    assert_eq!(list["kind"], "List");
    let roles = list["items"].as_array().expect("items");
    let names = rights("-o=name").code(0).stdout;
    assert_eq!(names.lines().count(), roles.len());
    assert!(
        names.starts_with("clusterrole.rbac.authorization.k8s.io/"),
        "{names}"
    );
    assert!(rights("-o=table").code(0).stdout.starts_with("# "));
    rights("-o=junit").code(2);
}

#[test]
fn an_api_server_that_is_away_for_a_moment_costs_no_report() {
    let server = FaultServer::start(|asked| {
        let is_report = asked.path.contains("/configmaps/nightly-report-0");
        let code = match (is_report, asked.before) {
            (true, 0 | 1) => 503,
            (true, _) => 200,
            (false, _) => 404,
        };
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                            "code": code, "reason": "X", "message": "not now"});
        Answer::new(code, status.to_string()).header("Content-Type", "application/json")
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.host())}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    fs::write(&file, config.to_string()).expect("a kubeconfig");
    let call = example().arg("--report-configmap=nightly");
    let ended = call.arg("--kubeconfig").arg(&file).run().code(1);
    let sent = server.asked("/configmaps/nightly-report-0");
    assert_eq!(sent.len(), 3, "{ended:?}");
    assert!(sent[2].body.contains("report.json"), "{:?}", sent[2]);
}

#[test]
fn the_image_of_the_pods_is_that_of_the_flag_else_of_the_environment() {
    let image = |flags: &[&str]| {
        let call = Preflight::new(["generate", "--job", "--kernel-version=6.1.0", "-o=json"]);
        let call = call.env("KMM_PREFLIGHT_IMAGE", "registry.example/mirror:1");
        let list = call.args(flags).run().code(0).json();
        let job = list["items"].as_array().expect("items").last().cloned();
        job.expect("a Job")["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    assert_eq!(image(&[]), "registry.example/mirror:1");
    assert_eq!(
        image(&["--image=registry.example/p:1"]),
        "registry.example/p:1"
    );
}

/// The project file of whoever asks for a validation in the cluster.
const PROJECT_FILE: &str = "\
accept:
- code: module-not-found
  reason: 'the \"vendor\" has it: soon'
  until: 2999-12-31
- code: elf-invalid
  module: drivers/sensor
  reason: no more
  until: 2001-12-31
";

#[test]
fn what_is_accepted_reaches_the_pods_with_reason_and_last_day() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    fs::write(folder.path().join(".kmm-preflight.yaml"), PROJECT_FILE).expect("a file");
    let accept = "--accept=symbol-version-mismatch=drivers/sensor";
    let run = |flag: &str| {
        let call = example().arg("--color=never").arg("--progress=none");
        call.dir(folder.path()).arg(flag).run()
    };
    let told = |ended: Ended| {
        let lines = ended.stdout.lines();
        let accepted = lines.filter(|line| line.contains("(accepted: "));
        accepted.map(str::to_owned).collect::<Vec<_>>()
    };
    let here = told(run(accept).code(0));
    assert_eq!(here.len(), 2, "{here:?}");
    assert!(here[0].contains("the \"vendor\" has it: soon"), "{here:?}");

    for how in ["--job", "--cronjob=@daily"] {
        let call = Preflight::new(["generate", how, "--kernel-version=6.1.0", "-o=json"]);
        let ended = call.dir(folder.path()).arg(accept).run().code(0);
        let list = ended.json();
        let objects = list["items"].as_array().expect("items");
        let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind);
        let map = of_kind("ConfigMap").expect("what is accepted");
        assert_eq!(map["metadata"]["namespace"], "openshift-kmm");
        let last = objects.last().expect("objects");
        let pod = match last["kind"] == "CronJob" {
            true => &last["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            false => &last["spec"]["template"]["spec"],
        };
        let named = |list: &Value| {
            let mut all = list.as_array().expect("a list").iter();
            all.find(|one| one["name"] == "config").cloned()
        };
        let volume = named(&pod["volumes"]).expect("a volume");
        assert_eq!(volume["configMap"]["name"], map["metadata"]["name"]);
        let mount = named(&pod["containers"][0]["volumeMounts"]).expect("a mount");
        let mount = mount["mountPath"].as_str().expect("a path");
        let args = pod["containers"][0]["args"].as_array().expect("args");
        let mut args = args.iter().filter_map(Value::as_str);
        let file = args.find_map(|arg| arg.strip_prefix("--config="));
        let key = file
            .and_then(|file| file.strip_prefix(mount))
            .expect("a file there");
        let text = map["data"][&key[1..]].as_str().expect("a text");
        assert!(text.contains("until: 2999-12-31"), "{text}");
        assert!(!text.contains("elf-invalid"), "{text}");

        // A pod reads this file, and knows nothing else.
        let own = folder.path().join("of-the-pods.yaml");
        fs::write(&own, text).expect("a file");
        let there = told(run(&format!("--config={}", own.display())).code(0));
        assert_eq!(there, here, "{text}");
    }
    let nothing = Preflight::new(["generate", "--job", "--kernel-version=6.1.0"]).run();
    let nothing = nothing.code(0).stdout;
    for word in ["kind: ConfigMap", "configMap:", "--config"] {
        assert!(!nothing.contains(word), "{word}: {nothing}");
    }
}
