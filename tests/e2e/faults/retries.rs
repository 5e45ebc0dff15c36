//! What is tried again, how often, and after how long.

use std::time::{Duration, Instant};

use kmm_preflight::for_tests::{Access, Arch, Code, Effect, Purpose};

use super::{image, images, is_manifest, layer_of, read};
use crate::support::faults::{Answer, End, FaultServer, serve_image};
use crate::support::preflight::AT_ONCE;

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_waited_out() {
    let in_two_seconds = jiff::Timestamp::now() + Duration::from_secs(2);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&in_two_seconds)
        .expect("a date of this century");
    for (status, header) in [
        (429, Some(date)),
        (429, Some("1".to_owned())),
        (503, Some("1".to_owned())),
        (503, None),
        (408, None),
        (500, None),
    ] {
        let waits = header.is_some();
        let server = FaultServer::image(&image(), move |asked| {
            let answer = Answer::new(status, "");
            let answer = match &header {
                Some(wish) => answer.header("retry-after", wish),
                None => answer,
            };
            (is_manifest(asked) && asked.before == 0).then_some(answer)
        });
        let start = Instant::now();
        read(&server).await.expect("the second attempt succeeds");
        assert_eq!(server.asked("/manifests/").len(), 2, "status {status}");
        if waits {
            assert!(start.elapsed() >= Duration::from_millis(900));
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
async fn a_server_that_wants_to_be_left_alone_for_long_is() {
    let server = FaultServer::image(&image(), |asked| {
        let answer = Answer::new(429, "").header("retry-after", "3600");
        is_manifest(asked).then_some(answer)
    });
    let start = Instant::now();
    let finding = read(&server).await.expect_err("not within this hour");
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(server.asked("/manifests/").len(), 1);
    assert_eq!(
        (finding.code, finding.effect),
        (Code::ImageUnreachable, Effect::Blocks)
    );
    assert!(finding.message.contains("3600"), "{}", finding.message);
}

/// Silence, and next to silence, each for longer than [`images`] has patience.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_an_end_gets_one_more_chance() {
    let image = image();
    let layer = layer_of(&image);
    let config: serde_json::Value = serde_json::from_slice(&image.manifest).expect("JSON");
    let config = config["config"]["digest"].as_str().expect("a digest");
    let drip = End::Drip(Duration::from_millis(50));
    for part in ["/manifests/", config, &layer] {
        for end in [End::Silence, End::StallAfter(10), drip] {
            let (of, built) = (part.to_owned(), image.clone());
            let server = FaultServer::image(&image, move |asked| {
                let answer = || serve_image(&built, asked).end(end);
                asked.path.contains(&of).then(answer)
            });
            let start = Instant::now();
            let finding = read(&server).await.expect_err("it never ends");
            assert_eq!(server.asked(part).len(), 2, "{part} {end:?}");
            assert!(start.elapsed() < AT_ONCE, "{part} {end:?}");
            assert_eq!(finding.effect, Effect::Blocks);
            assert_eq!(finding.code, Code::ImageUnreachable, "{}", finding.message);
            assert!(finding.message.contains(&server.host()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_is_taken_up_where_it_broke() {
    let image = image();
    let layer = layer_of(&image);
    let (of, built) = (layer.clone(), image.clone());
    let server = FaultServer::image(&image, move |asked| {
        let resets = asked.path.ends_with(&of) && asked.before < 3;
        let after = 50_000 * (asked.before == 0) as usize;
        resets.then(|| serve_image(&built, asked).end(End::ResetAfter(after)))
    });
    read(&server).await.expect("the rest arrives");
    let asked = server.asked(&layer);
    assert_eq!(asked.len(), 4);
    assert!(asked[3].headers["range"].starts_with("bytes="));
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
    assert!(start.elapsed() < AT_ONCE);
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
