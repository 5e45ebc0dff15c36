//! The report of a run in the cluster, kept as a ConfigMap.

use crate::cli::run::RunArgs;
use crate::cluster::api::resource::CONFIG_MAP;
use crate::cluster::{Cluster, connect};
use crate::console::output::Console;
use crate::error::Error;
use crate::findings::accept;
use crate::in_cluster::manifests::JOB_UID_VARIABLE;
use crate::in_cluster::reports;
use crate::in_cluster::shards::Shard;
use crate::model::report::Report;
use crate::report::data;

/// Keeps the report as a ConfigMap, where `--report-configmap` asks for it.
///
/// # Errors
/// No connection to the cluster, or the API server does not take it.
pub(super) async fn leave(
    args: &RunArgs,
    console: &Console<'_>,
    cluster: Option<&Cluster>,
    part: Option<Shard>,
    report: &Report,
) -> Result<(), Error> {
    let Some(run) = &args.shard.report_configmap else {
        return Ok(());
    };
    let own;
    let cluster = match cluster {
        Some(cluster) => cluster,
        None => {
            own = connect(&args.connection).await?;
            &own
        }
    };
    let shard = part.unwrap_or(Shard::WHOLE);
    let owner = std::env::var(JOB_UID_VARIABLE)
        .ok()
        .filter(|uid| !uid.is_empty())
        .map(|uid| reports::Owner {
            name: run.clone(),
            uid,
        });
    let mut report = report.clone();
    accept::apply(console.accepts, &mut report);
    let text = data::json(&report);
    let namespace = cluster.default_namespace();
    let map = reports::config_map(run, namespace, shard, owner.as_ref(), &text);
    cluster
        .replace_in(CONFIG_MAP, namespace, &reports::name_of(run, shard), &map)
        .await
        .map_err(|fault| fault.into_error("keeping the report as a ConfigMap", "run"))
}
