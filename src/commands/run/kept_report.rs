//! The report of a run in the cluster, kept as a ConfigMap.

use jiff::Timestamp;

use crate::cli::run::RunArgs;
use crate::cluster::api::resource::CONFIG_MAP;
use crate::cluster::{Cluster, connect};
use crate::console::output::Console;
use crate::error::Error;
use crate::findings::accept;
use crate::in_cluster::manifests::{JOB_NAME_VARIABLE, JOB_UID_VARIABLE};
use crate::in_cluster::merge::Planned;
use crate::in_cluster::reports::{Job, ReportKey};
use crate::in_cluster::shards::Shard;
use crate::model::report::Report;

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
    plan: &[Planned],
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
    let job = job_of_pod();
    let mut report = report.clone();
    accept::apply(console.accepts, &mut report);
    let key = ReportKey {
        run,
        namespace: cluster.default_namespace(),
        shard: part.unwrap_or(Shard::WHOLE),
        job: job.as_ref(),
    };
    let map = key.config_map(&report, plan, Timestamp::now());
    cluster
        .replace_in(CONFIG_MAP, key.namespace, &key.name(), &map)
        .await
        .map_err(|fault| fault.into_error("keeping the report as a ConfigMap", "in-cluster"))
}

/// The Job of this pod, by the variables that its manifest has.
pub(super) fn job_of_pod() -> Option<Job> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = variable(JOB_NAME_VARIABLE)?;
    variable(JOB_UID_VARIABLE).map(|uid| Job { name, uid })
}
