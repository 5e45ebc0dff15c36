//! The part of a run that this process checks.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use crate::check::stages::Stages;
use crate::cli::shard::ShardArgs;
use crate::error::Error;
use crate::in_cluster::manifests::{INDEX_VARIABLE, SHARDS_VARIABLE};
use crate::in_cluster::merge::Planned;
use crate::in_cluster::shards::{self, Layers, Shard};
use crate::kmm::early::ModuleKind;
use crate::kmm::planned::Plan;
use crate::model::target::Target;

/// The shard that `--shard` names, else the one that an Indexed Job gives its pod.
///
/// # Errors
/// The Job's variables hold no shard.
pub(crate) fn of_call(args: &ShardArgs) -> Result<Option<Shard>, Error> {
    if args.shard.is_some() {
        return Ok(args.shard);
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(index), Some(count)) = (variable(INDEX_VARIABLE), variable(SHARDS_VARIABLE)) else {
        return Ok(None);
    };
    let shard = format!("{index}/{count}").parse();
    shard.map(Some).map_err(|why| Error::Usage {
        message: format!("{INDEX_VARIABLE}={index} and {SHARDS_VARIABLE}={count}: {why}"),
        hint: format!("Set {SHARDS_VARIABLE} to the completions of the Job."),
    })
}

/// What a shard checks.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Its plans, in the order given.
    pub plans: Vec<Plan>,
    /// The Modules of the whole run, for whoever merges the reports.
    pub of_run: Vec<Planned>,
}

/// The plans of a shard: those of the Modules that it checks.
pub(crate) async fn select(
    plans: Vec<Plan>,
    shard: Shard,
    targets: &[Target],
    stages: &Stages,
    jobs: usize,
) -> Part {
    let mut modules: Vec<Module<'_>> = plans.iter().map(of_module).collect();
    modules.sort_unstable();
    modules.dedup();
    let mut of_modules: Vec<BTreeSet<(usize, (String, u64))>> =
        vec![BTreeSet::new(); modules.len()];
    if shard.count.get() > 1 {
        let layers: Vec<(usize, Layers)> = stream::iter(&plans)
            .map(|plan| {
                let module = modules.binary_search(&of_module(plan)).unwrap_or_default();
                async move { (module, layers_of(plan, stages).await) }
            })
            .buffer_unordered(jobs)
            .collect()
            .await;
        for (module, layers) in layers {
            of_modules[module].extend(layers.into_iter().enumerate());
        }
    }
    let of_modules: Vec<Layers> = of_modules
        .into_iter()
        .map(|layers| layers.into_iter().map(|(_, layer)| layer).collect())
        .collect();
    let assigned = shards::assign(&of_modules, shard.count);
    let mut of_run: Vec<Planned> = modules
        .iter()
        .zip(&assigned)
        .map(|(module, shard)| Planned {
            kind: module.2.as_str().to_owned(),
            namespace: module.0.to_owned(),
            name: module.1.to_owned(),
            shard: *shard,
            targets: Vec::new(),
        })
        .collect();
    let mut own = Vec::new();
    for plan in &plans {
        let module = modules.binary_search(&of_module(plan)).unwrap_or_default();
        let target = targets.iter().position(|target| *target == plan.target);
        of_run[module].targets.extend(target);
        own.push(assigned[module] == shard.index);
    }
    let plans = plans.into_iter().zip(own);
    Part {
        plans: plans
            .filter_map(|(plan, own)| own.then_some(plan))
            .collect(),
        of_run,
    }
}

/// Namespace, name and kind.
type Module<'a> = (&'a str, &'a str, ModuleKind);

fn of_module(plan: &Plan) -> Module<'_> {
    (&plan.namespace, &plan.name, plan.kind)
}

/// The layers of a plan's image, the lowest one first; none where its manifest cannot be read,
/// which the check of the shard reports.
async fn layers_of(plan: &Plan, stages: &Stages) -> Layers {
    let Some(work) = &plan.work else {
        return Layers::new();
    };
    let access = stages.objects.access(&plan.namespace, work).await;
    let images = &stages.image.images;
    match images.open(&work.image, plan.target.arch, &access).await {
        Ok(image) => {
            let layers = image.layers.iter().rev();
            layers
                .map(|layer| (layer.digest.to_string(), layer.size))
                .collect()
        }
        Err(_) => Layers::new(),
    }
}
