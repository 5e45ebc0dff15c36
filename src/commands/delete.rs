//! `delete`: takes preflight CRs away, and waits for what they own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::cluster::DeleteArgs;
use crate::cluster::api::client::{Cluster, connect};
use crate::cluster::api::fault::Fault;
use crate::cluster::api::objects::{Meta, ModuleQuery};
use crate::cluster::api::resource::{LEASE, MODULE_IMAGES_CONFIG, PREFLIGHT};
use crate::cluster::kmm::desired::check_name;
use crate::cluster::kmm::diagnose::evidence::Evidence;
use crate::cluster::kmm::diagnose::objects::ImagesConfig;
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
use crate::cluster::kmm::survey::{self, Filter};
use crate::console::output::Done;
use crate::error::{EXIT_NOTHING, EXIT_UNDECIDED, EXIT_VERIFIED, Error};
use crate::kmm::module::Module;
use crate::model::verdict::Verdict;
use crate::report::answer::Answer;
use crate::report::{self, Format, Screen};

const MANIFEST: &str = "run";
/// How often it is looked whether what was owned is gone.
const POLL: Duration = Duration::from_millis(300);
/// How old the controller manager's sign of life may be, in seconds.
const LEASE_AGE: i64 = 60;

/// Deletes the named CRs, those whose modules are all verified, or those with the labels.
///
/// # Errors
/// A named CR does not exist, none is to be deleted, or the API server rejects.
pub(crate) async fn run(args: &DeleteArgs, format: Format) -> Result<Done, Error> {
    for name in &args.names {
        check_name(name)?;
    }
    let mut deleted = Deleted::default();
    // A format that cannot be printed is rejected before anything is deleted.
    report::print(&deleted, format, &Screen::PLAIN)?;
    let cluster = connect(&args.connection).await?;
    let (chosen, absent) = choose(&cluster, args).await?;
    let mut done = Done::default();
    let mut replaced = Vec::new();
    for preflight in &chosen {
        let Meta { name, uid, .. } = &preflight.meta;
        match cluster.delete(preflight.resource, None, name, uid).await {
            Ok(()) | Err(Fault::NotFound(_)) => deleted.0.push(preflight.clone()),
            Err(fault) if fault.is_conflict() => replaced.push(name.as_str()),
            Err(fault) => {
                return Err(fault.into_error(&format!("deleting preflight CR {name}"), MANIFEST));
            }
        }
    }
    done.stdout = report::print(&deleted, format, &Screen::PLAIN)?;
    if args.wait && !deleted.0.is_empty() {
        let (left, exit_code) = wait(&cluster, &deleted.0, args.timeout).await?;
        done.stderr.push_str(&left);
        done.exit_code = exit_code;
    }
    if !replaced.is_empty() {
        done.stderr.push_str(&format!(
            "error: preflight CR {} was replaced by another one with the same name, which was \
             not deleted\nhint: Run `kubectl kmm preflight status`.\n",
            replaced.join(", ")
        ));
        done.exit_code = EXIT_UNDECIDED;
    }
    done.warn(&cluster.take_warnings());
    if absent.is_empty() {
        return Ok(done);
    }
    if chosen.is_empty() {
        return Err(none(&cluster, &absent));
    }
    done.stderr.push_str(&format!(
        "error: no preflight CR {} found\n",
        absent.join(", ")
    ));
    done.exit_code = EXIT_NOTHING;
    Ok(done)
}

/// The CRs to delete, and the names that are none's.
async fn choose(
    cluster: &Cluster,
    args: &DeleteArgs,
) -> Result<(Vec<Preflight>, Vec<String>), Error> {
    let mut chosen = Vec::new();
    let mut absent = Vec::new();
    if args.names.is_empty() {
        let all = cluster
            .preflights(args.selector.as_deref())
            .await
            .map_err(|fault| fault.into_error("listing preflight CRs", MANIFEST))?;
        let what = if args.verified { "verified " } else { "" };
        let modules = match args.verified {
            true => modules(cluster).await?,
            false => None,
        };
        chosen.extend(
            all.into_iter()
                .filter(|preflight| !args.verified || is_verified(preflight, modules.as_ref())),
        );
        if chosen.is_empty() {
            return Err(Error::Nothing {
                message: format!("no {what}preflight CR to delete"),
                hint: "Run `kubectl kmm preflight status` to list them.".to_owned(),
            });
        }
    }
    for name in args.names.iter().collect::<BTreeSet<_>>() {
        let found = cluster
            .preflight(name)
            .await
            .map_err(|fault| fault.into_error(&format!("reading preflight CR {name}"), MANIFEST))?;
        match found {
            Some(preflight) => chosen.push(preflight),
            None => absent.push(name.clone()),
        }
    }
    Ok((chosen, absent))
}

