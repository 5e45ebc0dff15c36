//! `run --local` from the command line: how much happens at once, and how it ends.

use std::fs;
use std::ops::Range;
use std::time::Instant;

use crate::build::{sleeping, wait_for_sleep};
use crate::run_local::{NOTHING, Setup, assert_says};
use crate::stages::{KERNEL, base_with_module};
use crate::support::preflight::{AT_ONCE, Running};

/// Starts a run whose build hangs, and waits until it does.
fn hanging(setup: &Setup, more: &[&str], marker: &str) -> Running {
    let base = setup.busybox();
    setup.dockerfile(&format!(
        "FROM {base}\nRUN trap '' TERM INT; sleep {marker} & sleep {marker}; sleep {marker}\n"
    ));
    let running = Running::start(setup.run(more));
    wait_for_sleep(marker);
    running
}

fn ended_clean(setup: &Setup, marker: &str) {
    assert_eq!(sleeping(marker), 0, "no process is left");
    assert_eq!(setup.left(), NOTHING, "no file is left");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let folder = setup.folder.path().display().to_string();
    assert!(!mounts.contains(&folder), "no mount is left: {mounts}");
}

#[test]
fn ctrl_c_and_sigterm_end_a_build_with_all_that_it_has_started() {
    for signal in ["INT", "TERM"] {
        let setup = Setup::new();
        let marker = format!("3601.{}{signal}", std::process::id());
        let marker = marker.replace("INT", "1").replace("TERM", "2");
        let running = hanging(&setup, &[], &marker);
        let start = Instant::now();
        running.signal(signal);
        running.end().code(130);
        let took = start.elapsed();
        ended_clean(&setup, &marker);
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[test]
fn a_time_limit_ends_a_build_with_all_that_it_has_started() {
    let setup = Setup::new();
    let marker = format!("3602.{}", std::process::id());
    let running = hanging(&setup, &["--timeout", "15s"], &marker);
    let ended = running.end().code(3);
    ended_clean(&setup, &marker);
    assert_says(&ended.json(), "not-decided", "timed out after");
}

/// When each of two builds was in its step, in seconds since boot, as its log says.
fn spans(build_jobs: &str) -> [Range<f64>; 2] {
    let setup = Setup::new();
    let base = setup.busybox();
    setup.dockerfile(&format!(
        "FROM {base}\nRUN echo from $(cat /proc/uptime); sleep 2; echo until $(cat /proc/uptime)\n"
    ));
    let path = setup.folder.path().join("module.yaml");
    let yaml = fs::read_to_string(path).expect("the Module");
    let (module, map) = yaml.split_once("---\n").expect("two documents");
    let other = module.replace("name: stage, namespace", "name: other, namespace");
    setup.write("module.yaml", &format!("{module}---\n{other}---\n{map}"));
    let cache = setup.folder.path().join("cache");
    let cache_text = cache.display().to_string();
    setup
        .run(&["--build-jobs", build_jobs, "-j", "8"])
        .arg("--cache-dir")
        .arg(cache_text)
        .run()
        .code(1);
    ["stage", "other"].map(|name| {
        let log = cache.join(format!("builds/ns_{name}_for_{KERNEL}_on_amd64.log"));
        let log = fs::read_to_string(log).expect("the log is kept");
        let time = |mark: &str| -> f64 {
            let line = log.lines().find_map(|line| line.strip_prefix(mark));
            let uptime = line.and_then(|line| line.split(' ').next());
            uptime.expect("a mark").parse().expect("seconds")
        };
        time("from ")..time("until ")
    })
}

/// With one job, the second Module's image is looked at while the first one's is built.
#[test]
fn a_build_keeps_no_image_from_being_looked_at() {
    let setup = Setup::new();
    let base = setup.busybox();
    let found = base_with_module(&setup.registry);
    setup.dockerfile(&format!("FROM {base}\nRUN sleep 3\n"));
    let path = setup.folder.path().join("module.yaml");
    let yaml = fs::read_to_string(&path).expect("the Module");
    let (module, map) = yaml.split_once("---\n").expect("two documents");
    let other = module
        .replace("name: stage, namespace", "name: there, namespace")
        .replace(&setup.registry.reference("team/stage:1"), &found);
    setup.write("module.yaml", &format!("{module}---\n{map}---\n{other}"));
    let report = setup.run(&["-j", "1"]).run().code(1).json();
    let modules = report["modules"].as_array().expect("modules");
    let mut order: Vec<(&str, &str, &str)> = modules
        .iter()
        .map(|module| {
            let text = |field: &str| module[field].as_str().expect("a text");
            (text("lastTransitionTime"), text("name"), text("verdict"))
        })
        .collect();
    order.sort_unstable();
    let order: Vec<_> = order.iter().map(|row| (row.1, row.2)).collect();
    assert_eq!(order, [("there", "verified"), ("stage", "failed")]);
}

#[test]
fn as_many_builds_run_at_once_as_build_jobs_says_whatever_j_says() {
    for (build_jobs, together) in [("1", false), ("2", true)] {
        let [one, two] = spans(build_jobs);
        let overlap = one.start < two.end && two.start < one.end;
        assert_eq!(
            overlap, together,
            "--build-jobs {build_jobs}: {one:?} {two:?}"
        );
    }
}

/// The first run is alive while the second one looks, and killed before the third one does.
#[test]
fn the_next_run_removes_what_a_killed_one_left() {
    let setup = Setup::new();
    let marker = format!("3603.{}", std::process::id());
    let killed = hanging(&setup, &[], &marker);
    let other = || setup.run(&["--stages", "image"]).run();
    other();
    assert_ne!(setup.left(), NOTHING, "a living run keeps its folder");
    assert!(sleeping(&marker) > 0, "a living run keeps its build");
    killed.signal("KILL");
    killed.end();
    assert_ne!(setup.left(), NOTHING, "nothing could be removed");
    other();
    ended_clean(&setup, &marker);
}
