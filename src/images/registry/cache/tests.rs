//! The cache forgets what other code learnt, and nothing else.

use std::path::Path;

use super::*;

#[test]
fn comments_layout_and_tests_leave_the_digest_as_it_is() {
    let digest = |text: &str| code_digest::of([text].into_iter()).expect("Rust");
    let code = "pub fn f(x: u64) -> u64 { x + 1 }";
    for same in [
        "// Why.\npub fn f(x: u64) -> u64 {\n    x + 1 // One more.\n}\n",
        "//! A file.\n/// Adds.\npub fn f(/* what */ x: u64) -> u64 { x + 1 }",
        "pub fn f(x: u64) -> u64 { x + 1 }\n#[cfg(test)]\nmod tests { fn g() {} }",
        "#[cfg(test)]\nmod tests;\npub fn f(x: u64) -> u64 { x + 1 }",
    ] {
        assert_eq!(digest(same), digest(code), "{same}");
    }
    for other in [
        "pub fn f(x: u64) -> u64 { x + 2 }",
        "pub fn f(x: u64) -> u64 { x - 1 }",
        "pub fn f(x: u32) -> u64 { x + 1 }",
        "#[inline]\npub fn f(x: u64) -> u64 { x + 1 }",
        "pub fn f(x: u64) -> u64 { x + 1 }\npub fn g() {}",
    ] {
        assert_ne!(digest(other), digest(code), "{other}");
    }
}

#[test]
fn the_digest_is_that_of_every_file_that_reads_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = code_digest::sources(root).expect("the sources");
    let digest_of = |texts: &[String]| {
        let digest = code_digest::of(texts.iter().map(String::as_str)).expect("Rust");
        format!("{digest:016x}")
    };
    let texts: Vec<String> = sources.iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(digest_of(&texts), READERS);
    for needed in [
        "module/elf.rs",
        "module/compression.rs",
        "layer_reader.rs",
        "model/layer.rs",
    ] {
        assert!(
            sources.iter().any(|(path, _)| path.ends_with(needed)),
            "{needed}"
        );
    }
    for at in 0..texts.len() {
        let mut edited = texts.clone();
        edited[at] += "\n// A word more.\n";
        assert_eq!(digest_of(&edited), READERS, "{:?}", sources[at].0);
        edited[at] += "\nconst MORE: u32 = 1;\n";
        assert_ne!(digest_of(&edited), READERS, "{:?}", sources[at].0);
    }
}

#[test]
fn entries_come_back_until_they_are_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_dir(&dir.path().join("new"));
    let digest = digest::sha256(b"layer");
    assert_eq!(cache.get::<Vec<String>>("modules", &digest), None);
    let value = vec!["a".to_owned()];
    cache.put("modules", &digest, &value);
    assert_eq!(cache.get("modules", &digest), Some(value.clone()));
    assert_eq!(cache.get::<Vec<String>>("kernel", &digest), None);

    let path = cache.entry("modules", &digest).expect("a path");
    for damage in [&b""[..], b"short", &[0; 500]] {
        fs::write(&path, damage).expect("a file");
        assert_eq!(cache.get::<Vec<String>>("modules", &digest), None);
    }
    cache.put("modules", &digest, &value);
    assert_eq!(cache.get("modules", &digest), Some(value));
}

#[test]
fn documents_are_verified() {
    let cache = Cache::for_this_run();
    let digest = digest::sha256(b"{}");
    cache.put_document(&digest, b"{}");
    assert_eq!(cache.document(&digest).as_deref(), Some(&b"{}"[..]));
    cache.put_document(&digest, b"[ ]");
    assert_eq!(cache.document(&digest), None);
}

#[test]
fn what_cannot_be_written_is_forgotten() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let cache = Cache::in_dir(file.path());
    let digest = digest::sha256(b"layer");
    cache.put("modules", &digest, &1_u8);
    assert_eq!(cache.get::<u8>("modules", &digest), None);
    cache.put("modules", "sha256:../../x", &1_u8);
    assert_eq!(Cache::default().get::<u8>("modules", &digest), None);
}
