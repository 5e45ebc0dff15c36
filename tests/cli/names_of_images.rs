//! Hints follow where an image's name came from: a mapping, an argument, or a flag for an image
//! of a release; and what `--oci-layout` lacks is told with what it has.

use test_support::faults::{Answer, FaultServer};

use super::bad_input::{KERNEL, mapping};
use super::preflight::{Ended, Preflight};

/// A registry that answers every request with a status.
fn registry(status: u16) -> FaultServer {
    FaultServer::start(move |asked| match asked.path.as_str() {
        "/v2/" => Answer::new(200, "{}"),
        _ if status == 401 => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
        _ => Answer::new(status, "{}"),
    })
}

fn by_argument(command: &str, image: &str) -> Ended {
    Preflight::new([command, image]).run()
}

fn by_flag(flag: &str, image: &str) -> Ended {
    let call = Preflight::new(["run", "--local", "-f=-", "--progress=none"]);
    let call = match flag {
        "--dtk-image" => call.args(["--kernel-version", KERNEL]),
        _ => call,
    };
    call.args([flag, image])
        .input(mapping("regexp: '.'", "127.0.0.1:1/i:1"))
        .run()
}

fn by_mapping(image: &str) -> Ended {
    Preflight::new(["run", "--local", "-f=-", "--progress=none"])
        .args(["--kernel-version", KERNEL])
        .input(mapping("regexp: '.'", image))
        .run()
}

#[track_caller]
fn hints(ended: &Ended, hint: &str) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(hint), "{hint}: {said}");
    let is_of_mapping = said.contains("containerImage in the kernel mapping");
    assert_eq!(is_of_mapping, hint.contains("containerImage"), "{said}");
}

#[test]
fn an_image_that_is_not_there_is_corrected_where_it_was_named() {
    let registry = registry(404);
    let image = format!("{}/a/b:1", registry.host());
    hints(
        &by_argument("inspect", &image).code(1),
        "Check the image's name and tag.",
    );
    hints(
        &by_argument("kernel", &image).code(1),
        "Check the image's name and tag.",
    );
    for flag in ["--release-image", "--os-image"] {
        hints(
            &by_flag(flag, &image).code(3),
            "Check the image's name and tag.",
        );
    }
    hints(
        &by_mapping(&image).code(1),
        "correct containerImage in the kernel mapping",
    );
}

#[test]
fn a_name_that_is_none_is_a_usage_error_where_it_was_typed() {
    let form = "HOST/REPOSITORY:TAG";
    for name in ["a b", "registry.test/a:b:c"] {
        for command in ["inspect", "kernel"] {
            hints(&by_argument(command, name).code(2), form);
        }
        for flag in ["--release-image", "--os-image"] {
            hints(&by_flag(flag, name).code(2), form);
        }
        hints(
            &by_mapping(name).code(1),
            "Correct containerImage in the kernel mapping.",
        );
    }
}

#[test]
fn credentials_are_asked_for_where_they_can_be_given() {
    let registry = registry(401);
    let image = format!("{}/a/b:1", registry.host());
    let ended = by_argument("inspect", &image);
    assert!(
        !ended.stderr.contains("imageRepoSecret"),
        "{}",
        ended.stderr
    );
    let ended = by_flag("--release-image", &image).code(3);
    assert!(
        !ended.stderr.contains("imageRepoSecret"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_a_layout_lacks_is_told_with_what_it_has() {
    let layout = "--oci-layout=examples/images";
    for (image, parts) in [
        (
            "127.0.0.1:1/drivers/ticker:2",
            &["examples/images does not contain it, only registry.example/drivers/ticker:"][..],
        ),
        (
            "127.0.0.1:1/drivers/none:1",
            &["examples/images does not contain it, only "],
        ),
    ] {
        let ended = Preflight::new(["inspect", image, layout]).run().code(3);
        for part in parts
            .iter()
            .chain(&["Copy the image to examples/images under this name"])
        {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
    }
    // A registry that has it and wants credentials is not told by the layout.
    let registry = registry(401);
    let image = format!("{}/drivers/none:1", registry.host());
    let ended = Preflight::new(["inspect", &image, layout]).run().code(3);
    assert!(ended.stderr.contains("--authfile"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("Copy the image"), "{}", ended.stderr);
    // What it has is not looked for anywhere else.
    let image = "registry.example/drivers/ticker:6.1.0-56-amd64";
    let ended = Preflight::new(["inspect", image, layout]).run().code(0);
    assert!(!ended.stderr.contains("does not have"), "{}", ended.stderr);
}
