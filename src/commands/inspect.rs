//! `inspect IMAGE`: the kernel modules of an image.

use crate::check::inspect::{as_error, inspect};
use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::{EXIT_NOTHING, EXIT_VERIFIED, Error};
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::model::target::Arch;
use crate::report::{self, Screen};

/// Lists the kernel modules of an image.
///
/// # Errors
/// The image cannot be read, or the format is for reports.
pub(crate) async fn run(
    reference: &str,
    arch: Arch,
    format: Format,
    screen: &Screen,
    images: &Images,
    access: &Access,
) -> Result<Done, Error> {
    let inspection = inspect(images, reference, arch, access)
        .await
        .map_err(as_error)?;
    let empty = inspection.modules.is_empty();
    Ok(Done {
        stdout: report::print(&inspection, format, screen)?,
        stderr: if empty {
            format!("No kernel module in {reference} ({arch}).\n")
        } else {
            String::new()
        },
        exit_code: if empty { EXIT_NOTHING } else { EXIT_VERIFIED },
    })
}
