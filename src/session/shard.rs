//! The part of a run that this process checks.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use crate::check::stages::Stages;
use crate::cli::shard::ShardArgs;
use crate::error::Error;
use crate::in_cluster::manifests::{INDEX_VARIABLE, SHARDS_VARIABLE};
use crate::in_cluster::shards::{self, Layers, Shard};
use crate::kmm::planned::Plan;

/// The shard that `--shard` names, else the one that an Indexed Job gives its pod.
///
/// # Errors
/// The Job's variables hold no shard.
pub fn of_call(args: &ShardArgs) -> Result<Option<Shard>, Error> {
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

/// The plans of a shard: those of the Modules that it checks, in the order given.
pub async fn select(plans: Vec<Plan>, shard: Shard, stages: &Stages, jobs: usize) -> Vec<Plan> {
    let mut modules: Vec<(&str, &str)> = plans.iter().map(of_module).collect();
    modules.sort_unstable();
    modules.dedup();
    let layers: Vec<(usize, Layers)> = stream::iter(&plans)
        .map(|plan| {
            let module = modules.binary_search(&of_module(plan)).unwrap_or_default();
            async move { (module, layers_of(plan, stages).await) }
        })
        .buffer_unordered(jobs)
        .collect()
        .await;
    let mut of_modules: Vec<BTreeSet<(usize, (String, u64))>> =
        vec![BTreeSet::new(); modules.len()];
    for (module, layers) in layers {
        of_modules[module].extend(layers.into_iter().enumerate());
    }
    let of_modules: Vec<Layers> = of_modules
        .into_iter()
        .map(|layers| layers.into_iter().map(|(_, layer)| layer).collect())
        .collect();
    let own: BTreeSet<(String, String)> = shards::assign(&of_modules, shard.count)
        .into_iter()
        .zip(&modules)
        .filter(|(of, _)| *of == shard.index)
        .map(|(_, (namespace, name))| ((*namespace).to_owned(), (*name).to_owned()))
        .collect();
    plans
        .into_iter()
        .filter(|plan| own.contains(&(plan.namespace.clone(), plan.name.clone())))
        .collect()
}

fn of_module(plan: &Plan) -> (&str, &str) {
    (&plan.namespace, &plan.name)
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
