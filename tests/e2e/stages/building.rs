//! The Build stage and what follows from it.

use kmm_preflight::for_tests::{Code, Effect, Stage, Verdict};
use serde_json::json;

use crate::build::push_busybox;
use crate::stages::setup::{
    GLOB, Setup, assert_says, assert_verdict, base_with_module, build, sign, work,
};
use crate::support::image::Image;
use crate::support::registry::Registry;

#[test]
fn a_built_image_is_signed_without_a_push_between() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    let base = base_with_module(&registry);
    // An image that cannot load: no module in it.
    let empty = Image::new().with_tools();
    setup.image("registry.example/m:1", &empty);
    setup.dockerfile(&format!(
        "FROM {base}\nARG KERNEL_VERSION\nRUN test -d /opt/lib/modules/$KERNEL_VERSION\n"
    ));
    let mut work = work("registry.example/m:1");
    work.build = Some(build());
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    assert_says(
        &outcome,
        Code::SignatureMissing,
        Effect::Fails,
        "unsigned module",
    );

    work.sign = Some(sign("", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(
        &outcome,
        Code::ImageReplaced,
        Effect::None,
        "needs pushBuiltImage",
    );
}

#[test]
fn a_build_without_the_module_has_failed() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    let base = push_busybox(&registry);
    setup.image("registry.example/m:1", &Image::new().with_tools());
    setup.dockerfile(&format!("FROM {base}\nRUN echo nothing\n"));
    let mut work = work("registry.example/m:1");
    work.build = Some(build());
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    assert_says(
        &outcome,
        Code::BuildFailed,
        Effect::Fails,
        "no module that would load",
    );
    assert_says(
        &outcome,
        Code::DockerfileLint,
        Effect::None,
        "depmod-missing",
    );

    setup.config_maps[0]["data"] = json!({"Dockerfile": "FROM scratch\n"});
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Error);
    assert_says(
        &outcome,
        Code::ConfigmapMissing,
        Effect::Blocks,
        "no key dockerfile",
    );
    setup.config_maps = json!([]);
    assert_verdict(&setup.check(work.clone()), Stage::Build, Verdict::Error);

    setup.dockerfile("ARG DTK_AUTO\nFROM ${DTK_AUTO}\n");
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Error);
    assert_says(&outcome, Code::BuildFailed, Effect::Blocks, "DTK_AUTO");

    setup.dockerfile("FROM scratch\n");
    if let Some(section) = &mut work.build {
        section.secrets = vec![serde_json::from_value(json!({"name": "absent"})).expect("a name")];
    }
    let outcome = setup.check(work);
    assert_says(&outcome, Code::SecretMissing, Effect::Blocks, "ns/absent");
}
