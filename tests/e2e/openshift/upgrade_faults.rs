//! What keeps the kernels of pools from being known: rights, objects that are gone, releases
//! and images that lack something.

use serde_json::json;

use super::fleet::{Fleet, lines_of, role};
use super::payload::{NEW, OLD};
use crate::cluster::operator::call_as;
use crate::support::cluster::NOBODY;
use crate::support::preflight::Ended;

const TARGETS: [&str; 3] = ["targets", "-o=json", "--to=5.0.1"];

/// Grants rules to the user without rights, in the place of earlier ones.
fn grant(fleet: &Fleet, without: &str) {
    let folder = env!("CARGO_MANIFEST_DIR");
    let file = std::fs::read_to_string(format!("{folder}/examples/rbac/targets.yaml"));
    let file = file.expect("a manifest").replace(without, "nothing");
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
        metadata: {name: targets}\nsubjects: [{kind: User, name: nobody}]\n\
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, \
        name: kmm-preflight-targets}\n";
    fleet.cluster.apply(&format!("{file}\n---\n{binding}"));
}

fn as_nobody(fleet: &Fleet, words: &[&str]) -> Ended {
    call_as(&fleet.cluster, NOBODY, words).run()
}

#[test]
fn a_missing_right_is_named_and_the_rest_goes_on() {
    let fleet = Fleet::start();
    grant(&fleet, "no such text");
    assert_eq!(lines_of(&as_nobody(&fleet, &TARGETS).code(0)).len(), 5);
    for (right, words, expected) in [
        // Pools without nodes: each pool's kernel for every architecture of the release.
        (
            "nodes",
            &["not allowed to read nodes"][..],
            "6.1.0-56-amd64 amd64 default rhel-9 5.0.1 empty,master,worker null",
        ),
        (
            "machineconfigpools",
            &["machineconfigpools", "pools are not known"],
            "6.1.0-56-amd64 amd64 default rhel-9 5.0.1  null",
        ),
        (
            "machineconfigs",
            &[
                "machineconfigs",
                "standard kernels are checked, without pools",
            ],
            "6.1.0-56-amd64 amd64 default rhel-9 5.0.1  null",
        ),
    ] {
        grant(&fleet, right);
        let ended = as_nobody(&fleet, &TARGETS);
        for word in words.iter().chain(&["rbac/targets.yaml"]) {
            let said = ended.stderr.to_lowercase();
            assert!(said.contains(word), "{word}: {}", ended.stderr);
        }
        let lines = lines_of(&ended);
        assert!(
            lines.iter().any(|line| line == expected),
            "{right}: {lines:#?}"
        );
        // No kernel of a pool is guessed.
        assert!(
            right == "nodes" || !lines.iter().any(|line| line.contains("rt")),
            "{lines:#?}"
        );
    }
}

#[test]
fn a_pool_in_an_update_is_checked_for_both_configurations() {
    let fleet = Fleet::start();
    let os = fleet.releases.today_os.clone();
    fleet.config(
        "rendered-rt-2",
        json!({"osImageURL": os, "kernelType": "default"}),
    );
    fleet.cluster.apply(
        &json!({"apiVersion": "machineconfiguration.openshift.io/v1",
            "kind": "MachineConfigPool", "metadata": {"name": "rt"},
            "spec": {"nodeSelector": role("rt"), "configuration": {"name": "rendered-rt-2"}}})
        .to_string(),
    );
    let ended = fleet.call(&[&TARGETS[..], &["--pool=rt"]].concat()).code(0);
    let kernels: Vec<String> = lines_of(&ended)
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(kernels, ["6.1.0-56-amd64", "6.1.0-56-rt-amd64"]);
    let note = "Pool rt is being updated from rendered-rt-1 to rendered-rt-2";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
}

