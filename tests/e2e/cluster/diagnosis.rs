//! Why a module is in progress: each reason from the objects that show it.

use serde_json::{Value, json};

use super::crds::{NEWEST, SECOND, install_internals};
use super::operator::{call, create_cr, create_modules, findings, say};
use crate::support::cluster::Cluster;

const WORKING: &[super::operator::Said] = &[(
    "m1",
    "InProgress",
    "Image",
    "verification is not finished yet",
)];

/// The cluster with a CR `p` and KMM's PreflightValidation for it; gives the UID of that.
fn prepared() -> (Cluster, String) {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    install_internals(&cluster);
    create_modules(&cluster, &["m1"]);
    create_cr(&cluster, NEWEST, "p");
    say(&cluster, NEWEST, "p", WORKING);
    let plain = json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta2", "kind": "PreflightValidation",
                       "metadata": {"name": "p"}, "spec": {"kernelVersion": super::operator::KERNEL}});
    cluster.apply(&plain.to_string());
    let uid = cluster.kubectl(
        &[
            "get",
            "preflightvalidations.kmm.sigs.x-k8s.io",
            "p",
            "-o=jsonpath={.metadata.uid}",
        ],
        "",
    );
    (cluster, uid)
}

fn images_config(owner: &str, uid: &str, image: Value, state: Option<&str>) -> Value {
    let mut config = json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "ModuleImagesConfig",
        "metadata": {"name": "m1-preflight", "namespace": "ns1", "ownerReferences": [
            {"apiVersion": "kmm.sigs.x-k8s.io/v1beta2", "kind": "PreflightValidation",
             "name": owner, "uid": uid, "controller": true}]},
        "spec": {"images": [image]}});
    if let Some(state) = state {
        config["status"] = json!({"imagesStates": [{"image": "q/m1:1", "status": state}]});
    }
    config
}

fn put(cluster: &Cluster, object: &Value) {
    let kind = object["kind"].as_str().expect("a kind");
    let name = object["metadata"]["name"].as_str().expect("a name");
    let reference = format!("{}/{name}", kind.to_lowercase());
    cluster.try_kubectl(&["-n", "ns1", "delete", &reference], "");
    cluster.apply(&object.to_string());
    if object["status"].is_object() {
        let patch = json!({"status": object["status"]}).to_string();
        cluster.kubectl(
            &[
                "-n",
                "ns1",
                "patch",
                &reference,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ],
            "",
        );
    }
}

fn pull_pod(status: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "m1-preflight-pull-pod-x", "namespace": "ns1", "labels": {
               "kmm.node.kubernetes.io/image-owner": "m1-preflight",
               "kmm.node.kubernetes.io/pull-pod-type": "until-success"}},
           "spec": {"automountServiceAccountToken": false,
                    "containers": [{"name": "puller", "image": "q/m1:1"}]},
           "status": status})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [
        {"name": "puller", "image": "q/m1:1", "imageID": "", "ready": false, "restartCount": 0,
         "state": {"waiting": {"reason": reason, "message": message}}}]})
}

#[track_caller]
fn says(cluster: &Cluster, words: &[&str]) {
    let ended = call(cluster, &["status", "p", "-o=json"]).run().code(3);
    let seen = findings(&ended).join("\n");
    for word in words {
        assert!(seen.contains(word), "`{word}` is not in:\n{seen}");
    }
}

