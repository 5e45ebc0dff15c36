//! Pushes: what they wait for, whom they show what, and whose certificates they trust.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmm_preflight::for_tests::{
    Access, Arch, Code, Credential, CredentialSource, Finding, HttpConfig, Images, ImagesConfig,
    SecretText, TrustPlaces,
};

use super::{image, images};
use crate::support::faults::{Answer, Asked, End, FaultServer};
use crate::support::image::Built;
use crate::support::registry::Registry;
use crate::support::tokens::{Account, TokenServer};

/// Reads an image from one registry and pushes it to another.
async fn push(
    images: &Images,
    built: &Built,
    reference: &str,
    access: &Access,
) -> Result<(), Finding> {
    let source = FaultServer::image(built, |_| None);
    let from = format!("{}/team/module:1", source.host());
    let opened = images
        .open(&from, Arch::Amd64, &Access::default())
        .await
        .expect("the source is a good one");
    images.push(&opened, reference, access).await
}

/// What a registry that takes everything answers; a part of it may be silent.
fn takes(asked: &Asked, silent: &str) -> Answer {
    let (is_upload, is_blob) = (
        asked.path.contains("/uploads/"),
        asked.path.contains("/blobs/"),
    );
    let has_body = !asked.body.is_empty() || asked.path.contains("digest=");
    let (kind, answer) = match (is_upload, has_body) {
        (true, false) => {
            let answer = Answer::new(202, "").header("location", "/v2/t/m/blobs/uploads/1?state=x");
            ("POST", answer)
        }
        (true, true) => ("PUT", Answer::new(201, "")),
        (false, _) if is_blob => ("HEAD", Answer::new(404, "")),
        (false, _) if asked.path.contains("/manifests/") => ("MANIFEST", Answer::new(201, "")),
        (false, _) => ("", Answer::new(200, "{}")),
    };
    match kind == silent {
        true => answer.end(End::Silence),
        false => answer,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_registry_does_not_hold_a_push_for_ever() {
    let built = image();
    for silent in ["HEAD", "POST", "PUT", "MANIFEST"] {
        let server = FaultServer::start(move |asked| takes(asked, silent));
        let reference = format!("{}/t/m:1", server.host());
        let start = Instant::now();
        let finding = push(&images(), &built, &reference, &Access::default())
            .await
            .expect_err(silent);
        assert_eq!(finding.code, Code::PushFailed, "{silent}");
        assert!(finding.message.contains("timed out"), "{}", finding.message);
        assert!(start.elapsed() < Duration::from_secs(15), "{silent}");
    }
    let server = FaultServer::start(|asked| takes(asked, "nothing"));
    let reference = format!("{}/t/m:1", server.host());
    push(&images(), &built, &reference, &Access::default())
        .await
        .expect("everything is taken");
    assert!(!server.asked("/manifests/1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_elsewhere_is_shown_no_credential() {
    let storage = FaultServer::start(|_| Answer::new(201, ""));
    let target = storage.host();
    let server = FaultServer::start(move |asked| {
        if !asked.headers.contains_key("authorization") {
            return Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\"");
        }
        match asked.path.ends_with("/uploads/") {
            true => Answer::new(202, "").header("location", &format!("http://{target}/upload")),
            false => takes(asked, "nothing"),
        }
    });
    let credential = Credential::Basic {
        username: "user".to_owned(),
        password: SecretText::new("hush"),
    };
    let source = CredentialSource::new("file", vec![(server.host(), credential)]);
    let access = Access {
        credentials: vec![Arc::new(source)],
        ..Access::default()
    };
    let reference = format!("{}/t/m:1", server.host());
    push(&images(), &image(), &reference, &access)
        .await
        .expect("everything is taken");
    assert!(!storage.asked("/upload").is_empty());
    for asked in storage.asked("") {
        assert!(!asked.headers.contains_key("authorization"), "{asked:?}");
    }
}

/// Credentials for one registry, in the order in which they are tried.
fn several(host: &str, names: &[&str]) -> Access {
    let source = |name: &&str| {
        let credential = Credential::Basic {
            username: (*name).to_owned(),
            password: SecretText::new("hush"),
        };
        Arc::new(CredentialSource::new(
            *name,
            vec![(host.to_owned(), credential)],
        ))
    };
    Access {
        credentials: names.iter().map(source).collect(),
        ..Access::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_may_only_pull_hides_none_that_may_push() {
    let (tokens, registry) = tokio::task::spawn_blocking(|| {
        let tokens = TokenServer::start(&[
            Account::Puller("puller", "hush", "team/"),
            Account::Password("owner", "hush", "team/"),
        ]);
        let realm = tokens.realm("127.0.0.1");
        let registry = Registry::with_tokens(&tokens, &realm, false);
        (tokens, registry)
    })
    .await
    .expect("a registry");
    let reference = registry.reference("team/module:1");
    let with = |names| several(&registry.host(), names);
    let built = image();
    let refused = push(&images(), &built, &reference, &with(&["puller"])).await;
    let finding = refused.expect_err("nobody may push");
    assert_eq!(finding.code, Code::PushFailed);
    for word in ["tried the credentials of puller", "may push this image"] {
        let said = format!("{} {:?}", finding.message, finding.hint);
        assert!(said.contains(word), "{word}: {said}");
    }
    let both = with(&["puller", "owner"]);
    push(&images(), &built, &reference, &both)
        .await
        .expect("the second may");
    let opened = images().open(&reference, Arch::Amd64, &both).await;
    assert_eq!(opened.expect("it is there").digest, built.digest);
    assert!(tokens.shown().iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_credential_is_for_the_same_registry() {
    let server = FaultServer::start(|asked| match asked.headers.get("authorization") {
        None => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
        Some(_) if asked.path.contains("/uploads/") => Answer::new(403, ""),
        Some(_) => takes(asked, "nothing"),
    });
    let other = FaultServer::start(|asked| takes(asked, "nothing"));
    let mut access = several(&server.host(), &["one", "two"]);
    access
        .credentials
        .extend(several(&other.host(), &["three"]).credentials);
    let reference = format!("{}/t/m:1", server.host());
    let refused = push(&images(), &image(), &reference, &access).await;
    let finding = refused.expect_err("nobody may push");
    assert!(
        finding.message.contains("credentials of one, then of two"),
        "{}",
        finding.message
    );
    let shown = |name: &str| {
        let header = format!("Basic {}", STANDARD.encode(format!("{name}:hush")));
        let asked = server.asked("");
        asked
            .iter()
            .any(|asked| asked.headers.get("authorization") == Some(&header))
    };
    assert!(shown("one") && shown("two") && !shown("three"));
    assert!(other.asked("").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_shows_the_client_certificate_that_a_pull_shows() {
    let registry = tokio::task::spawn_blocking(Registry::with_client_certificates)
        .await
        .expect("a registry");
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join(registry.host());
    std::fs::create_dir(&own).expect("a folder");
    let [certificate, key] = registry.certificate();
    for (name, file) in [
        ("ca.crt", registry.ca()),
        ("client.cert", certificate),
        ("client.key", key),
    ] {
        std::fs::copy(file, own.join(name)).expect("a file");
    }
    let reference = registry.reference("team/module:1");
    let with = |folders| {
        let trust = TrustPlaces {
            folders,
            ..TrustPlaces::default()
        };
        Images::new(ImagesConfig {
            http: HttpConfig {
                trust,
                ca_files: vec![registry.ca()],
                ..HttpConfig::default()
            },
            ..ImagesConfig::default()
        })
        .expect("good files")
    };
    let known = with(vec![folder.path().to_owned()]);
    push(&known, &image(), &reference, &Access::default())
        .await
        .expect("the certificate is shown");
    let finding = push(&with(Vec::new()), &image(), &reference, &Access::default())
        .await
        .expect_err("nobody's certificate");
    assert!(
        finding.message.contains("client certificate"),
        "{}",
        finding.message
    );
}
