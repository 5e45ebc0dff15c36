//! The part of a run that this process checks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroU32;

use futures::{StreamExt, stream};

use crate::check::stages::Stages;
use crate::cli::shard::ShardArgs;
use crate::error::Error;
use crate::findings::finding::Code;
use crate::in_cluster::manifests::{INDEX_VARIABLE, SHARDS_VARIABLE};
use crate::in_cluster::merge::Planned;
use crate::in_cluster::shards::{self, Layers, Shard};
use crate::kmm::early::ModuleKind;
use crate::kmm::module::ModuleKey;
use crate::kmm::planned::Plan;
use crate::model::target::{Arch, Target};

/// Bytes that a layer counts for at most, whatever its manifest says: sums have an end.
const LARGEST: u64 = 1 << 40;

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

/// Divides the Modules of a run among its shards, by the layers of their images.
pub(crate) async fn divide(
    plans: &[Plan],
    count: NonZeroU32,
    targets: &[Target],
    stages: &Stages,
    jobs: usize,
) -> Vec<Planned> {
    let mut modules: Vec<Module<'_>> = plans.iter().map(of_module).collect();
    modules.sort_unstable();
    modules.dedup();
    let mut of_modules: Vec<BTreeSet<(usize, (String, u64))>> =
        vec![BTreeSet::new(); modules.len()];
    if count.get() > 1 {
        let mut images: BTreeMap<(&str, Arch), Vec<&Plan>> = BTreeMap::new();
        for plan in plans {
            if let Some(work) = &plan.work {
                let image = (&*work.image, plan.target.arch);
                images.entry(image).or_default().push(plan);
            }
        }
        let read: Vec<(Layers, Vec<&Plan>)> = stream::iter(images.into_values())
            .map(|plans| async move { (layers_of(&plans, stages).await, plans) })
            .buffer_unordered(jobs)
            .collect()
            .await;
        for (layers, plans) in read {
            for plan in plans {
                let module = modules.binary_search(&of_module(plan)).unwrap_or_default();
                of_modules[module].extend(layers.iter().cloned().enumerate());
            }
        }
    }
    let of_modules: Vec<Layers> = of_modules
        .into_iter()
        .map(|layers| layers.into_iter().map(|(_, layer)| layer).collect())
        .collect();
    let assigned = shards::assign(&of_modules, count);
    let mut of_run: Vec<Planned> = modules
        .iter()
        .zip(&assigned)
        .map(|(module, shard)| Planned {
            kind: module.2,
            namespace: module.0.to_owned(),
            name: module.1.to_owned(),
            shard: *shard,
            targets: Vec::new(),
        })
        .collect();
    for plan in plans {
        let module = modules.binary_search(&of_module(plan)).unwrap_or_default();
        let target = targets.iter().position(|target| *target == plan.target);
        of_run[module].targets.extend(target);
    }
    of_run
}

/// The Modules that a shard checks.
pub(crate) fn own(of_run: &[Planned], shard: Shard) -> HashSet<ModuleKey> {
    let own = of_run.iter().filter(|planned| planned.shard == shard.index);
    own.map(|one| (one.kind, one.namespace.clone(), one.name.clone()))
        .collect()
}

/// The plans of a shard's own Modules, in the order given.
pub(crate) fn select(mut plans: Vec<Plan>, own: &HashSet<ModuleKey>) -> Vec<Plan> {
    plans.retain(|plan| own.contains(&(plan.kind, plan.namespace.clone(), plan.name.clone())));
    plans
}

/// Namespace, name and kind.
type Module<'a> = (&'a str, &'a str, ModuleKind);

fn of_module(plan: &Plan) -> Module<'_> {
    (&plan.namespace, &plan.name, plan.kind)
}

/// The layers of the image of some plans, the lowest one first; none where no plan's credentials
/// open its manifest, which the check of the shard reports.
async fn layers_of(plans: &[&Plan], stages: &Stages) -> Layers {
    let mut namespaces = BTreeSet::new();
    for plan in plans {
        let Some(work) = &plan.work else { continue };
        if !namespaces.insert(&plan.namespace) {
            continue;
        }
        let access = stages.objects.access(&plan.namespace, work).await;
        let images = &stages.image.images;
        let layers = images.layers_of(&work.image, plan.target.arch, &access);
        match layers.await {
            Ok(layers) => {
                let layers = layers.into_iter().rev();
                return layers
                    .map(|layer| (layer.digest, layer.size.min(LARGEST)))
                    .collect();
            }
            // Another namespace may have the pull secret.
            Err(finding) if finding.code == Code::ImageUnauthorized => {}
            Err(_) => break,
        }
    }
    Layers::new()
}
