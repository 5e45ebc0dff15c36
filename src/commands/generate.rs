//! `generate`: the preflight CR for a KMM release.

use serde_json::Value;

use crate::cli::cluster::GenerateArgs;
use crate::cli::output::Format;
use crate::cluster::api::client::connect;
use crate::cluster::kmm::generation::Kmm;
use crate::commands::Done;
use crate::error::Error;
use crate::input::yaml;
use crate::session::requested::Asked;

/// Prints the CR for the cluster's KMM, or for that of `--kmm-version`.
///
/// # Errors
/// A contradictory or incomplete target, or a cluster or image that cannot be asked.
pub async fn run(args: &GenerateArgs, format: Format) -> Result<Done, Error> {
    let asked = Asked::from(args);
    let (kmm, cluster) = match &args.kmm_version {
        Some(version) => {
            let kmm = Kmm::of_version(version).map_err(|message| Error::Usage {
                message,
                hint: "leave --kmm-version out to ask the cluster".to_owned(),
            })?;
            (kmm, None)
        }
        None => {
            let cluster = connect(&args.connection)?;
            (cluster.kmm().await?, Some(cluster))
        }
    };
    let (wish, mut warnings) = asked.wish(kmm, cluster.as_ref()).await?;
    let desired = wish.desired(kmm, args.name.as_deref())?;
    if let Some(cluster) = &cluster {
        warnings.extend(cluster.take_warnings());
    }
    let mut done = Done {
        stdout: print(&desired.object(), format)?,
        ..Done::default()
    };
    done.warn(&warnings);
    Ok(done)
}

/// A CR in the format of `-o`; YAML where nothing was chosen.
///
/// # Errors
/// The format describes modules, which a CR to create has none of.
pub fn print(object: &Value, format: Format) -> Result<String, Error> {
    match format {
        Format::Table | Format::Wide | Format::Yaml => {
            Ok(yaml::to_string(object).unwrap_or_default())
        }
        Format::Json => Ok(format!("{object:#}\n")),
        Format::Name => Ok(format!(
            "{}.kmm.sigs.x-k8s.io/{}\n",
            object["kind"].as_str().unwrap_or_default().to_lowercase(),
            object["metadata"]["name"].as_str().unwrap_or_default()
        )),
        Format::Junit | Format::Sarif | Format::Github => Err(Error::Usage {
            message: "a CR to create has no findings for this output format".to_owned(),
            hint: "use -o yaml, json or name".to_owned(),
        }),
    }
}
