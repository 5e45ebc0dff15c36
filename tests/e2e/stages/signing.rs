//! The Sign stage, from unsigned images in a layout or a registry.

use std::fs;

use kernel_loader::module::compression::Compression;
use kmm_preflight::for_tests::{Code, Effect, Sign, Stage, Verdict};
use serde_json::{Value, json};

use crate::sign_file::Pair;
use crate::stages::setup::{
    GLOB, KERNEL, MODULE, Setup, assert_says, assert_verdict, base64, module_layer, run, sign,
    unchanged, work,
};
use crate::support::image::{Image, Layer};
use crate::support::registry::Registry;
use crate::support::server::environment;

#[test]
fn an_unsigned_image_is_signed_and_then_loads() {
    let setup = Setup::new();
    let unsigned = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &unsigned);
    let mut work = work("registry.example/m:1");
    assert_verdict(&setup.check(work.clone()), Stage::Image, Verdict::Failed);
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(
        &outcome,
        Code::ImageReplaced,
        Effect::None,
        "signature-missing",
    );
    assert_ne!(outcome.digest, Some(unsigned.build().digest));
}

#[test]
fn a_compressed_module_is_signed_inside_its_compression() {
    for (compression, suffix) in [
        (Compression::Gzip, "gz"),
        (Compression::Xz, "xz"),
        (Compression::Zstd, "zst"),
    ] {
        let setup = Setup::new();
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("lib/modules").join(KERNEL);
        fs::create_dir_all(&folder).expect("a folder");
        let plain = fs::read(
            MODULE
                .path()
                .join("lib/modules")
                .join(KERNEL)
                .join("stage.ko"),
        );
        let packed = compression
            .compress(&plain.expect("the module"))
            .expect("memory enough");
        fs::write(folder.join(format!("stage.ko.{suffix}")), packed).expect("a file");
        run(&[&depmod(), "-b", &root.path().display().to_string(), KERNEL]);
        let layer = fs::read_dir(&folder).expect("a folder").flatten().fold(
            Layer::new(),
            |layer, entry| {
                let name = entry.file_name().into_string().expect("a name");
                let bytes = fs::read(entry.path()).expect("a file");
                layer.file(&format!("opt/lib/modules/{KERNEL}/{name}"), &bytes)
            },
        );
        setup.image(
            "registry.example/m:1",
            &Image::new().with_tools().layer(layer),
        );
        let mut work = work("registry.example/m:1");
        let file = format!("/opt/lib/modules/{KERNEL}/stage.ko.{suffix}");
        work.sign = Some(sign("registry.example/m:1", &[&file]));
        let outcome = setup.check(work);
        assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
        assert_says(&outcome, Code::SignFailed, Effect::None, "is compressed");
    }
}

/// The environment's depmod, which has every decompressor.
fn depmod() -> String {
    let own = environment().join("kmod/depmod");
    own.display().to_string()
}

#[test]
fn a_module_signed_by_a_stranger_is_signed_anew_and_not_twice() {
    let setup = Setup::new();
    let stranger = Pair::rsa("2048");
    let layer = module_layer(|name, bytes| match name {
        "stage.ko" => (name.to_owned(), stranger.sign_module(&bytes)),
        _ => unchanged(name, bytes),
    });
    setup.image(
        "registry.example/m:theirs",
        &Image::new().with_tools().layer(layer),
    );
    setup.image("registry.example/m:1", &Image::new().with_tools());
    assert_verdict(
        &setup.check(work("registry.example/m:theirs")),
        Stage::Image,
        Verdict::Unknown,
    );
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:theirs", &[GLOB]));
    assert_verdict(&setup.check(work), Stage::Sign, Verdict::Verified);
}

