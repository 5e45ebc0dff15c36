//! Looks through an image for kernel modules.

use crate::error::Error;
use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::layer_reader::Purpose;
use crate::images::layers::overlay::Overlay;
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::images::registry::fault::NamedBy;
use crate::model::layer::{Content, Node};
use crate::model::target::Arch;
use crate::report::inspect::{InspectedModule, Inspection};

/// Every kernel module file of an image, in the file system as its layers leave it.
///
/// # Errors
/// The image, or a layer of it, cannot be read.
pub(crate) async fn inspect(
    images: &Images,
    reference: &str,
    arch: Arch,
    access: &Access,
) -> Result<Inspection, Finding> {
    let image = images.open(reference, arch, access).await;
    let image = image.map_err(|finding| NamedBy::Argument.hint(finding))?;
    let mut overlay = Overlay::new(image.layers.len());
    for from_top in 0..image.layers.len() {
        overlay.push(images.layer(&image, from_top, Purpose::Modules).await?);
    }
    let incomplete = |_| {
        Finding::new(
            Code::Internal,
            "internal error: every layer was read and the inspection needs another one",
        )
    };
    let mut modules = Vec::new();
    for (path, found) in overlay.walk("").map_err(incomplete)? {
        let (node, from_top, link) = match found.node {
            Node::Symlink(_) => {
                let Some(target) = overlay.lookup(&path).map_err(incomplete)? else {
                    continue;
                };
                let real = overlay.real_path(&path).map_err(incomplete)?;
                (target.node, target.from_top, real)
            }
            node => (node, found.from_top, None),
        };
        if let Node::File {
            content: Content::Module(file),
            ..
        } = node
        {
            let layer = image
                .layers
                .get(from_top)
                .map_or("", |layer| layer.digest.as_str());
            let mut module = InspectedModule::new(&format!("/{path}"), file, layer);
            module.link = link.map(|real| format!("/{real}"));
            modules.push(module);
        }
    }
    Ok(Inspection {
        image: reference.to_owned(),
        digest: image.digest.clone(),
        arch: arch.to_string(),
        modules,
    })
}

/// The error of a command that is about one image.
pub(crate) fn as_error(finding: Finding) -> Error {
    let hint = finding.hint.unwrap_or_default();
    let message = finding.message;
    match finding.code {
        Code::ImageInvalid => Error::Usage { message, hint },
        _ => Error::Image {
            looked: finding.effect == Effect::Fails,
            message,
            hint,
        },
    }
}
