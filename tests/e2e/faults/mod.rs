//! Registries that fail: what is tried again, what is not, and what is said about it.

mod content;
mod identity;
mod pushes;
mod retries;
mod side_by_side;

use std::sync::Arc;
use std::time::Duration;

use kmm_preflight::for_tests::{
    Access, Arch, Finding, HttpConfig, Images, ImagesConfig, Node, OpenImage, Purpose,
};

use crate::support::faults::{Asked, FaultServer};
use crate::support::image::{Built, Image, Layer};

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

async fn open_as(
    server: &FaultServer,
    access: &Access,
) -> Result<(Images, Arc<OpenImage>), Finding> {
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
