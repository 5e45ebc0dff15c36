use super::*;
use crate::kmm::module::{Build, Modprobe, Sign, TlsOptions};

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
