//! Answers that are whole, and not what was asked for.

use kmm_preflight::for_tests::{
    Access, Arch, Code, Effect, Images, ImagesConfig, LayerLimits, Purpose,
};

use super::{image, is_manifest, layer_of, read};
use crate::support::faults::{Answer, FaultServer};
use crate::support::image::{Dialect, Image, Layer, Packing, index_of, sha256};

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

/// Indexes in one another, deeper than any tool makes them, and one that leads back to itself
/// by what it says its digest is.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_that_lead_nowhere_are_refused() {
    let built = image();
    let mut documents = vec![built.manifest.clone()];
    for _ in 0..6 {
        let inner = documents.last().expect("a document");
        let outer = serde_json::json!({"schemaVersion": 2, "manifests": [{
            "mediaType": index_of(&[], Dialect::Oci).1, "digest": sha256(inner),
            "size": inner.len(), "platform": {"os": "linux", "architecture": "amd64"},
        }]});
        documents.push(outer.to_string().into_bytes());
    }
    let looped = String::from_utf8_lossy(documents.last().expect("one")).replace(
        &sha256(&documents[documents.len() - 2]),
        &format!("sha256:{}", "1".repeat(64)),
    );
    let looped = looped.into_bytes();
    for (top, words) in [
        (documents.last().expect("one").clone(), "indexes are nested"),
        (looped.clone(), "does not match sha256:1111"),
    ] {
        let known = documents.clone();
        let loops = looped.clone();
        let server = FaultServer::image(&built, move |asked| {
            let (_, wanted) = asked.path.rsplit_once("/manifests/")?;
            let named = known.iter().find(|document| sha256(document) == wanted);
            let document = match wanted {
                "1" => &top,
                _ => named.unwrap_or(&loops),
            };
            Some(Answer::new(200, document.clone()))
        });
        let finding = read(&server).await.expect_err("no image");
        assert_eq!(finding.code, Code::ImageUnreadable, "{}", finding.message);
        assert!(finding.message.contains(words), "{}", finding.message);
    }
}