#[test]
fn what_cannot_be_signed_is_told() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    let signed_with = |setup: &Setup, sign: Sign| {
        let mut work = work("registry.example/m:1");
        work.sign = Some(sign);
        setup.check(work)
    };
    let unsigned = "registry.example/m:1";
    for (section, words) in [
        (
            sign(unsigned, &["/opt/lib/modules/*/no.ko"]),
            "matches no file",
        ),
        (
            sign(unsigned, &["/usr/lib/stage.ko"]),
            "not below dirName /opt",
        ),
        (sign(unsigned, &[]), "no filesToSign"),
        (sign("", &[GLOB]), "no image to sign"),
    ] {
        let outcome = signed_with(&setup, section);
        assert_verdict(&outcome, Stage::Sign, Verdict::Failed);
        assert_says(&outcome, Code::SignFailed, Effect::Fails, words);
    }
    let key = setup.objects[0]["data"].clone();
    for (data, code, effect, words) in [
        (
            json!({"key": base64(b"no key")}),
            Code::SignFailed,
            Effect::Fails,
            "private key is not a key in PEM",
        ),
        (
            json!({"key.pem": key["key"]}),
            Code::SecretMissing,
            Effect::Blocks,
            "Secret ns/key has no key key",
        ),
    ] {
        setup.objects[0]["data"] = data;
        let outcome = signed_with(&setup, sign(unsigned, &[GLOB]));
        assert_eq!(outcome.stage, Stage::Sign);
        assert_says(&outcome, code, effect, words);
    }
    setup.objects = json!([]);
    let outcome = signed_with(&setup, sign(unsigned, &[GLOB]));
    assert_verdict(&outcome, Stage::Sign, Verdict::Error);
    assert_says(&outcome, Code::SecretMissing, Effect::Blocks, "ns/key");
}

#[test]
fn keys_that_cannot_sign_are_told_with_the_module() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    let (own, other) = (Pair::rsa("2048"), Pair::rsa("2048"));
    for (key, certificate, words) in [
        (
            own.locked_key(),
            own.read("cert.der"),
            "private key is encrypted",
        ),
        (
            own.read("key.pem"),
            other.read("cert.der"),
            "does not belong to the private key",
        ),
        (
            own.read("key.pem"),
            own.expired(),
            "the certificate expired on 2001",
        ),
        (
            own.read("key.pem"),
            b"none".to_vec(),
            "certificate is not an X.509 certificate",
        ),
    ] {
        setup.objects[0]["data"] = json!({"key": base64(&key)});
        setup.objects[1]["data"] = json!({"cert": base64(&certificate)});
        let mut work = work("registry.example/m:1");
        work.sign = Some(sign("registry.example/m:1", &[GLOB]));
        let outcome = setup.check(work);
        assert_verdict(&outcome, Stage::Sign, Verdict::Failed);
        assert_says(&outcome, Code::SignFailed, Effect::Fails, words);
    }
    setup.objects[1]["data"] = json!({"cert.der": "eA=="});
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Sign, Verdict::Error);
    assert_says(
        &outcome,
        Code::SecretMissing,
        Effect::Blocks,
        "has no key cert",
    );
}

/// The image of the registry, as a plan would name it, from which only manifests and what is
/// signed were read.
#[test]
fn a_signed_image_is_pushed_with_its_lower_layers_mounted() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let unsigned = Image::new().with_tools().layer(module_layer(unchanged));
    let reference = registry.push("team/unsigned:1", &unsigned.build());
    let image = registry.reference("team/module:1");
    let mut work = work(&image);
    work.registry_tls.insecure = true;
    let mut section = sign(&reference, &[GLOB]);
    section.unsigned_image_registry_tls.insecure = true;
    work.sign = Some(section);
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(&outcome, Code::ImageReplaced, Effect::None, "was pushed as");
    let digest = outcome.digest.expect("a digest");
    work.sign = None;
    let again = setup.check(work);
    assert_verdict(&again, Stage::Image, Verdict::Unknown);
    assert_eq!(again.digest, Some(digest));
}

/// The lowest layer's content is gone from the registry, so every download of it would fail.
#[test]
fn signing_reads_no_layer_that_the_files_do_not_need() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let lowest = Layer::new().file("usr/large", &[7; 4096]);
    let unsigned = Image::new()
        .created_by("RUN /bin/sh -c true")
        .layer(lowest)
        .layer(module_layer(unchanged).opaque("opt"))
        .build();
    let reference = registry.push("team/unsigned:1", &unsigned);
    let manifest: Value = serde_json::from_slice(&unsigned.manifest).expect("JSON");
    let lowest = manifest["layers"][0]["digest"].as_str().expect("a digest");
    let hex = lowest.trim_start_matches("sha256:");
    let data = registry
        .storage()
        .join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
    let size = fs::metadata(&data).expect("the blob").len();
    fs::write(&data, vec![0; usize::try_from(size).expect("a size")]).expect("the blob");
    for (entry, tag) in [
        (format!("/opt/lib/modules/{KERNEL}/stage.ko"), "1"),
        (GLOB.to_owned(), "2"),
    ] {
        let mut work = work(&registry.reference(&format!("team/module:{tag}")));
        work.sign = Some(sign(&reference, &[&entry]));
        let outcome = setup.check(work);
        assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
        assert_says(&outcome, Code::ImageReplaced, Effect::None, "was pushed as");
    }
}
