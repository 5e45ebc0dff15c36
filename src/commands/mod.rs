//! The commands: each wires the stages together and returns what is to be printed.

pub mod completion;
pub mod console;
pub mod cross_checks;
pub mod delete;
pub mod generate;
pub mod inspect;
pub mod kernel;
pub mod live;
pub mod looker;
pub mod run_cluster;
pub mod stages;
pub mod status;
pub mod version;
pub mod wish;

use tokio_util::sync::CancellationToken;

use crate::cli::output::{Format, OutputArgs};
use crate::cli::{Cli, Command};
use crate::commands::console::Console;
use crate::error::Error;
use crate::model::report::Report;

/// What a command leaves to print, and how the process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// The exit code.
    pub exit_code: u8,
}

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever keeps the command from running; what its checks saw is in the report.
pub fn run(cli: Cli) -> Result<Done, Error> {
    let output = &cli.output;
    match cli.command {
        Command::Completion(args) => Ok(completion::run(&args)),
        Command::Version => version::run(cli.output.output),
        Command::Run(args) => in_runtime(output, async |c| run_cluster::run(&args, c).await),
        Command::Status(args) => in_runtime(output, async |c| status::run(&args, c).await),
        Command::Generate(args) => {
            in_runtime(output, async |c| generate::run(&args, c.format).await)
        }
        Command::Delete(args) => in_runtime(output, async |c| delete::run(&args, c.format).await),
    }
}

/// Runs a command that waits for the cluster; Ctrl-C ends its wait.
fn in_runtime(
    output: &OutputArgs,
    command: impl AsyncFnOnce(&Console<'_>) -> Result<Done, Error>,
) -> Result<Done, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Cluster {
            message: format!("no asynchronous runtime: {error}"),
            hint: String::new(),
        })?;
    let interrupt = CancellationToken::new();
    let console = Console {
        format: output.output,
        progress: output.progress,
        render: &interim,
        accept: &|_| (),
        interrupt: interrupt.clone(),
    };
    runtime.block_on(async {
        tokio::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            interrupt.cancel();
        });
        command(&console).await
    })
}

/// The report until it has its renderers.
fn interim(report: &Report, format: Format) -> String {
    match format {
        Format::Json => {
            let rows: Vec<_> = report.modules.iter().map(|m| serde_json::json!({
                "namespace": m.namespace, "name": m.name, "kernelVersion": m.kernel_version,
                "verdict": m.verdict.as_str(), "verificationStatus": m.verification_status,
                "verificationStage": m.verification_stage, "statusReason": m.status_reason,
                "lastTransitionTime": m.last_transition_time,
                "findings": m.findings.iter().map(|f| serde_json::json!({"code": f.code.as_str(), "severity": f.severity.as_str(), "message": f.message, "hint": f.hint})).collect::<Vec<_>>(),
            })).collect();
            format!(
                "{:#}\n",
                serde_json::json!({"verdict": report.verdict().map(|v| v.as_str()), "modules": rows})
            )
        }
        _ => report
            .modules
            .iter()
            .map(|m| {
                let mut text = format!(
                    "{} {} {} {} {} {} {}\n",
                    m.preflight.clone().unwrap_or_default(),
                    m.namespace,
                    m.name,
                    m.verification_stage,
                    m.verification_status,
                    m.verdict.as_str(),
                    m.status_reason
                );
                for f in &m.findings {
                    text.push_str(&format!(
                        "    {} {}: {}\n",
                        f.severity.as_str(),
                        f.code,
                        f.message
                    ));
                    if let Some(hint) = &f.hint {
                        text.push_str(&format!("        hint: {hint}\n"));
                    }
                }
                text
            })
            .collect(),
    }
}
