use super::*;
use crate::model::module::{Modprobe, TlsOptions};

fn work(build: bool, sign: bool) -> Work {
    Work {
        image: "registry.example/m:1".into(),
        registry_tls: TlsOptions::default(),
        image_repo_secret: None,
        modprobe: Modprobe::default(),
        in_tree_modules_to_remove: Vec::new(),
        build: build.then(Build::default),
        sign: sign.then(Sign::default),
    }
}

#[test]
fn only_a_failed_image_leads_on() {
    let only_image: StageSet = "image".parse().expect("a stage");
    for (verdict, build, sign, allowed, next) in [
        (Verdict::Verified, true, true, StageSet::ALL, Next::Decided),
        (Verdict::Error, true, true, StageSet::ALL, Next::Decided),
        (Verdict::Unknown, true, true, StageSet::ALL, Next::Decided),
        (Verdict::Failed, false, false, StageSet::ALL, Next::Decided),
        (Verdict::Failed, true, false, StageSet::ALL, Next::Build),
        (Verdict::Failed, true, true, StageSet::ALL, Next::Build),
        (Verdict::Failed, false, true, StageSet::ALL, Next::Sign),
        (
            Verdict::Failed,
            true,
            true,
            only_image,
            Next::Skipped(Stage::Build),
        ),
        (
            Verdict::Failed,
            false,
            true,
            only_image,
            Next::Skipped(Stage::Sign),
        ),
    ] {
        let seen = after_image(verdict, &work(build, sign), allowed);
        assert_eq!(seen, next, "{verdict:?} {build} {sign}");
    }
}

#[test]
fn stages_are_read_from_a_list() {
    assert_eq!("image,build,sign".parse(), Ok(StageSet::ALL));
    assert_eq!(
        "Sign, image".parse::<StageSet>().map(|set| set.build),
        Ok(false)
    );
    for text in ["", "image,", "done"] {
        assert!(text.parse::<StageSet>().is_err(), "{text}");
    }
}

#[test]
fn the_intermediate_image_is_named_as_kmm_names_it() {
    for (image, preflight, name) in [
        (
            "quay.io/o/i:5.14",
            false,
            "quay.io/o/i:5.14_ns1_m1_kmm_unsigned",
        ),
        (
            "quay.io/o/i",
            true,
            "quay.io/o/i:ns1_m1-preflight_kmm_unsigned",
        ),
    ] {
        assert_eq!(intermediate_image(image, "ns1", "m1", preflight), name);
    }
}

#[test]
fn text_entries_of_a_secret_win() {
    let secret: Secret = serde_json::from_value(serde_json::json!({
        "data": {"a": "YQ==", "b": "Yg=="},
        "stringData": {"b": "text"},
    }))
    .expect("a Secret");
    assert_eq!(
        entries(&secret),
        [
            ("a".to_owned(), b"a".to_vec()),
            ("b".to_owned(), b"text".to_vec())
        ]
        .into()
    );
}

#[test]
fn what_led_on_is_context_and_told_once() {
    let failed = Finding::new(Code::ImageNotFound, "no such image");
    let warning = Finding::new(Code::KernelFactsMissing, "no facts");
    let context = as_context(&[failed.clone(), warning.clone()]);
    assert_eq!(context, [failed.as_info()]);
    let told = outcome(Stage::Build, None, vec![warning.clone(), warning.clone()]);
    assert_eq!(told.findings, [warning]);
}
