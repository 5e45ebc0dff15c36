//! KMM's answers beside a look of our own, in a real registry.

use serde_json::json;

use super::crds::NEWEST;
use super::operator::{KERNEL, Running, call, create_modules, module, say, wait_for};
use crate::support::cluster::Cluster;
use crate::support::image::{Image, Layer};
use crate::support::preflight::Ended;
use crate::support::registry::Registry;

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
        ("away", "verified", &["cross-check-unavailable"]),
        ("built", "verified", &["cross-check-unavailable"]),
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
