//! The creation of a run's preflight CR, and what stands in its way.

use crate::cluster::client::Cluster;
use crate::cluster::desired::Desired;
use crate::cluster::fault::Fault;
use crate::cluster::generation::{Generation, Kmm};
use crate::cluster::preflight::{Preflight, RawPreflight};
use crate::error::Error;

const MANIFEST: &str = "run";

/// Creates the CR, or finds it there with the same spec; true when it is this run's.
///
/// # Errors
/// A CR of that name with another spec, another preflight in the way, or a refusal.
pub async fn create(
    cluster: &Cluster,
    kmm: Kmm,
    desired: &Desired,
) -> Result<(Preflight, bool), Error> {
    let reading = format!("reading preflight CR {}", desired.name);
    let existing = cluster
        .preflight(&desired.name)
        .await
        .map_err(|fault| fault.into_error(&reading, MANIFEST))?;
    if let Some(existing) = existing {
        let differences = if existing.resource.kind == desired.resource.kind {
            desired.differences(&existing.spec)
        } else {
            vec![format!(
                "it is a {} there and a {} here",
                existing.resource.kind, desired.resource.kind
            )]
        };
        if differences.is_empty() {
            return Ok((existing, false));
        }
        return Err(in_the_way(desired, &differences));
    }
    one_at_a_time(cluster, kmm, desired).await?;
    let raw: RawPreflight = cluster
        .apply(desired.resource, &desired.name, &desired.object(), false)
        .await
        .map_err(|fault| {
            fault.into_error(
                &format!("creating {} {}", desired.resource.kind, desired.name),
                MANIFEST,
            )
        })?;
    Ok((Preflight::of_raw(raw, desired.resource), true))
}

fn in_the_way(desired: &Desired, differences: &[String]) -> Error {
    Error::Usage {
        message: format!(
            "preflight CR {} exists with another spec: {}",
            desired.name,
            differences.join("; ")
        ),
        hint: format!(
            "give this run another name, or delete the other one with \
             `kubectl kmm preflight delete {}`",
            desired.name
        ),
    }
}

/// Two preflights of KMM ≥2.4 share the name of the ModuleImagesConfig of each Module: the
/// second one cannot own it and stays in progress until the first is deleted.
///
/// # Errors
/// There is another preflight, or the API server cannot be asked.
pub async fn one_at_a_time(cluster: &Cluster, kmm: Kmm, desired: &Desired) -> Result<(), Error> {
    if kmm.generation != Generation::Three {
        return Ok(());
    }
    // One that KMM made for a CR which is gone by now counts as well.
    let others = match cluster.all_preflights(None).await {
        Ok(others) => others,
        Err(Fault::Forbidden(_)) => return Ok(()),
        Err(fault) => return Err(fault.into_error("listing preflight CRs", MANIFEST)),
    };
    let mut names: Vec<&str> = others
        .iter()
        .map(|other| other.meta.name.as_str())
        .filter(|name| *name != desired.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::Cluster {
        message: format!(
            "{} runs one preflight at a time, and there is {} already: a second one would stay \
             in progress until it is deleted",
            kmm.describe(),
            names.join(", ")
        ),
        hint: format!(
            "wait for it with `kubectl kmm preflight status -w`, then \
             `kubectl kmm preflight delete {}`",
            names.join(" ")
        ),
    })
}
