//! Tokens and credentials, and who is shown them.

use std::sync::Arc;

use kmm_preflight::for_tests::{
    Access, Arch, Code, Credential, CredentialSource, Purpose, SecretText,
};

use super::{image, layer_of, open_as};
use crate::support::faults::{Answer, FaultServer};
use crate::support::image::Built;

fn credentials(of: &FaultServer, password: &str) -> CredentialSource {
    let credential = Credential::Basic {
        username: "user".to_owned(),
        password: SecretText::new(password),
    };
    CredentialSource::new(
        format!("the {password} file"),
        vec![(of.host(), credential)],
    )
}

/// A registry that wants a token, which its own token server gives to `user:right`.
fn with_tokens(image: &Built) -> FaultServer {
    let image = image.clone();
    FaultServer::start(move |asked| {
        let authorization = asked.headers.get("authorization").map(String::as_str);
        if asked.path.starts_with("/token") {
            return match authorization {
                Some("Basic dXNlcjpyaWdodA==") => Answer::new(200, r#"{"token":"good"}"#),
                _ => Answer::new(401, ""),
            };
        }
        if authorization == Some("Bearer good") {
            return crate::support::faults::serve_image(&image, asked);
        }
        let host = &asked.headers["host"];
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"here\"");
        Answer::new(401, "").header("www-authenticate", &challenge)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_fetched_once_and_secrets_stay_unsaid() {
    let server = with_tokens(&image());
    let access = Access {
        credentials: vec![
            Arc::new(credentials(&server, "wrong")),
            Arc::new(credentials(&server, "right")),
        ],
        ..Access::default()
    };
    let (images, first) = open_as(&server, &access)
        .await
        .expect("the second one is right");
    let reference = first.reference.clone();
    let opened = (0..8).map(|_| images.open(&reference, Arch::Amd64, &access));
    for opened in futures::future::join_all(opened).await {
        let opened = opened.expect("the token is known");
        images
            .layer(&opened, 0, Purpose::Modules)
            .await
            .expect("the layer");
    }
    let tokens = server.asked("/token");
    let right = tokens.iter().filter(|asked| {
        asked
            .headers
            .get("authorization")
            .is_some_and(|value| value.ends_with("dXNlcjpyaWdodA=="))
    });
    assert_eq!(right.count(), 1);
    assert!(
        tokens[0]
            .path
            .contains("scope=repository%3Ateam%2Fmodule%3Apull")
    );
    assert!(tokens[0].path.contains("service=here"));

    let access = Access {
        credentials: vec![Arc::new(credentials(&server, "wrong"))],
        ..Access::default()
    };
    let finding = open_as(&server, &access)
        .await
        .expect_err("a wrong password");
    assert_eq!(finding.code, Code::ImageUnauthorized);
    assert!(
        finding.message.contains("the wrong file"),
        "{}",
        finding.message
    );
    let access = Access::default();
    let finding = open_as(&server, &access).await.expect_err("nobody");
    assert!(
        finding.message.contains("no credentials configured"),
        "{}",
        finding.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_token_is_exchanged() {
    let built = image();
    let server = FaultServer::start(move |asked| {
        if asked.path.starts_with("/token") {
            let good = asked.body.contains("grant_type=refresh_token")
                && asked.body.contains("refresh_token=identity");
            let answer = if good {
                r#"{"access_token":"good"}"#
            } else {
                "{}"
            };
            return Answer::new(200, answer);
        }
        if asked
            .headers
            .get("authorization")
            .is_some_and(|value| value == "Bearer good")
        {
            return crate::support::faults::serve_image(&built, asked);
        }
        let host = &asked.headers["host"];
        let challenge = format!("Bearer realm=\"http://{host}/token\"");
        Answer::new(401, "").header("www-authenticate", &challenge)
    });
    let credential = Credential::IdentityToken(SecretText::new("identity"));
    let source = CredentialSource::new("config.json", vec![(server.host(), credential)]);
    let access = Access {
        credentials: vec![Arc::new(source)],
        ..Access::default()
    };
    open_as(&server, &access).await.expect("the exchange works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirected_layer_is_fetched_without_the_credential() {
    let built = image();
    let layer = layer_of(&built);
    let store = FaultServer::image(&built, |_| None);
    let target = format!("http://{}/v2/x/blobs/{layer}", store.host());
    let of = layer.clone();
    let server = FaultServer::start(move |asked| {
        if asked.path.ends_with(&of) {
            return Answer::new(307, "").header("location", &target);
        }
        if asked.headers.contains_key("authorization") {
            return crate::support::faults::serve_image(&built, asked);
        }
        Answer::new(401, "").header("www-authenticate", "Basic realm=\"here\"")
    });
    let access = Access {
        credentials: vec![Arc::new(credentials(&server, "right"))],
        ..Access::default()
    };
    let (images, opened) = open_as(&server, &access)
        .await
        .expect("the password is shown");
    images
        .layer(&opened, 0, Purpose::Modules)
        .await
        .expect("the layer");
    assert!(
        server.asked(&layer)[0]
            .headers
            .contains_key("authorization")
    );
    assert!(!store.asked(&layer)[0].headers.contains_key("authorization"));
}
