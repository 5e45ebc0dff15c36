//! `status`: what preflight CRs say, read with `get` on them and nothing else.

mod last;

use std::time::Duration;

use crate::cli::cluster::StatusArgs;
use crate::cluster::api::client::{Cluster, connect};
use crate::cluster::api::fault::Fault;
use crate::cluster::kmm::desired::check_name;
use crate::cluster::kmm::follow::{Event, Follower};
use crate::cluster::kmm::preflight::Preflight;
use crate::cluster::kmm::survey::{self, Filter, Survey};
use crate::console::live::Live;
use crate::console::output::{Console, Done};
use crate::error::{EXIT_INTERRUPTED, EXIT_UNDECIDED, Error, exit_code_of};
use crate::model::report::Report;

/// How often all CRs are read anew with `--watch`, and the reasons of one.
const REFRESH: Duration = Duration::from_secs(3);

/// The manifest with the rights of this command.
const MANIFEST: &str = "status";

/// Prints one CR, or all of them with the newest first.
///
/// # Errors
/// No such CR, no CR at all, or the API server cannot be asked.
pub(crate) async fn run(args: &StatusArgs, console: &Console<'_>) -> Result<Done, Error> {
    if let Some(name) = &args.name {
        check_name(name)?;
    }
    let cluster = connect(&args.connection).await?;
    if args.last {
        return last::run(args, &cluster, console).await;
    }
    let filter = Filter {
        namespace: args.namespace.clone(),
        ..Filter::default()
    };
    let (mut survey, interrupted) = match (&args.name, args.watch) {
        (_, true) => watch(&cluster, args, &filter, console).await?,
        (Some(name), false) => (look_at_one(&cluster, name, &filter).await?, false),
        (None, false) => (look_at_all(&cluster, args, &filter).await?, false),
    };
    let is_unstarted = survey.is_unstarted;
    survey.report.footer = Some(not_looked_at(&survey.report));
    let exit_code = |report: &Report| match report.verdict() {
        _ if interrupted => EXIT_INTERRUPTED,
        None if is_unstarted => EXIT_UNDECIDED,
        verdict => exit_code_of(verdict),
    };
    Ok(console.done(survey.report, &cluster.take_warnings(), exit_code))
}

/// The command that looks at the images, with the target where there is one, as a shell reads it
/// and no line is too long; in the last line, what KMM's word is worth.
fn not_looked_at(report: &Report) -> String {
    let mut text = String::new();
    if let [target] = report.targets.as_slice() {
        let kernel = &target.kernel_version;
        text.push_str(&format!(
            "To check the images:\n  kubectl kmm preflight run --local \\\n    \
             --kernel-version {kernel}"
        ));
        if let Some(image) = &target.dtk_image {
            text.push_str(&format!(" \\\n    --dtk-image {image}"));
        }
        text.push('\n');
    }
    text + "Images were not checked; `kubectl kmm preflight run --local` checks them."
}

async fn read_one(cluster: &Cluster, name: &str) -> Result<Preflight, Error> {
    let found = cluster
        .preflight(name)
        .await
        .map_err(|fault| fault.into_error(&format!("reading preflight CR {name}"), MANIFEST))?;
    found.ok_or_else(|| Error::Nothing {
        message: format!("no preflight CR {name} in the cluster {}", cluster.server()),
        hint: "List them with `kubectl kmm preflight status`, or create one with `kubectl kmm \
            preflight run`."
            .to_owned(),
    })
}

async fn look_at_one(cluster: &Cluster, name: &str, filter: &Filter) -> Result<Survey, Error> {
    let preflight = read_one(cluster, name).await?;
    survey(cluster, &preflight, filter).await
}

async fn survey(
    cluster: &Cluster,
    preflight: &Preflight,
    filter: &Filter,
) -> Result<Survey, Error> {
    cluster
        .survey(preflight, filter)
        .await
        .map_err(|fault| fault.into_error("reading the state of modules in progress", MANIFEST))
}

