//! Which stage runs, and what is pushed in the end.

use kmm_preflight::for_tests::{Code, Effect, Stage, Verdict};

use crate::build::push_busybox;
use crate::stages::setup::{
    GLOB, Setup, assert_says, assert_verdict, build, module_layer, sign, unchanged, work,
};
use crate::support::image::Image;
use crate::support::registry::Registry;

#[test]
fn stages_that_are_left_out_are_told() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    setup.allowed = "image,build".parse().expect("stages");
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Image, Verdict::Failed);
    assert_says(&outcome, Code::StageSkipped, Effect::Doubts, "stage Sign");
}

#[test]
fn a_stage_runs_without_those_before_it_where_it_is_named_alone() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    setup.allowed = "sign".parse().expect("a stage");
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    work.sign = None;
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Image, Verdict::Unknown);
    assert_says(&outcome, Code::StageSkipped, Effect::Doubts, "stage Image");
}

#[test]
fn sign_waits_for_a_build_that_succeeds() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let mut setup = Setup::new();
    let unsigned = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/unsigned:1", &unsigned);
    setup.image("registry.example/m:1", &Image::new().with_tools());
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/unsigned:1", &[GLOB]));
    work.build = Some(build());
    // One build that fails, and one that makes an image without the module.
    for (step, words) in [
        ("false", "in step 2/2"),
        ("ls", "no module that would load"),
    ] {
        setup.dockerfile(&format!("FROM {base}\nRUN {step}\n"));
        let outcome = setup.check(work.clone());
        assert_verdict(&outcome, Stage::Build, Verdict::Failed);
        assert_says(&outcome, Code::BuildFailed, Effect::Fails, words);
    }
    work.build = None;
    assert_verdict(&setup.check(work), Stage::Sign, Verdict::Verified);
}

#[test]
fn what_is_not_verified_is_not_pushed() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let unsigned = Image::new().with_tools();
    let reference = registry.push("team/unsigned:1", &unsigned.build());
    let base = push_busybox(&registry);
    let image = registry.reference("team/module:1");
    let mut work = work(&image);
    work.build = Some(build());
    setup.dockerfile(&format!("FROM {base}\nRUN echo nothing\n"));
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    work.build = None;
    work.sign = Some(sign(&reference, &[GLOB]));
    assert_verdict(&setup.check(work.clone()), Stage::Sign, Verdict::Failed);
    work.sign = None;
    let outcome = setup.check(work);
    assert_says(&outcome, Code::ImageNotFound, Effect::Fails, "team/module");
}

#[test]
fn a_registry_out_of_reach_is_no_reason_to_build() {
    let mut setup = Setup::new();
    setup.dockerfile("FROM scratch\n");
    let mut registry = Registry::start();
    let image = registry.reference("team/module:1");
    registry.stop();
    let mut work = work(&image);
    work.build = Some(build());
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Image, Verdict::Error);
}
