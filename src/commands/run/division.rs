//! The division of a Job's Modules among its pods: one of them reads every manifest for it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::run::RunArgs;
use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::resource::CONFIG_MAP;
use crate::in_cluster::division::{Division, Seen};
use crate::in_cluster::merge::Planned;
use crate::in_cluster::reports::Job;
use crate::in_cluster::shards::Shard;
use crate::kmm::module::ModuleKey;
use crate::session::shard;

/// How often a pod looks whether the Modules are divided.
const POLL: Duration = Duration::from_millis(500);
/// How long it waits for that: all images of the run are looked at, or the pod that does so is
/// lost. It divides them by itself afterwards, which gives the same unless images change.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a pod comes to know which Modules it checks.
pub(super) enum Start<'a> {
    /// Another pod has divided them.
    Divided(Vec<Planned>),
    /// It divides them by itself; for the other pods of its Job, too, where it is the first.
    Divide(Option<(&'a Cluster, Division<'a>)>),
}

/// Waits until the first pod of a Job has divided its Modules, unless this is the first one.
pub(super) async fn start<'a>(
    args: &'a RunArgs,
    cluster: Option<&'a Cluster>,
    part: Shard,
    job: Option<&'a Job>,
) -> Start<'a> {
    let run = args.shard.report_configmap.as_deref();
    let (Some(cluster), Some(run), Some(job), 2..) = (cluster, run, job, part.count.get()) else {
        return Start::Divide(None);
    };
    let division = Division {
        run,
        namespace: cluster.default_namespace(),
        job,
        shard: part.index,
    };
    match claim(cluster, &division).await {
        Ok(()) => Start::Divide(Some((cluster, division))),
        Err(fault) if fault.is_existing() => match wait(cluster, &division).await {
            Seen::Divided(of_run) => Start::Divided(of_run),
            Seen::ByThisShard => Start::Divide(Some((cluster, division))),
            Seen::ByAnother | Seen::Useless => Start::Divide(None),
        },
        Err(fault) => {
            tracing::warn!("cannot use the shared work plan, so this shard computes it: {fault}");
            Start::Divide(None)
        }
    }
}

impl Start<'_> {
    /// The Modules that this pod checks, where it knows them without reading the others.
    pub(super) fn own(&self, part: Option<Shard>) -> Option<HashSet<ModuleKey>> {
        match self {
            Self::Divided(of_run) => part.map(|part| shard::own(of_run, part)),
            Self::Divide(_) => None,
        }
    }

    /// The Modules of the run with their shards; `divide` reads every manifest.
    pub(super) async fn of_run(self, divide: impl Future<Output = Vec<Planned>>) -> Vec<Planned> {
        let first = match self {
            Self::Divided(of_run) => return of_run,
            Self::Divide(first) => first,
        };
        let of_run = divide.await;
        if let Some((cluster, division)) = first {
            write(cluster, &division, &division.config_map(Some(&of_run))).await;
        }
        of_run
    }

    /// Lets the other pods divide the Modules by themselves.
    pub(super) async fn give_up(self) {
        if let Self::Divide(Some((cluster, division))) = self {
            write(cluster, &division, &division.given_up()).await;
        }
    }
}

async fn write(cluster: &Cluster, division: &Division<'_>, map: &Value) {
    let name = division.name();
    let kept = cluster.replace_in(CONFIG_MAP, division.namespace, &name, map);
    if let Err(fault) = kept.await {
        tracing::warn!("cannot share the work plan, so every shard computes it: {fault}");
    }
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
