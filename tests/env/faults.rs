//! Registries that fail: what is tried again, what is not, and what is said about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kmm_preflight::image::layer_reader::{LayerLimits, Purpose};
use kmm_preflight::image::open::{Images, ImagesConfig, OpenImage};
use kmm_preflight::model::finding::{Code, Effect, Finding};
use kmm_preflight::model::layer::Node;
use kmm_preflight::model::target::Arch;
use kmm_preflight::registry::access::Access;
use kmm_preflight::registry::credentials::{Credential, CredentialSource, SecretText};
use kmm_preflight::registry::http::HttpConfig;

use crate::support::faults::{Answer, Asked, End, FaultServer};
use crate::support::image::{Built, Image, Layer, Packing};

/// An image with one layer that does not compress.
fn image() -> Built {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    while noise.len() < 300_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.extend(state.to_be_bytes());
    }
    Image::new()
        .layer(Layer::new().file("noise", &noise))
        .build()
}

fn layer_of(image: &Built) -> String {
    let manifest: serde_json::Value = serde_json::from_slice(&image.manifest).expect("JSON");
    manifest["layers"][0]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned()
}

fn images() -> Images {
    let http = HttpConfig {
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_millis(400),
        ..HttpConfig::default()
    };
    Images::new(ImagesConfig {
        http,
        ..ImagesConfig::default()
    })
    .expect("no files are named")
}

async fn open_as(server: &FaultServer, access: &Access) -> Result<(Images, OpenImage), Finding> {
    let images = images();
    let reference = format!("{}/team/module:1", server.host());
    let opened = images.open(&reference, Arch::Amd64, access).await?;
    Ok((images, opened))
}

/// Opens the image and reads its layer.
async fn read(server: &FaultServer) -> Result<(), Finding> {
    let (images, opened) = open_as(server, &Access::default()).await?;
    let layer = images.layer(&opened, 0, Purpose::Modules).await?;
    assert!(matches!(
        layer.entries["noise"],
        Node::File { size: 300_000, .. }
    ));
    Ok(())
}

