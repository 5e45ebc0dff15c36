//! Who asks the API server: credential plugins, tokens that expire, the account of a pod.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::{DONE, prepared};
use super::crds::NEWEST;
use super::operator::{create_cr, create_modules, rows, say, wait_for};
use super::watching::WATCHING;
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::preflight::{Preflight, Running};

const WORKING: &[super::operator::Said] = &[(
    "m1",
    "InProgress",
    "Image",
    "verification is not finished yet",
)];

/// A plugin that gives what the file `credential` holds, and leaves a line in `calls`.
fn write_plugin(folder: &Path) {
    let plugin = folder.join("plugin");
    let script = "#!/bin/sh\ncd \"${0%/*}\"\necho >>calls\ncat credential\n";
    fs::write(&plugin, script).expect("a plugin");
    fs::set_permissions(&plugin, PermissionsExt::from_mode(0o755)).expect("executable");
}

fn calls(folder: &Path) -> usize {
    let calls = fs::read_to_string(folder.join("calls")).unwrap_or_default();
    calls.lines().count()
}

/// What the plugin gives from now on. Not every plugin tells when its token expires.
fn give(folder: &Path, status: &Value) {
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1",
                            "kind": "ExecCredential", "status": status});
    fs::write(folder.join("credential"), credential.to_string()).expect("a credential");
}

fn config(cluster: &Cluster, user: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
           "clusters": [{"name": "c", "cluster": {"server": cluster.url(),
               "certificate-authority": cluster.ca()}}],
           "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
           "users": [{"name": "u", "user": user}]})
    .to_string()
}

fn by_plugin(cluster: &Cluster, command: &str) -> String {
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": command,
        "interactiveMode": "Never", "installHint": "install it with: get-plugin",
        "env": [{"name": "PLUGIN_SECRET", "value": "correct-horse"}]});
    config(cluster, &json!({"exec": exec}))
}

#[test]
fn a_plugin_runs_once_a_command_and_again_for_a_rejected_token() {
    let cluster = prepared();
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    write_plugin(place);
    let file = place.join("config");
    let call = |args: &[&str]| Preflight::new(args).env("KUBECONFIG", &file);

    fs::write(&file, by_plugin(&cluster, "./plugin")).expect("a kubeconfig");
    for status in [
        json!({"token": ADMIN}),
        json!({"token": ADMIN, "expirationTimestamp": "2099-01-01T00:00:00Z"}),
    ] {
        let before = calls(place);
        give(place, &status);
        call(&["status", "p"]).run().code(0);
        assert_eq!(calls(place), before + 1, "{status}");
    }
    let before = calls(place);
    give(place, &json!({"token": "stale"}));
    let ended = call(&["status", "p"]).run().code(3);
    assert_eq!(calls(place), before + 2);
    assert!(ended.stderr.contains("Log in again"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("stale"), "{}", ended.stderr);

    // Neither its environment nor its output is shown when it fails.
    fs::write(
        place.join("plugin"),
        "#!/bin/sh\necho $PLUGIN_SECRET\nexit 7\n",
    )
    .expect("a plugin");
    let ended = call(&["status", "p"]).run().code(3);
    assert!(
        ended.stderr.contains("./plugin` ended with")
            || ended.stderr.contains("/plugin` ended with"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("correct-horse"), "{}", ended.stderr);

    fs::write(&file, by_plugin(&cluster, "./absent")).expect("a kubeconfig");
    let ended = call(&["status", "p"]).run().code(3);
    let hint = "install it with: get-plugin";
    assert!(ended.stderr.contains(hint), "{}", ended.stderr);
}

#[test]
fn a_token_file_may_end_in_a_newline() {
    let cluster = prepared();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, token) = (folder.path().join("config"), folder.path().join("token"));
    fs::write(&token, format!("{ADMIN}\n")).expect("a token");
    fs::write(&file, config(&cluster, &json!({"tokenFile": token}))).expect("a kubeconfig");
    let ended = Preflight::new(["status", "p"]).env("KUBECONFIG", &file);
    ended.run().code(0);
}

/// A token of a ServiceAccount, good for as long as the Secret of this name is there.
fn token_bound_to(cluster: &Cluster, secret: &str) -> String {
    cluster.kubectl(
        &["-n", "default", "create", "secret", "generic", secret],
        "",
    );
    let bound = [
        "-n",
        "default",
        "create",
        "token",
        "admin",
        "--bound-object-kind=Secret",
        "--bound-object-name",
        secret,
    ];
    cluster.kubectl(&bound, "").trim().to_owned()
}

fn create_account(cluster: &Cluster) {
    cluster.apply(
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: admin, namespace: default}}",
    );
    cluster.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: a}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, \
         subjects: [{kind: ServiceAccount, name: admin, namespace: default}]}",
    );
}

