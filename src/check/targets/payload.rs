//! The images of a release that tell about kernels, put together by stream.

use futures::future::{join, join_all};

use crate::check::targets::{
    DRIVER_TOOLKIT_RELEASE, Resolver, first_of, not_about_kernels, of_machine_os, parse_release,
};
use crate::findings::finding::Finding;
use crate::images::registry::image_config::KERNEL_LABEL;
use crate::kernel::release::{Payload, PayloadImage, Role, is_kernel_release};
use crate::kernel::streams::{Part, ReleaseKernels, Stream, name_without_label, pair};
use crate::model::target::Arch;

impl Resolver<'_> {
    /// Reads the images of a payload side by side. One that cannot be read is told, unless
    /// nothing is left.
    pub(super) async fn resolve_payload(
        &self,
        payload: &Payload,
        kernels: &mut ReleaseKernels,
    ) -> Result<(), Finding> {
        let arch = kernels.arch;
        let of_role = |role| {
            payload
                .images
                .iter()
                .filter(move |image| image.role == role)
        };
        let toolkits = of_role(Role::Toolkit).map(|image| self.toolkit_of_payload(image, arch));
        let machines = of_role(Role::MachineOs).map(|image| self.os_of_payload(image, arch));
        let (toolkits, machines) = join(join_all(toolkits), join_all(machines)).await;
        let mut faults = Vec::new();
        let mut told = |parts: Vec<(Part, Option<Finding>)>| -> Vec<Part> {
            let parts = parts.into_iter().map(|(part, fault)| {
                faults.extend(fault);
                part
            });
            parts.collect()
        };
        let (toolkits, machines) = (told(toolkits), told(machines));
        kernels.streams = pair(toolkits, machines);
        let has_kernel = kernels.streams.iter().any(|s| s.standard().is_some());
        if !has_kernel && !faults.is_empty() {
            let title = kernels.title();
            let mut fault = faults.swap_remove(0);
            fault.message = format!("{} of {title}", fault.message);
            return Err(fault);
        }
        kernels
            .notes
            .extend(faults.into_iter().map(|fault| fault.message));
        for stream in kernels.streams.iter().filter(|stream| stream.differs()) {
            kernels.notes.push(format!(
                "Machine-os image {} has kernel {}, driver-toolkit image {} has {}; the \
                 machine-os image's kernel is checked, because nodes run it.",
                stream.os_image.as_deref().unwrap_or_default(),
                stream.standard().unwrap_or_default(),
                stream.dtk_image.as_deref().unwrap_or_default(),
                stream
                    .toolkit
                    .as_ref()
                    .map_or("", |toolkit| toolkit.kernel_version.as_str()),
            ));
        }
        Ok(())
    }

    async fn toolkit_of_payload(
        &self,
        listed: &PayloadImage,
        arch: Arch,
    ) -> (Part, Option<Finding>) {
        let read = async {
            let image = self.open(&listed.image, arch).await?;
            let paths = [DRIVER_TOOLKIT_RELEASE];
            let toolkit = match first_of(self.images, &image, &paths).await? {
                Some((_, bytes)) => parse_release(&listed.image, &bytes)?,
                None => return Err(not_about_kernels(&listed.image)),
            };
            self.of_toolkit(&listed.image, listed.suffix(), &image, toolkit, arch)
                .await
        };
        let (stream, fault) = match read.await {
            Ok(stream) => (stream, None),
            Err(finding) => {
                let stream = Stream {
                    name: name_without_label("", listed.suffix(), None),
                    dtk_image: Some(listed.image.clone()),
                    ..Stream::default()
                };
                (
                    stream,
                    Some(about("driver-toolkit", &listed.image, finding)),
                )
            }
        };
        let suffix = listed.suffix().to_owned();
        (Part { suffix, stream }, fault)
    }

    async fn os_of_payload(&self, listed: &PayloadImage, arch: Arch) -> (Part, Option<Finding>) {
        let read = async {
            let image = self.open(&listed.image, arch).await?;
            let of_label = image.config.labels.get(KERNEL_LABEL);
            let kernel = match of_label.filter(|kernel| is_kernel_release(kernel)) {
                // Nobody has built on an image of the payload.
                Some(kernel) => kernel.clone(),
                None => self.kernel_in_layers(&image).await?,
            };
            Ok(of_machine_os(
                &listed.image,
                listed.suffix(),
                &image,
                kernel,
            ))
        };
        let (stream, fault) = match read.await {
            Ok(stream) => (stream, None),
            Err(finding) => {
                let stream = Stream {
                    name: name_without_label("", listed.suffix(), None),
                    os_image: Some(listed.image.clone()),
                    ..Stream::default()
                };
                (stream, Some(about("machine-os", &listed.image, finding)))
            }
        };
        let suffix = listed.suffix().to_owned();
        (Part { suffix, stream }, fault)
    }
}

fn about(role: &str, reference: &str, finding: Finding) -> Finding {
    let prefix = format!("image {reference}: ");
    let reason = finding.message.strip_prefix(&prefix);
    let message = format!(
        "{role} image {reference}: {}",
        reason.unwrap_or(&finding.message)
    );
    Finding { message, ..finding }
}
