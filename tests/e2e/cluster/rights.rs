//! The manifests of least rights, each applied to a user without any and used.

use serde_json::json;

use super::crds::{NEWEST, Release, SECOND, install_internals};
use super::example;
use super::operator::{KERNEL, call_as, create_cr, create_modules, say, wait_for};
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::preflight::{Preflight, Running};
use crate::support::registry::Registry;

fn call(cluster: &Cluster, args: &[&str]) -> Preflight {
    call_as(cluster, NOBODY, args)
}

fn grant(cluster: &Cluster, manifest: &str) {
    let file = format!(
        "{}/examples/rbac/{manifest}.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    cluster.kubectl(&["apply", "--server-side", "-f", &file], "");
    bind(cluster, &format!("kmm-preflight-{manifest}"));
}

fn bind(cluster: &Cluster, role: &str) {
    let role_flag = format!("--clusterrole={role}");
    cluster.kubectl(
        &[
            "create",
            "clusterrolebinding",
            role,
            &role_flag,
            "--user=nobody",
        ],
        "",
    );
}

fn revoke(cluster: &Cluster, role: &str) {
    cluster.kubectl(&["delete", "clusterrolebinding", role], "");
}

fn prepared(release: Release) -> Cluster {
    let cluster = Cluster::start();
    release.install(&cluster);
    install_internals(&cluster);
    create_modules(&cluster, &["m1"]);
    cluster
}

const WORKING: &[super::operator::Said] = &[(
    "m1",
    "InProgress",
    "Image",
    "verification is not finished yet",
)];
const DONE: &[super::operator::Said] = &[("m1", "Success", "Done", "verified image exists")];

#[test]
fn each_manifest_grants_what_its_command_needs() {
    let cluster = prepared(NEWEST);
    create_cr(&cluster, NEWEST, "p");
    say(&cluster, NEWEST, "p", WORKING);

    // Nothing: the message names the right and the manifest.
    let target = ["--kernel-version", KERNEL];
    for (args, verb, resource, manifest) in [
        (
            &["status", "p"][..],
            "get",
            "preflightvalidationsocp",
            "status",
        ),
        (&["status"], "list", "preflightvalidationsocp", "status"),
        (&["delete", "p"], "get", "preflightvalidationsocp", "run"),
        (
            &["delete", "--verified"],
            "list",
            "preflightvalidationsocp",
            "run",
        ),
        (
            &["run", "p", target[0], target[1]],
            "get",
            "preflightvalidationsocp",
            "run",
        ),
        (
            &["generate", "--to=4.17.0"],
            "get",
            "clusterversions",
            "run",
        ),
    ] {
        let ended = call(&cluster, args).run().code(3);
        for word in [
            format!("\"nobody\" cannot {verb} resource \"{resource}\""),
            format!("examples/rbac/{manifest}.yaml"),
        ] {
            assert!(ended.stderr.contains(&word), "{args:?}: {}", ended.stderr);
        }
    }
    // `get` alone is enough for `status NAME`, and for -w, which then reads again and again.
    let get = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: \
        get}, \
               rules: [{apiGroups: [kmm.sigs.x-k8s.io], resources: [preflightvalidationsocp], \
               verbs: [get]}]}";
    cluster.apply(get);
    bind(&cluster, "get");
    let ended = call(&cluster, &["status", "p", "-o=json"]).run().code(3);
    assert_eq!(ended.json()["modules"][0]["verdict"], "in-progress");
    assert!(
        ended.stderr.contains("examples/rbac/diagnose.yaml"),
        "{}",
        ended.stderr
    );
    let ended = call(&cluster, &["status"]).run().code(3);
    assert!(
        ended.stderr.contains("Pass the CR's name"),
        "{}",
        ended.stderr
    );
    let running = Running::start(call(&cluster, &["status", "p", "-w"]));
    std::thread::sleep(std::time::Duration::from_millis(700));
    say(&cluster, NEWEST, "p", DONE);
    let ended = running.end().code(0);
    assert!(
        ended.stderr.contains("Not allowed to watch"),
        "{}",
        ended.stderr
    );
    revoke(&cluster, "get");

    grant(&cluster, "status");
    call(&cluster, &["status", "p"]).run().code(0);
    call(&cluster, &["status"]).run().code(0);
    call(&cluster, &["status", "-w"]).run().code(0);
    say(&cluster, NEWEST, "p", WORKING);
    let ended = call(&cluster, &["status", "p"]).run().code(3);
    assert!(
        ended.stderr.contains("list moduleimagesconfigs"),
        "{}",
        ended.stderr
    );
    grant(&cluster, "diagnose");
    let ended = call(&cluster, &["status", "p"]).run().code(3);
    assert!(
        !ended.stderr.contains("without the right"),
        "{}",
        ended.stderr
    );
    let ended = call(&cluster, &["delete", "p"]).run().code(3);
    assert!(
        ended.stderr.contains("examples/rbac/run.yaml"),
        "{}",
        ended.stderr
    );
    revoke(&cluster, "kmm-preflight-diagnose");
    revoke(&cluster, "kmm-preflight-status");
    cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");

    let run = [
        "run",
        "p",
        "--kernel-version",
        KERNEL,
        "--cross-check=off",
        "-o=json",
    ];
    call(&cluster, &run).run().code(3);
    grant(&cluster, "run");
    let running = Running::start(call(&cluster, &run));
    wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
    say(&cluster, NEWEST, "p", DONE);
    running.end().code(0);
    call(&cluster, &["delete", "--verified"]).run().code(0);
}

