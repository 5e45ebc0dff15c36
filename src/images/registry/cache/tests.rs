//! The cache forgets what other code learnt, and nothing else.

use std::fs;
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

/// What would not be read is not written.
#[test]
fn an_entry_beyond_the_bound_is_not_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_dir(dir.path(), DEFAULT_SIZE);
    let digest = digest::sha256(b"layer");
    // Postcard writes a text of this length behind four bytes.
    let most = usize::try_from(LARGEST_ENTRY).expect("a size") - SUM - 4;
    cache.put("large", &digest, &"x".repeat(most + 1));
    assert_eq!(cache.size_of("large", &digest), 0);
    cache.put("large", &digest, &"x".repeat(most));
    assert_eq!(cache.size_of("large", &digest), LARGEST_ENTRY);
    let known = cache.get::<String>("large", &digest);
    assert_eq!(known.map(|text| text.len()), Some(most));
}

fn path_of(cache: &Cache, kind: &str, digest: &str) -> PathBuf {
    let entry = entry(kind, digest).expect("an entry");
    cache.dir.as_ref().expect("a folder").join(entry.path())
}

#[test]
fn entries_come_back_until_they_are_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_dir(&dir.path().join("new"), DEFAULT_SIZE);
    let digest = digest::sha256(b"layer");
    assert_eq!(cache.get::<Vec<String>>("modules", &digest), None);
    let value = vec!["a".to_owned()];
    cache.put("modules", &digest, &value);
    assert_eq!(cache.get("modules", &digest), Some(value.clone()));
    assert_eq!(cache.get::<Vec<String>>("kernel", &digest), None);

    let path = path_of(&cache, "modules", &digest);
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
fn an_entry_under_the_name_of_another_is_not_believed() {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_dir(&dir.path().join("own"), DEFAULT_SIZE);
    let (one, other) = (digest::sha256(b"one"), digest::sha256(b"other"));
    cache.put("modules", &one, &1_u8);
    cache.put("modules", &other, &2_u8);
    let at = |digest| path_of(&cache, "modules", digest);
    fs::copy(at(&one), at(&other)).expect("a copy");
    assert_eq!(cache.get::<u8>("modules", &one), Some(1));
    assert_eq!(cache.get::<u8>("modules", &other), None);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_write_to_is_neither_read_nor_written() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_dir(&dir.path().join("own"), DEFAULT_SIZE);
    let digest = digest::sha256(b"layer");
    cache.put("modules", &digest, &1_u8);
    assert_eq!(cache.get("modules", &digest), Some(1_u8));
    let own = dir.path().join("own");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).expect("its owner");
    // The folder is looked at once per run.
    let cache = Cache::in_dir(&own, DEFAULT_SIZE);
    assert_eq!(cache.get::<u8>("modules", &digest), None);
    cache.put("modules", &digest::sha256(b"new"), &1_u8);
    assert!(!path_of(&cache, "modules", &digest::sha256(b"new")).exists());
}

#[test]
fn entries_of_other_formats_are_told_from_what_is_no_entry() {
    assert_eq!(is_current(&format!("modules-{READERS}")), Some(true));
    assert_eq!(is_current("modules-2-0123456789abcdef"), Some(false));
    assert_eq!(is_current("modules-0123456789abcdef"), Some(false));
    assert_eq!(is_current(DOCUMENT), Some(true));
    for other in ["builds", "photos", "a-1-x"] {
        assert_eq!(is_current(other), None, "{other}");
    }
}

#[test]
fn what_cannot_be_written_is_forgotten() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let cache = Cache::in_dir(file.path(), DEFAULT_SIZE);
    let digest = digest::sha256(b"layer");
    cache.put("modules", &digest, &1_u8);
    assert_eq!(cache.get::<u8>("modules", &digest), None);
    cache.put("modules", "sha256:../../x", &1_u8);
    assert_eq!(
        Cache::new(None, 0, None).get::<u8>("modules", &digest),
        None
    );
}
