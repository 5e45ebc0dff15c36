//! From a release to the kernel of a preflight CR: looked up, resolved, written.

use serde_json::{Value, json};

use super::crds::{NEWEST, RELEASES, SECOND};
use super::example::{self, KERNEL, RT_KERNEL};
use super::operator::{call, create_modules, say, wait_for};
use crate::support::cluster::Cluster;
use crate::support::preflight::Running;
use crate::support::registry::Registry;

/// A cluster whose registry wants the credentials of the global pull secret.
fn with_pull_secret(registry: &Registry) -> Cluster {
    let cluster = Cluster::start();
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: openshift-config}}");
    let secret = example::pull_secret(registry, "openshift-config", "pull-secret");
    cluster.apply(&secret.to_string());
    cluster
}

#[test]
fn an_update_is_looked_up_in_the_cluster() {
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    let generate = |to: &str| call(&cluster, &["generate", "-o=json", "--to", to]);
    let ended = generate("4.17.0").run().code(3);
    assert!(
        ended.stderr.contains("has no ClusterVersion"),
        "{}",
        ended.stderr
    );
    example::install_cluster_version(
        &cluster,
        &json!({"desired": {"version": "4.16.1", "image": "q/r@sha256:1"},
                "availableUpdates": [{"version": "4.16.2", "image": "q/r@sha256:2"}],
                "conditionalUpdates": [{"release": {"version": "4.17.0", "image": "q/r@sha256:3"},
                    "risks": [{"name": "Slow", "message": "nodes are slow", "url": "https://x"}]}]}),
    );
    let ended = generate("4.16.2").run().code(0);
    assert_eq!(ended.json()["spec"]["releaseImage"], "q/r@sha256:2");
    assert_eq!(ended.json()["metadata"]["name"], "preflight-4-16-2");
    let ended = generate("4.17.0").run().code(0);
    assert!(
        ended.stderr.contains("Slow: nodes are slow"),
        "{}",
        ended.stderr
    );
    let ended = generate("4.99.0").run().code(2);
    assert!(
        ended.stderr.contains("4.17.0 (conditional), 4.16.2"),
        "{}",
        ended.stderr
    );
}

/// KMM ≥2.4 and upstream's want the kernel: the release image is read here, with the
/// credentials that KMM would use.
#[test]
fn a_release_is_resolved_for_a_kmm_that_does_not() {
    let registry = Registry::with_password();
    let cluster = with_pull_secret(&registry);
    let release = example::push_release(&registry, "4.16.2", RT_KERNEL);
    let plain = example::push_release(&registry, "4.16.3", "");
    example::install_cluster_version(
        &cluster,
        &json!({"desired": {"version": "4.16.1", "image": "q/r@sha256:1"},
                "availableUpdates": [{"version": "4.16.2", "image": release.image}],
                "conditionalUpdates": [{"release": {"version": "4.16.3", "image": plain.image},
                    "risks": [{"name": "Slow", "message": "nodes are slow", "url": "https://x"}]}]}),
    );
    let insecure = format!("--insecure-registry={}", registry.host());
    for kmm in RELEASES.iter().filter(|kmm| kmm.says_success) {
        kmm.install(&cluster);
        let generated = |args: &[&str]| -> (Value, String) {
            let all = [&["generate", "-o=json", &insecure][..], args].concat();
            let ended = call(&cluster, &all).run().code(0);
            (ended.json()["spec"].clone(), ended.stderr)
        };
        let spec = |kernel: &str, dtk: &str| {
            if kmm.is_upstream {
                json!({"kernelVersion": kernel})
            } else {
                json!({"kernelVersion": kernel, "dtkImage": dtk})
            }
        };
        let image = ["--release-image", &release.image];
        assert_eq!(generated(&image).0, spec(KERNEL, &release.dtk_image));
        assert_eq!(
            generated(&["--release-image", &release.image, "--rt"]).0,
            spec(RT_KERNEL, &release.dtk_image)
        );
        assert_eq!(
            generated(&["--to=4.16.2", "--rt"]).0,
            spec(RT_KERNEL, &release.dtk_image)
        );
        let (conditional, said) = generated(&["--to=4.16.3"]);
        assert_eq!(conditional, spec(KERNEL, &plain.dtk_image));
        assert!(said.contains("Slow: nodes are slow (https://x)"), "{said}");
        kmm.remove(&cluster);
    }
}

#[test]
fn a_release_that_cannot_be_resolved_creates_nothing() {
    let registry = Registry::with_password();
    let cluster = with_pull_secret(&registry);
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    let release = example::push_release(&registry, "4.16.2", "");
    let no_release = example::push(&registry, "ticker");
    let away = "127.0.0.1:9/ocp/release:1".to_owned();
    let insecure = format!("--insecure-registry={}", registry.host());
    for (image, is_rt, word) in [
        (&release.image, true, "has no real-time kernel"),
        (&no_release, false, "is not a release"),
        (&away, false, "connection refused by registry 127.0.0.1:9"),
    ] {
        let mut args = vec!["run", "p", "--release-image", image, &insecure];
        args.extend(is_rt.then_some("--rt"));
        let ended = call(&cluster, &args).run().code(3);
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    let there = cluster.kubectl(&["get", NEWEST.resource(), "-o=name"], "");
    assert_eq!(there, "");
}

#[test]
fn a_run_to_a_release_is_followed_to_its_end() {
    let registry = Registry::with_password();
    let cluster = with_pull_secret(&registry);
    NEWEST.install(&cluster);
    let release = example::push_release(&registry, "4.16.2", RT_KERNEL);
    example::install_cluster_version(
        &cluster,
        &json!({"availableUpdates": [{"version": "4.16.2", "image": release.image}]}),
    );
    create_modules(&cluster, &["m1"]);
    let insecure = format!("--insecure-registry={}", registry.host());
    for (rt, name, kernel) in [
        (false, "preflight-4-16-2", KERNEL),
        (true, "preflight-4-16-2-rt", RT_KERNEL),
    ] {
        let mut args = vec![
            "run",
            "--to=4.16.2",
            "--cross-check=off",
            "--cleanup",
            "-o=json",
            &insecure,
        ];
        args.extend(rt.then_some("--rt"));
        let running = Running::start(call(&cluster, &args));
        wait_for(&cluster, &format!("{}/{name}", NEWEST.resource()));
        let done = [("m1", "Success", "Done", "verified image exists")];
        say(&cluster, NEWEST, name, &done);
        let report = running.end().code(0).json();
        let target = &report["target"][0];
        assert_eq!(target["kernelVersion"], kernel);
        assert_eq!(target["dtkImage"], release.dtk_image);
    }
}
