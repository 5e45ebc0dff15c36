//! Pushes: what they wait for, whom they show what, and whose certificates they trust.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kmm_preflight::for_tests::{
    Access, Arch, Code, Credential, CredentialSource, Finding, HttpConfig, Images, ImagesConfig,
    SecretText, TrustPlaces,
};

use super::{image, images};
use crate::support::faults::{Answer, Asked, End, FaultServer};
use crate::support::image::Built;
use crate::support::registry::Registry;

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
