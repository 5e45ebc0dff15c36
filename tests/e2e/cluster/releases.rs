//! The same table for the CRDs of every release.

use serde_json::{Value, json};

use super::crds::{RELEASES, Release};
use super::operator::{
    KERNEL, RELEASE_IMAGE, Said, call, create_cr, create_modules, resolve, rows, say, target,
    wait_for,
};
use crate::support::cluster::Cluster;
use crate::support::preflight::Running;

/// A status, and what `status` makes of it: the verdicts and the exit code.
type Step = (&'static [Said], &'static [&'static str], i32);

const BEFORE_2_4: [Step; 6] = [
    (
        &[("m1", "False", "Image", ""), ("m2", "False", "Image", "")],
        &["in-progress", "in-progress"],
        3,
    ),
    (
        &[
            (
                "m1",
                "True",
                "Done",
                "Verification successful (image accessible and verified)",
            ),
            ("m2", "False", "Requeued", "Waiting for build verification"),
        ],
        &["verified", "in-progress"],
        3,
    ),
    (
        &[
            ("m1", "True", "Done", ""),
            ("m2", "False", "Requeued", "Waiting for sign verification"),
        ],
        &["verified", "in-progress"],
        3,
    ),
    (
        &[("m1", "True", "Done", "")],
        &["verified", "in-progress"],
        3,
    ),
    (
        &[("m1", "True", "Done", ""), ("m2", "True", "Done", "")],
        &["verified", "verified"],
        0,
    ),
    (
        &[
            ("m1", "True", "Done", ""),
            (
                "m2",
                "False",
                "Requeued",
                "image q/i:1 inaccessible or does not exists",
            ),
        ],
        &["verified", "failed"],
        1,
    ),
];

const SINCE_2_4: [Step; 4] = [
    (
        &[
            (
                "m1",
                "InProgress",
                "Image",
                "verification is not finished yet",
            ),
            (
                "m2",
                "InProgress",
                "Image",
                "verification is not finished yet",
            ),
        ],
        &["in-progress", "in-progress"],
        3,
    ),
    (
        &[("m1", "Success", "Done", "verified image exists")],
        &["verified", "in-progress"],
        3,
    ),
    (
        &[
            ("m1", "Success", "Done", "verified image exists"),
            ("m2", "Success", "Done", "verified image exists"),
        ],
        &["verified", "verified"],
        0,
    ),
    (
        &[
            ("m1", "Success", "Done", "verified image exists"),
            ("m2", "Failure", "Done", "mapping not found"),
        ],
        &["verified", "failed"],
        1,
    ),
];

fn steps(release: Release) -> &'static [Step] {
    if release.says_success {
        &SINCE_2_4
    } else {
        &BEFORE_2_4
    }
}

#[test]
fn every_release_is_validated_alike() {
    let cluster = Cluster::start();
    for release in RELEASES {
        release.install(&cluster);
        create_modules(&cluster, &["m1", "m2"]);
        generates(&cluster, release);
        runs(&cluster, release);
        shows_every_status(&cluster, release);
        deletes(&cluster, release);
        release.remove(&cluster);
    }
}

/// `generate` and both dry runs give a CR that strict validation takes.
fn generates(cluster: &Cluster, release: Release) {
    let [flag, value] = target(release);
    let spec = if release.takes_release_image {
        json!({"releaseImage": RELEASE_IMAGE, "pushBuiltImage": true})
    } else {
        json!({"kernelVersion": KERNEL, "pushBuiltImage": true})
    };
    let expected = json!({"apiVersion": format!("kmm.sigs.x-k8s.io/{}", release.version),
                          "kind": release.kind(), "metadata": {"name": "p"}, "spec": spec});
    let named = if release.is_upstream {
        "upstream"
    } else {
        release.name
    };
    for args in [
        vec!["generate", "p", flag, value],
        vec!["generate", "p", flag, value, "--kmm-version", named],
        vec!["run", "p", flag, value, "--dry-run=client"],
        vec!["run", "p", flag, value, "--dry-run=server"],
    ] {
        let ended = call(cluster, &args)
            .arg("--push-built-image")
            .arg("-o=json")
            .run()
            .code(0);
        assert_eq!(ended.json(), expected, "{} {args:?}", release.name);
        let created = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
        cluster.kubectl(&created, &ended.stdout);
    }
    let rt = ["generate", flag, value, "--rt", "-o=json"];
    let ended = call(cluster, &rt).run();
    if release.has_rt {
        assert_eq!(ended.code(0).json()["spec"]["useRTKernel"], true);
    } else if release.takes_release_image {
        assert!(
            ended.code(2).stderr.contains("real-time"),
            "{}",
            release.name
        );
    }
}

/// `run` waits while KMM works, and ends when it has decided.
fn runs(cluster: &Cluster, release: Release) {
    let [flag, value] = target(release);
    let run = call(
        cluster,
        &["run", "p", flag, value, "--cross-check=off", "-o=json"],
    );
    let running = Running::start(run);
    let object = format!("{}/p", release.resource());
    wait_for(cluster, &object);
    let manager = cluster.kubectl(
        &[
            "get",
            &object,
            "--show-managed-fields",
            "-o=jsonpath={.metadata.managedFields[0]}",
        ],
        "",
    );
    assert!(
        manager.contains("\"kubectl-kmm\"") && manager.contains("\"Update\""),
        "{manager}"
    );
    if release.takes_release_image {
        resolve(cluster, release, "p", KERNEL);
    }
    for (said, _, _) in steps(release).iter().filter(|(_, _, code)| *code != 0) {
        say(cluster, release, "p", said);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    let ended = running.end().code(1);
    let seen = rows(&ended);
    assert!(seen[0].starts_with("ns1/m1 verified "), "{seen:?}");
    assert!(seen[1].starts_with("ns1/m2 failed "), "{seen:?}");
    assert!(
        ended.stderr.contains("2/2 checked: 1 verified, 1 failed"),
        "{}",
        ended.stderr
    );
    let kernel = &ended.json()["modules"][0]["kernelVersion"];
    assert_eq!(kernel, KERNEL, "{}", release.name);
}

/// `status` prints every status the same way, and ends with the code of its verdicts.
fn shows_every_status(cluster: &Cluster, release: Release) {
    // `status` reads the CR alone where it leaves nothing open; that a Module is missing from
    // it is for `run` to see.
    for (said, verdicts, code) in steps(release).iter().filter(|(said, ..)| said.len() == 2) {
        say(cluster, release, "p", said);
        for args in [&["status", "p", "-o=json"][..], &["status", "-o=json"]] {
            let ended = call(cluster, args).run().code(*code);
            let report: Value = ended.json();
            let modules = report["modules"].as_array().expect("modules");
            let seen: Vec<&str> = modules
                .iter()
                .map(|row| row["verdict"].as_str().unwrap_or_default())
                .collect();
            assert_eq!(seen, *verdicts, "{} {said:?}", release.name);
            for ((name, status, stage, reason), row) in said.iter().zip(modules) {
                assert_eq!(row["namespace"], "ns1");
                assert_eq!(row["name"], *name);
                assert_eq!(row["verificationStatus"], *status);
                assert_eq!(row["verificationStage"], *stage);
                assert_eq!(row["statusReason"], *reason);
                assert_eq!(row["lastTransitionTime"], "2026-01-02T03:04:05Z");
            }
        }
        for format in ["table", "wide", "yaml", "name"] {
            let ended = call(cluster, &["status", "p", "-o", format])
                .run()
                .code(*code);
            assert!(!ended.stdout.is_empty(), "{format}");
        }
    }
}

fn deletes(cluster: &Cluster, release: Release) {
    create_cr(cluster, release, "q");
    let verified = steps(release).iter().find(|(_, _, code)| *code == 0);
    let (said, _, _) = verified.expect("a verified status");
    say(cluster, release, "q", said);
    let ended = call(cluster, &["delete", "--verified"]).run().code(0);
    assert!(ended.stdout.contains("\"q\" deleted"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("\"p\""), "{}", ended.stdout);
    let ended = call(cluster, &["delete", "--verified"]).run().code(4);
    assert!(ended.stderr.contains("no verified preflight CR"));
    call(cluster, &["delete", "p"]).run().code(0);
    call(cluster, &["delete", "p"])
        .run()
        .code(if release.takes_release_image {
            0 // the PreflightValidation of that name, which nobody collected
        } else {
            4
        });
    call(cluster, &["status"]).run().code(4);
}
