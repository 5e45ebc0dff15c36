//! Layouts in folders and archives, and the names under which their images are found.

use std::fs;

use super::*;

/// A layout whose index holds `(name, content of the manifest)`.
fn layout(images: &[(&str, &str)]) -> (tempfile::TempDir, Layout) {
    let dir = tempfile::tempdir().expect("a folder");
    let blobs = dir.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let mut entries = Vec::new();
    for (name, content) in images {
        let digest = digest::sha256(content.as_bytes());
        let hex = digest.trim_start_matches("sha256:");
        fs::write(blobs.join(hex), content).expect("a file");
        entries.push(serde_json::json!({
            "digest": digest, "size": content.len(),
            "mediaType": if content.contains("manifests") { "application/vnd.oci.image.index.v1+json" } else { "" },
            "annotations": if name.is_empty() { serde_json::json!(null) } else {
                serde_json::json!({"org.opencontainers.image.ref.name": name}) },
        }));
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
    fs::write(dir.path().join("index.json"), index).expect("a file");
    let layout = Layout::open(dir.path()).expect("a layout");
    (dir, layout)
}

#[test]
fn images_are_found_by_every_kind_of_name() {
    let images = [
        ("quay.io/a/b:1", "full"),
        ("docker.io/library/c:2", "hub"),
        ("d/e:3", "short"),
        ("tag", "tag"),
        ("twice", "one"),
        ("twice", "two"),
    ];
    let (_dir, layout) = layout(&images);
    let content = |reference: &str| {
        let found = layout.find(reference)?.image;
        let bytes = layout.manifest(&found.digest).expect("it is there");
        Some(String::from_utf8(bytes).expect("text"))
    };
    for (reference, expected) in [
        ("quay.io/a/b:1", Some("full")),
        ("quay.io/a/b:2", None),
        ("c:2", Some("hub")),
        ("quay.io/d/e:3", Some("short")),
        ("quay.io/xd/e:3", None),
        ("quay.io/any/thing:tag", Some("tag")),
        ("quay.io/any/thing:twice", None),
        ("quay.io/any/thing", None),
    ] {
        assert_eq!(content(reference).as_deref(), expected, "{reference}");
    }
    let digest = digest::sha256(b"two");
    let by_digest = format!("quay.io/x/y@{digest}");
    assert_eq!(content(&by_digest).as_deref(), Some("two"));
    let absent = format!("quay.io/x/y@{}", digest::sha256(b"absent"));
    assert_eq!(content(&absent), None);
}

#[test]
fn names_inside_indexes_count() {
    let inner = digest::sha256(b"inner");
    let nested = serde_json::json!({"manifests": [{
        "digest": inner,
        "annotations": {"io.containerd.image.name": "quay.io/n/n:1"},
    }]})
    .to_string();
    let (_dir, layout) = layout(&[("", &nested), ("x", "inner")]);
    let found = layout.find("quay.io/n/n:1").expect("found");
    assert_eq!(found.image.digest, Digest::of(b"inner"));
}

#[test]
fn blobs_are_verified_and_stay_inside() {
    let (dir, layout) = layout(&[("a", "content")]);
    let digest = digest::sha256(b"content");
    let path = dir.path().join("blobs/sha256").join(&digest[7..]);
    fs::write(path, "changed").expect("a file");
    assert_eq!(
        layout.manifest(&digest).expect_err("changed").kind,
        FaultKind::Unreadable
    );
    let outside = layout
        .blob("sha256:../../index.json")
        .err()
        .expect("no digest");
    assert!(outside.message.contains("does not contain blob"));
    assert!(Layout::open(&dir.path().join("blobs")).is_err());
}

/// A tar archive of `name content` files, `name -> target` symlinks and `name => target` hard
/// links.
fn archive(entries: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, link, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        let (kind, target) = match link.split_once(' ') {
            Some(("->", target)) => (tar::EntryType::Symlink, target),
            Some((_, target)) => (tar::EntryType::Link, target),
            None => (tar::EntryType::Regular, ""),
        };
        header.set_entry_type(kind);
        let old = header.as_old_mut();
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).expect("memory");
    }
    tar.into_inner().expect("memory")
}

fn opened(bytes: &[u8]) -> (tempfile::NamedTempFile, Result<Layout, Fault>) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("a file");
    let layout = Layout::open(file.path());
    (file, layout)
}

