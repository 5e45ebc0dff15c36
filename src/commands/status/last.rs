//! `status --last`: the report that the last validation in the cluster left.

use k8s_openapi::api::core::v1::ConfigMap;

use crate::cli::cluster::StatusArgs;
use crate::cli::in_cluster::NAMESPACE;
use crate::cluster::Cluster;
use crate::cluster::api::resource::CONFIG_MAP;
use crate::console::output::{Console, Done};
use crate::error::{Error, exit_code_of};
use crate::in_cluster::manifests::RUN_LABEL;
use crate::in_cluster::merge;
use crate::in_cluster::reports::{self, Kept, SHARD_LABEL};

/// The manifest with the rights of this command.
const MANIFEST: &str = "in-cluster";

/// Prints the newest report in the namespace, or the newest of one run.
///
/// # Errors
/// No report, or the API server cannot be asked.
pub(super) async fn run(
    args: &StatusArgs,
    cluster: &Cluster,
    console: &Console<'_>,
) -> Result<Done, Error> {
    let namespace = args.job_namespace.as_deref().unwrap_or(NAMESPACE);
    let selector = match &args.name {
        Some(name) => format!("{SHARD_LABEL},{RUN_LABEL}={name}"),
        None => SHARD_LABEL.to_owned(),
    };
    let maps: Vec<ConfigMap> = cluster
        .list(CONFIG_MAP, Some(namespace), Some(&selector))
        .await
        .map_err(|fault| fault.into_error("reading the kept reports", MANIFEST))?;
    let mut warnings = Vec::new();
    let mut all: Vec<(String, Kept)> = Vec::new();
    for map in &maps {
        let labels = map.metadata.labels.as_ref();
        let run = labels.and_then(|labels| labels.get(RUN_LABEL).cloned());
        match reports::kept(map) {
            Ok(kept) => all.push((run.unwrap_or_default(), kept)),
            Err(why) => warnings.push(format!(
                "ConfigMap {namespace}/{}: not a report: {why}",
                map.metadata.name.as_deref().unwrap_or_default()
            )),
        }
    }
    let newest = all.iter().max_by_key(|(_, kept)| kept.finished).cloned();
    let Some((run, newest)) = newest else {
        return Err(Error::Nothing {
            message: format!("no report of a validation in the cluster in namespace {namespace}"),
            hint: "Pass --job-namespace, or make a CronJob with `kubectl kmm preflight generate \
                   --cronjob '0 3 * * *' --to all`."
                .to_owned(),
        });
    };
    let (own, older): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|(other, _)| *other == run)
        .map(|(_, kept)| kept)
        .partition(|kept| kept.job == newest.job);
    let (mut report, without) = merge::of_last_job(&own, &older, newest.shard.count);
    if let Some(namespace) = &args.namespace {
        report.modules.retain(|row| row.namespace == *namespace);
    }
    warnings.extend(without.into_values().map(|finding| finding.message));
    warnings.extend(cluster.take_warnings());
    report.finished_at = own.iter().map(|kept| kept.finished).min();
    report.footer = Some(format!(
        "Checked by {run} in namespace {namespace} until {}",
        newest.finished.strftime("%Y-%m-%d %H:%M UTC")
    ));
    Ok(console.done(report, &warnings, |report| exit_code_of(report.verdict())))
}