async fn look_at_all(
    cluster: &Cluster,
    args: &StatusArgs,
    filter: &Filter,
) -> Result<Survey, Error> {
    let preflights = cluster
        .preflights(args.selector.as_deref())
        .await
        .map_err(|fault| {
            let one_is_enough = matches!(fault, Fault::Forbidden(_));
            match fault.into_error("listing preflight CRs", MANIFEST) {
                Error::Cluster { message, hint } if one_is_enough => Error::Cluster {
                    message,
                    hint: format!("Pass the CR's name (only needs `get`), or: {hint}"),
                },
                error => error,
            }
        })?;
    if preflights.is_empty() {
        return Err(Error::Nothing {
            message: format!("no preflight CR in the cluster {}", cluster.server()),
            hint: "Create one with `kubectl kmm preflight run`.".to_owned(),
        });
    }
    let mut all = Survey {
        is_decided: true,
        ..Survey::default()
    };
    for preflight in &preflights {
        all.append(survey(cluster, preflight, filter).await?);
    }
    Ok(all)
}

/// Follows one CR, or reads all of them again and again, until every module is decided; true
/// when the user ended it.
async fn watch(
    cluster: &Cluster,
    args: &StatusArgs,
    filter: &Filter,
    console: &Console<'_>,
) -> Result<(Survey, bool), Error> {
    let preflight = match &args.name {
        Some(name) => Some(read_one(cluster, name).await?),
        None => None,
    };
    let mut live = Live::new(console.progress);
    let watched = watch_until_decided(cluster, args, filter, console, preflight, &mut live).await;
    live.finish();
    watched
}

async fn watch_until_decided(
    cluster: &Cluster,
    args: &StatusArgs,
    filter: &Filter,
    console: &Console<'_>,
    mut preflight: Option<Preflight>,
    live: &mut Live,
) -> Result<(Survey, bool), Error> {
    let name = args.name.as_deref().unwrap_or_default();
    let mut follower = preflight
        .clone()
        .map(|preflight| Follower::new(cluster, preflight));
    loop {
        let survey = match &preflight {
            // A server that is away is the follower's to report.
            Some(one) => match cluster.survey(one, filter).await {
                Ok(survey) => survey,
                Err(_) => survey::of_evidence(one, "", None, filter),
            },
            None => look_at_all(cluster, args, filter).await?,
        };
        live.show(survey.report.clone(), |report| console.table(report));
        if survey.is_decided {
            return Ok((survey, false));
        }
        let next = async {
            match &mut follower {
                Some(follower) => follower.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = console.interrupt.cancelled() => return Ok((survey, true)),
            () = tokio::time::sleep(REFRESH) => {}
            event = next => match event {
                Ok(Event::Changed(changed)) => preflight = Some(*changed),
                Ok(Event::Note(note)) => live.note(&note),
                Ok(Event::Deleted) => return Err(deleted(name)),
                Err(fault) => {
                    let purpose = format!("watching preflight CR {name}");
                    return Err(fault.into_error(&purpose, MANIFEST));
                }
            },
        }
    }
}

/// The CR went away while it was watched.
pub(crate) fn deleted(name: &str) -> Error {
    Error::Cluster {
        message: format!("preflight CR {name} was deleted"),
        hint: format!("Create it again with `kubectl kmm preflight run {name}`."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::{Arch, Target};

    #[test]
    fn the_last_line_says_that_images_were_not_looked_at_and_what_looks() {
        let last = "Images were not checked; `kubectl kmm preflight run --local` checks them.";
        let mut report = Report::default();
        assert_eq!(not_looked_at(&report), last);
        let kernel = "5.14.0-570.12.1.el9_6.x86_64";
        let mut target = Target::new(kernel, Arch::Amd64);
        target.dtk_image = Some("q/dtk@sha256:1".to_owned());
        report.targets.push(target);
        let text = not_looked_at(&report);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "To check the images:",
                "  kubectl kmm preflight run --local \\",
                "    --kernel-version 5.14.0-570.12.1.el9_6.x86_64 \\",
                "    --dtk-image q/dtk@sha256:1",
                last,
            ]
        );
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
