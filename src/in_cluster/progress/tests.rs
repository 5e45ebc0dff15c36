use serde_json::{Value, json};

use super::*;

fn pod(name: &str, index: u32, status: Value) -> Pod {
    let pod = json!({
        "metadata": {"name": name, "labels": {INDEX_LABEL: index.to_string()}},
        "spec": {"containers": [{"name": "preflight", "image": "registry.example/p:1"}]},
        "status": status,
    });
    serde_json::from_value(pod).expect("a pod")
}

fn seen(status: Value, pods: &[Pod]) -> Progress {
    let job: Job = serde_json::from_value(json!({"status": status})).expect("a Job");
    look(&job, pods, 3)
}

fn failed(state: Value) -> Value {
    let container = json!({"name": "preflight", "image": "i", "imageID": "", "ready": false,
                           "restartCount": 0, "state": {"terminated": state}});
    json!({"phase": "Failed", "containerStatuses": [container]})
}

fn waiting(reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    let container = json!({"name": "preflight", "image": "i", "imageID": "", "ready": false,
                           "restartCount": 0, "state": state});
    json!({"phase": "Pending", "containerStatuses": [container]})
}

#[test]
fn the_job_says_which_shards_are_done() {
    let progress = seen(
        json!({"completedIndexes": "0", "failedIndexes": "2-4000000000"}),
        &[],
    );
    let done: Vec<bool> = progress
        .shards
        .iter()
        .map(|shard| shard.has_ended)
        .collect();
    assert_eq!(done, [true, false, true]);
    assert_eq!(progress.ended, None);
    let condition = json!({"type": "Failed", "status": "True", "reason": "DeadlineExceeded",
                           "message": "Job was active longer than specified deadline"});
    let progress = seen(json!({"conditions": [condition]}), &[]);
    assert!(progress.ended.expect("an end").contains("DeadlineExceeded"));
}

#[test]
fn what_happens_to_pods_is_told() {
    for (status, words) in [
        (
            json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}),
            "pod p was evicted: low on memory",
        ),
        (
            json!({"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True",
                   "reason": "PreemptionByScheduler", "message": "a pod of more weight"}]}),
            "pod p was evicted: PreemptionByScheduler: a pod of more weight",
        ),
        (
            failed(json!({"exitCode": 137})),
            "pod p was killed (exit code 137)",
        ),
        (
            failed(json!({"exitCode": 137, "reason": "OOMKilled"})),
            "pod p was killed: out of memory",
        ),
        (
            failed(json!({"exitCode": 2, "message": "0/3 checked\nerror: No target\nhint: x\n"})),
            "pod p ended with exit code 2: No target",
        ),
        (
            waiting("ImagePullBackOff", "no such manifest"),
            "pod p cannot pull image registry.example/p:1: no such manifest",
        ),
        (
            waiting("CreateContainerConfigError", "no secret"),
            "pod p cannot start: CreateContainerConfigError: no secret",
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                   "reason": "Unschedulable", "message": "0/3 nodes"}]}),
            "pod p waits for a node: 0/3 nodes",
        ),
    ] {
        let progress = seen(json!({}), &[pod("p", 1, status)]);
        assert_eq!(progress.shards[1].remarks, [words]);
        assert_eq!(progress.shards[0], ShardProgress::default());
    }
}

#[test]
fn an_ordinary_end_is_none_to_tell() {
    for status in [
        failed(json!({"exitCode": 1})),
        failed(json!({"exitCode": 3, "message": "12/12 checked\n"})),
        json!({"phase": "Succeeded"}),
        waiting("ContainerCreating", ""),
        json!({}),
    ] {
        let progress = seen(json!({}), &[pod("p", 0, status)]);
        assert_eq!(progress.shards[0].remarks, [""; 0]);
    }
    let progress = seen(json!({}), &[pod("p", 0, json!({"phase": "Running"}))]);
    assert_eq!(progress.shards[0].running.as_deref(), Some("p"));
}

#[test]
fn a_second_pod_of_an_index_is_a_retry() {
    let first = pod("p-a", 0, failed(json!({"exitCode": 137})));
    let second = pod("p-b", 0, json!({"phase": "Running"}));
    let progress = seen(json!({}), &[first, second]);
    assert_eq!(
        progress.shards[0].remarks,
        [
            "pod p-a was killed (exit code 137)",
            "started again as pod p-b"
        ]
    );
}
