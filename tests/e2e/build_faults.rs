//! Builds that fail, hang, say too much, or find no builder.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use kmm_preflight::for_tests::{Arch, Choice, Code, Effect};

use crate::build::{Run, config, push_busybox, request, runtime, sleeping, wait_for_sleep};
use crate::support::image::{Image, Layer};
use crate::support::preflight::AT_ONCE;
use crate::support::registry::Registry;

#[test]
fn a_failed_build_tells_the_step_its_last_lines_and_where_the_log_is() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let logs = tempfile::tempdir().expect("a folder");
    let run = Run::new(config(Choice::Buildah, Some(logs.path()), Some(&registry)));
    let failed = run
        .build(&request(&format!(
            "FROM {base}\nRUN echo no such header && false\n"
        )))
        .expect_err("false fails");
    assert_eq!(
        (failed.code, failed.effect),
        (Code::BuildFailed, Effect::Fails)
    );
    for words in ["in step 2/2", "no such header"] {
        assert!(failed.message.contains(words), "{}", failed.message);
    }
    let hint = failed.hint.expect("a hint");
    assert!(hint.contains(&logs.path().display().to_string()), "{hint}");
}

#[test]
fn what_cannot_be_built_is_told_apart() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let run = Run::new(config(Choice::Buildah, None, Some(&registry)));
    let host = registry.host();
    for (dockerfile, effect) in [
        (format!("FROM {host}/no/such:1\n"), Effect::Fails),
        (format!("FROM {host}/base/busybox:no\n"), Effect::Fails),
        (format!("FROM {base}\nBUILD it\n"), Effect::Fails),
        (String::new(), Effect::Fails),
        ("FROM 127.0.0.1:1/x:1\n".into(), Effect::Blocks),
    ] {
        let failed = run.build(&request(&dockerfile)).expect_err("not buildable");
        assert_eq!(
            (failed.code, failed.effect),
            (Code::BuildFailed, effect),
            "{dockerfile}: {failed:?}"
        );
    }
}

#[test]
fn a_build_for_another_architecture_is_not_judged_by_this_machine() {
    let registry = Registry::start();
    let foreign = Image::new()
        .architecture("s390x")
        .layer(Layer::new().program("bin/sh", b"\x7fELF\x02\x02\x01 not for this machine"))
        .build();
    let base = registry.push("base/foreign:1", &foreign);
    let run = Run::new(config(Choice::Buildah, None, Some(&registry)));
    let mut request = request(&format!("FROM {base}\nRUN echo\n"));
    request.arch = Arch::S390x;
    let failed = run.build(&request).expect_err("no such processor");
    assert_eq!(failed.effect, Effect::Blocks, "{failed:?}");
}

#[test]
fn a_log_without_end_stays_within_its_limit() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let logs = tempfile::tempdir().expect("a folder");
    let run = Run::new(config(Choice::Buildah, Some(logs.path()), Some(&registry)));
    let failed = run
        .build(&request(&format!(
            "FROM {base}\nRUN yes 0123456789abcdef0123456789abcdef | head -c 2147483648; \
             echo the end; false\n"
        )))
        .expect_err("false fails");
    assert!(failed.message.contains("the end"), "{}", failed.message);
    let log = fs::read_dir(logs.path())
        .expect("the folder")
        .next()
        .expect("one log")
        .expect("a readable one");
    let size = log.metadata().expect("its size").len();
    assert!(size > 10 << 20 && size < 16 << 20, "{size} bytes");
}

/// A build that hangs in a step that ignores SIGTERM ends within two seconds, with all of its
/// processes, mounts and files.
#[test]
fn a_build_that_hangs_is_ended_with_all_that_it_has_started() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let run = Run::new(config(Choice::Buildah, None, Some(&registry)));
    let marker = format!("3600.{}", std::process::id());
    let request = request(&format!(
        "FROM {base}\nRUN trap '' TERM; echo started; sleep {marker} & sleep {marker}; sleep {marker}\n"
    ));
    let runtime = runtime();
    let task = runtime.spawn({
        let builds = Arc::clone(&run.builds);
        async move { builds.build(&request, &|_| ()).await }
    });
    wait_for_sleep(&marker);
    task.abort();
    let start = Instant::now();
    run.builds.end();
    let took = start.elapsed();
    assert_eq!(sleeping(&marker), 0);
    assert!(!run.folder.exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    assert!(
        !mounts.contains(&run.folder.display().to_string()),
        "{mounts}"
    );
    assert!(took < AT_ONCE, "{took:?}");
}

#[test]
fn builders_that_are_absent_broken_or_forbidden_are_no_failure_of_the_module() {
    let run = |choice| Run::new(config(choice, None, None)).build(&request("FROM scratch\n"));
    let none = run(Choice::None).expect_err("forbidden");
    assert_eq!(
        (none.code, none.effect),
        (Code::BuilderMissing, Effect::Blocks)
    );
    let docker = run(Choice::Docker).expect_err("no daemon runs here");
    assert_eq!(docker.code, Code::BuilderMissing, "{docker:?}");
    assert!(docker.message.contains("docker: "), "{docker:?}");
}
