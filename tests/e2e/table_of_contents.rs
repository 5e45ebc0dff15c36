//! eStargz and zstd:chunked in a real registry, written by the tools that have them.

use std::process::Command;

use kmm_preflight::for_tests::{Access, Arch, Code, Content, Images, ImagesConfig, Node, Purpose};

use crate::support::image::{Built, Image, Layer, Packing};
use crate::support::layout::write_layout;
use crate::support::registry::Registry;
use crate::support::server::{succeed, tool};

/// An image whose one layer, not compressed, is noise but for what counts, at its end.
fn noisy() -> Built {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    while noise.len() < 4_000_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.extend(state.to_be_bytes());
    }
    let layer = Layer::new()
        .dir("opt/")
        .file("opt/noise", &noise)
        .symlink("opt/link", "noise")
        .file("opt/lib/modules/6.1/modules.dep", b"extra/a.ko:\n")
        .file("opt/lib/modules/6.1/extra/a.ko", b"no module");
    Image::new().layer(layer.packed(Packing::Plain)).build()
}

/// Pushes it as eStargz and as zstd:chunked, with the tools that write them.
fn push_with_tables(registry: &Registry) -> [String; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let built = noisy();
    let layer = built.blobs.values().max_by_key(|blob| blob.len());
    let tar = folder.path().join("layer.tar");
    std::fs::write(&tar, layer.expect("a layer")).expect("a file");
    let estargz = registry.reference("team/estargz:1");
    succeed(
        Command::new(tool("crane"))
            .env("GGCR_EXPERIMENT_ESTARGZ", "1")
            .args(["append", "--insecure", "-t", &estargz, "-f"])
            .arg(&tar),
    );
    let layout = folder.path().join("layout");
    write_layout(&layout, "noisy", &built);
    let chunked = registry.reference("team/chunked:1");
    succeed(
        Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
            .args(["--dest-compress-format", "zstd:chunked"])
            .arg(format!("oci:{}:noisy", layout.display()))
            .arg(format!("docker://{chunked}")),
    );
    [estargz, chunked]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_contents_spares_the_layer() {
    let (registry, references) = tokio::task::spawn_blocking(|| {
        let registry = Registry::start();
        let references = push_with_tables(&registry);
        (registry, references)
    })
    .await
    .expect("the images are pushed");
    // In the middle of a large blob there is noise: whoever reads it meets the damage.
    let data = glob::glob(&format!("{}/blobs/**/data", registry.storage().display()));
    let mut damaged = 0;
    for file in data.expect("a pattern").flatten() {
        let mut bytes = std::fs::read(&file).expect("a blob");
        if bytes.len() > 2_000_000 {
            bytes[1_000_000] ^= 1;
            std::fs::write(&file, bytes).expect("the blob is damaged");
            damaged += 1;
        }
    }
    assert!(damaged >= 2, "both layers are large");
    let images = Images::new(ImagesConfig::default()).expect("no files are named");
    for reference in &references {
        let opened = images
            .open(reference, Arch::Amd64, &Access::default())
            .await;
        let opened = opened.expect(reference);
        let layer = images
            .layer(&opened, 0, Purpose::Modules)
            .await
            .expect(reference);
        assert!(
            matches!(
                &layer.entries["opt/noise"],
                Node::File {
                    size: 4_000_000,
                    ..
                }
            ),
            "{reference}"
        );
        assert_eq!(layer.entries["opt/link"], Node::Symlink("noise".to_owned()));
        let dep = &layer.entries["opt/lib/modules/6.1/modules.dep"];
        assert!(
            matches!(dep, Node::File { content: Content::Bytes(b), .. } if **b == *b"extra/a.ko:\n")
        );
        let module = &layer.entries["opt/lib/modules/6.1/extra/a.ko"];
        assert!(matches!(
            module,
            Node::File {
                content: Content::Module(_),
                ..
            }
        ));
        let wanted = ["opt/noise".to_owned()];
        let finding = images
            .files(&opened, &wanted)
            .await
            .expect_err("the damage");
        assert_eq!(finding.code, Code::ImageUnreadable, "{}", finding.message);
    }
}
