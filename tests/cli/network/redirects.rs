//! Redirects carry no credential to another server, and teach nothing about credentials.

use test_support::faults::{Answer, FaultServer, serve_image};

use super::{PASSWORD, READ, basic, image, inspect_as_user, nobodys, shows};

/// A server that wants credentials for everything, by a token server of its own.
fn thief() -> FaultServer {
    FaultServer::start(|asked| {
        let host = &asked.headers["host"];
        let bearer = format!("Bearer realm=\"http://{host}/token\",service=\"here\"");
        Answer::new(401, "").header("www-authenticate", &bearer)
    })
}

#[test]
fn the_target_of_a_redirect_teaches_nothing_and_gets_nothing() {
    for kind in ["/v2/", "/manifests/", "/blobs/"] {
        let thief = thief();
        let target = thief.host();
        let built = image();
        let registry = FaultServer::start(move |asked| {
            let is_it = match kind {
                "/v2/" => asked.path == "/v2/",
                kind => asked.path.contains(kind),
            };
            if is_it {
                let location = format!("http://{target}{}", asked.path);
                return Answer::new(307, "").header("location", &location);
            }
            match shows(asked, &basic()) {
                true => serve_image(&built, asked),
                false => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
            }
        });
        let (call, _folder) = inspect_as_user(&registry.host());
        let ended = call.run();
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(!thief.asked("").is_empty(), "{kind} was followed");
        assert!(thief.asked("/token").is_empty(), "{kind}");
        assert!(nobodys(&thief.asked("")), "{kind}: {:?}", thief.asked(""));
    }
}

#[test]
fn a_redirect_to_the_same_server_keeps_the_credential_until_it_is_left() {
    let built = image();
    let registry = FaultServer::start(move |asked| {
        if asked.path.contains("/manifests/1") {
            let location = asked.path.replace("/manifests/1", "/manifests/2");
            return Answer::new(302, "").header("location", &location);
        }
        match shows(asked, &basic()) {
            true => serve_image(&built, asked),
            false => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
        }
    });
    let (call, _folder) = inspect_as_user(&registry.host());
    call.run().code(READ);

    // There and back: what the other server makes of it is the other server's.
    let host = registry.host();
    let back = FaultServer::start(move |_| {
        Answer::new(307, "").header("location", &format!("http://{host}/admin"))
    });
    let target = back.host();
    let first = FaultServer::start(move |asked| match asked.path.as_str() {
        "/v2/" => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
        _ => Answer::new(307, "").header("location", &format!("http://{target}/x")),
    });
    let (call, _folder) = inspect_as_user(&first.host());
    call.run().code(3);
    assert!(nobodys(&registry.asked("/admin")));
    assert!(!registry.asked("/admin").is_empty());
}

#[test]
fn a_refresh_token_is_posted_to_the_token_server_and_nobody_else() {
    for status in [301, 302, 303, 307, 308] {
        let thief = FaultServer::start(|_| Answer::new(200, r#"{"token":"stolen"}"#));
        let target = thief.host();
        let registry = FaultServer::start(move |asked| {
            if asked.path.starts_with("/token") {
                let location = format!("http://{target}/token");
                return Answer::new(status, "").header("location", &location);
            }
            let realm = format!("Bearer realm=\"http://{}/token\"", asked.headers["host"]);
            Answer::new(401, "").header("www-authenticate", &realm)
        });
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("auth.json");
        let auths = serde_json::json!({"auths": {registry.host(): {"identitytoken": PASSWORD}}});
        std::fs::write(&file, auths.to_string()).expect("a file");
        let call = super::inspect(&registry.host())
            .arg("--authfile")
            .arg(&file);
        let ended = call.run().code(3);
        assert!(registry.asked("/token")[0].body.contains(PASSWORD));
        assert!(thief.asked("").is_empty(), "{status}");
        let shown = format!("responded with {status}");
        assert!(ended.stderr.contains(&shown), "{}", ended.stderr);
    }
}
