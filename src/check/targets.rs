//! Which kernels to check against: resolves release, driver-toolkit and machine-os images.

mod payload;

use std::sync::Arc;

use kernel_loader::kernel::facts::FileTree;

use crate::check::tree::{OverlayTree, read_all};
use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::layer_reader::Purpose;
use crate::images::open::{Images, OpenImage};
use crate::images::registry::access::Access;
use crate::images::registry::fault::{Fault, FaultKind, NamedBy};
use crate::images::registry::image_config::{KERNEL_LABEL, RELEASE_LABEL, STREAM_LABEL};
use crate::kernel::release::{DriverToolkitRelease, Payload, Role};
use crate::kernel::streams::{
    ReleaseKernels, Stream, kernel_of_folders, name_of_64k, name_without_label,
};
use crate::model::layer::{Content, Node};
use crate::model::target::Arch;

/// Where a release image lists its images.
const IMAGE_REFERENCES: &str = "release-manifests/image-references";
/// Where a driver-toolkit image lists its kernels.
const DRIVER_TOOLKIT_RELEASE: &str = "etc/driver-toolkit-release.json";
/// Where a machine-os image has its kernel.
const OS_MODULES: &str = "usr/lib/modules";

/// Resolves images to kernels.
#[derive(Debug, Clone)]
pub(crate) struct Resolver<'a> {
    /// Where images are read.
    pub images: &'a Arc<Images>,
    /// How.
    pub access: &'a Access,
    /// Look for kernels with pages of 64 KiB, which takes the whole driver-toolkit image.
    pub with_64k: bool,
}

/// What an image turned out to be.
enum Kind {
    Release(Payload),
    Toolkit(DriverToolkitRelease),
    MachineOs,
}