#[test]
fn images_that_are_pulled_built_or_signed() {
    let (cluster, uid) = prepared();
    let plain = json!({"image": "q/m1:1", "kernelVersion": "k"});
    says(
        &cluster,
        &["kmm-waiting: KMM has not created ModuleImagesConfig ns1/m1-preflight yet"],
    );

    put(&cluster, &images_config("p", &uid, plain.clone(), None));
    says(
        &cluster,
        &["kmm-waiting: KMM has not started a pod to pull q/m1:1"],
    );

    for (status, words) in [
        (
            waits("ContainerCreating", ""),
            &["kmm-waiting: pull pod ns1/m1-preflight-pull-pod-x"][..],
        ),
        (
            waits("ImagePullBackOff", "401 Unauthorized"),
            &[
                "kmm-stuck: q/m1:1 cannot be pulled (ImagePullBackOff: 401 Unauthorized)",
                "forever",
            ],
        ),
        (
            waits("InvalidImageName", "bad"),
            &["kmm-stuck: pull pod", "(InvalidImageName: bad)"],
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                   "reason": "Unschedulable", "message": "0/3 nodes are available"}]}),
            &[
                "kmm-stuck: no node fits pull pod",
                "0/3 nodes are available",
            ],
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [
                {"name": "puller", "image": "q/m1:1", "imageID": "", "ready": false,
                 "restartCount": 0,
                 "state": {"terminated": {"exitCode": 127, "reason": "StartError"}}}]}),
            &["kmm-stuck: pull pod", "StartError", "exit code 127"],
        ),
    ] {
        put(&cluster, &pull_pod(status));
        says(&cluster, words);
    }

    let built = json!({"image": "q/m1:1", "kernelVersion": "k",
        "build": {"dockerfileConfigMap": {"name": "df"}, "secrets": [{"name": "token"}]},
        "sign": {"keySecret": {"name": "key"}, "certSecret": {"name": "cert"}}});
    put(
        &cluster,
        &images_config("p", &uid, built, Some("NeedsBuilding")),
    );
    says(
        &cluster,
        &[
            "kmm-stuck: the image must be built, but ConfigMap ns1/df does not exist",
            "Secret ns1/token does not exist",
            "Secret ns1/key does not exist",
            "Secret ns1/cert does not exist",
        ],
    );
    for object in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "df", "namespace": "ns1"},
               "data": {"Dockerfile": "FROM x"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "ns1"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "ns1"},
               "stringData": {"key": "not for the eyes of a diagnosis"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert", "namespace": "ns1"},
               "stringData": {"key": "x"}}),
    ] {
        cluster.apply(&object.to_string());
    }
    says(
        &cluster,
        &[
            "ConfigMap ns1/df has no key `dockerfile`",
            "Secret ns1/cert has no key `cert`",
        ],
    );
    let ended = call(&cluster, &["status", "p", "-o=json"]).run();
    assert!(!ended.stdout.contains("not for the eyes"));

    let build = |status: Value| {
        json!({"apiVersion": "build.openshift.io/v1", "kind": "Build",
               "metadata": {"name": "m1-preflight-build-k", "namespace": "ns1", "labels": {
                   "kmm.node.kubernetes.io/module.name": "m1-preflight"}, "ownerReferences": [
                   {"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "ModuleBuildSignConfig",
                    "name": "m1-preflight", "uid": "u"}]},
               "spec": {}, "status": status})
    };
    for (status, words) in [
        (
            json!({"phase": "Pending", "message": "no node for it"}),
            &["kmm-waiting: Build ns1/m1-preflight-build-k is Pending: no node for it"][..],
        ),
        (
            json!({"phase": "Failed", "message": "it failed", "logSnippet": "make: ***\nError 2"}),
            &[
                "kmm-stuck: Build ns1/m1-preflight-build-k is Failed: it failed: make: *** | \
                 Error 2",
            ],
        ),
    ] {
        put(&cluster, &build(status));
        says(&cluster, words);
    }

    put(
        &cluster,
        &images_config("older", "another-uid", plain, None),
    );
    says(
        &cluster,
        &["kmm-stuck: ModuleImagesConfig ns1/m1-preflight belongs to PreflightValidation older"],
    );
}

#[test]
fn reasons_that_keep_every_module_open() {
    let (cluster, _) = prepared();
    let mut bare = super::operator::module("devices");
    bare["spec"] = json!({"selector": {"a": "b"}});
    cluster.apply(&bare.to_string());
    says(
        &cluster,
        &["kmm-stuck: Module ns1/devices has no moduleLoader"],
    );

    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: openshift-kmm}}");
    let operator = |managed: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
               "metadata": {"name": "kmm-operator-controller", "namespace": "openshift-kmm"},
               "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                   "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
                       {"name": "manager", "image": "q/kmm:1", "env": [
                           {"name": "KMM_MANAGED", "value": managed}]}]}}}})
    };
    cluster.apply(&operator("false").to_string());
    says(&cluster, &["kmm-stuck: KMM's operator is not running"]);
    cluster.apply(&operator("true").to_string());
    says(
        &cluster,
        &["kmm-stuck: this cluster is a spoke (KMM_MANAGED=true"],
    );
}

#[test]
fn a_release_image_that_kmm_does_not_resolve() {
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    install_internals(&cluster);
    create_modules(&cluster, &["m1"]);
    create_cr(&cluster, SECOND, "p");
    says(
        &cluster,
        &["Secret openshift-config/pull-secret does not exist"],
    );
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: openshift-config}}");
    cluster.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: \
         openshift-config}}",
    );
    says(&cluster, &["KMM has not created PreflightValidation p yet"]);
}