/// The cluster's Modules; `None` where they may not be listed.
async fn modules(cluster: &Cluster) -> Result<Option<Vec<Module>>, Error> {
    match cluster.modules(ModuleQuery::default()).await {
        Ok(modules) => Ok(Some(modules)),
        Err(Fault::Forbidden(_)) => Ok(None),
        Err(fault) => Err(fault.into_error("listing the Modules", MANIFEST)),
    }
}

/// True when KMM verified every Module of the CR, and every one that the cluster has.
fn is_verified(preflight: &Preflight, modules: Option<&Vec<Module>>) -> bool {
    let evidence = Evidence {
        modules: modules.cloned(),
        ..Evidence::default()
    };
    let survey = survey::of_evidence(preflight, "", Some(&evidence), &Filter::default());
    survey.report.verdict() == Some(Verdict::Verified)
}

fn none(cluster: &Cluster, names: &[String]) -> Error {
    Error::Nothing {
        message: format!(
            "no preflight CR {} in the cluster {}",
            names.join(", "),
            cluster.server()
        ),
        hint: "Run `kubectl kmm preflight status` to list them.".to_owned(),
    }
}

/// The CRs that were deleted.
#[derive(Default)]
struct Deleted(Vec<Preflight>);

impl Answer for Deleted {
    fn text(&self, _: &Screen, _: bool) -> String {
        let line = |it: &Preflight| format!("{} \"{}\" deleted\n", kind_of(it), it.meta.name);
        self.0.iter().map(line).collect()
    }

