//! What OpenShift's own tools leave of a mirror on disk.

use super::*;

/// Packs some of a folder's files, none of its folders, as `oc mirror` does.
fn pack(archive: &Path, root: &Path, which: &[&str]) {
    succeed(
        Command::new("sh")
            .args([
                "-c",
                "archive=$1; cd \"$2\"; shift 2; find \"$@\" ! -type d | tar -cf \"$archive\" -T -",
            ])
            .arg("pack")
            .arg(archive)
            .arg(root)
            .args(which),
    );
}

/// What `oc mirror --v2` of OpenShift 4.17 left of a registry with the examples, made again
/// here: the storage of a registry beside its own files, an image that was asked for by digest
/// under a tag of that name, and a second archive with every link and what was not in the
/// first.
#[test]
fn archives_of_oc_mirror_are_read() {
    let registry = Registry::start();
    let source = format!("oci:{}:{NAME}", examples().join("images").display());
    let push = |name: &str| {
        let target = format!("docker://{}", registry.reference(name));
        skopeo(&["--dest-tls-verify=false"], &source, &target);
    };
    push("drivers/ticker:6.1.0-56-amd64");
    push("drivers/ticker:f8d817b52d9af4b6019fde3cfef9bf617e8bcc07f5b985a1659cc4955678fe13");
    let storage = registry.storage();
    let root = storage.ancestors().nth(3).expect("the root of the storage");
    let logs = root.join("working-dir/logs");
    std::fs::create_dir_all(&logs).expect("a folder");
    std::fs::write(logs.join("registry.log"), "GET /v2/").expect("a file");
    std::fs::write(root.join("isc_2026-11-24T15:53:34Z"), "kind: x").expect("a file");
    let all = ["docker", "working-dir", "isc_2026-11-24T15:53:34Z"];
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for mirror in [&first, &second] {
        std::fs::create_dir(mirror).expect("a folder");
    }
    pack(&first.join("mirror_000001.tar"), root, &all);
    for layout in [root, &first, &first.join("mirror_000001.tar")] {
        holds_the_module(layout, NAME);
    }

    push("more/new:1");
    let repositories = "docker/registry/v2/repositories";
    pack(
        &second.join("mirror_000001.tar"),
        root,
        &[repositories, all[1], all[2]],
    );
    let reference = "registry.example/more/new:1";
    let alone = Preflight::new(["inspect", reference, "-o", "name", "--oci-layout"])
        .arg(&second)
        .run()
        .code(3);
    assert!(
        alone.stderr.contains("pass the previous ones as well"),
        "{}",
        alone.stderr
    );
    Preflight::new(["inspect", reference, "-o", "name", "--oci-layout"])
        .arg(&second)
        .arg("--oci-layout")
        .arg(&first)
        .run()
        .code(0);

    let nothing = Preflight::new(["inspect", NAME, "--oci-layout"])
        .arg(root.join("working-dir"))
        .run()
        .code(2);
    assert!(
        nothing.stderr.contains("`oc mirror`'s archives"),
        "{}",
        nothing.stderr
    );
}

/// The folder that `oc image mirror` and `oc adm release mirror` fill, and the archive that
/// `oc mirror` of version 1 makes of one, with the blobs of all repositories together.
#[test]
fn mirrored_folders_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = folder.path().join("mirror/v2/drivers/ticker");
    let images = examples().join("images");
    let blobs = images.join("blobs/sha256");
    let manifest = "sha256:f8d817b52d9af4b6019fde3cfef9bf617e8bcc07f5b985a1659cc4955678fe13";
    for kind in ["manifests", "blobs"] {
        std::fs::create_dir_all(repository.join(kind)).expect("a folder");
    }
    for blob in std::fs::read_dir(&blobs).expect("the examples") {
        let blob = blob.expect("an entry");
        let name = format!("sha256:{}", blob.file_name().to_string_lossy());
        let kept = repository.join("blobs").join(&name);
        std::fs::copy(blob.path(), &kept).expect("a copy");
        if name == manifest {
            std::fs::hard_link(kept, repository.join("manifests").join(&name)).expect("a link");
        }
    }
    symlink(manifest, repository.join("manifests/6.1.0-56-amd64")).expect("a link");
    let root = folder.path().join("mirror");
    holds_the_module(&root, NAME);

    std::fs::rename(repository.join("blobs"), root.join("blobs")).expect("moved");
    let packed = folder.path().join("packed");
    std::fs::create_dir(&packed).expect("a folder");
    let archive = packed.join("mirror_seq1_000000.tar");
    pack(&archive, &root, &["blobs", "v2"]);
    holds_the_module(&archive, NAME);
    holds_the_module(&packed, NAME);
}
