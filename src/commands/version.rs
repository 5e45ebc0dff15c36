//! `version`.

use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::Error;

/// The version of this program, as text or as data.
///
/// # Errors
/// A format that describes modules, which a version has none of.
pub fn run(format: Format) -> Result<Done, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let stdout = match format {
        Format::Table | Format::Wide => format!("client: {version}\n"),
        Format::Name => format!("{version}\n"),
        Format::Json => format!("{:#}\n", serde_json::json!({"clientVersion": version})),
        Format::Yaml => format!("clientVersion: {version}\n"),
        Format::Junit | Format::Sarif | Format::Github => {
            return Err(Error::Usage {
                message: "`version` has no findings for this output format".to_owned(),
                hint: "use -o table, json, yaml or name".to_owned(),
            });
        }
    };
    Ok(Done {
        stdout,
        ..Done::default()
    })
}
