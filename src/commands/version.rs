//! `version`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::connection::ConnectionArgs;
use crate::cluster::connect;
use crate::console::output::Done;
use crate::error::{Error, message};
use crate::model::printable::printable_line;
use crate::report::answer::Answer;
use crate::report::{self, Format, Screen};

/// How long the cluster may take to say which KMM it runs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The version of this program, and the KMM generation of the cluster where it can be reached.
///
/// # Errors
/// A format for reports.
pub(crate) async fn run(
    args: &ConnectionArgs,
    format: Format,
    screen: &Screen,
) -> Result<Done, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let (kmm, remark) = kmm(args).await;
    let version = Version { version, kmm };
    Ok(Done {
        stdout: report::print(&version, format, screen)?,
        stderr: remark,
        exit_code: 0,
    })
}

/// The version of this program and the KMM of the cluster.
struct Version {
    version: &'static str,
    kmm: Option<String>,
}

impl Answer for Version {
    fn text(&self, _: &Screen, _: bool) -> String {
        let version = self.version;
        match &self.kmm {
            Some(kmm) => format!("client: {version}\ncluster: {}\n", printable_line(kmm)),
            None => format!("client: {version}\n"),
        }
    }

    fn document(&self) -> Value {
        json!({"clientVersion": self.version, "kmm": self.kmm})
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(vec![self.version.to_owned()])
    }
}

/// The cluster's KMM, and why it is not known. Without a kubeconfig there is no cluster, and
/// nothing to remark.
async fn kmm(args: &ConnectionArgs) -> (Option<String>, String) {
    let cluster = match connect(args).await {
        Ok(cluster) => cluster,
        Err(Error::Cluster { .. }) => return (None, String::new()),
        Err(error) => return (None, message("note", &error.to_string())),
    };
    match tokio::time::timeout(PATIENCE, cluster.kmm()).await {
        Ok(Ok(kmm)) => (Some(kmm.to_string()), String::new()),
        Ok(Err(error)) => (None, format!("note: {error}\n")),
        Err(_) => (
            None,
            format!("note: {} did not respond in time\n", cluster.server()),
        ),
    }
}
