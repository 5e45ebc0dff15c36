//! What a kubeconfig gives away, and what is wrong with it rather than with the API server.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use test_support::faults::{Answer, FaultServer};
use test_support::registry::write_certificates;

use super::{PASSWORD, nobodys};
use crate::preflight::{Ended, Preflight};

fn status(folder: &Path, cluster: Value, user: Value) -> Ended {
    let file = folder.join("config");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    fs::write(&file, config.to_string()).expect("a kubeconfig");
    Preflight::new(["status", "p", "--kubeconfig"])
        .arg(&file)
        .run()
}

/// Base64 as `base64` writes it.
fn wrapped(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(76);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    format!("{}\r\n", lines.join("\n"))
}

fn api_server(asked: &test_support::faults::Asked) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                        "reason": "NotFound", "message": "no such thing"});
    let _ = asked;
    Answer::new(404, status.to_string()).header("content-type", "application/json")
}

#[test]
fn plain_http_is_shown_no_credential() {
    let folder = tempfile::tempdir().expect("a folder");
    for user in [
        json!({"token": PASSWORD}),
        json!({"username": "user", "password": PASSWORD}),
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo",
                        "args": [format!("{{\"status\": {{\"token\": \"{PASSWORD}\"}}}}")],
                        "interactiveMode": "Never"}}),
    ] {
        let server = FaultServer::start(api_server);
        let cluster = json!({"server": format!("http://{}", server.host())});
        let ended = status(folder.path(), cluster, user.clone());
        assert!(!server.asked("").is_empty(), "{ended:?}");
        assert!(nobodys(&server.asked("")), "{:?}", server.asked(""));
        assert!(
            ended.stderr.contains("no credentials are sent"),
            "{}",
            ended.stderr
        );
    }
    // Over TLS they are what it is for.
    write_certificates(folder.path());
    let server = FaultServer::with_tls(folder.path(), api_server);
    let cluster = json!({"server": format!("https://{}", server.host()),
                         "certificate-authority": folder.path().join("ca.crt")});
    status(folder.path(), cluster, json!({"token": PASSWORD}));
    let shown = format!("Bearer {PASSWORD}");
    assert!(
        server
            .asked("")
            .iter()
            .all(|asked| super::shows(asked, &shown))
    );
}

#[test]
fn base64_may_have_line_breaks_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    write_certificates(folder.path());
    let server = FaultServer::with_tls(folder.path(), api_server);
    let read = |name: &str| fs::read(folder.path().join(name)).expect("a file");
    let (ca, certificate, key) = (read("ca.crt"), read("server.crt"), read("server.key"));
    let call = |ca: &str, certificate: &str, key: &str| {
        let cluster = json!({"server": format!("https://{}", server.host()),
                             "certificate-authority-data": ca});
        let user = json!({"client-certificate-data": certificate, "client-key-data": key});
        status(folder.path(), cluster, user)
    };
    let good = [wrapped(&ca), wrapped(&certificate), wrapped(&key)];
    let ended = call(&good[0], &good[1], &good[2]);
    assert!(!server.asked("").is_empty(), "{ended:?}");
    let before = server.asked("").len();
    for (damaged, field) in [
        (0, "certificate-authority-data"),
        (1, "client-certificate-data"),
        (2, "client-key-data"),
    ] {
        let mut parts = good.clone();
        parts[damaged].insert(9, ' ');
        let ended = call(&parts[0], &parts[1], &parts[2]).code(2);
        assert!(ended.stderr.contains(field), "{}", ended.stderr);
    }
    assert_eq!(server.asked("").len(), before);
}

#[test]
fn a_client_key_that_cannot_be_used_is_the_kubeconfigs_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let other = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["user".to_owned()])
        .expect("a name")
        .self_signed(&key)
        .expect("a certificate")
        .pem();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let server = FaultServer::start(api_server);
    for (key, said) in [
        (encrypted, "it is encrypted"),
        (
            certificate.as_str(),
            "a certificate instead of a private key",
        ),
        ("nothing", "no private key in PEM"),
        (
            &other.serialize_pem(),
            "does not belong to the client certificate",
        ),
    ] {
        let cluster = json!({"server": format!("https://{}", server.host())});
        let user = json!({
            "client-certificate-data": STANDARD.encode(&certificate),
            "client-key-data": STANDARD.encode(key),
        });
        let ended = status(folder.path(), cluster, user).code(2);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert!(ended.stderr.contains("client key"), "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("--certificate-authority"),
            "{}",
            ended.stderr
        );
    }
    assert!(server.asked("").is_empty());
}

#[test]
fn the_api_servers_retry_after_is_heeded() {
    let folder = tempfile::tempdir().expect("a folder");
    let busy = |asked: &test_support::faults::Asked, wish: &str| match asked.before {
        // More often than our own pauses would try.
        0..4 => Answer::new(429, "{}").header("retry-after", wish),
        _ => api_server(asked),
    };
    for (wish, attempts) in [("0", 5), ("3600", 3)] {
        let server = FaultServer::start(move |asked| busy(asked, wish));
        let cluster = json!({"server": format!("http://{}", server.host())});
        status(folder.path(), cluster, json!({}));
        let first = server.asked("")[0].path.clone();
        assert_eq!(server.asked(&first).len(), attempts, "{wish}");
    }
}

#[test]
fn a_web_page_is_no_answer_of_an_api_server() {
    let folder = tempfile::tempdir().expect("a folder");
    for code in [200, 401, 403] {
        let server = FaultServer::start(move |_| {
            Answer::new(code, "<html>log in</html>").header("content-type", "text/html")
        });
        let cluster = json!({"server": format!("http://{}", server.host())});
        let ended = status(folder.path(), cluster, json!({})).code(3);
        assert!(ended.stderr.contains("a web page"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Log in again"), "{}", ended.stderr);
    }
}

/// What the user names and cannot be used is told, though the version is known without it.
#[test]
fn version_tells_which_kubeconfig_it_could_not_use() {
    let ended = Preflight::new(["version", "--kubeconfig=/nowhere/config"]);
    let ended = ended.run().code(0);
    assert!(ended.stdout.starts_with("client: "), "{}", ended.stdout);
    assert!(ended.stderr.contains("/nowhere/config"), "{}", ended.stderr);
    let ended = Preflight::new(["version"]).run().code(0);
    assert_eq!(ended.stderr, "");
}
