//! `inspect IMAGE`: the kernel modules of an image.

use crate::check::inspect::{as_error, inspect};
use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::{EXIT_NOTHING, EXIT_VERIFIED, Error};
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::model::target::Arch;
use crate::report::Screen;

/// Lists the kernel modules of an image.
///
/// # Errors
/// The image cannot be read, or the format describes findings, which there are none of.
pub async fn run(
    reference: &str,
    arch: Arch,
    format: Format,
    screen: &Screen,
    images: &Images,
    access: &Access,
    to_yaml: impl Fn(&serde_json::Value) -> String,
) -> Result<Done, Error> {
    if matches!(format, Format::Junit | Format::Sarif | Format::Github) {
        return Err(Error::Usage {
            message: "`inspect` has no findings for this output format".to_owned(),
            hint: "use -o table, wide, json, yaml or name".to_owned(),
        });
    }
    let inspection = inspect(images, reference, arch, access)
        .await
        .map_err(as_error)?;
    let empty = inspection.modules.is_empty();
    let stdout = match format {
        Format::Json => format!("{:#}\n", inspection.document()),
        Format::Yaml => to_yaml(&inspection.document()),
        Format::Name => inspection.names(),
        _ if empty => String::new(),
        Format::Wide => inspection.table(true),
        _ => inspection.text(screen),
    };
    Ok(Done {
        stdout,
        stderr: if empty {
            format!("no kernel module in {reference} ({arch})\n")
        } else {
            String::new()
        },
        exit_code: if empty { EXIT_NOTHING } else { EXIT_VERIFIED },
    })
}
