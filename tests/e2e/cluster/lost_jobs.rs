//! `run --in-cluster` whose Job goes away, or may have no pods.

use super::in_cluster::{Scene, holds, rows};
use crate::support::pod_runner::{Fate, PodRunner};
use crate::support::preflight::Running;

#[test]
fn a_job_that_is_deleted_or_may_have_no_pods_is_reported() {
    let scene = Scene::new();
    let fates = [0, 1, 2].map(|shard| (shard, Fate::Stopped));
    let pods = PodRunner::start(&scene.cluster, &fates);
    let running = Running::start(scene.in_cluster(&[]));
    scene.wait_for_pod("run-2");
    let delete = ["delete", "job", "-n=openshift-kmm", "kmm-preflight-run"];
    scene.cluster.kubectl(&delete, "");
    let ended = running.end().code(3);
    assert!(
        rows(&ended).iter().all(|row| row.2 == ["shard-lost"]),
        "{ended:?}"
    );
    assert_eq!(rows(&ended).len(), 3);
    holds(&ended, &["shard 1/3 left no report", "it was deleted"]);
    assert_eq!(scene.left(), "");
    drop(pods);

    let pods = PodRunner::start(&scene.cluster, &[]);
    scene.cluster.apply(
        "{apiVersion: v1, kind: ResourceQuota, metadata: {name: none, namespace: openshift-kmm},
          spec: {hard: {pods: 0}}}",
    );
    // As the controller of quotas writes it.
    let status = r#"{"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}"#;
    let patch = [
        "patch",
        "resourcequota",
        "none",
        "-n=openshift-kmm",
        "--type=merge",
    ];
    let of_status = ["--subresource=status", "-p", status];
    scene
        .cluster
        .kubectl(&[&patch[..], &of_status].concat(), "");
    let ended = scene.in_cluster(&["--timeout=20s"]).run().code(3);
    let words = [
        "the Job has no pods",
        "exceeded quota",
        "timed out after 20s",
    ];
    holds(&ended, &words);
    assert_eq!(scene.left(), "");
    drop(pods);
}
