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
use crate::report::kernel::{Kernels, ReleaseKernel};
use crate::report::{self, Screen};

/// Resolves an image to its kernels, for every architecture that was asked for.
///
/// # Errors
/// An image cannot be read or is neither kind, or the format is for reports.
pub async fn run(
    reference: &str,
    archs: &[Arch],
    format: Format,
    screen: &Screen,
    images: &Arc<Images>,
    access: &Access,
) -> Result<Done, Error> {
    let mut kernels = Vec::with_capacity(archs.len());
    for arch in archs {
        let resolved = targets::resolve(images, reference, *arch, access)
            .await
            .map_err(as_error)?;
        kernels.push(shown(resolved));
    }
    Ok(Done {
        stdout: report::print(&Kernels(kernels), format, screen)?,
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
