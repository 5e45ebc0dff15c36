//! Helpers and files that do not do what they should.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::setup::{Setup, helper, home_file, module, outcome, plain, run};
use crate::support::image::{Image, Layer};
use crate::support::registry::Registry;

#[test]
fn helpers_that_hang_or_talk_rubbish_are_named_and_asked_once() {
    let setup = Setup::basic();
    let host = setup.registry.host();
    let config = json!({"credHelpers": {host: "odd"}}).to_string();
    for (script, words) in [
        (
            "echo \"$$\" >> $HOME/asked; exec sleep 600",
            "timed out after 10 s",
        ),
        (
            "echo x >> $HOME/asked; echo rubbish s3cr3t",
            "printed no JSON",
        ),
        (
            "echo x >> $HOME/asked; echo s3cr3t >&2; exit 1",
            "failed: exit status: 1",
        ),
        (
            "echo x >> $HOME/asked; echo '[\"s3cr3t\"]'",
            "printed no JSON",
        ),
        (
            "echo x >> $HOME/asked; cat /dev/zero",
            "docker-credential-odd failed",
        ),
    ] {
        let modules = module("ns", "m", &setup.reference, None)
            + &module("ns", "n", &setup.reference, None)
            + &module("other", "o", &setup.reference, None);
        let call = home_file(run(&modules), ".docker/config.json", &config);
        let call = helper(call, "odd", script);
        let asked = call.home().join("asked");
        let keep = tempfile::tempdir().expect("a folder");
        let kept = keep.path().join("asked");
        std::os::unix::fs::symlink(&kept, asked).expect("a link");
        let start = Instant::now();
        let ended = call.run().code(3);
        assert!(start.elapsed() < Duration::from_secs(25), "{script}");
        let (code, message) = outcome(&ended);
        assert_eq!(code, "image-unauthorized", "{message}");
        assert!(message.contains(words), "{script}: {message}");
        assert!(message.contains("docker-credential-odd"), "{message}");
        assert!(!ended.stdout.contains("s3cr3t") && !ended.stderr.contains("s3cr3t"));
        let asked = fs::read_to_string(&kept).expect("the helper ran");
        assert_eq!(asked.lines().count(), 1, "{script}");
        if let Ok(id) = asked.trim().parse::<u32>() {
            let process = format!("/proc/{id}");
            // Killed it is at once; who inherits it may take a moment to bury it.
            while Path::new(&process).exists() {
                assert!(start.elapsed() < Duration::from_secs(40), "it goes on");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_damaged_file_is_named_where_a_credential_was_wanted_of_it() {
    let setup = Setup::basic();
    let damaged = home_file(plain(&setup), ".docker/config.json", "{\"auths\": s3cr3t}");
    let ended = damaged.run().code(3);
    let (code, message) = outcome(&ended);
    assert_eq!(code, "image-unauthorized");
    assert!(
        message.contains("config.json: not a valid docker configuration"),
        "{message}"
    );
    assert!(!ended.stdout.contains("s3cr3t") && !ended.stderr.contains("s3cr3t"));
    let open = Registry::start();
    let image = Image::new().with_tools().layer(Layer::new().dir("opt"));
    let reference = open.push("team/driver:1", &image.build());
    let call = run(&module("ns", "m", &reference, None));
    let call = home_file(call, ".docker/config.json", "no JSON");
    assert_eq!(outcome(&call.run().code(1)).0, "module-not-found");
}