impl Resolver<'_> {
    /// The kernels of a release, driver-toolkit or machine-os image.
    ///
    /// KMM ≤2.3 looks at the last layer of the release image only; every layer is searched
    /// here, from the top.
    ///
    /// # Errors
    /// Why an image cannot be read, or that it is none of these.
    pub(crate) async fn resolve(
        &self,
        reference: &str,
        arch: Arch,
    ) -> Result<ReleaseKernels, Finding> {
        let image = self.open(reference, arch).await?;
        let mut kernels = ReleaseKernels {
            release_image: None,
            version: None,
            arch,
            streams: Vec::new(),
            notes: Vec::new(),
        };
        match self.kind(reference, &image).await? {
            Kind::Release(payload) => {
                let of_label = image.config.labels.get(RELEASE_LABEL).cloned();
                kernels.release_image = Some(reference.to_owned());
                kernels.version = payload.version.clone().or(of_label);
                self.resolve_payload(&payload, &mut kernels).await?;
            }
            Kind::Toolkit(toolkit) => {
                let stream = self
                    .of_toolkit(reference, "", &image, toolkit, arch)
                    .await?;
                kernels.streams.push(stream);
            }
            Kind::MachineOs => {
                let kernel = self.kernel_in_layers(&image).await?;
                kernels
                    .streams
                    .push(of_machine_os(reference, "", &image, kernel));
            }
        }
        Ok(kernels)
    }

    /// The machine-os images that a release lists.
    ///
    /// # Errors
    /// Why the release cannot be read.
    pub(crate) async fn os_images(
        &self,
        reference: &str,
        arch: Arch,
    ) -> Result<Vec<String>, Finding> {
        let image = self.open(reference, arch).await?;
        match self.kind(reference, &image).await? {
            Kind::Release(payload) => Ok(payload
                .images
                .into_iter()
                .filter(|image| image.role == Role::MachineOs)
                .map(|image| image.image)
                .collect()),
            Kind::Toolkit(_) | Kind::MachineOs => Ok(Vec::new()),
        }
    }

    async fn open(&self, reference: &str, arch: Arch) -> Result<Arc<OpenImage>, Finding> {
        let image = self.images.open(reference, arch, self.access);
        let named = |finding| NamedBy::Release.hint(finding);
        let image = image.await.map_err(named)?;
        // No shell of such an image runs on a node, so its label is what tells.
        match image.config.other_architecture(arch) {
            None => Ok(image),
            Some(label) => {
                let message = format!("there is no image for {arch}, only for {label}");
                let fault = Fault::new(FaultKind::ArchMissing, message);
                Err(named(fault.into_finding(reference)))
            }
        }
    }

    async fn kind(&self, reference: &str, image: &OpenImage) -> Result<Kind, Finding> {
        if image.config.labels.contains_key(KERNEL_LABEL) {
            return Ok(Kind::MachineOs);
        }
        let paths = [IMAGE_REFERENCES, DRIVER_TOOLKIT_RELEASE];
        match first_of(self.images, image, &paths).await? {
            Some((IMAGE_REFERENCES, bytes)) => {
                let payload = Payload::parse(&bytes).map_err(|message| {
                    Finding::new(
                        Code::KernelFactsMissing,
                        format!("{IMAGE_REFERENCES} of release image {reference}: {message}"),
                    )
                    .with_effect(Effect::Blocks)
                    .hint(
                        "Check the image: `oc adm release info` prints the content of a \
                        release image.",
                    )
                })?;
                Ok(Kind::Release(payload))
            }
            Some((_, bytes)) => Ok(Kind::Toolkit(parse_release(reference, &bytes)?)),
            None => {
                let overlay = read_all(self.images, image).await?;
                match OverlayTree(&overlay).list(OS_MODULES).is_empty() {
                    false => Ok(Kind::MachineOs),
                    true => Err(not_about_kernels(reference)),
                }
            }
        }
    }

    async fn of_toolkit(
        &self,
        reference: &str,
        suffix: &str,
        image: &OpenImage,
        toolkit: DriverToolkitRelease,
        arch: Arch,
    ) -> Result<Stream, Finding> {
        let of_label = image.config.labels.get(STREAM_LABEL).cloned();
        let kernel = Some(toolkit.kernel_version.as_str());
        let name = of_label.or_else(|| name_without_label(&toolkit.rhel_version, suffix, kernel));
        let has_64k = match self.with_64k && arch == Arch::Arm64 {
            true => {
                let overlay = read_all(self.images, image).await?;
                let kernel = name_of_64k(&toolkit.kernel_version);
                let tree = OverlayTree(&overlay);
                ["usr/src/kernels", "lib/modules", "usr/lib/modules"]
                    .iter()
                    .any(|folder| !tree.list(&format!("{folder}/{kernel}")).is_empty())
            }
            false => false,
        };
        Ok(Stream {
            name,
            dtk_image: Some(reference.to_owned()),
            toolkit: Some(toolkit),
            has_64k,
            os_image: None,
            os_kernel: None,
        })
    }

    /// The kernel of a machine-os image as its layers leave it. Its label may be inherited
    /// from the image that it was built on.
    async fn kernel_in_layers(&self, image: &OpenImage) -> Result<String, Finding> {
        let overlay = read_all(self.images, image).await?;
        let tree = OverlayTree(&overlay);
        let folders = tree.list(OS_MODULES);
        let has_vmlinuz = |folder: &str| tree.is_file(&format!("{OS_MODULES}/{folder}/vmlinuz"));
        kernel_of_folders(folders.iter().map(String::as_str), has_vmlinuz).map_err(|several| {
            let message = match several.as_slice() {
                [] => format!(
                    "image {} has no /{OS_MODULES}/KERNEL/vmlinuz",
                    image.reference
                ),
                several => format!(
                    "image {} has several kernels: {}",
                    image.reference,
                    several.join(", ")
                ),
            };
            Finding::new(Code::KernelFactsMissing, message)
                .with_effect(Effect::Blocks)
                .hint("Pass --kernel-version.")
        })
    }
}

fn of_machine_os(reference: &str, suffix: &str, image: &OpenImage, kernel: String) -> Stream {
    let of_label = image.config.labels.get(STREAM_LABEL).cloned();
    Stream {
        name: of_label.or_else(|| name_without_label("", suffix, Some(&kernel))),
        os_image: Some(reference.to_owned()),
        os_kernel: Some(kernel),
        ..Stream::default()
    }
}

fn parse_release(reference: &str, bytes: &[u8]) -> Result<DriverToolkitRelease, Finding> {
    DriverToolkitRelease::parse(bytes).map_err(|message| {
        Finding::new(
            Code::KernelFactsMissing,
            format!("{DRIVER_TOOLKIT_RELEASE} of {reference}: {message}"),
        )
        .with_effect(Effect::Blocks)
        .hint("Pass --kernel-version.")
    })
}

fn not_about_kernels(reference: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!(
            "{reference} is not a release, driver-toolkit or machine-os image: it has no \
            /{IMAGE_REFERENCES}, /{DRIVER_TOOLKIT_RELEASE} or /{OS_MODULES}"
        ),
    )
    .with_effect(Effect::Blocks)
    .hint(
        "`oc adm release info --image-for=driver-toolkit RELEASE` prints the driver-toolkit \
        image of a release.",
    )
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