fn is_manifest(asked: &Asked) -> bool {
    asked.path.contains("/manifests/")
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_waited_out() {
    for (status, header) in [(429, Some("1")), (503, None), (408, None), (500, None)] {
        let server = FaultServer::image(&image(), move |asked| {
            let answer = Answer::new(status, "");
            let answer = match header {
                Some(seconds) => answer.header("retry-after", seconds),
                None => answer,
            };
            (is_manifest(asked) && asked.before == 0).then_some(answer)
        });
        let start = Instant::now();
        read(&server).await.expect("the second attempt succeeds");
        assert_eq!(server.asked("/manifests/").len(), 2, "status {status}");
        if header.is_some() {
            assert!(
                start.elapsed() >= Duration::from_secs(1),
                "Retry-After counts"
            );
        }
    }
    let server = FaultServer::image(&image(), |asked| {
        (is_manifest(asked) && asked.before < 2).then(|| Answer::new(200, "").end(End::Nothing))
    });
    read(&server)
        .await
        .expect("broken connections are tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn final_answers_are_not_asked_for_again() {
    for (status, code, effect) in [
        (404, Code::ImageNotFound, Effect::Fails),
        (401, Code::ImageUnauthorized, Effect::Blocks),
        (403, Code::ImageUnauthorized, Effect::Blocks),
        (400, Code::ImageUnreachable, Effect::Blocks),
    ] {
        let server = FaultServer::image(&image(), move |asked| {
            let body = r#"{"errors":[{"code":"SOME_CODE","message":"some words"}]}"#;
            is_manifest(asked).then(|| Answer::new(status, body))
        });
        let finding = read(&server).await.expect_err("no image");
        assert_eq!((finding.code, finding.effect), (code, effect));
        assert!(
            finding.message.contains("SOME_CODE: some words"),
            "{}",
            finding.message
        );
        // One more time after 401: the first answer may have named how to identify oneself.
        let most = if status == 401 { 2 } else { 1 };
        assert_eq!(server.asked("/manifests/").len(), most, "status {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_layer_is_taken_up_where_it_broke() {
    let image = image();
    let layer = layer_of(&image);
    for knows_ranges in [true, false] {
        let (of, blob) = (layer.clone(), image.blobs[&layer].clone());
        let server = FaultServer::image(&image, move |asked| {
            if !asked.path.ends_with(&of) {
                return None;
            }
            let whole = Answer::new(200, blob.clone());
            match asked.before {
                0 => Some(whole.end(End::CutAfter(100_000))),
                _ if knows_ranges => None,
                _ => Some(whole),
            }
        });
        read(&server).await.expect("the rest arrives");
        let asked = server.asked(&layer);
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[1].headers["range"], "bytes=100000-");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_stalls_is_asked_for_again() {
    let image = image();
    let layer = layer_of(&image);
    let (of, blob) = (layer.clone(), image.blobs[&layer].clone());
    let server = FaultServer::image(&image, move |asked| {
        let stalls = asked.path.ends_with(&of) && asked.before == 0;
        stalls.then(|| Answer::new(200, blob.clone()).end(End::StallAfter(50_000)))
    });
    let start = Instant::now();
    read(&server).await.expect("the rest arrives");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(server.asked(&layer).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_never_arrives_is_an_error_and_no_failure() {
    let image = image();
    let layer = layer_of(&image);
    let of = layer.clone();
    let server = FaultServer::image(&image, move |asked| {
        let answer = Answer::new(200, vec![0; 1000]).end(End::CutAfter(0));
        asked.path.ends_with(&of).then_some(answer)
    });
    let finding = read(&server).await.expect_err("no layer");
    assert_eq!(finding.effect, Effect::Blocks, "{}", finding.message);
    assert_eq!(server.asked(&layer).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_was_asked_for_is_refused() {
    let built = image();
    let layer = layer_of(&built);
    let other = Image::new().layer(Layer::new().file("noise", b"x")).build();
    let other_layer = other.blobs[&layer_of(&other)].clone();
    let mut longer = built.blobs[&layer].clone();
    longer.extend([0; 10]);
    let mut same_size = built.blobs[&layer].clone();
    *same_size.last_mut().expect("not empty") ^= 1;
    let mut shorter = built.blobs[&layer].clone();
    shorter.truncate(200_000);
    for wrong in [other_layer, longer, same_size, shorter] {
        let of = layer.clone();
        let server = FaultServer::image(&built, move |asked| {
            asked
                .path
                .ends_with(&of)
                .then(|| Answer::new(200, wrong.clone()))
        });
        let finding = read(&server).await.expect_err("another layer");
        assert_eq!(finding.code, Code::ImageUnreadable, "{}", finding.message);
        assert!(finding.message.contains("manifest"), "{}", finding.message);
    }
    for (answer, code) in [
        (
            Answer::new(200, "<html>login</html>"),
            Code::ImageUnreachable,
        ),
        (Answer::new(200, "{ \"config\""), Code::ImageUnreadable),
        (Answer::new(200, "{}"), Code::ImageUnreadable),
        (Answer::new(200, vec![b'{'; 5 << 20]), Code::ImageUnreadable),
        (
            Answer::new(200, "{}").header("docker-content-digest", &layer),
            Code::ImageUnreadable,
        ),
    ] {
        let server = FaultServer::image(&built, move |asked| {
            is_manifest(asked).then(|| answer.clone())
        });
        let finding = read(&server).await.expect_err("no manifest");
        assert_eq!(finding.code, code, "{}", finding.message);
        assert_eq!(finding.effect, Effect::Blocks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_inside_a_layer_is_named() {
    let good = Layer::new().file("noise", &[7; 100_000]);
    let cases = [
        (Packing::Plain, &b"this is no tar archive"[..], 700),
        (
            Packing::Gzip,
            &b"\x1f\x8b\x08\0\0\0\0\0\0\x03broken"[..],
            700,
        ),
        (Packing::Zstd, &b"\x28\xb5\x2f\xfdbroken"[..], 700),
    ];
    for (packing, start, length) in cases {
        let mut built = Image::new().layer(good.clone().packed(packing)).build();
        let mut broken = start.to_vec();
        broken.resize(length, 0x55);
        let digest = crate::support::image::sha256(&broken);
        let manifest: serde_json::Value = serde_json::from_slice(&built.manifest).expect("JSON");
        let mut manifest = manifest.clone();
        manifest["layers"][0]["digest"] = digest.clone().into();
        manifest["layers"][0]["size"] = broken.len().into();
        built.manifest = manifest.to_string().into_bytes();
        built.blobs.insert(digest, broken);
        let server = FaultServer::image(&built, |_| None);
        let finding = read(&server).await.expect_err("a damaged layer");
        assert_eq!(
            finding.code,
            Code::ImageUnreadable,
            "{packing:?}: {}",
            finding.message
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_beyond_the_limits_is_not_unpacked() {
    let zeros = vec![0; 8 << 20];
    let built = Image::new()
        .layer(Layer::new().file("zeros", &zeros))
        .build();
    let server = FaultServer::image(&built, |_| None);
    let images = Images::new(ImagesConfig {
        limits: LayerLimits {
            unpacked: 1 << 20,
            ..LayerLimits::default()
        },
        ..ImagesConfig::default()
    })
    .expect("no files are named");
    let reference = format!("{}/team/module:1", server.host());
    let opened = images
        .open(&reference, Arch::Amd64, &Access::default())
        .await;
    let opened = opened.expect("the manifest is fine");
    let finding = images
        .layer(&opened, 0, Purpose::Modules)
        .await
        .expect_err("a bomb");
    assert_eq!(
        (finding.code, finding.effect),
        (Code::ImageUnreadable, Effect::Blocks)
    );
    assert!(
        finding.message.contains("1048576 bytes"),
        "{}",
        finding.message
    );
}

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
        finding.message.contains("no credential is known"),
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

#[tokio::test(flavor = "multi_thread")]
async fn images_that_share_a_layer_fetch_it_once() {
    let built = image();
    let layer = layer_of(&built);
    let server = FaultServer::image(&built, |_| None);
    let images = images();
    let read = (0..20).map(|number| {
        let reference = format!("{}/team/module-{number}:1", server.host());
        let images = &images;
        async move {
            let opened = images
                .open(&reference, Arch::Amd64, &Access::default())
                .await?;
            images.layer(&opened, 0, Purpose::Modules).await
        }
    });
    for layer in futures::future::join_all(read).await {
        layer.expect("the layer");
    }
    assert_eq!(server.asked(&layer).len(), 1);
}
