//! The ways to the API server, and what keeps a command from going them.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::crds::NEWEST;
use super::operator::{KERNEL, call, create_cr, create_modules, say};
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::preflight::{Ended, Preflight, Running};
use crate::support::tunnel::Tunnel;

pub(super) const DONE: &[super::operator::Said] =
    &[("m1", "Success", "Done", "verified image exists")];

pub(super) fn prepared() -> Cluster {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    create_cr(&cluster, NEWEST, "p");
    say(&cluster, NEWEST, "p", DONE);
    cluster
}

#[test]
fn every_flag_of_kubectl_leads_to_the_cluster() {
    let cluster = prepared();
    let (url, ca) = (cluster.url(), cluster.ca().display().to_string());
    let admin = cluster.kubeconfig(ADMIN).display().to_string();
    let nobody = cluster.kubeconfig(NOBODY).display().to_string();
    let token = format!("--token={ADMIN}");
    for (args, code) in [
        (vec!["-s", &url, "--certificate-authority", &ca, &token], 0),
        (vec!["-s", &url, "--insecure-skip-tls-verify", &token], 0),
        (vec!["-s", &url, &token], 3),
        (
            vec![
                "-s",
                &url,
                "--certificate-authority",
                &ca,
                &token,
                "--tls-server-name=x.example",
            ],
            3,
        ),
        (
            vec![
                "-s",
                &url,
                "--certificate-authority",
                &ca,
                &token,
                "--tls-server-name=kubernetes",
            ],
            0,
        ),
        (
            vec![
                "--kubeconfig",
                &admin,
                "--context=test",
                "--cluster=test",
                "--user=test",
            ],
            0,
        ),
        (vec!["--kubeconfig", &nobody], 3),
        (vec!["--kubeconfig", &nobody, &token], 0),
        (vec!["--kubeconfig", &admin, "--token=wrong"], 3),
        (
            vec!["--kubeconfig", &admin, "--username=a", "--password=b"],
            3,
        ),
        (vec!["--kubeconfig", &admin, "--as=nobody"], 3),
        (
            vec![
                "--kubeconfig",
                &admin,
                "--as=nobody",
                "--as-group=system:masters",
            ],
            0,
        ),
        (
            vec![
                "--kubeconfig",
                &admin,
                "--as=nobody",
                "--as-group=system:masters",
                "--as-uid=7",
                "--as-user-extra=scopes=x",
            ],
            0,
        ),
        (vec!["--kubeconfig", &admin, "--context=other"], 2),
        (vec!["--kubeconfig", &admin, "--cluster=other"], 2),
        (vec!["--kubeconfig", &admin, "--user=other"], 2),
        (vec!["--kubeconfig", "/nowhere"], 2),
        (
            vec![
                "--kubeconfig",
                &admin,
                "--request-timeout=5s",
                "--disable-compression",
            ],
            0,
        ),
        (vec!["--kubeconfig", &admin, "--cache-dir=/nowhere"], 0),
    ] {
        let ended = Preflight::new([&["status", "p"][..], &args].concat()).run();
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
    }
    let wrong = Preflight::new(["status", "p", "--kubeconfig", &admin, "--context=other"]).run();
    assert!(
        wrong.stderr.contains("no context `other`")
            && wrong.stderr.contains("with --context: test")
    );
    let wrong = Preflight::new(["status", "p", "-s", &url, &token]).run();
    assert!(wrong.stderr.contains("not trusted"), "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("--certificate-authority"),
        "{}",
        wrong.stderr
    );
    assert!(!wrong.stderr.contains(ADMIN), "{}", wrong.stderr);
}

#[test]
fn kubeconfig_lists_skip_missing_files() {
    let cluster = prepared();
    let admin = cluster.kubeconfig(ADMIN).display().to_string();
    let list = format!("/nowhere:{admin}:/also/nowhere");
    Preflight::new(["status", "p"])
        .env("KUBECONFIG", &list)
        .run()
        .code(0);
    let ended = Preflight::new(["status", "p"])
        .env("KUBECONFIG", "/nowhere")
        .run()
        .code(3);
    assert!(ended.stderr.contains("/nowhere"), "{}", ended.stderr);
    let ended = Preflight::new(["status", "p"]).run().code(3);
    assert!(
        ended.stderr.contains("no kubeconfig with a cluster"),
        "{}",
        ended.stderr
    );
}

