//! Flags of `generate` for what runs in the cluster.

use std::ffi::OsString;
use std::num::NonZeroU32;

use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory};

use crate::cli::Cli;
use crate::cli::invocation;
use crate::cli::run::SourceArgs;
use crate::cli::target::TargetArgs;
use crate::error::Error;
use crate::in_cluster::manifests::{self, InCluster};

/// What to print, and how it runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "In the cluster")]
pub struct InClusterArgs {
    /// Print a Job that runs the local validation in the cluster, with its rights
    #[arg(long, conflicts_with = "cronjob")]
    pub job: bool,
    /// The same as a CronJob, such as '0 3 * * *'
    #[arg(long, value_name = "SCHEDULE", value_parser = parse_schedule)]
    pub cronjob: Option<String>,
    /// Print a PrometheusRule that warns before an upgrade
    #[arg(long)]
    pub alert: bool,
    /// How many pods share the work of the Job
    #[arg(long, value_name = "N", default_value = "1")]
    pub shards: NonZeroU32,
    /// The image of this program [default: $KMM_PREFLIGHT_IMAGE, else the release's]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The namespace of the Job and of its reports
    #[arg(long, value_name = "NAMESPACE", default_value = "openshift-kmm")]
    pub job_namespace: String,
}

impl InClusterArgs {
    /// True when objects for the cluster are wanted, and no preflight CR.
    pub fn is_wanted(&self) -> bool {
        self.job || self.cronjob.is_some() || self.alert
    }

    fn image(&self) -> String {
        let of_variable = || std::env::var("KMM_PREFLIGHT_IMAGE").ok();
        let image = self.image.clone().or_else(of_variable);
        image
            .filter(|image| !image.is_empty())
            .unwrap_or_else(|| manifests::IMAGE.to_owned())
    }

    /// What runs, with the target flags of this call.
    ///
    /// # Errors
    /// A flag names a file of this machine, which a pod does not see.
    pub fn in_cluster(&self, name: Option<&str>) -> Result<InCluster, Error> {
        let arguments = invocation::words(std::env::args_os());
        Ok(InCluster {
            name: name.unwrap_or("kmm-preflight").to_owned(),
            namespace: self.job_namespace.clone(),
            image: self.image(),
            shards: self.shards,
            flags: target_flags(arguments)?,
        })
    }
}

fn parse_schedule(text: &str) -> Result<String, String> {
    match manifests::is_schedule(text) {
        true => Ok(text.to_owned()),
        false => Err("a schedule has five fields, as in '0 3 * * *'".to_owned()),
    }
}

/// Flags that name files of this machine.
const FILES: [&str; 4] = ["files", "kustomize", "kernel_dir", "signing_cert"];

/// The flags of a call of `generate` that say which kernels and which Modules, as they were
/// given.
fn target_flags(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<String>, Error> {
    let command = Cli::command();
    let Ok(matches) = command.try_get_matches_from(arguments) else {
        return Ok(Vec::new());
    };
    let Some((_, matches)) = matches.subcommand() else {
        return Ok(Vec::new());
    };
    let targets = TargetArgs::augment_args(clap::Command::new("flags"));
    let targets = SourceArgs::augment_args(targets);
    let mut flags = Vec::new();
    for argument in targets.get_arguments() {
        let (id, Some(long)) = (argument.get_id().as_str(), argument.get_long()) else {
            continue;
        };
        let is_given = matches!(
            matches.value_source(id),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        if !is_given {
            continue;
        }
        if FILES.contains(&id) {
            return Err(Error::Usage {
                message: format!("--{long} is a file on this machine, which a pod cannot read"),
                hint: "Pass --dtk-image, --os-image or --release-image.".to_owned(),
            });
        }
        match argument.get_action() {
            ArgAction::SetTrue => flags.push(format!("--{long}")),
            _ => {
                let values = matches.get_raw(id).into_iter().flatten();
                flags.extend(values.map(|value| format!("--{long}={}", value.to_string_lossy())));
            }
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> Result<Vec<String>, Error> {
        let words = ["kubectl-kmm-preflight", "generate"].iter().chain(words);
        target_flags(words.map(OsString::from))
    }

    #[test]
    fn target_flags_are_handed_to_the_pod_as_they_were_given() {
        let given = [
            "--job",
            "--kernel-version",
            "6.1.0",
            "--kernel-version=6.2.0",
            "--arch",
            "arm64",
        ];
        assert_eq!(
            flags(&given).expect("flags"),
            [
                "--kernel-version=6.1.0",
                "--kernel-version=6.2.0",
                "--arch=arm64"
            ]
        );
        assert_eq!(flags(&["--job"]).expect("no flags"), [""; 0]);
    }

    #[test]
    fn a_file_of_this_machine_is_refused() {
        let error = flags(&["--job", "--kernel-dir", "/k"]).expect_err("a file");
        assert!(error.to_string().contains("--kernel-dir"), "{error}");
    }
}
