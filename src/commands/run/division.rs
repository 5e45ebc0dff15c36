//! The division of a Job's Modules among its pods: one of them reads every manifest for it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::run::RunArgs;
use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::resource::CONFIG_MAP;
use crate::commands::run::kept_report;
use crate::in_cluster::division::{Division, Seen};
use crate::in_cluster::merge::Planned;
use crate::in_cluster::shards::Shard;

/// How often a pod looks whether the Modules are divided.
const POLL: Duration = Duration::from_millis(500);
/// How long it waits for that: all images of the run are looked at, or the pod that does so is
/// lost. It divides them by itself afterwards, which gives the same unless images change.
const PATIENCE: Duration = Duration::from_secs(180);

/// The Modules of the run with their shards. In a Job the first pod divides them, and the others
/// wait; `divide` reads the manifests.
pub(super) async fn of_run(
    args: &RunArgs,
    cluster: Option<&Cluster>,
    part: Shard,
    divide: impl Future<Output = Vec<Planned>>,
) -> Vec<Planned> {
    let job = kept_report::job_of_pod();
    let run = args.shard.report_configmap.as_deref();
    let (Some(cluster), Some(run), Some(job), 2..) = (cluster, run, &job, part.count.get()) else {
        return divide.await;
    };
    let division = Division {
        run,
        namespace: cluster.default_namespace(),
        job,
        shard: part.index,
    };
    match claim(cluster, &division).await {
        Ok(()) => {}
        Err(fault) if fault.is_existing() => match wait(cluster, &division).await {
            Seen::Divided(plan) => return plan,
            Seen::ByThisShard => {}
            Seen::ByAnother | Seen::Useless => return divide.await,
        },
        Err(fault) => {
            tracing::warn!("cannot use the shared work plan, so this shard computes it: {fault}");
            return divide.await;
        }
    }
    let plan = divide.await;
    let map = division.config_map(Some(&plan));
    let kept = cluster
        .replace_in(CONFIG_MAP, division.namespace, &division.name(), &map)
        .await;
    if let Err(fault) = kept {
        tracing::warn!("cannot share the work plan, so every shard computes it: {fault}");
    }
    plan
}

/// Makes this pod the one that divides, unless another one was first.
async fn claim(cluster: &Cluster, division: &Division<'_>) -> Result<(), Fault> {
    let map = division.config_map(None);
    let namespace = Some(division.namespace);
    let created = cluster.create::<Value>(CONFIG_MAP, namespace, &map, false);
    created.await.map(drop)
}

/// What the ConfigMap says once nobody is at it, or at the end of the patience.
async fn wait(cluster: &Cluster, division: &Division<'_>) -> Seen {
    let (start, name) = (Instant::now(), division.name());
    loop {
        let seen = match cluster.config_map(division.namespace, &name).await {
            Ok(map) => division.read(&map),
            Err(fault) if fault.is_transient() => Seen::ByAnother,
            Err(_) => Seen::Useless,
        };
        if seen != Seen::ByAnother || start.elapsed() > PATIENCE {
            return seen;
        }
        tokio::time::sleep(POLL).await;
    }
}
