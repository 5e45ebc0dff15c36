//! Which proxy is asked: one grammar for registries, token servers, storage, `-f` URLs and the
//! API server. Nothing is asked for directly because a proxy's address is wrong.

use test_support::faults::{Answer, Asked, FaultServer, serve_image};
use test_support::image::Built;
use test_support::tunnel::Tunnel;

use super::{READ, image, inspect};
use crate::preflight::{Ended, Preflight};

/// A proxy that answers for every host itself.
fn proxy(built: Built) -> FaultServer {
    FaultServer::start(move |asked| {
        let Some((_, path)) = asked
            .path
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
        else {
            return Answer::new(502, "");
        };
        if path.starts_with("token") {
            return Answer::new(200, r#"{"token":"good"}"#);
        }
        let asked = Asked {
            path: format!("/{path}"),
            ..asked.clone()
        };
        serve_image(&built, &asked)
    })
}

fn with_proxy(call: Preflight, proxy: &str, no_proxy: &str) -> Ended {
    call.env("HTTP_PROXY", proxy)
        .env("HTTPS_PROXY", proxy)
        .env("NO_PROXY", no_proxy)
        .run()
}

/// What `golang.org/x/net/http/httpproxy` answers.
const RULES: &[(&str, &str, bool)] = &[
    ("*.corp.example", "registry.corp.example:5000", true),
    (
        "registry.corp.example:5000",
        "registry.corp.example:5000",
        true,
    ),
    (
        "registry.corp.example:5001",
        "registry.corp.example:5000",
        false,
    ),
    (
        " Registry.CORP.example ",
        "registry.corp.example:5000",
        true,
    ),
    ("corp.example", "registry.corp.example:5000", true),
    (".corp.example", "corp.example:5000", false),
    ("orp.example", "registry.corp.example:5000", false),
    ("192.0.2.0/24", "192.0.2.9:5000", true),
    ("192.0.2.9:5000", "192.0.2.9:5000", true),
    ("192.0.2.9:5001", "192.0.2.9:5000", false),
    ("*", "registry.corp.example:5000", true),
    ("fd00::/8", "[fd00::9]:5000", true),
    ("2001:db8::/32", "[fd00::9]:5000", false),
];

#[test]
fn no_proxy_means_the_same_for_registries_files_and_the_api_server() {
    // A call that nobody answers takes seconds, so that the rules are tried side by side.
    std::thread::scope(|scope| {
        for rule in RULES {
            scope.spawn(move || holds_everywhere(rule));
        }
    });
}

fn holds_everywhere((no_proxy, host, is_direct): &(&str, &str, bool)) {
    let proxy = proxy(image());
    let url = format!("http://{}", proxy.host());
    // An address of documentation (RFC 5737) is answered by nobody.
    let is_slow = *is_direct && host.starts_with("192.");
    let calls = [
        (
            inspect(host).arg(format!("--insecure-registry={host}")),
            is_slow,
        ),
        (
            Preflight::new(["explain", "-f", &format!("http://{host}/m.yaml")])
                .arg("--kernel-version=6.1.0-1-amd64"),
            is_slow,
        ),
        (
            Preflight::new(["status", "-s", &format!("http://{host}")]).arg("--request-timeout=3s"),
            false,
        ),
    ];
    for (call, is_slow) in calls {
        if is_slow {
            continue;
        }
        let before = proxy.asked("").len();
        let ended = with_proxy(call, &url, no_proxy);
        let was_asked = proxy.asked("").len() > before;
        assert_eq!(was_asked, !is_direct, "{no_proxy} {host}: {ended:?}");
    }
}

#[test]
fn a_token_server_and_a_storage_are_judged_by_their_own_hosts() {
    let built = image();
    let proxy = proxy(built.clone());
    let url = format!("http://{}", proxy.host());
    let registry = FaultServer::start(move |asked| {
        let is_known = asked
            .headers
            .get("authorization")
            .is_some_and(|v| v == "Bearer good");
        if !is_known {
            let realm = "Bearer realm=\"http://auth.corp.example/token\"";
            return Answer::new(401, "").header("www-authenticate", realm);
        }
        if asked.path.contains("/blobs/") {
            let location = format!("http://storage.corp.example{}", asked.path);
            return Answer::new(307, "").header("location", &location);
        }
        serve_image(&built, asked)
    });
    // The registry itself is on this machine, where no proxy leads to.
    with_proxy(inspect(&registry.host()), &url, "").code(READ);
    assert_eq!(proxy.asked("http://auth.corp.example/token").len(), 1);
    assert!(!proxy.asked("http://storage.corp.example/v2/").is_empty());
    assert!(proxy.asked(&registry.host()).is_empty());

    let ended = with_proxy(inspect(&registry.host()), &url, "auth.corp.example").code(3);
    assert!(
        ended.stderr.contains("auth.corp.example"),
        "{}",
        ended.stderr
    );
}

/// This machine under an address that Go does not take for its own.
fn not_loopback(server: &FaultServer) -> String {
    server.host().replace("127.0.0.1", "0.0.0.0")
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_address_of_a_proxy_is_an_error_and_no_server_is_asked() {
    let built = image();
    let server = FaultServer::image(&built, |_| None);
    let host = not_loopback(&server);
    for proxy in [
        "http://user:hush@pro xy:3128",
        "ftp://user:hush@proxy:3128",
        "http:///",
        "http://user:hush@",
        " http://user:hush@proxy:3128",
    ] {
        for (call, code) in [
            (inspect(&host).arg(format!("--insecure-registry={host}")), 3),
            (
                Preflight::new(["explain", "-f", &format!("http://{host}/m.yaml?hush")])
                    .arg("--kernel-version=6.1.0-1-amd64"),
                2,
            ),
            (
                Preflight::new(["status", "-s", &format!("http://{host}")]),
                2,
            ),
        ] {
            let ended = with_proxy(call, proxy, "").code(code);
            let said = "_PROXY is not the address of a proxy";
            assert!(ended.stderr.contains(said), "{proxy}: {}", ended.stderr);
            assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
        }
    }
    assert!(server.asked("").is_empty());
    let call = inspect(&host).arg(format!("--insecure-registry={host}"));
    with_proxy(call, "ftp://proxy", "0.0.0.0").code(READ);
}

#[test]
fn a_proxy_that_does_not_lead_there_is_blamed_by_its_address() {
    let asks_password = FaultServer::start(|_| Answer::new(407, ""));
    let is_down = FaultServer::start(|_| Answer::new(502, "<html>no upstream</html>"));
    let address = |server: &FaultServer| format!("http://user:hush@{}", server.host());
    for (proxy, said) in [
        (
            "http://user:hush@127.0.0.1:9".to_owned(),
            "connection refused",
        ),
        (
            "http://user:hush@proxy.invalid:3128".to_owned(),
            "cannot resolve its name",
        ),
        (address(&asks_password), "407 Proxy Authentication Required"),
        (address(&is_down), "refused to connect"),
    ] {
        let name = proxy.replace("user:hush@", "");
        let status = ["status", "-s", "https://api.corp.example:6443"];
        let explain = ["explain", "-f", "https://git.corp.example/m.yaml?hush"];
        for call in [
            inspect("registry.corp.example"),
            Preflight::new(explain).arg("--kernel-version=6.1.0-1-amd64"),
            Preflight::new(status),
        ] {
            let ended = with_proxy(call, &proxy, "");
            assert!(matches!(ended.code, Some(2 | 3)), "{ended:?}");
            let blamed = format!("proxy {name} cannot connect");
            assert!(ended.stderr.contains(&blamed), "{}", ended.stderr);
            assert!(ended.stderr.contains(said), "{}", ended.stderr);
            assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
        }
    }
    // Over plain HTTP the proxy answers for itself.
    let host = "registry.corp.example:5000";
    for (status, said) in [
        (502, "status 502 through proxy http://"),
        (407, "407 Proxy"),
    ] {
        let proxy = FaultServer::start(move |_| Answer::new(status, "no upstream"));
        let call = inspect(host).arg(format!("--insecure-registry={host}"));
        let call = call.env("HTTP_PROXY", format!("http://{}", proxy.host()));
        let ended = call.run().code(3);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert!(ended.stderr.contains("NO_PROXY"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("registry's log"), "{}", ended.stderr);
    }
}

/// The flag is given already; over plain HTTP no proxy leads there.
#[test]
fn a_proxy_for_https_only_is_not_blamed_on_a_registry_with_plain_http() {
    let built = image();
    let plain = FaultServer::image(&built, |_| None);
    // What stands behind a proxy is not reached without it. The server takes what TLS begins with
    // for a request, and waits for its end.
    let address = format!("http://127.0.0.1:{}", Tunnel::to(plain.port()).port());
    for (proxy, host, first) in [
        (
            "http://127.0.0.1:9".to_owned(),
            "registry.corp.example",
            "proxy http://127.0.0.1:9 cannot connect",
        ),
        (address.clone(), "registry.corp.example", "timed out"),
        (address.clone(), "0.0.0.0:9", "timed out"),
    ] {
        let call = || inspect(host).arg(format!("--insecure-registry={host}"));
        let ended = call().env("HTTPS_PROXY", &proxy).run().code(3);
        for part in [first, "and over plain HTTP, ", "set HTTP_PROXY as well"] {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
        let told = &ended.stderr;
        assert!(!told.contains("--insecure-registry"), "{told}");
        let without = call().run().code(3);
        assert!(!without.stderr.contains("PROXY"), "{}", without.stderr);
        let told = &without.stderr;
        assert!(!told.contains("--insecure-registry"), "{told}");
    }
}
