//! Images in a real registry, in every form that registries and tools give them.

use std::sync::Arc;

use kmm_preflight::for_tests::{
    Access, Arch, Code, Credential, CredentialSource, Finding, HttpConfig, Images, ImagesConfig,
    Purpose, SecretText, TlsOptions,
};

use crate::support::image::{Built, Dialect, Image, Layer, Packing, index_of};
use crate::support::registry::{PASSWORD, Registry, USER};

fn layers() -> Image {
    Image::new()
        .layer(Layer::new().file("lowest", b"1"))
        .layer(Layer::new().packed(Packing::Zstd).file("middle", b"22"))
        .layer(Layer::new().packed(Packing::Plain).file("top", b"333"))
}

fn images(http: HttpConfig) -> Images {
    Images::new(ImagesConfig {
        http,
        ..ImagesConfig::default()
    })
    .expect("the files can be read")
}

/// The names in the layers of an image, the top one first.
async fn names(images: &Images, reference: &str, arch: Arch) -> Result<Vec<String>, Finding> {
    names_as(images, reference, arch, &Access::default()).await
}

async fn names_as(
    images: &Images,
    reference: &str,
    arch: Arch,
    access: &Access,
) -> Result<Vec<String>, Finding> {
    let image = images.open(reference, arch, access).await?;
    let mut names = Vec::new();
    for from_top in 0..image.layers.len() {
        let layer = images.layer(&image, from_top, Purpose::Modules).await?;
        names.extend(layer.entries.keys().cloned());
    }
    Ok(names)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_is_read() {
    let (registry, references) = tokio::task::spawn_blocking(|| {
        let registry = Registry::start();
        let arm = layers().architecture("arm64");
        let references = vec![
            registry.push("a/oci:1", &layers().build()),
            registry.push("a/docker:1", &layers().dialect(Dialect::Docker).build()),
            registry.push("a/silent:1", &layers().without_media_type().build()),
            registry.push_index("a/index:1", &[arm.build(), layers().build()], Dialect::Oci),
            registry.push_index("a/list:1", &both(Dialect::Docker), Dialect::Docker),
            nested(&registry),
        ];
        (registry, references)
    })
    .await
    .expect("the registry is filled");
    let images = images(HttpConfig::default());
    for reference in &references {
        let names = names(&images, reference, Arch::Amd64).await;
        assert_eq!(names.expect(reference), ["top", "middle", "lowest"]);
    }
    let opened = images
        .open(&references[0], Arch::Amd64, &Access::default())
        .await;
    let by_digest = format!(
        "{}@{}",
        registry.reference("a/oci"),
        opened.expect("open").digest
    );
    assert_eq!(
        names(&images, &by_digest, Arch::Amd64)
            .await
            .expect("by digest")
            .len(),
        3
    );

    // Without an index, the configuration's architecture is a label that keeps no node away.
    let of_another = names(&images, &references[0], Arch::Arm64).await;
    assert_eq!(of_another.expect("a label").len(), 3);

    for (reference, arch, code) in [
        (&*references[3], Arch::S390x, Code::ImageArchMissing),
        (
            &*registry.reference("a/oci:2"),
            Arch::Amd64,
            Code::ImageNotFound,
        ),
        (
            &*registry.reference("a/none:1"),
            Arch::Amd64,
            Code::ImageNotFound,
        ),
        ("not a reference", Arch::Amd64, Code::ImageInvalid),
    ] {
        let finding = names(&images, reference, arch).await.expect_err(reference);
        assert_eq!(finding.code, code, "{}", finding.message);
    }
}

fn both(dialect: Dialect) -> [Built; 2] {
    let image = layers().dialect(dialect);
    [image.clone().architecture("s390x").build(), image.build()]
}

/// An index that names another index.
fn nested(registry: &Registry) -> String {
    let images = both(Dialect::Oci);
    registry.push_index("a/nested:inner", &images, Dialect::Oci);
    let (inner, media_type) = index_of(&images, Dialect::Oci);
    let outer = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type,
        "manifests": [{
            "mediaType": media_type, "size": inner.len(),
            "digest": crate::support::image::sha256(&inner),
        }],
    });
    registry.put_manifest("a/nested:outer", media_type, outer.to_string().as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_where_it_is_wanted() {
    let (registry, reference) = tokio::task::spawn_blocking(|| {
        let registry = Registry::with_password();
        let reference = registry.push("team/module:1", &layers().build());
        (registry, reference)
    })
    .await
    .expect("the registry is filled");
    let images = images(HttpConfig::default());
    let access = |password: &str| {
        let credential = Credential::Basic {
            username: USER.to_owned(),
            password: SecretText::new(password),
        };
        let entries = vec![(format!("{}/team", registry.host()), credential)];
        Access {
            credentials: vec![Arc::new(CredentialSource::new(
                "pull secret ns/name",
                entries,
            ))],
            ..Access::default()
        }
    };
    let read = names_as(&images, &reference, Arch::Amd64, &access(PASSWORD)).await;
    assert_eq!(read.expect("the right password").len(), 3);
    let wrong = names_as(&images, &reference, Arch::Amd64, &access("hunter2")).await;
    let finding = wrong.expect_err("a wrong password");
    assert_eq!(finding.code, Code::ImageUnauthorized);
    assert!(
        finding.message.contains("pull secret ns/name"),
        "{}",
        finding.message
    );
    assert!(!format!("{finding:?}").contains("hunter2"));
    let finding = names(&images, &reference, Arch::Amd64)
        .await
        .expect_err("nobody");
    assert_eq!(finding.code, Code::ImageUnauthorized, "{}", finding.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified_unless_told_otherwise() {
    let (registry, reference) = tokio::task::spawn_blocking(|| {
        let registry = Registry::with_tls();
        let reference = registry.push("team/module:1", &layers().build());
        (registry, reference)
    })
    .await
    .expect("the registry is filled");
    let with_authority = images(HttpConfig {
        ca_files: vec![registry.ca()],
        ..HttpConfig::default()
    });
    let read = names(&with_authority, &reference, Arch::Amd64).await;
    assert_eq!(read.expect("its authority is known").len(), 3);
    let insecure = images(HttpConfig {
        insecure_hosts: vec![registry.host()],
        ..HttpConfig::default()
    });
    let read = names(&insecure, &reference, Arch::Amd64).await;
    assert_eq!(read.expect("nobody verifies").len(), 3);

    let strict = images(HttpConfig::default());
    let finding = names(&strict, &reference, Arch::Amd64)
        .await
        .expect_err("an unknown authority");
    assert_eq!(finding.code, Code::ImageUnreachable, "{}", finding.message);
    assert!(
        finding
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("--ca-file")),
        "{finding:?}"
    );
    let skip = Access {
        tls: TlsOptions {
            insecure_skip_tls_verify: true,
            ..TlsOptions::default()
        },
        ..Access::default()
    };
    let read = names_as(&strict, &reference, Arch::Amd64, &skip).await;
    assert_eq!(read.expect("the Module says so").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_moves_no_layer_and_sees_a_moved_tag() {
    let (registry, reference) = tokio::task::spawn_blocking(|| {
        let registry = Registry::start();
        let reference = registry.push("team/module:1", &layers().build());
        (registry, reference)
    })
    .await
    .expect("the registry is filled");
    let cache = tempfile::tempdir().expect("a folder");
    let run = || {
        Images::new(ImagesConfig {
            cache_dir: Some(cache.path().to_owned()),
            ..ImagesConfig::default()
        })
        .expect("no files are named")
    };
    let first = names(&run(), &reference, Arch::Amd64).await.expect("read");
    // With its blobs gone, the registry can still say what the tag names.
    let blobs = registry.storage().join("blobs");
    let data = glob::glob(&format!("{}/**/data", blobs.display())).expect("a pattern");
    for file in data.flatten() {
        let bytes = std::fs::read(&file).expect("a blob");
        if !bytes.starts_with(b"{\"") {
            std::fs::remove_file(&file).expect("it can go");
        }
    }
    assert_eq!(
        names(&run(), &reference, Arch::Amd64).await.expect("known"),
        first
    );
    let entries = glob::glob(&format!("{}/modules*/*", cache.path().display()));
    for entry in entries.expect("a pattern").flatten() {
        std::fs::write(entry, b"damaged").expect("it can be written");
    }
    let finding = names(&run(), &reference, Arch::Amd64)
        .await
        .expect_err("nothing is left");
    assert_eq!(finding.code, Code::ImageNotFound, "{}", finding.message);
    let other = Image::new().layer(Layer::new().file("new", b"4")).build();
    let _registry = tokio::task::spawn_blocking(move || {
        registry.push("team/module:1", &other);
        registry
    })
    .await
    .expect("the tag moves");
    assert_eq!(
        names(&run(), &reference, Arch::Amd64).await.expect("new"),
        ["new"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_is_said_to_be() {
    let host = tokio::task::spawn_blocking(|| {
        let mut registry = Registry::start();
        registry.stop();
        registry.host()
    })
    .await
    .expect("a host");
    let images = images(HttpConfig::default());
    for reference in [format!("{host}/a:1"), "registry.invalid/a/b:1".to_owned()] {
        let finding = names(&images, &reference, Arch::Amd64)
            .await
            .expect_err("down");
        assert_eq!(finding.code, Code::ImageUnreachable, "{}", finding.message);
        let start = std::time::Instant::now();
        names(&images, &reference, Arch::Amd64)
            .await
            .expect_err("down");
        assert!(
            start.elapsed().as_secs() < 1,
            "it is not asked again at once"
        );
    }
}
