//! Which challenge is answered, and what is said where no token comes.

use test_support::faults::{Answer, FaultServer, serve_image};

use super::{READ, basic, image, inspect, inspect_as_user, shows};

const BASIC: &str = "Basic realm=\"Lab registry\"";

/// A registry that takes a password or the token `good`, and says so in this order.
fn registry(offers: &'static [&'static str], token: Answer) -> FaultServer {
    let built = image();
    FaultServer::start(move |asked| {
        if asked.path.starts_with("/token") {
            return token.clone();
        }
        if shows(asked, &basic()) && offers.contains(&"basic") || shows(asked, "Bearer good") {
            return serve_image(&built, asked);
        }
        let host = &asked.headers["host"];
        let bearer = format!("Bearer realm=\"http://{host}/token\",service=\"lab\"");
        offers
            .iter()
            .fold(Answer::new(401, ""), |answer, offer| match *offer {
                "basic" => answer.header("www-authenticate", BASIC),
                _ => answer.header("www-authenticate", &bearer),
            })
    })
}

#[test]
fn the_first_challenge_that_can_be_answered_is_and_the_next_one_where_no_token_comes() {
    let absent = || Answer::new(404, "no such page");
    let good = || Answer::new(200, r#"{"token":"good"}"#);
    for (offers, token, tokens) in [
        (&["basic", "bearer"][..], absent(), 0),
        (&["basic", "bearer"], good(), 0),
        (&["bearer", "basic"], good(), 1),
        (&["bearer", "basic"], absent(), 1),
        (&["bearer"], good(), 1),
        (&["basic"], absent(), 0),
    ] {
        let registry = registry(offers, token);
        let (call, _folder) = inspect_as_user(&registry.host());
        call.run().code(READ);
        assert_eq!(registry.asked("/token").len().min(1), tokens, "{offers:?}");
    }
    // Without a password there is nothing to show for Basic.
    let registry = registry(&["basic", "bearer"], good());
    inspect(&registry.host()).run().code(READ);
}

#[test]
fn the_status_of_the_token_server_is_told_where_only_a_token_helps() {
    for (answer, said) in [
        (Answer::new(404, "no such page"), "404 Not Found"),
        (Answer::new(501, "{}"), "501 Not Implemented"),
        (
            Answer::new(403, "<html>blocked</html>").header("content-type", "text/html"),
            "a web page (403 Forbidden)",
        ),
    ] {
        let registry = registry(&["bearer"], answer);
        let (call, _folder) = inspect_as_user(&registry.host());
        let ended = call.run().code(3);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        let blamed = "hint: Check the token server";
        assert!(ended.stderr.contains(blamed), "{}", ended.stderr);
    }
}

#[test]
fn base64_of_an_authfile_may_have_line_breaks() {
    let registry = registry(&["basic"], Answer::new(404, ""));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth.json");
    for (auth, code) in [("dXNl\r\ncjpod\nXNo\n", READ), ("dXNl cjpodXNo", 3)] {
        let auths = serde_json::json!({"auths": {registry.host(): {"auth": auth}}});
        std::fs::write(&file, auths.to_string()).expect("a file");
        let call = inspect(&registry.host()).arg("--authfile").arg(&file);
        call.run().code(code);
    }
}

#[test]
fn a_web_page_is_no_answer_of_a_registry() {
    let page = "<!DOCTYPE html><html><body>blocked by policy</body></html>";
    for status in [401, 403, 404] {
        let server = FaultServer::start(move |asked| match asked.path.contains("/manifests/") {
            true => Answer::new(status, page).header("content-type", "text/html; charset=utf-8"),
            false => Answer::new(200, "{}"),
        });
        let ended = inspect(&server.host()).run().code(3);
        assert!(ended.stderr.contains("web page"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("--authfile"), "{}", ended.stderr);
    }
    // A registry's own refusal is one.
    let server = FaultServer::start(|asked| match asked.path.contains("/manifests/") {
        true => Answer::new(403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
        false => Answer::new(200, "{}"),
    });
    let ended = inspect(&server.host()).run();
    assert!(ended.stderr.contains("DENIED"), "{}", ended.stderr);
}
