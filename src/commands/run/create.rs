//! The creation of a run's preflight CR, what stands in its way, and what is printed of it.

use serde_json::{Value, json};

use crate::cli::cluster::DryRun;
use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::kmm::desired::Desired;
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
use crate::commands::generate;
use crate::console::output::Done;
use crate::error::Error;
use crate::kmm::releases::{Generation, KmmRelease};
use crate::report::Format;

const MANIFEST: &str = "run";

/// Creates the CR, or finds it there with the same spec; true when it is this run's. One that
/// is there is never changed, also where it came into being while this run began.
///
/// # Errors
/// A CR of that name with another spec, another preflight in the way, or a refusal.
pub async fn create(
    cluster: &Cluster,
    kmm: KmmRelease,
    desired: &Desired,
) -> Result<(Preflight, bool), Error> {
    if let Some(existing) = existing(cluster, desired).await? {
        return Ok((existing, false));
    }
    one_at_a_time(cluster, kmm, desired).await?;
    let created = cluster
        .create::<RawPreflight>(desired.resource, None, &desired.object(), false)
        .await;
    let fault = match created {
        Ok(raw) => return Ok((Preflight::of_raw(raw, desired.resource), true)),
        Err(fault) => fault,
    };
    if fault.is_existing()
        && let Some(existing) = existing(cluster, desired).await?
    {
        return Ok((existing, false));
    }
    let purpose = format!("creating {} {}", desired.resource.kind, desired.name);
    Err(fault.into_error(&purpose, MANIFEST))
}

/// The CR of that name, where it has the wanted spec.
///
/// # Errors
/// It has another one or is being deleted, or cannot be read.
async fn existing(cluster: &Cluster, desired: &Desired) -> Result<Option<Preflight>, Error> {
    let reading = format!("reading preflight CR {}", desired.name);
    let existing = cluster
        .preflight(&desired.name)
        .await
        .map_err(|fault| fault.into_error(&reading, MANIFEST))?;
    let Some(existing) = existing else {
        return Ok(None);
    };
    let differences = if existing.resource.kind == desired.resource.kind {
        desired.differences(&existing.spec)
    } else {
        vec![format!(
            "it is a {} in the cluster and a {} in this run",
            existing.resource.kind, desired.resource.kind
        )]
    };
    if !differences.is_empty() {
        return Err(in_the_way(desired, &differences));
    }
    if existing.meta.deletion_timestamp.is_some() {
        return Err(Error::Cluster {
            message: format!("preflight CR {} is being deleted", desired.name),
            hint: "Try again when it is deleted, or use another name for this run.".to_owned(),
        });
    }
    Ok(Some(existing))
}

fn in_the_way(desired: &Desired, differences: &[String]) -> Error {
    Error::Usage {
        message: format!(
            "preflight CR {} exists with another spec: {}",
            desired.name,
            differences.join("; ")
        ),
        hint: format!(
            "Use another name for this run, or delete the other CR with `kubectl kmm preflight \
             delete {}`.",
            desired.name
        ),
    }
}

/// Two preflights of KMM ≥2.4 share the name of the ModuleImagesConfig of each Module: the
/// second one cannot own it and stays in progress until the first is deleted.
///
/// # Errors
/// There is another preflight, or the API server cannot be asked.
pub async fn one_at_a_time(
    cluster: &Cluster,
    kmm: KmmRelease,
    desired: &Desired,
) -> Result<(), Error> {
    if kmm.generation() != Generation::Three {
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
            "{} runs one preflight at a time, and {} exists: a second one would stay in progress \
             until it is deleted",
            kmm,
            names.join(", ")
        ),
        hint: format!(
            "Wait with `kubectl kmm preflight status -w`, then run `kubectl kmm preflight delete \
             {}`.",
            names.join(" ")
        ),
    })
}

/// Prints the CR as it would be created (`--dry-run`); `server` has the API server check it.
///
/// # Errors
/// The API server rejects it, or the format cannot show it.
pub async fn dry_run(
    how: DryRun,
    cluster: &Cluster,
    kmm: KmmRelease,
    desired: &Desired,
    format: Format,
    mut warnings: Vec<String>,
) -> Result<Done, Error> {
    let mut object = desired.object();
    if how == DryRun::Server {
        let checked = cluster.create(desired.resource, None, &object, true).await;
        let stored: Value = match checked {
            Ok(stored) => stored,
            Err(fault) => {
                if !fault.is_existing() || existing(cluster, desired).await?.is_none() {
                    let purpose = format!(
                        "validating {} {} (server dry run)",
                        desired.resource.kind, desired.name
                    );
                    return Err(fault.into_error(&purpose, MANIFEST));
                }
                warnings.push(format!(
                    "preflight CR {} exists with the same spec",
                    desired.name
                ));
                object.clone()
            }
        };
        object = json!({
            "apiVersion": stored["apiVersion"],
            "kind": stored["kind"],
            "metadata": {"name": stored["metadata"]["name"]},
            "spec": stored["spec"],
        });
        if let Err(error) = one_at_a_time(cluster, kmm, desired).await {
            warnings.push(error.to_string());
        }
    }
    warnings.extend(cluster.take_warnings());
    let mut done = Done {
        stdout: generate::print(&object, format)?,
        ..Done::default()
    };
    done.warn(&warnings);
    Ok(done)
}

/// Says that the CR is there, for a run that does not wait.
///
/// # Errors
/// The format cannot show it.
pub fn created(
    preflight: &Preflight,
    desired: &Desired,
    is_ours: bool,
    format: Format,
    warnings: &[String],
) -> Result<Done, Error> {
    let stdout = match format {
        Format::Table | Format::Wide | Format::Short => format!(
            "{}.kmm.sigs.x-k8s.io/{} {}\n",
            preflight.resource.kind.to_lowercase(),
            preflight.meta.name,
            if is_ours { "created" } else { "unchanged" }
        ),
        format => generate::print(&desired.object(), format)?,
    };
    let mut done = Done {
        stdout,
        ..Done::default()
    };
    done.warn(warnings);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::resource::PREFLIGHT_OCP;

    #[test]
    fn a_created_cr_is_one_line_for_people() {
        let mut raw = RawPreflight::default();
        raw.metadata.name = "p".to_owned();
        let preflight = Preflight::of_raw(raw, PREFLIGHT_OCP);
        let desired = Desired {
            resource: PREFLIGHT_OCP,
            name: "p".to_owned(),
            spec: preflight.spec.clone(),
        };
        for format in [Format::Table, Format::Wide, Format::Short] {
            let done = created(&preflight, &desired, true, format, &[]).expect("a line");
            let line = "preflightvalidationocp.kmm.sigs.x-k8s.io/p created\n";
            assert_eq!(done.stdout, line, "{format}");
        }
    }
}
