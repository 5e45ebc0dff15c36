//! KMM's answers beside a look of our own, in a real registry.

use serde_json::json;

use super::crds::{NEWEST, SECOND};
use super::example;
use super::operator::{KERNEL, call, create_modules, module, resolve, say, wait_for};
use crate::support::cluster::Cluster;
use crate::support::faults::{Answer, End, FaultServer};
use crate::support::image::{Image, Layer};
use crate::support::preflight::{Ended, Running};
use crate::support::registry::Registry;
use crate::support::server::free_port;

fn codes(ended: &Ended) -> Vec<(String, String, Vec<String>)> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("modules");
    rows.iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let findings = row["findings"].as_array().expect("findings");
            let codes = findings
                .iter()
                .filter(|finding| finding["severity"] != "info")
                .map(|finding| finding["code"].as_str().unwrap_or_default().to_owned())
                .collect();
            (text("name"), text("verdict"), codes)
        })
        .collect()
}

#[test]
fn kmms_word_is_not_taken_for_an_image_without_the_module() {
    let registry = Registry::start();
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    let empty = Image::new()
        .with_tools()
        .layer(Layer::new().dir("opt/lib/modules"))
        .build();
    registry.push("empty:1", &empty);
    create_modules(&cluster, &[]);
    let with = |name: &str, image: &str, build: bool| {
        let mut object = module(name);
        let mapping = &mut object["spec"]["moduleLoader"]["container"]["kernelMappings"][0];
        mapping["containerImage"] = image.into();
        mapping["registryTLS"] = json!({"insecure": true});
        if build {
            mapping["build"] = json!({"dockerfileConfigMap": {"name": "df"}});
        }
        cluster.apply(&object.to_string());
    };
    with("absent", &registry.reference("absent:1"), false);
    with("away", "127.0.0.1:9/away:1", false);
    with("built", &registry.reference("built:1"), true);
    with("empty", &registry.reference("empty:1"), false);
    with("unmapped", &registry.reference("empty:1"), false);
    let run = call(
        &cluster,
        &["run", "p", "--kernel-version", KERNEL, "-o=json"],
    );
    let running = Running::start(run);
    wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
    let good = "verified image exists";
    let said = [
        ("absent", "Success", "Done", good),
        ("away", "Success", "Done", good),
        ("built", "Success", "Done", good),
        ("empty", "Success", "Done", good),
        ("unmapped", "Failure", "Done", "mapping not found"),
    ];
    say(&cluster, NEWEST, "p", &said);
    let ended = running.end().code(1);
    let seen = codes(&ended);
    let expected = [
        (
            "absent",
            "failed",
            &["kmm-false-pass", "image-not-found"][..],
        ),
        ("away", "unknown", &["cross-check-unavailable"]),
        ("built", "unknown", &["cross-check-unavailable"]),
        ("empty", "failed", &["kmm-false-pass", "module-not-found"]),
        ("unmapped", "failed", &["kmm-failed"]),
    ];
    for ((name, verdict, codes), (wanted, its_verdict, its_codes)) in seen.iter().zip(expected) {
        assert_eq!(
            (name.as_str(), verdict.as_str()),
            (wanted, its_verdict),
            "{seen:?}"
        );
        for code in its_codes {
            assert!(codes.iter().any(|seen| seen == code), "{name}: {codes:?}");
        }
    }
    assert_eq!(seen.len(), expected.len());
    for (row, (_, status, stage, reason)) in ended.json()["modules"]
        .as_array()
        .expect("modules")
        .iter()
        .zip(said)
    {
        assert_eq!(row["verificationStatus"], status);
        assert_eq!(row["verificationStage"], stage);
        assert_eq!(row["statusReason"], reason);
    }
}

/// A Module whose image is read without TLS.
fn create(cluster: &Cluster, name: &str, image: &str) {
    let mut object = module(name);
    let mapping = &mut object["spec"]["moduleLoader"]["container"]["kernelMappings"][0];
    mapping["containerImage"] = image.into();
    mapping["registryTLS"] = json!({"insecure": true});
    cluster.apply(&object.to_string());
}

/// KMM is told the kernel and the driver-toolkit image; that the release has another image with
/// this kernel is known here alone.
#[test]
fn a_cross_check_knows_the_machine_os_image_of_the_release() {
    let registry = Registry::start();
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &[]);
    let release = example::push_release_of_machine_os(&registry, "4.18.9");
    for name in ["sensor", "ticker"] {
        create(&cluster, name, &example::push(&registry, name));
    }
    let insecure = format!("--insecure-registry={}", registry.host());
    let flag = format!("--release-image={}", release.image);
    let running = Running::start(call(&cluster, &["run", "p", &flag, &insecure, "-o=json"]));
    wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
    let good = "verified image exists";
    let said = [
        ("sensor", "Success", "Done", good),
        ("ticker", "Success", "Done", good),
    ];
    say(&cluster, NEWEST, "p", &said);
    let ended = running.end().code(1);
    let [(_, sensor, codes), (_, ticker, _)] = &codes(&ended)[..] else {
        panic!("{ended:?}")
    };
    assert_eq!((sensor.as_str(), ticker.as_str()), ("failed", "verified"));
    assert!(
        codes.iter().any(|code| code == "symbol-version-mismatch"),
        "{codes:?}"
    );
    assert_eq!(ended.json()["modules"][0]["kernelVersion"], example::KERNEL);
}

