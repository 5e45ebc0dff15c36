//! What `kernel` shows: the kernels of a release.

use serde_json::{Value, json};
use tabled::builder::Builder;

use crate::model::printable::printable_line;
use crate::model::target::Arch;
use crate::report::answer::Answer;
use crate::report::data::API_VERSION;
use crate::report::screen::Screen;
use crate::report::table::borderless;

/// The kernels of a release or driver-toolkit image for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseKernel {
    /// The release image, where the driver-toolkit image was found through one.
    pub release_image: Option<String>,
    /// The driver-toolkit image.
    pub dtk_image: String,
    /// The architecture.
    pub arch: Arch,
    /// `KERNEL_VERSION`
    pub kernel_version: String,
    /// `RT_KERNEL_VERSION`, where the release has a real-time kernel.
    pub rt_kernel_version: Option<String>,
    /// `RHEL_VERSION`
    pub rhel_version: String,
}

/// The kernels of an image, for every architecture that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernels(pub Vec<ReleaseKernel>);

impl Answer for Kernels {
    fn text(&self, _: &Screen, wide: bool) -> String {
        table(&self.0, wide)
    }

    fn document(&self) -> Value {
        document(&self.0)
    }

    fn names(&self) -> Option<Vec<String>> {
        let versions = self.0.iter().map(|kernel| kernel.kernel_version.clone());
        Some(versions.collect())
    }
}

/// The table: one row per architecture; `wide` adds the images.
fn table(kernels: &[ReleaseKernel], wide: bool) -> String {
    let mut builder = Builder::default();
    let mut header = vec![
        "ARCH",
        "KERNEL_VERSION",
        "RT_KERNEL_VERSION",
        "RHEL_VERSION",
    ];
    if wide {
        header.extend(["DTK_IMAGE", "RELEASE_IMAGE"]);
    }
    builder.push_record(header);
    for kernel in kernels {
        let mut row = vec![
            kernel.arch.as_str(),
            &kernel.kernel_version,
            kernel.rt_kernel_version.as_deref().unwrap_or("-"),
            match &*kernel.rhel_version {
                "" => "-",
                version => version,
            },
        ];
        if wide {
            row.push(&kernel.dtk_image);
            row.push(kernel.release_image.as_deref().unwrap_or("-"));
        }
        builder.push_record(row.into_iter().map(printable_line));
    }
    let text = borderless(builder, 2);
    if wide {
        return text;
    }
    let mut images: Vec<&str> = kernels.iter().map(|kernel| &*kernel.dtk_image).collect();
    images.dedup();
    let images: String = images
        .iter()
        .map(|image| format!("driver-toolkit image: {}\n", printable_line(image)))
        .collect();
    format!("{text}\n{images}")
}

/// The versioned document of `-o json` and `-o yaml`.
fn document(kernels: &[ReleaseKernel]) -> Value {
    let kernels: Vec<Value> = kernels
        .iter()
        .map(|kernel| {
            json!({
                "arch": kernel.arch.as_str(),
                "dtkImage": kernel.dtk_image,
                "kernelVersion": kernel.kernel_version,
                "rtKernelVersion": kernel.rt_kernel_version,
                "rhelVersion": kernel.rhel_version,
                "releaseImage": kernel.release_image,
            })
        })
        .collect();
    json!({"apiVersion": API_VERSION, "kind": "Kernels", "kernels": kernels})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels() -> Vec<ReleaseKernel> {
        vec![ReleaseKernel {
            release_image: Some("registry.example/release:4.18".into()),
            dtk_image: "registry.example/dtk@sha256:1".into(),
            arch: Arch::Amd64,
            kernel_version: "5.14.0-1.el9.x86_64".into(),
            rt_kernel_version: None,
            rhel_version: "9.4".into(),
        }]
    }

    #[test]
    fn the_table_names_kernels_and_images() {
        assert_eq!(
            table(&kernels(), false),
            "ARCH   KERNEL_VERSION       RT_KERNEL_VERSION  RHEL_VERSION\n\
             amd64  5.14.0-1.el9.x86_64  -                  9.4\n\n\
             driver-toolkit image: registry.example/dtk@sha256:1\n"
        );
        assert!(table(&kernels(), true).contains("registry.example/release:4.18"));
        let mut unnamed = kernels();
        unnamed[0].rhel_version.clear();
        let shown = table(&unnamed, false);
        assert_eq!(
            shown.lines().nth(1).map(|row| row.ends_with(" -")),
            Some(true)
        );
    }

    #[test]
    fn the_document_has_every_field() {
        let document = document(&kernels());
        assert_eq!(document["kind"], "Kernels");
        assert_eq!(
            document["kernels"][0]["kernelVersion"],
            "5.14.0-1.el9.x86_64"
        );
        assert!(document["kernels"][0]["rtKernelVersion"].is_null());
    }
}
