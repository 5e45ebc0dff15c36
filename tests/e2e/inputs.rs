//! Where the Modules of a local run come from: URLs and the cluster.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::cluster::crds::NEWEST;
use crate::cluster::operator::call;
use crate::support::cluster::Cluster;
use crate::support::faults::{Answer, FaultServer};
use crate::support::preflight::Preflight;
use crate::support::registry::{Registry, write_certificates};
use crate::support::server::{free_port, listens};

const KERNEL: &str = "--kernel-version=6.1.0-56-amd64";

/// Python's web server, on a folder.
struct WebServer {
    child: Child,
    port: u16,
}

impl WebServer {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let child = Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1"])
            .arg(port.to_string())
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is installed");
        while !listens(port) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { child, port }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn local(more: &[&str]) -> Preflight {
    Preflight::new(["run", "--local", "-o", "json", "--progress=none", KERNEL])
        .args([
            "--oci-layout=examples/images",
            "--kernel-dir=examples/kernel",
        ])
        .args(more)
}

#[test]
fn a_url_is_read_and_what_is_wrong_with_it_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy("examples/modules.yaml", folder.path().join("modules.yaml")).expect("a file");
    let page = "<!DOCTYPE html>\n<html><body>please log in</body></html>\n";
    std::fs::write(folder.path().join("page.yaml"), page).expect("a file");
    std::fs::write(folder.path().join("broken.yaml"), "a: 1\n---\nb: [\n").expect("a file");
    let server = WebServer::start(folder.path());
    let at = |name: &str| format!("http://someone:hunter2@127.0.0.1:{}/{name}", server.port);

    let ended = local(&["-f", &at("modules.yaml")]).run().code(1);
    let report = ended.json();
    assert_eq!(report["counts"]["verified"], 1);
    assert_eq!(report["counts"]["failed"], 2);
    let registry = Registry::with_tls();
    let untrusted = format!("https://{}/v2/modules.yaml", registry.host());
    let refused = format!("http://127.0.0.1:{}/modules.yaml", free_port());
    for (url, words, code) in [
        (at("nothing.yaml"), "404", 2),
        (at("page.yaml"), "a web page, not a manifest", 2),
        (
            at("broken.yaml"),
            "broken.yaml:3: document 2 is not YAML",
            2,
        ),
        // What could not be asked is undecided.
        (untrusted, "certificate", 3),
        (refused, "connection refused", 3),
        (
            "http://nowhere.invalid/modules.yaml".to_owned(),
            "cannot resolve its name",
            3,
        ),
        ("https://[/".to_owned(), "not a URL", 2),
    ] {
        let ended = local(&["-f", &url]).run().code(code);
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!all.contains("hunter2"), "{all}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_url_may_be_on_a_server_whose_authority_the_user_names() {
    let folder = tempfile::tempdir().expect("a folder");
    write_certificates(folder.path());
    let modules = std::fs::read("examples/modules.yaml").expect("a file");
    let server = FaultServer::with_tls(folder.path(), move |asked| match asked.path.as_str() {
        "/modules.yaml" => Answer::new(200, modules.clone()),
        _ => Answer::new(404, ""),
    });
    let url = format!("https://{}/modules.yaml", server.host());
    let ended = local(&["-f", &url]).run().code(3);
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--ca-file"), "{}", ended.stderr);
    let trusted = local(&["-f", &url]).arg("--ca-file");
    let report = trusted
        .arg(folder.path().join("ca.crt"))
        .run()
        .code(1)
        .json();
    assert_eq!(report["counts"]["verified"], 1, "{report}");
    let file = folder.path().join("none.crt");
    for (text, words) in [
        ("", "it contains no certificate"),
        ("-----BEGIN", "none.crt"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let ended = local(&["-f", &url])
            .arg("--ca-file")
            .arg(&file)
            .run()
            .code(2);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[test]
fn without_f_the_modules_come_from_the_cluster() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    let module = |namespace: &str, name: &str, image: &str| {
        let object = json!({
            "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
            "metadata": {"name": name, "namespace": namespace, "labels": {"which": name}},
            "spec": {"selector": {"node": "all"}, "moduleLoader": {"container": {
                "modprobe": {"moduleName": name},
                "kernelMappings": [{"regexp": "^.+$", "containerImage": image}]}}},
        });
        cluster.apply(&object.to_string());
    };
    let run = |more: &[&str]| {
        call(
            &cluster,
            &["run", "--local", "-o", "json", "--progress=none", KERNEL],
        )
        .args([
            "--oci-layout=examples/images",
            "--kernel-dir=examples/kernel",
        ])
        .args(more)
        .run()
    };
    let ended = run(&[]).code(4);
    assert!(
        ended.stderr.contains("no Modules in the cluster"),
        "{}",
        ended.stderr
    );
    for namespace in ["one", "two"] {
        cluster.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"
        ));
    }
    module(
        "one",
        "ticker",
        "registry.example/drivers/ticker:6.1.0-56-amd64",
    );
    module(
        "two",
        "sensor",
        "registry.example/drivers/sensor:6.1.0-56-amd64",
    );
    for (more, code, verdicts) in [
        (
            &[][..],
            1,
            &[("ticker", "verified"), ("sensor", "failed")][..],
        ),
        (&["-A"], 1, &[("ticker", "verified"), ("sensor", "failed")]),
        (&["-n", "one"], 0, &[("ticker", "verified")]),
        (&["-l", "which=sensor"], 1, &[("sensor", "failed")]),
        (&["-n", "one", "-l", "which=sensor"], 4, &[]),
    ] {
        let ended = run(more).code(code);
        let report = ended.json();
        let rows = report["modules"].as_array().expect("rows");
        let seen: Vec<_> = rows
            .iter()
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap_or_default();
                (text("name"), text("verdict"))
            })
            .collect();
        assert_eq!(seen, verdicts, "{more:?}");
    }
}