#[test]
fn a_token_that_expires_during_a_watch_is_renewed() {
    let mut cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    create_account(&cluster);
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    write_plugin(place);
    let file = place.join("config");
    fs::write(&file, by_plugin(&cluster, "./plugin")).expect("a kubeconfig");
    for (number, args) in WATCHING.iter().enumerate() {
        let [old, new] = ["old", "new"].map(|name| format!("{name}-{number}"));
        give(place, &json!({"token": token_bound_to(&cluster, &old)}));
        if args[0] == "status" {
            create_cr(&cluster, NEWEST, "p");
            say(&cluster, NEWEST, "p", WORKING);
        }
        let before = calls(place);
        let running = Running::start(Preflight::new(*args).env("KUBECONFIG", &file));
        wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
        std::thread::sleep(Duration::from_millis(500));
        give(place, &json!({"token": token_bound_to(&cluster, &new)}));
        cluster.kubectl(&["-n", "default", "delete", "secret", &old], "");
        // The API server believes a token for ten seconds, and a watch for as long as it lasts.
        cluster.restart_api_server();
        say(&cluster, NEWEST, "p", DONE);
        let ended = running.end().code(0);
        assert_eq!(
            rows(&ended),
            ["ns1/m1 verified Success Done verified image exists"]
        );
        assert_eq!(calls(place), before + 2, "{args:?}");
        cluster.try_kubectl(&["delete", NEWEST.resource(), "p"], "");
    }
}

/// In a mount namespace of its own, so that no other process takes this machine for a pod.
#[test]
fn a_pod_is_its_own_way_to_the_cluster() {
    let cluster = prepared();
    create_account(&cluster);
    let token = token_bound_to(&cluster, "pod");
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    fs::write(place.join("token"), token).expect("a token");
    fs::write(place.join("namespace"), "ns1").expect("a namespace");
    fs::copy(cluster.ca(), place.join("ca.crt")).expect("an authority");
    let port = cluster.url().rsplit_once(':').expect("a port").1.to_owned();
    let script = "set -e\nmount -t tmpfs pod /run\n\
                  mkdir -p /var/run/secrets/kubernetes.io/serviceaccount\n\
                  cp \"$ACCOUNT\"/* /var/run/secrets/kubernetes.io/serviceaccount/\n\
                  exec \"$@\"";
    let in_pod = |args: &[&str], host: &str| {
        let call = Preflight::new(args)
            .env("ACCOUNT", place)
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", &port);
        let mut command = call.command_of(&["unshare", "--mount", "sh", "-c", script, "sh"]);
        let output = command.output().expect("unshare starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (code, said) = in_pod(&["status", "p"], "127.0.0.1");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = in_pod(&["version"], "127.0.0.1");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("KMM 2.7"), "{said}");
    let (code, said) = in_pod(&["status", "p", "--as=nobody"], "127.0.0.1");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("\"nobody\" cannot get"), "{said}");
    let (code, said) = in_pod(&["status", "p"], "");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("this is not a pod"), "{said}");
}
