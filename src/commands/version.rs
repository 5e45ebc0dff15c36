//! `version`.

use std::time::Duration;

use crate::cli::connection::ConnectionArgs;
use crate::cli::output::Format;
use crate::cluster::connect;
use crate::commands::{Done, as_yaml};
use crate::error::Error;

/// How long the cluster may take to say which KMM it runs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The version of this program, and the KMM generation of the cluster where it can be reached.
///
/// # Errors
/// A format that describes modules, which a version has none of.
pub async fn run(args: &ConnectionArgs, format: Format) -> Result<Done, Error> {
    if matches!(format, Format::Junit | Format::Sarif | Format::Github) {
        return Err(Error::Usage {
            message: "`version` has no findings for this output format".to_owned(),
            hint: "use -o table, json, yaml or name".to_owned(),
        });
    }
    let version = env!("CARGO_PKG_VERSION");
    let (kmm, remark) = kmm(args).await;
    let document = serde_json::json!({"clientVersion": version, "kmm": kmm});
    let stdout = match format {
        Format::Json => format!("{document:#}\n"),
        Format::Yaml => as_yaml(&document),
        Format::Name => format!("{version}\n"),
        _ => match kmm {
            Some(kmm) => format!("client: {version}\ncluster: {kmm}\n"),
            None => format!("client: {version}\n"),
        },
    };
    Ok(Done {
        stdout,
        stderr: remark,
        exit_code: 0,
    })
}

/// The cluster's KMM, and why it is not known. Without a kubeconfig there is no cluster, and
/// nothing to remark.
async fn kmm(args: &ConnectionArgs) -> (Option<String>, String) {
    let Ok(cluster) = connect(args) else {
        return (None, String::new());
    };
    match tokio::time::timeout(PATIENCE, cluster.kmm()).await {
        Ok(Ok(kmm)) => (Some(kmm.describe()), String::new()),
        Ok(Err(error)) => (None, format!("note: {error}\n")),
        Err(_) => (
            None,
            format!("note: {} did not answer in time\n", cluster.server()),
        ),
    }
}