/// The files of a Docker archive with one layer, which lies under `layer`.
fn saved(layer: &str, diff_id: &str) -> (Vec<u8>, Vec<u8>) {
    let config = serde_json::json!({"architecture": "amd64", "rootfs": {"diff_ids": [diff_id]}});
    let list = serde_json::json!([{
        "Config": "config.json", "RepoTags": ["quay.io/a/b:1", "other:2"], "Layers": [layer],
    }]);
    (
        config.to_string().into_bytes(),
        list.to_string().into_bytes(),
    )
}

/// The layer's content through the manifest that the archive did not have.
fn layer_of(layout: &Layout, reference: &str) -> Vec<u8> {
    let found = layout.find(reference).expect("found");
    let remark = layout.remark(reference, &found, None).expect("a remark");
    assert!(
        remark.message.contains("differs from the registry's"),
        "{}",
        remark.message
    );
    let manifest = layout.manifest(&found.image.digest).expect("made");
    let Ok(Manifest::Image { config, layers }) = Manifest::parse(&manifest) else {
        panic!("no image");
    };
    layout
        .small_blob(&config.digest, 1 << 20)
        .expect("the configuration");
    layout
        .small_blob(&layers[0].digest, 1 << 20)
        .expect("the layer, as its digest says")
}

#[test]
fn docker_archives_get_manifests() {
    let layer = b"the layer".as_slice();
    let diff_id = digest::sha256(layer);
    let packed = zstd::encode_all(layer, 1).expect("memory");
    for (at, stored, entries) in [
        // docker save before 25: a folder for each layer, and links to the same one.
        (
            "id/layer.tar",
            layer,
            [
                ("id/layer.tar", "-> ../first/layer.tar"),
                ("first/layer.tar", ""),
            ],
        ),
        (
            "./id/layer.tar",
            layer,
            [("id/layer.tar", "=> first.tar"), ("./first.tar", "")],
        ),
        // crane: compressed, so that the digest is not that of the configuration.
        ("l.tar.gz", &packed, [("l.tar.gz", ""), ("unused", "")]),
    ] {
        let (config, list) = saved(at.trim_start_matches("./"), &diff_id);
        let mut files: Vec<(&str, &str, &[u8])> = entries
            .iter()
            .map(|(name, link)| (*name, *link, if link.is_empty() { stored } else { b"" }))
            .collect();
        files.push(("config.json", "", &config));
        files.push(("manifest.json", "", &list));
        let plain = archive(&files);
        let packed_whole = zstd::encode_all(plain.as_slice(), 1).expect("memory");
        for bytes in [plain, packed_whole] {
            let (_file, layout) = opened(&bytes);
            let layout = layout.expect(at);
            for reference in ["quay.io/a/b:1", "docker.io/library/other:2"] {
                assert_eq!(layer_of(&layout, reference), stored, "{at}");
            }
            assert_eq!(layout.find("quay.io/a/b:2"), None);
        }
    }
}

#[test]
fn archives_that_make_no_sense_say_why() {
    let (config, list) = saved("layer.tar", &digest::sha256(b"x"));
    let (_, outside) = saved("../../../etc/passwd", &digest::sha256(b"x"));
    let whole = archive(&[
        ("config.json", "", &config),
        ("layer.tar", "", b"x"),
        ("manifest.json", "", &list),
    ]);
    let cases = [
        (
            b"plain text, long enough to be taken for a header of a tar archive".repeat(20),
            "not a tar archive",
        ),
        (whole[..600].to_vec(), "is truncated"),
        (
            archive(&[("config.json", "", &config), ("manifest.json", "", &list)]),
            "does not contain layer.tar",
        ),
        (
            archive(&[
                ("layer.tar", "-> layer.tar", b""),
                ("config.json", "", &config),
                ("manifest.json", "", &list),
            ]),
            "does not contain layer.tar",
        ),
        (
            archive(&[
                ("config.json", "", &config),
                ("manifest.json", "", &outside),
            ]),
            "does not contain ../../../etc/passwd",
        ),
        (
            archive(&[
                ("config.json", "", b"{\"rootfs\":{}}"),
                ("layer.tar", "", b"x"),
                ("manifest.json", "", &list),
            ]),
            "lists 1 layers",
        ),
        (
            archive(&[("manifest.json", "", b"<html>")]),
            "manifest.json cannot be read",
        ),
        (archive(&[("readme", "", b"x")]), "no index.json"),
        (Vec::new(), "no index.json"),
    ];
    for (bytes, part) in cases {
        let (_file, layout) = opened(&bytes);
        let fault = layout.expect_err(part);
        assert!(fault.message.contains(part), "{}", fault.message);
    }
    // The same list in a folder must not lead out of it either.
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("config.json"), &config).expect("a file");
    fs::write(dir.path().join("manifest.json"), &outside).expect("a file");
    assert!(Layout::open(dir.path()).is_err());
}

