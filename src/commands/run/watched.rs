//! `run --local --watch`: what is not verified is checked again when its definition changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::boot::queue::Boots;
use crate::check::watch::{Watch, definition};
use crate::cli::output::ProgressMode;
use crate::cli::run::RunArgs;
use crate::cluster::Cluster;
use crate::commands::run::local::{check, end, exit_code, prepare};
use crate::console::live::Live;
use crate::console::output::{Console, Done};
use crate::error::Error;
use crate::session::outcome;

/// How often the definitions are read again.
const INTERVAL: Duration = Duration::from_secs(2);

/// Checks until every module is verified, the time is over or the user ends it; the result is
/// the last state. Inputs that cannot be used for a moment, such as a file that is being
/// written, are told and read again.
///
/// # Errors
/// The inputs cannot be used from the start.
pub async fn run(
    args: &RunArgs,
    console: &Console<'_>,
    cluster: Option<&Arc<Cluster>>,
) -> Result<Done, Error> {
    if args.source.files.iter().any(|file| file == "-") {
        return Err(Error::Usage {
            message: "--watch cannot read standard input again".to_owned(),
            hint: "Pass the Modules as files with -f.".to_owned(),
        });
    }
    let start = Instant::now();
    let out_of_time = || args.timeout.is_some_and(|limit| start.elapsed() >= limit);
    let mut watch = Watch::default();
    let mut prepared = prepare(args, cluster, None).await?;
    let mut live = Live::new(console.progress);
    live.finish();
    loop {
        let mut plans = Vec::new();
        for plan in prepared.plans {
            let definition = definition(&plan, &prepared.stages.objects).await;
            plans.push((plan, definition));
        }
        let due = watch.due(plans);
        let mut report = prepared.report;
        if !due.is_empty() {
            let rows = check(args, console, due, &report.targets, &prepared.stages).await;
            watch.record(rows);
            let boots = prepared.stages.boots.iter();
            report.notes.extend(boots.flat_map(Boots::notes));
        }
        end(&prepared.stages, console);
        report.modules = watch.rows();
        outcome::mark_breaks(&mut report, &prepared.reach);
        let by_pool = outcome::pools_by_module(&report, &prepared.reach);
        report.notes.extend(by_pool);
        if watch.is_over() || console.interrupt.is_cancelled() || out_of_time() {
            return Ok(console.done(report, &[], |report| exit_code(report, console)));
        }
        live.results(report.clone(), |report| console.table(report));
        let mut told = String::new();
        prepared = loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = console.interrupt.cancelled() => {}
            }
            if console.interrupt.is_cancelled() || out_of_time() {
                live.finish();
                return Ok(console.done(report, &[], |report| exit_code(report, console)));
            }
            match prepare(args, cluster, None).await {
                Ok(prepared) => break prepared,
                Err(error) => {
                    let text = error.render();
                    if text != told && console.progress != ProgressMode::None {
                        live.note(&text);
                    }
                    told = text;
                }
            }
        };
        live.finish();
    }
}
