//! The flags of a call that are handed to the pods of a run in the cluster.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Args, Command, CommandFactory};

use crate::cli::Cli;
use crate::cli::connection::ConnectionArgs;
use crate::cli::in_cluster::IN_CLUSTER_ONLY;
use crate::cli::output::OutputArgs;
use crate::cli::run::SourceArgs;
use crate::cli::stages::StageArgs;
use crate::cli::target::TargetArgs;
use crate::error::Error;

/// The command whose flags are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// `generate`, whose other flags are for the CR that it prints without --job.
    Generate,
    /// `run --in-cluster`: a flag that nobody would heed is refused.
    Run,
}

/// Flags that name files of this machine.
pub(crate) const FILES: [&str; 9] = [
    "filename",
    "kustomize",
    "kernel-dir",
    "signing-cert",
    "oci-layout",
    "authfile",
    "registries-conf",
    "ca-file",
    "cache-dir",
];

/// Flags for pods, beside those of targets, Modules and stages.
const OTHERS: [&str; 7] = [
    "pushgateway",
    "push-built-image",
    "insecure-registry",
    "jobs",
    "fail-fast",
    "no-cache",
    "cache-size",
];

/// Flags that this process heeds itself. What is accepted reaches the pods as a file.
const OWN: [&str; 4] = ["in-cluster", "timeout", "accept", "dry-run"];

/// The flags for the pods, as they were given.
///
/// # Errors
/// A flag names a file of this machine, or is not for a run in the cluster.
pub(crate) fn of(words: &[OsString], caller: Caller) -> Result<Vec<String>, Error> {
    let command = Cli::command();
    let Ok(matches) = command.clone().try_get_matches_from(words) else {
        return Ok(Vec::new());
    };
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(Vec::new());
    };
    let arguments = command.find_subcommand(name).into_iter();
    let mut flags = Vec::new();
    for argument in arguments.flat_map(Command::get_arguments) {
        let (id, Some(long)) = (argument.get_id().as_str(), argument.get_long()) else {
            continue;
        };
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        match class(long) {
            Class::Pods if matches!(argument.get_action(), ArgAction::SetTrue) => {
                flags.push(format!("--{long}"));
            }
            Class::Pods => {
                let values = matches.get_raw(id).into_iter().flatten();
                flags.extend(values.map(|value| format!("--{long}={}", value.to_string_lossy())));
            }
            Class::File => return Err(a_file(long)),
            Class::Own => {}
            Class::Other if caller == Caller::Generate => {}
            Class::Other => return Err(not_for_it(long)),
        }
    }
    Ok(flags)
}

/// True for a flag that `run --in-cluster` heeds, here or in its pods.
pub(crate) fn is_heeded(long: &str) -> bool {
    matches!(class(long), Class::Pods | Class::Own)
}

/// Who heeds a flag.
enum Class {
    Pods,
    Own,
    File,
    Other,
}

fn class(long: &str) -> Class {
    let has = |command: Command| {
        let mut arguments = command.get_arguments().filter_map(Arg::get_long);
        arguments.any(|known| known == long)
    };
    let flags = || Command::new("flags");
    if FILES.contains(&long) {
        Class::File
    } else if long == "watch" {
        Class::Other
    } else if OWN.contains(&long)
        || IN_CLUSTER_ONLY.contains(&long)
        || has(ConnectionArgs::augment_args(flags()))
        || has(OutputArgs::augment_args(flags()))
    {
        Class::Own
    } else if OTHERS.contains(&long)
        || has(TargetArgs::augment_args(flags()))
        || has(SourceArgs::augment_args(flags()))
        || has(StageArgs::augment_args(flags()))
    {
        Class::Pods
    } else {
        Class::Other
    }
}

fn a_file(long: &str) -> Error {
    Error::Usage {
        message: format!("--{long} is a file on this machine, which a pod cannot read"),
        hint: match long {
            "kernel-dir" | "signing-cert" => {
                "Pass --dtk-image, --os-image or --release-image.".to_owned()
            }
            _ => format!(
                "Remove --{long}: pods read Modules, credentials, mirrors and trust \
                          from the cluster."
            ),
        },
    }
}

fn not_for_it(long: &str) -> Error {
    Error::Usage {
        message: format!("--{long} is not for --in-cluster"),
        hint: format!("Remove --{long}, or --in-cluster."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str], caller: Caller) -> Result<Vec<String>, Error> {
        let words: Vec<OsString> = ["kubectl-kmm-preflight"]
            .iter()
            .chain(words)
            .map(OsString::from)
            .collect();
        of(&words, caller)
    }

    #[test]
    fn target_flags_are_handed_to_the_pods_as_they_were_given() {
        let given = [
            "generate",
            "--job",
            "--kernel-version",
            "6.1.0",
            "--kernel-version=6.2.0",
            "--arch",
            "arm64",
        ];
        let handed = flags(&given, Caller::Generate).expect("flags");
        let expected = [
            "--kernel-version=6.1.0",
            "--kernel-version=6.2.0",
            "--arch=arm64",
        ];
        assert_eq!(handed.len(), expected.len());
        assert!(
            expected
                .iter()
                .all(|flag| handed.iter().any(|one| one == flag))
        );
        let none = flags(&["generate", "--job"], Caller::Generate);
        assert_eq!(none.expect("no flags"), [""; 0]);
    }

    #[test]
    fn what_this_process_heeds_stays_here() {
        let given = [
            "run",
            "--in-cluster",
            "--keep",
            "--timeout=5m",
            "--context=c",
            "--accept=firmware-missing",
            "--insecure-registry=r:1",
            "--secure-boot",
            "--namespace=drivers",
            "--kernel-version=6.1.0",
        ];
        let mut handed = flags(&given, Caller::Run).expect("flags");
        handed.sort();
        assert_eq!(
            handed,
            [
                "--insecure-registry=r:1",
                "--kernel-version=6.1.0",
                "--namespace=drivers",
                "--secure-boot"
            ]
        );
    }

    #[test]
    fn a_flag_that_no_pod_heeds_is_refused() {
        for flag in ["--kernel-dir=/k", "-f=m.yaml", "--ca-file=a", "--cleanup"] {
            let error = flags(&["run", "--in-cluster", flag], Caller::Run).expect_err(flag);
            assert_eq!(error.exit_code(), 2, "{flag}");
        }
        let error = flags(&["generate", "--job", "--kernel-dir=/k"], Caller::Generate);
        let error = error.expect_err("a file");
        assert!(error.to_string().contains("--kernel-dir"), "{error}");
    }
}
