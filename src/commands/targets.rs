//! `targets`: the kernels that a run with the same target flags would check.

use std::sync::Arc;

use crate::cli::TargetsArgs;
use crate::cluster::{Cluster, connect};
use crate::console::output::Done;
use crate::error::{EXIT_UNDECIDED, EXIT_VERIFIED, Error};
use crate::input::Inputs;
use crate::report::targets::Targets;
use crate::report::{self, Format, Screen};
use crate::session::open::Session;
use crate::session::request::Request;

/// Finds the kernels and prints them.
///
/// # Errors
/// Nothing names a kernel, an image or a cluster cannot be read, or the format describes
/// findings.
pub(crate) async fn run(
    args: &TargetsArgs,
    format: Format,
    screen: &Screen,
) -> Result<Done, Error> {
    let mut notes = Vec::new();
    let cluster = cluster(args).await?;
    let (session, cluster) = open(args, cluster, &mut notes).await?;
    let access = session.objects.access_of_release().await;
    let request = Request {
        args: &args.target,
        preflights: &[],
        cluster: cluster.as_deref(),
        images: &session.images,
        access: &access,
    };
    let found = request.find().await?;
    let stdout = report::print(&Targets(found.targets), format, screen)?;
    let mut done = Done {
        stdout,
        stderr: String::new(),
        exit_code: match found.unserved.is_empty() {
            true => EXIT_VERIFIED,
            false => EXIT_UNDECIDED,
        },
    };
    for note in [notes, session.notes, found.notes].concat() {
        done.stderr.push_str(&format!("note: {note}\n"));
    }
    let unserved: Vec<String> = found.unserved.iter().map(ToString::to_string).collect();
    done.warn(&unserved);
    Ok(done)
}

/// The cluster, unless the flags name kernels or releases and no cluster is configured.
async fn cluster(args: &TargetsArgs) -> Result<Option<Arc<Cluster>>, Error> {
    let target = &args.target;
    let is_needed = target.asks_the_cluster() || args.connection.names_a_cluster();
    let names_kernels = !target.kernel_version.is_empty()
        || target.dtk_image.is_some()
        || target.os_image.is_some();
    if names_kernels && !is_needed {
        return Ok(None);
    }
    match connect(&args.connection).await {
        Ok(cluster) => Ok(Some(Arc::new(cluster))),
        Err(error) if is_needed || target.release_image.is_empty() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Opens the session. A cluster that only happens to be configured and cannot be asked leaves
/// the release's own kernels.
async fn open(
    args: &TargetsArgs,
    cluster: Option<Arc<Cluster>>,
    notes: &mut Vec<String>,
) -> Result<(Session, Option<Arc<Cluster>>), Error> {
    let is_needed = args.target.asks_the_cluster() || args.connection.names_a_cluster();
    let mut inputs = Inputs::default();
    match Session::as_nodes(&args.registry, &mut inputs, cluster.clone()).await {
        Ok(session) => Ok((session, cluster)),
        Err(error @ Error::Cluster { .. }) if !is_needed => {
            notes.push(format!("The cluster's pools were not read: {error}"));
            let session = Session::new(&args.registry, &mut Inputs::default(), None).await?;
            Ok((session, None))
        }
        Err(error) => Err(error),
    }
}
