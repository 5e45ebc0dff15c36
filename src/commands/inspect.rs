//! `inspect IMAGE`: the kernel modules of an image.

use crate::check::inspect::{as_error, inspect};
use crate::cli::image::InspectArgs;
use crate::console::output::Done;
use crate::error::{EXIT_NOTHING, EXIT_VERIFIED, Error};
use crate::report::{self, Format, Screen};
use crate::session::arch;
use crate::session::open::Session;

/// Lists the kernel modules of an image.
///
/// # Errors
/// The image cannot be read, or the format is for reports.
pub(crate) async fn run(
    args: &InspectArgs,
    format: Format,
    screen: &Screen,
) -> Result<Done, Error> {
    let reference = args.image.as_str();
    let session = Session::of_image(reference, &args.registry, &args.connection).await?;
    let (images, access) = (&session.images, session.objects.access_of_release().await);
    let archs = arch::of_image(args.arch.as_slice(), reference, images, &access).await;
    let arch = archs.map_err(as_error)?[0];
    let inspection = inspect(images, reference, arch, &access)
        .await
        .map_err(as_error)?;
    let empty = inspection.modules.is_empty();
    let mut done = Done {
        stdout: report::print(&inspection, format, screen)?,
        stderr: String::new(),
        exit_code: if empty { EXIT_NOTHING } else { EXIT_VERIFIED },
    };
    done.note(&session.notes);
    if empty {
        let message = format!("No kernel module in {reference} ({arch}).\n");
        done.stderr.push_str(&message);
    }
    Ok(done)
}