#[test]
fn a_cluster_that_hides_its_crds_still_tells_its_kmm() {
    let cluster = Cluster::start();
    let [oldest, .., upstream] = super::crds::RELEASES;
    for release in [oldest, SECOND, NEWEST, upstream] {
        let kind = release.kind();
        release.install(&cluster);
        // OpenAPI is published some time after the CRD is served.
        let start = std::time::Instant::now();
        loop {
            let [flag, value] = super::operator::target(release);
            let ended = call(&cluster, &["generate", "p", flag, value, "-o=json"]).run();
            if ended.code == Some(0) && ended.json()["kind"] == kind {
                let api = format!("kmm.sigs.x-k8s.io/{}", release.version);
                if ended.json()["apiVersion"] == api {
                    break;
                }
            }
            assert!(
                start.elapsed().as_secs() < 60,
                "{}: {ended:?}",
                release.name
            );
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        release.remove(&cluster);
    }
}

/// `run` with a cross-check on images that only the Module's own Secret opens.
#[test]
fn the_cross_checks_manifest_grants_what_it_needs() {
    let cluster = prepared(NEWEST);
    let registry = Registry::with_password();
    let release = example::push_release(&registry, "4.16.2", "");
    let mut object = super::operator::module("m1");
    object["spec"]["imageRepoSecret"] = json!({"name": "pull"});
    let container = &mut object["spec"]["moduleLoader"]["container"];
    container["modprobe"]["moduleName"] = "sensor".into();
    container["kernelMappings"][0]["containerImage"] = example::push(&registry, "sensor").into();
    container["kernelMappings"][0]["registryTLS"] = json!({"insecure": true});
    cluster.apply(&object.to_string());
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: openshift-config}}");
    for (namespace, name) in [("ns1", "pull"), ("openshift-config", "pull-secret")] {
        cluster.apply(&example::pull_secret(&registry, namespace, name).to_string());
    }
    grant(&cluster, "run");
    let run = [
        "run",
        "p",
        "--kernel-version",
        example::KERNEL,
        "--dtk-image",
        &release.dtk_image,
        "--insecure-registry",
        &registry.host(),
        "--cleanup",
        "-o=json",
    ];
    let finish = |code: i32| {
        let running = Running::start(call(&cluster, &run));
        wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
        say(&cluster, NEWEST, "p", DONE);
        running.end().code(code)
    };
    let ended = finish(3);
    let row = &ended.json()["modules"][0];
    assert_eq!(row["verdict"], "unknown");
    assert_eq!(row["findings"][0]["code"], "cross-check-unavailable");
    assert!(
        ended.stdout.contains("cross-check.yaml"),
        "{}",
        ended.stdout
    );

    grant(&cluster, "cross-check");
    let ended = finish(1);
    let row = &ended.json()["modules"][0];
    assert_eq!(row["verdict"], "failed");
    assert_eq!(row["findings"][0]["code"], "kmm-false-pass");
    assert_eq!(row["findings"][1]["code"], "symbol-version-mismatch");
    assert!(!ended.stderr.contains("mirror rules"), "{}", ended.stderr);
}

/// Every command of docs/rights.md, in its order, by an administrator.
#[test]
fn the_commands_about_rights_bind_the_roles() {
    let cluster = prepared(NEWEST);
    create_cr(&cluster, NEWEST, "p");
    say(&cluster, NEWEST, "p", DONE);
    let root = env!("CARGO_MANIFEST_DIR");
    let section = std::fs::read_to_string(format!("{root}/docs/rights.md")).expect("the page");
    let (_, commands) = section.split_once("```sh\n").expect("commands");
    let (commands, _) = commands.split_once("```").expect("an end of the commands");
    let mut looks = 0;
    for line in commands.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["kubectl", "kmm", "preflight", args @ ..] = words.as_slice() {
            looks += 1;
            let ended = call_as(&cluster, ADMIN, args).run().code(0);
            assert!(ended.stdout.contains("m1"), "{}", ended.stdout);
        } else if let ["kubectl", "apply", "-f", folder] = words.as_slice() {
            cluster.kubectl(&["apply", "-f", &format!("{root}/{folder}")], "");
        } else {
            cluster.kubectl(&words[1..], "");
        }
    }
    assert_eq!(looks, 1, "{commands}");
    // Every manifest is in the table.
    for file in std::fs::read_dir(format!("{root}/examples/rbac")).expect("the manifests") {
        let name = file.expect("a manifest").file_name();
        let name = name.to_string_lossy();
        assert!(
            section.contains(&format!("/examples/rbac/{name})")),
            "{name}"
        );
    }
}
