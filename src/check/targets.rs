//! Which kernels to check against: resolves release and driver-toolkit images.

use std::sync::Arc;

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::layer_reader::Purpose;
use crate::images::open::{Images, OpenImage};
use crate::images::registry::access::Access;
use crate::kernel::release::{DriverToolkitRelease, driver_toolkit_of_release};
use crate::model::layer::{Content, Node};
use crate::model::target::Arch;

/// Where a release image names its driver-toolkit image.
const IMAGE_REFERENCES: &str = "release-manifests/image-references";
/// Where a driver-toolkit image names its kernels.
const DRIVER_TOOLKIT_RELEASE: &str = "etc/driver-toolkit-release.json";

/// The kernels of a release, for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedKernel {
    /// The release image, where the driver-toolkit image was found through one.
    pub release_image: Option<String>,
    /// The driver-toolkit image.
    pub dtk_image: String,
    /// The architecture that was resolved.
    pub arch: Arch,
    /// What the driver-toolkit image says of its kernels.
    pub release: DriverToolkitRelease,
}

impl ResolvedKernel {
    /// The kernel to check against: the real-time one with `rt`.
    ///
    /// # Errors
    /// `kernel-facts-missing` where the release has no such kernel.
    pub fn kernel_version(&self, rt: bool) -> Result<String, Finding> {
        if rt {
            return self.release.rt_kernel_version.clone().ok_or_else(|| {
                Finding::new(
                    Code::KernelFactsMissing,
                    format!(
                        "driver-toolkit image {} names no RT_KERNEL_VERSION for {}",
                        self.dtk_image, self.arch
                    ),
                )
                .with_effect(Effect::Blocks)
                .hint("leave --rt out; only x86-64 releases have a real-time kernel")
            });
        }
        Ok(self.release.kernel_version.clone())
    }
}

/// Resolves a release image, or a driver-toolkit image, to its kernels.
///
/// KMM ≤2.3 looks at the last layer of the release image only; every layer is searched
/// here, from the top.
///
/// # Errors
/// Why an image cannot be read, or that it is neither kind of image.
pub async fn resolve(
    images: &Arc<Images>,
    reference: &str,
    arch: Arch,
    access: &Access,
) -> Result<ResolvedKernel, Finding> {
    let image = images.open(reference, arch, access);
    let image = image.await.map_err(with_own_hint)?;
    match first_of(images, &image, &[IMAGE_REFERENCES, DRIVER_TOOLKIT_RELEASE]).await? {
        Some((IMAGE_REFERENCES, bytes)) => {
            let dtk_image = driver_toolkit_of_release(&bytes).map_err(|message| {
                Finding::new(
                    Code::KernelFactsMissing,
                    format!("{IMAGE_REFERENCES} of release image {reference}: {message}"),
                )
                .with_effect(Effect::Blocks)
                .hint("is this an OpenShift release image? `oc adm release info` prints one's content")
            })?;
            let dtk = images
                .open(&dtk_image, arch, access)
                .await
                .map_err(|finding| {
                    let message = format!(
                        "driver-toolkit image {dtk_image} of release image {reference}: {}",
                        finding.message
                    );
                    with_own_hint(Finding { message, ..finding })
                })?;
            let release = match first_of(images, &dtk, &[DRIVER_TOOLKIT_RELEASE]).await? {
                Some((_, bytes)) => parse_release(&dtk_image, &bytes)?,
                None => return Err(not_a_driver_toolkit(&dtk_image)),
            };
            Ok(ResolvedKernel {
                release_image: Some(reference.to_owned()),
                dtk_image,
                arch,
                release,
            })
        }
        Some((_, bytes)) => Ok(ResolvedKernel {
            release_image: None,
            dtk_image: reference.to_owned(),
            arch,
            release: parse_release(reference, &bytes)?,
        }),
        None => Err(not_a_driver_toolkit(reference)),
    }
}

/// A finding about an image that comes with the cluster's release: nobody here builds it.
pub(crate) fn with_own_hint(finding: Finding) -> Finding {
    match finding.code {
        Code::ImageNotFound => {
            finding.hint("check the name; `oc adm release info` prints the images of a release")
        }
        Code::ImageArchMissing => {
            finding.hint("name the image for this architecture, or ask for another with --arch")
        }
        _ => finding,
    }
}

fn parse_release(reference: &str, bytes: &[u8]) -> Result<DriverToolkitRelease, Finding> {
    DriverToolkitRelease::parse(bytes).map_err(|message| {
        Finding::new(
            Code::KernelFactsMissing,
            format!("{DRIVER_TOOLKIT_RELEASE} of {reference}: {message}"),
        )
        .with_effect(Effect::Blocks)
        .hint("name the kernel with --kernel-version")
    })
}

fn not_a_driver_toolkit(reference: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!("{reference} has neither {IMAGE_REFERENCES} nor {DRIVER_TOOLKIT_RELEASE}: it is no release image and no driver-toolkit image"),
    )
    .with_effect(Effect::Blocks)
    .hint("`oc adm release info --image-for=driver-toolkit RELEASE` prints a release's driver-toolkit image")
}

/// The first of some files that the image's layers hold, from the top layer down.
async fn first_of<'a>(
    images: &Arc<Images>,
    image: &OpenImage,
    paths: &[&'a str],
) -> Result<Option<(&'a str, Arc<[u8]>)>, Finding> {
    for from_top in 0..image.layers.len() {
        let layer = images.layer(image, from_top, Purpose::Kernel).await?;
        for path in paths {
            match layer.entries.get(*path) {
                Some(Node::File {
                    content: Content::Bytes(bytes),
                    ..
                }) => return Ok(Some((path, Arc::clone(bytes)))),
                Some(Node::File {
                    content: Content::TooLarge(limit),
                    ..
                }) => {
                    return Err(Finding::new(
                        Code::ImageUnreadable,
                        format!("{path} of {} is larger than {limit} bytes", image.reference),
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(None)
}
