//! `kernel IMAGE`: the kernels of a release or driver-toolkit image.

use std::sync::Arc;

use crate::check::inspect::as_error;
use crate::check::targets::{self, ResolvedKernel};
use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::{EXIT_VERIFIED, Error};
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::model::target::Arch;
use crate::report::kernel::{ReleaseKernel, document, table};

/// Resolves an image to its kernels, for every architecture that was asked for.
///
/// # Errors
/// An image cannot be read or is neither kind, or the format describes findings, which there
/// are none of.
pub async fn run(
    reference: &str,
    archs: &[Arch],
    format: Format,
    images: &Arc<Images>,
    access: &Access,
    to_yaml: impl Fn(&serde_json::Value) -> String,
) -> Result<Done, Error> {
    if matches!(format, Format::Junit | Format::Sarif | Format::Github) {
        return Err(Error::Usage {
            message: "`kernel` has no findings for this output format".to_owned(),
            hint: "use -o table, wide, json, yaml or name".to_owned(),
        });
    }
    let mut kernels = Vec::with_capacity(archs.len());
    for arch in archs {
        let resolved = targets::resolve(images, reference, *arch, access)
            .await
            .map_err(as_error)?;
        kernels.push(shown(resolved));
    }
    let stdout = match format {
        Format::Json => format!("{:#}\n", document(&kernels)),
        Format::Yaml => to_yaml(&document(&kernels)),
        Format::Name => kernels
            .iter()
            .map(|kernel| format!("{}\n", kernel.kernel_version))
            .collect(),
        Format::Wide => table(&kernels, true),
        _ => table(&kernels, false),
    };
    Ok(Done {
        stdout,
        stderr: String::new(),
        exit_code: EXIT_VERIFIED,
    })
}

fn shown(resolved: ResolvedKernel) -> ReleaseKernel {
    ReleaseKernel {
        release_image: resolved.release_image,
        dtk_image: resolved.dtk_image,
        arch: resolved.arch,
        kernel_version: resolved.release.kernel_version,
        rt_kernel_version: resolved.release.rt_kernel_version,
        rhel_version: resolved.release.rhel_version,
    }
}