    fn document(&self) -> Value {
        let item = |preflight: &Preflight| {
            json!({
                "apiVersion": preflight.resource.api_version(),
                "kind": preflight.resource.kind,
                "metadata": {"name": preflight.meta.name},
            })
        };
        let items: Vec<Value> = self.0.iter().map(item).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn names(&self) -> Option<Vec<String>> {
        let name = |it: &Preflight| format!("{}/{}", kind_of(it), it.meta.name);
        Some(self.0.iter().map(name).collect())
    }
}

/// `kind.group`, as `kubectl` prints it.
fn kind_of(preflight: &Preflight) -> String {
    let resource = preflight.resource;
    format!("{}.{}", resource.kind.to_lowercase(), resource.group)
}

/// Waits until nothing that the CRs owned is left. Without a controller manager nobody
/// collects it: then there is nothing to wait for. Gives what is left, and the exit code.
async fn wait(
    cluster: &Cluster,
    chosen: &[Preflight],
    limit: Duration,
) -> Result<(String, u8), Error> {
    let start = Instant::now();
    loop {
        let left = owned(cluster, chosen).await.map_err(|fault| {
            fault.into_error("waiting for the deletion of dependent objects", MANIFEST)
        })?;
        if left.is_empty() {
            return Ok((String::new(), EXIT_VERIFIED));
        }
        let list = left.join(", ");
        if !is_collected(cluster).await {
            let note = format!(
                "note: {list} remains: no running controller manager was found to \
                 garbage-collect it\n"
            );
            return Ok((note, EXIT_VERIFIED));
        }
        if start.elapsed() > limit {
            let note = format!(
                "note: {list} is still there after {} s\nhint: KMM 2.4 and later cannot \
                 start a new preflight until it is gone; check with `kubectl get preflightvalidations,\
                 moduleimagesconfigs -A`\n",
                limit.as_secs()
            );
            return Ok((note, EXIT_UNDECIDED));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What the CRs own and is still there: PreflightValidations, and ModuleImagesConfigs where
/// they may be listed.
async fn owned(cluster: &Cluster, chosen: &[Preflight]) -> Result<Vec<String>, Fault> {
    let mut left = Vec::new();
    let mut owners: BTreeSet<String> = BTreeSet::new();
    for preflight in chosen {
        owners.insert(preflight.meta.uid.clone());
        let name = &preflight.meta.name;
        if let Ok(raw) = cluster
            .get::<RawPreflight>(preflight.resource, None, name)
            .await
            && raw.metadata.uid == preflight.meta.uid
        {
            left.push(format!("{} {name}", preflight.resource.kind));
        }
        if !preflight.is_ocp() {
            continue;
        }
        let plain = PREFLIGHT.at(preflight.resource.version);
        match cluster.get::<RawPreflight>(plain, None, name).await {
            Ok(raw) if is_owned(&raw.metadata, &owners) => {
                owners.insert(raw.metadata.uid);
                left.push(format!("{} {name}", plain.kind));
            }
            Ok(_) | Err(Fault::NotFound(_) | Fault::NotServed(_) | Fault::Forbidden(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    match cluster
        .list::<ImagesConfig>(MODULE_IMAGES_CONFIG, None, None)
        .await
    {
        Ok(configs) => left.extend(
            configs
                .iter()
                .filter(|config| is_owned(&config.metadata, &owners))
                .map(|config| {
                    format!(
                        "ModuleImagesConfig {}/{}",
                        config.metadata.namespace, config.metadata.name
                    )
                }),
        ),
        Err(Fault::NotServed(_) | Fault::Forbidden(_)) => {}
        Err(fault) => return Err(fault),
    }
    Ok(left)
}

fn is_owned(meta: &Meta, owners: &BTreeSet<String>) -> bool {
    meta.owner_references
        .iter()
        .any(|owner| owners.contains(&owner.uid))
}

/// True when a controller manager, whose garbage collector takes owned objects away, has
/// shown itself lately; and also where its lease may not be read.
async fn is_collected(cluster: &Cluster) -> bool {
    let lease = cluster
        .get::<Value>(LEASE, Some("kube-system"), "kube-controller-manager")
        .await;
    match lease {
        Ok(lease) => lease["spec"]["renewTime"]
            .as_str()
            .and_then(|time| time.parse::<jiff::Timestamp>().ok())
            .is_some_and(|time| jiff::Timestamp::now().duration_since(time).as_secs() < LEASE_AGE),
        Err(Fault::NotFound(_)) => false,
        Err(_) => true,
    }
}

/// Deletes the CR that a run made, and says so.
pub(crate) async fn clean_up(cluster: &Cluster, preflight: &Preflight) -> String {
    let kind = preflight.resource.kind;
    let Meta { name, uid, .. } = &preflight.meta;
    match cluster.delete(preflight.resource, None, name, uid).await {
        Ok(()) | Err(Fault::NotFound(_)) => format!("{kind} {name} deleted"),
        Err(fault) if fault.is_conflict() => format!(
            "{kind} {name} was replaced by another one with the same name, which was not deleted"
        ),
        Err(fault) => format!(
            "{kind} {name} could not be deleted: {fault}. Delete it with `kubectl kmm preflight \
             delete {name}`."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::resource::PREFLIGHT_OCP;

    #[test]
    fn deleted_crs_are_data_where_data_is_asked_for() {
        let mut raw = RawPreflight::default();
        raw.metadata.name = "p".to_owned();
        let deleted = Deleted(vec![Preflight::of_raw(raw, PREFLIGHT_OCP)]);
        let printed = |format| report::print(&deleted, format, &Screen::PLAIN);
        let text = "preflightvalidationocp.kmm.sigs.x-k8s.io \"p\" deleted\n";
        assert_eq!(printed(Format::Table).ok().as_deref(), Some(text));
        assert_eq!(printed(Format::Short).ok().as_deref(), Some(text));
        let name = "preflightvalidationocp.kmm.sigs.x-k8s.io/p\n";
        assert_eq!(printed(Format::Name).ok().as_deref(), Some(name));
        let json = printed(Format::Json).expect("a document");
        let list: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(list["items"][0]["kind"], "PreflightValidationOCP");
        assert_eq!(list["items"][0]["metadata"]["name"], "p");
        assert!(printed(Format::Sarif).is_err());
    }
}