#[test]
fn a_pool_without_a_known_kernel_leaves_its_modules_unknown() {
    let fleet = Fleet::start();
    let os = fleet.releases.today_os.clone();
    let image = fleet.releases.push_module("ticker", NEW);
    for role in ["rt", "master"] {
        let mut module = fleet.module(role, Some(role), &image);
        module["spec"]["moduleLoader"]["container"]["modprobe"]["moduleName"] = "ticker".into();
        fleet.cluster.apply(&module.to_string());
    }
    let check = |what: &str, word: &str| {
        let run = ["run", "--local", "--to=5.0.1", "-o=json"];
        let ended = fleet.call(&run).code(3);
        let report = ended.json();
        let verdict = |name: &str| {
            let rows = report["modules"].as_array().expect("rows").iter();
            let mut of_module = rows.filter(|row| row["name"] == name);
            of_module.next().map(|row| row["verdict"].clone())
        };
        assert_eq!(verdict("master"), Some(json!("verified")), "{what}");
        assert_eq!(
            verdict("rt"),
            Some(json!("unknown")),
            "{what}: {}",
            ended.stdout
        );
        assert!(ended.stdout.contains(word), "{what}: {}", ended.stdout);
        let ended = fleet.call(&TARGETS).code(3);
        assert!(ended.stderr.contains("pool rt"), "{what}: {}", ended.stderr);
    };
    // A rendered configuration that is gone.
    let config = "machineconfigs.machineconfiguration.openshift.io/rendered-rt-1";
    fleet.cluster.kubectl(&["delete", config], "");
    check("gone", "rendered-rt-1");
    // An image that cannot be pulled.
    let away = "127.0.0.1:9/os/own@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    fleet.config("rendered-rt-1", json!({"osImageURL": away}));
    check("away", "127.0.0.1:9");
    // A kind of kernel that the stream does not have.
    fleet.config(
        "rendered-rt-1",
        json!({"osImageURL": os, "kernelType": "64k-pages"}),
    );
    check("64k", "no 64k-pages kernel");
    // A real-time kernel on a stream without one.
    let realtime = json!({"osImageURL": os, "kernelType": "realtime"});
    fleet.pool("rt", role("rt"), realtime, Some("rhel-10"));
    check("realtime", "no real-time kernel");
    // A stream that the release does not have.
    fleet.config(
        "rendered-rt-1",
        json!({"osImageURL": os, "kernelType": "default"}),
    );
    fleet.pool("rt", role("rt"), json!({"osImageURL": os}), Some("rhel-11"));
    check("stream", "no operating system stream rhel-11");
}

#[test]
fn clusters_without_pools_are_read_from_their_nodes() {
    let fleet = Fleet::with_streams(&["v1"]);
    let pools = "machineconfigpools.machineconfiguration.openshift.io";
    fleet.cluster.kubectl(&["delete", pools, "--all"], "");
    let ended = fleet.call(&TARGETS).code(0);
    let lines = lines_of(&ended);
    // Which stream the nodes will have is not to be seen: each is checked.
    for line in [
        "6.1.0-56-amd64 amd64 default rhel-9 5.0.1  5",
        "6.12.117+deb12-amd64 amd64 default rhel-10 5.0.1  5",
        "6.1.0-56-rt-amd64 amd64 realtime rhel-9 5.0.1  1",
        "6.1.0-56-arm64 arm64 default rhel-9 5.0.1  1",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    assert!(
        ended.stderr.contains("has no MachineConfigPools"),
        "{}",
        ended.stderr
    );
    // Plain Kubernetes serves none of these kinds.
    let crds = ["machineconfigpools", "machineconfigs", "osimagestreams"]
        .map(|plural| format!("{plural}.machineconfiguration.openshift.io"));
    let mut words = vec!["delete", "crd", "clusterversions.config.openshift.io"];
    words.extend(crds.iter().map(String::as_str));
    fleet.cluster.kubectl(&words, "");
    let image = fleet.releases.next.clone();
    let ended = fleet
        .call(&["targets", "-o=json", "--release-image", &image])
        .code(0);
    assert_eq!(lines_of(&ended).len(), 4, "{:#?}", lines_of(&ended));
    let ended = fleet.call(&["targets", "-o=json", "--current"]).code(0);
    let lines = lines_of(&ended);
    let today = format!("{OLD} amd64 default - -  4");
    assert!(lines.contains(&today), "{lines:#?}");
}
