//! What runs in the cluster, and the shards of a run.

use std::collections::BTreeSet;

use super::preflight::{Ended, Preflight};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn shard(part: &str) -> Preflight {
    Preflight::new([
        "run",
        "--local",
        "-o",
        "json",
        "--kernel-version=6.1.0-56-amd64",
        part,
    ])
    .arg(format!("--filename={ROOT}/examples/modules.yaml"))
    .arg(format!("--oci-layout={ROOT}/examples/images"))
    .arg(format!("--kernel-dir={ROOT}/examples/kernel"))
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