/// What KMM 2.3 itself said of these images: it wants the uncompressed module at one path.
/// Modules and kernel are real ones; the facts about the kernel come by way of the release.
#[test]
fn kmms_word_is_not_taken_for_a_module_that_the_kernel_would_load() {
    let registry = Registry::start();
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    create_modules(&cluster, &[]);
    let release = example::push_release(&registry, "4.16.2", "");
    for name in ["meter", "sensor", "ticker"] {
        create(&cluster, name, &example::push(&registry, name));
    }
    let insecure = format!("--insecure-registry={}", registry.host());
    let args = [
        "run",
        "p",
        "--release-image",
        &release.image,
        &insecure,
        "-o=json",
    ];
    let running = Running::start(call(&cluster, &args));
    wait_for(&cluster, &format!("{}/p", SECOND.resource()));
    resolve(&cluster, SECOND, "p", example::KERNEL);
    let absent =
        "image q/i:1 does not contain kernel module for kernel 6.1.0-56-amd64 on any layer";
    let found = "Verification successful (image accessible and verified), this Module will not be \
                 verified again in this Preflight CR";
    let said = [
        ("meter", "False", "Requeued", absent),
        ("sensor", "True", "Done", found),
        ("ticker", "False", "Requeued", absent),
    ];
    say(&cluster, SECOND, "p", &said);
    let ended = running.end().code(1);
    let expected = [
        ("meter", vec!["kmm-failed", "module-not-found"]),
        ("sensor", vec!["kmm-false-pass", "symbol-version-mismatch"]),
        ("ticker", vec!["kmm-failed", "kmm-false-fail"]),
    ];
    for ((name, verdict, mut codes), (wanted, its_codes)) in codes(&ended).into_iter().zip(expected)
    {
        codes.dedup();
        // The examples are not signed, which only a node with Secure Boot minds.
        codes.retain(|code| code != "signature-missing");
        assert_eq!((name.as_str(), verdict.as_str()), (wanted, "failed"));
        assert_eq!(codes, its_codes, "{name}");
    }
    let ticker = &ended.json()["modules"][2];
    assert_eq!(ticker["kernelVersion"], example::KERNEL);
    assert_eq!(ticker["image"], example::push(&registry, "ticker"));
    assert_eq!(ticker["mapping"], "kernelMappings[0] regexp '^.+$'");
}

/// Facts on disk are enough, wherever the release image is.
#[test]
fn a_release_out_of_reach_is_not_missed_where_a_folder_has_the_facts() {
    let registry = Registry::start();
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    create_modules(&cluster, &[]);
    for name in ["sensor", "ticker"] {
        create(&cluster, name, &example::push(&registry, name));
    }
    let release = format!("127.0.0.1:{}/release:1", free_port());
    let facts = example::kernel_dir();
    let args = [
        "run",
        "p",
        "--release-image",
        &release,
        "--kernel-dir",
        facts.to_str().expect("UTF-8"),
        "-o=json",
    ];
    let running = Running::start(call(&cluster, &args));
    wait_for(&cluster, &format!("{}/p", SECOND.resource()));
    resolve(&cluster, SECOND, "p", example::KERNEL);
    let found = "Verification successful (image accessible and verified)";
    let said = [
        ("sensor", "True", "Done", found),
        ("ticker", "True", "Done", found),
    ];
    say(&cluster, SECOND, "p", &said);
    let ended = running.end().code(1);
    let seen = codes(&ended);
    assert_eq!(seen[0].1, "failed");
    assert!(!seen[0].2.contains(&"kernel-facts-missing".to_owned()));
    let unsigned = vec!["signature-missing".to_owned()];
    assert_eq!(seen[1], ("ticker".into(), "verified".into(), unsigned));
}

#[test]
fn a_look_that_the_time_limit_ends_is_no_look() {
    let silent = FaultServer::start(|_| Answer::new(200, vec![0; 9]).end(End::StallAfter(0)));
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &[]);
    create(&cluster, "m1", &format!("{}/m1:1", silent.host()));
    let args = [
        "run",
        "p",
        "--kernel-version",
        KERNEL,
        "--timeout=12s",
        "-o=json",
    ];
    let running = Running::start(call(&cluster, &args));
    wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
    say(
        &cluster,
        NEWEST,
        "p",
        &[("m1", "Success", "Done", "verified image exists")],
    );
    let ended = running.end().code(3);
    let (_, verdict, codes) = codes(&ended).remove(0);
    assert_eq!(
        (verdict.as_str(), codes),
        ("unknown", vec!["cross-check-unavailable".to_owned()])
    );
    // Until then nobody was told that it passes.
    assert!(!ended.stderr.contains("1 verified"), "{}", ended.stderr);
    let waiting = "0/1 checked: ns1/m1: KMM reports verified; its image is being checked";
    assert!(ended.stderr.contains(waiting), "{}", ended.stderr);
}
