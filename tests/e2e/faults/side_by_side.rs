//! Whole runs of the binary: one bad registry delays no other module.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::faults::{Answer, Asked, End, FaultServer, serve_image};
use crate::support::image::Built;
use crate::support::preflight::{AT_ONCE, Preflight};

/// A module of the examples that loads on their kernel.
const GOOD: &str = "registry.example/drivers/ticker:6.1.0-56-amd64";

/// A registry in which `ticker` is served as it should be, and repositories of other names as
/// `fault` says.
fn server(fault: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> FaultServer {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images");
    let good = Built::of_layout(&examples, GOOD);
    FaultServer::start(move |asked| {
        let is_good = asked.path == "/v2/" || asked.path.contains("/good");
        let fault = if is_good { None } else { fault(asked) };
        fault.unwrap_or_else(|| serve_image(&good, asked))
    })
}

/// One Module for each repository.
fn run(server: &FaultServer, repositories: &[&str], more: &[&str]) -> (Preflight, Instant) {
    let modules: String = repositories
        .iter()
        .map(|name| {
            format!(
                "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
                 metadata: {{name: {name}, namespace: ns}}\nspec:\n  selector: {{}}\n  \
                 moduleLoader: {{container: {{modprobe: {{moduleName: ticker}}, kernelMappings: \
                 [{{regexp: '.', containerImage: '{}/{name}:1'}}]}}}}\n",
                server.host()
            )
        })
        .collect();
    let call = Preflight::new(["run", "--local", "-f", "-", "-o", "json"])
        .args(["--kernel-version=6.1.0-56-amd64", "--progress=none"])
        .arg("--kernel-dir=examples/kernel")
        .args(more)
        .input(modules);
    (call, Instant::now())
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["modules"].as_array().expect("rows");
    rows.iter()
        .find(|row| row["name"] == name)
        .expect("a row of that name")
}

#[test]
fn a_slow_module_delays_no_other_and_a_timeout_leaves_what_is_known() {
    let server = server(|_| Some(Answer::new(200, "").end(End::Silence)));
    let names = ["a-slow", "good-1", "good-2", "good-3"];
    let (call, start) = run(&server, &names, &["-j2", "--timeout=10s"]);
    let report = call.run().code(3).json();
    assert!(
        start.elapsed() < Duration::from_secs(18),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(report["counts"]["verified"], 3, "{report:#}");
    assert_eq!(report["counts"]["unknown"], 1);
    let slow = row(&report, "a-slow");
    assert_eq!(slow["findings"][0]["code"], "not-decided");
    for name in &names[1..] {
        let took = row(&report, name)["durationSeconds"].as_f64();
        assert!(took.is_some_and(|seconds| seconds < 9.0), "{report:#}");
    }
}

#[test]
fn fail_fast_ends_a_run_whose_other_modules_hang() {
    let server = server(|asked| {
        let is_absent = asked.path.contains("/absent/");
        let silent = || Answer::new(200, "").end(End::Silence);
        (!is_absent)
            .then(silent)
            .or_else(|| Some(Answer::new(404, "")))
    });
    let (call, start) = run(&server, &["absent", "hangs"], &["--fail-fast"]);
    let report = call.run().code(1).json();
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(row(&report, "absent")["verdict"], "failed");
    let hangs = row(&report, "hangs");
    assert_eq!(hangs["findings"][0]["code"], "not-decided");
    let words = hangs["statusReason"].as_str().unwrap_or_default();
    assert!(words.contains("--fail-fast"), "{words}");
}

/// What several kernels share is asked for once: the manifest, with the credentials of one
/// Secret, and the configuration.
#[test]
fn a_matrix_of_kernels_opens_each_image_once() {
    let server = server(|_| None);
    let examples = [("6.1.0-56-amd64", "verified"), ("6.1.0-57-amd64", "failed")];
    let module = format!(
        "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
         metadata: {{name: good, namespace: ns}}\nspec:\n  selector: {{}}\n  \
         imageRepoSecret: {{name: pull}}\n  \
         moduleLoader: {{container: {{modprobe: {{moduleName: ticker}}, kernelMappings: \
         [{{regexp: '.', containerImage: '{}/good:1'}}]}}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: pull, namespace: ns}}\n\
         type: kubernetes.io/dockerconfigjson\n\
         stringData: {{.dockerconfigjson: '{{\"auths\":{{}}}}'}}\n",
        server.host()
    );
    let run = Preflight::new(["run", "--local", "-f", "-", "-o", "json", "--no-cache"])
        .args(examples.map(|(kernel, _)| format!("--kernel-version={kernel}")))
        .args(["--kernel-dir=examples/kernel", "--progress=none"])
        .input(module);
    let report = run.run().code(1).json();
    let rows = report["modules"].as_array().expect("rows");
    let verdicts = rows
        .iter()
        .map(|row| (&row["kernelVersion"], &row["verdict"]));
    let verdicts: Vec<_> = verdicts.collect();
    for (kernel, verdict) in examples {
        assert!(
            verdicts.contains(&(&kernel.into(), &verdict.into())),
            "{report:#}"
        );
    }
    for (part, least) in [("/manifests/1", 1), ("/blobs/", 2)] {
        let asked = server.asked(part);
        let mut paths: Vec<_> = asked.iter().map(|asked| &asked.path).collect();
        paths.sort();
        paths.dedup();
        assert!(paths.len() >= least, "{part}: {paths:?}");
        assert_eq!(paths.len(), asked.len(), "{part}: {asked:?}");
    }
}

/// Each fault stays with its module, in one run and under one cache.
#[test]
fn every_fault_stays_with_its_module() {
    let server = server(|asked| {
        let is_manifest = asked.path.contains("/manifests/");
        let name = asked.path.split('/').nth(2)?;
        let html = "<html><body>please log in</body></html>";
        match name {
            "html" if is_manifest => Some(Answer::new(200, html)),
            "refuses" if is_manifest => Some(Answer::new(403, "")),
            "absent" if is_manifest => Some(Answer::new(404, "")),
            "breaks" => Some(Answer::new(200, "").end(End::Nothing)),
            "empty" => Some(Answer::new(200, "")),
            "moves" => Some(Answer::new(302, "").header("location", &asked.path)),
            _ => None,
        }
    });
    let names = [
        "absent", "breaks", "empty", "good-1", "html", "moves", "refuses",
    ];
    let (call, _) = run(&server, &names, &[]);
    let cache = tempfile::tempdir().expect("a folder");
    let report = call
        .arg("--cache-dir")
        .arg(cache.path())
        .run()
        .code(1)
        .json();
    for (name, verdict, code) in [
        ("absent", "failed", "image-not-found"),
        ("breaks", "error", "image-unreachable"),
        ("empty", "error", "image-unreachable"),
        ("html", "error", "image-unreachable"),
        ("moves", "error", "image-unreachable"),
        ("refuses", "error", "image-unauthorized"),
    ] {
        let row = row(&report, name);
        assert_eq!(row["verdict"], verdict, "{row:#}");
        assert_eq!(row["findings"][0]["code"], code, "{row:#}");
        assert!(row["findings"][0]["hint"].is_string(), "{row:#}");
    }
    assert_eq!(row(&report, "good-1")["verdict"], "verified");
    assert!(fs::read_dir(cache.path()).expect("the cache").count() > 0);
}

/// Layers are shared by digest; what one place makes of them is its own.
#[test]
fn a_place_that_damages_a_layer_spoils_it_for_nobody_else() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images");
    const DAMAGED: [&str; 2] = ["a-flipped", "a-portal"];
    let blobs = Built::of_layout(&examples, GOOD).blobs;
    let given = Mutex::new(BTreeSet::new());
    let all_given = Condvar::new();
    let server = server(move |asked| {
        let name = asked.path.split('/').nth(2)?;
        let Some((_, digest)) = asked.path.split_once("/blobs/") else {
            // The sound place is asked for the layer when both others have given theirs.
            if name == "sound" {
                let wanted = |given: &mut BTreeSet<_>| given.len() < DAMAGED.len();
                let given = given.lock().expect("no panic before");
                drop(
                    all_given
                        .wait_while(given, wanted)
                        .expect("no panic before"),
                );
            }
            return None;
        };
        let blob = blobs.get(digest)?;
        let damaged = match name {
            "a-flipped" => [&blob[..blob.len() - 1], &[!blob[blob.len() - 1]]].concat(),
            "a-portal" => b"<html>please log in</html>".to_vec(),
            _ => return None,
        };
        let is_layer = blob.starts_with(&[0x1f, 0x8b]);
        is_layer.then(|| {
            given
                .lock()
                .expect("no panic before")
                .insert(name.to_owned());
            all_given.notify_all();
            Answer::new(200, damaged)
        })
    });
    let (call, _) = run(
        &server,
        &[DAMAGED[0], DAMAGED[1], "sound"],
        &["-j3", "--no-cache"],
    );
    let report = call.run().code(3).json();
    for name in DAMAGED {
        let row = row(&report, name);
        assert_eq!(row["verdict"], "error", "{row:#}");
        assert_eq!(row["findings"][0]["code"], "image-unreadable", "{row:#}");
        let words = row["findings"][0]["message"].as_str().unwrap_or_default();
        assert!(words.contains(&format!("/{name}:1")), "{words}");
    }
    let good = row(&report, "sound");
    assert_eq!(good["verdict"], "verified", "{good:#}");
}