#[test]
fn proxies_are_passed_by_for_hosts_in_no_proxy() {
    let cluster = prepared();
    let admin = cluster.kubeconfig(ADMIN);
    // Nothing listens there: whoever asks it fails.
    let proxy = "http://127.0.0.1:9";
    let call = |no_proxy: &str| {
        Preflight::new(["status", "p"])
            .env("KUBECONFIG", &admin)
            .env("HTTPS_PROXY", proxy)
            .env("NO_PROXY", no_proxy)
    };
    for no_proxy in ["127.0.0.1", "127.0.0.0/8,", ""] {
        call(no_proxy).run().code(0);
    }
    // A proxy of the kubeconfig is asked whatever NO_PROXY says, as kubectl does.
    let ended = through(&cluster, proxy).code(3);
    let why = "proxy http://127.0.0.1:9 cannot connect to the API server";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    let tunnel = Tunnel::start();
    let proxy = format!("http://user:p%40ss@127.0.0.1:{}", tunnel.port());
    through(&cluster, &proxy).code(0);
    let address = cluster.url().replace("https://", "");
    let head = tunnel.heads().remove(0);
    assert!(head.starts_with(&format!("CONNECT {address} ")), "{head}");
    // base64 of `user:p@ss`.
    assert!(head.contains("Basic dXNlcjpwQHNz"), "{head}");
    assert!(
        !head.contains(ADMIN),
        "the token is for the API server alone"
    );
}

/// `status p` by a proxy that the kubeconfig names.
fn through(cluster: &Cluster, proxy: &str) -> Ended {
    let text = std::fs::read_to_string(cluster.kubeconfig(ADMIN)).expect("a kubeconfig");
    let proxied = text.replace("server:", &format!("proxy-url: '{proxy}', server:"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    std::fs::write(&file, proxied).expect("a kubeconfig");
    Preflight::new(["status", "p"])
        .env("KUBECONFIG", &file)
        .env("NO_PROXY", "127.0.0.1")
        .run()
}

#[test]
fn requests_side_by_side_share_one_connection() {
    let cluster = prepared();
    let working = (
        "m1",
        "InProgress",
        "Image",
        "verification is not finished yet",
    );
    say(&cluster, NEWEST, "p", &[working]);
    let tunnel = Tunnel::start();
    let ended = through(&cluster, &format!("http://127.0.0.1:{}", tunnel.port())).code(3);
    assert!(ended.stdout.contains("kmm-waiting"), "{}", ended.stdout);
    assert_eq!(tunnel.heads().len(), 1, "{:?}", tunnel.heads());
}

#[test]
fn a_server_that_hangs_is_reported_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("https://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            open.push(stream);
        }
    });
    for (args, limit) in [
        (&["status", "p"][..], 10),
        (&["status", "p", "--request-timeout=1s"], 3),
    ] {
        let start = Instant::now();
        let ended = Preflight::new(args).arg("-s").arg(&address).run().code(3);
        assert!(start.elapsed() < Duration::from_secs(limit), "{args:?}");
        assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    }
}

#[test]
fn a_server_that_is_none_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 1024];
            let _ = stream.read(&mut head);
            let body = "<html>hello</html>";
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    let ended = Preflight::new(["status", "p", "-s", &address])
        .run()
        .code(3);
    assert!(
        ended.stderr.contains("unexpected response"),
        "{}",
        ended.stderr
    );
}

#[test]
fn warnings_of_the_api_server_are_shown() {
    let cluster = Cluster::start();
    super::crds::SECOND.install(&cluster);
    // KMM ≥2.1 flags PreflightValidation v1beta1; any deprecated version shows the same way.
    let patch = r#"[{"op":"add","path":"/spec/versions/1/deprecated","value":true}]"#;
    let crd = "preflightvalidationsocp.kmm.sigs.x-k8s.io";
    cluster.kubectl(&["patch", "crd", crd, "--type=json", "-p", patch], "");
    create_modules(&cluster, &["m1"]);
    let start = Instant::now();
    loop {
        let args = ["run", "p", "--release-image=q/r:1", "--dry-run=server"];
        let ended = call(&cluster, &args).run().code(0);
        if ended.stderr.contains("warning:") && ended.stderr.contains("deprecated") {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{}",
            ended.stderr
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn contradictory_and_invalid_arguments_are_usage_errors() {
    for (args, word) in [
        (
            vec!["run", "--release-image=q/r", "--kernel-version", KERNEL],
            "cannot be used with",
        ),
        (
            vec!["run", "Upper", "--kernel-version", KERNEL],
            "valid name",
        ),
        (vec!["status", "a_b"], "valid name"),
        (vec!["delete", "-x-"], "unexpected argument"),
        (vec!["delete", "a/b"], "valid name"),
        (vec!["delete"], "required"),
        (
            vec!["generate", "--kmm-version=2.7"],
            "no target kernel given",
        ),
        (
            vec!["generate", "--kmm-version=9", "--kernel-version", KERNEL],
            "not a known release of KMM",
        ),
        (
            vec!["generate", "--kmm-version=2.7", "--kernel-version=5.14"],
            "not a kernel version",
        ),
        (
            vec!["generate", "--kmm-version=2.3", "--to=4.17.0"],
            "--release-image",
        ),
    ] {
        let ended = Preflight::new(&args).run().code(2);
        assert!(ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn an_interrupted_watch_ends_with_130() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    create_cr(&cluster, NEWEST, "p");
    let running = Running::start(call(&cluster, &["status", "p", "-w"]));
    std::thread::sleep(Duration::from_millis(700));
    running.signal("INT");
    running.end().code(130);
}