/// Two archives of `oc mirror`, of which the second has what did not fit into the first.
#[test]
fn the_parts_of_a_mirror_are_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = "docker/registry/v2";
    let digest = digest::sha256(b"manifest");
    let tag = format!("{root}/repositories/team/m/_manifests/tags/1/current/link");
    let blob = format!(
        "{root}/blobs/sha256/{}/{}/data",
        &digest[7..9],
        &digest[7..]
    );
    let layer_link = format!("{root}/repositories/team/m/_layers/sha256/x/link");
    let first = archive(&[
        (&tag, "", digest.as_bytes()),
        (&layer_link, "", b"sha256:x"),
    ]);
    // Names beyond 100 bytes are written as they are by the archive's own tool.
    let mut second = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(8);
    second
        .append_data(&mut header, &blob, &b"manifest"[..])
        .expect("memory");
    let second = second.into_inner().expect("memory");
    fs::write(dir.path().join("mirror_000001.tar"), first).expect("a file");
    fs::write(dir.path().join("mirror_000002.tar"), second).expect("a file");
    let layout = Layout::open(dir.path()).expect("a mirror");
    let found = layout.find("quay.io/team/m:1").expect("found");
    assert_eq!(found.short_name.as_deref(), Some("team/m:1"));
    let remark = layout
        .remark("quay.io/team/m:1", &found, None)
        .expect("a remark");
    assert!(
        remark.message.contains("where its name is team/m:1"),
        "{}",
        remark.message
    );
    assert_eq!(layout.manifest(&digest).expect("it is there"), b"manifest");
    let by_digest = format!("quay.io/team/m@{digest}");
    assert!(layout.find(&by_digest).is_some());
    assert_eq!(layout.find("quay.io/xteam/m:1"), None);
}

/// What `oc image mirror` leaves of two repositories, and `oc mirror` of version 1 packs, which
/// has the blobs of all repositories in one folder.
#[test]
fn mirrored_repositories_are_read() {
    let manifest = digest::sha256(b"manifest");
    let layer = digest::sha256(b"layer");
    let in_repository = format!("v2/team/m/blobs/{layer}");
    let shared = format!("blobs/{layer}");
    for blob in [&in_repository, &shared] {
        let packed = archive(&[
            (&format!("v2/team/m/manifests/{manifest}"), "", b"manifest"),
            ("v2/team/m/manifests/1.0", &format!("-> {manifest}"), b""),
            ("v2/team/m/manifests/lost", "-> nowhere", b""),
            (blob, "", b"layer"),
            ("publish/.metadata.json", "", b"{}"),
        ]);
        let (_file, packed_layout) = opened(&packed);
        let mut layouts = vec![packed_layout.expect("a mirror")];
        let dir = tempfile::tempdir().expect("a folder");
        #[cfg(unix)]
        {
            tar::Archive::new(packed.as_slice())
                .unpack(dir.path())
                .expect("a folder");
            layouts.push(Layout::open(dir.path()).expect("a mirror"));
        }
        fs::write(dir.path().join("mirror_seq1_000000.tar"), &packed).expect("a file");
        layouts.push(Layout::open(dir.path()).expect("a mirror"));
        for layout in layouts {
            let found = layout.find("quay.io/team/m:1.0").expect("found");
            assert_eq!(found.short_name.as_deref(), Some("team/m:1.0"));
            assert_eq!(found.image.digest, Digest::of(b"manifest"));
            assert_eq!(layout.find("quay.io/team/m:lost"), None);
            assert_eq!(layout.manifest(&manifest).expect("there"), b"manifest");
            assert_eq!(layout.small_blob(&layer, 9).expect("there"), b"layer");
            let by_digest = format!("quay.io/other@{manifest}");
            assert!(layout.find(&by_digest).is_some());
        }
    }
}
