//! Which builder of this machine works.

use std::time::Duration;

use crate::findings::finding::{Code, Finding};
use crate::image_build::command::{self, BuildRun, BuilderKind, Folders, Storage, docker};
use crate::image_build::docker_config;
use crate::image_build::processes::Processes;
use crate::image_build::redaction::Redaction;
use crate::image_build::tool::Tool;
use crate::model::target::Arch;
use crate::own_files::workspace;

/// `--builder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// The first of buildah, podman and docker that works
    Auto,
    /// buildah
    Buildah,
    /// podman
    Podman,
    /// docker
    Docker,
    /// Build nothing: what would have to be built is an error
    None,
}

/// `--build-isolation`: what keeps the steps of a Dockerfile from this machine (buildah and
/// podman; docker's daemon isolates as it is set up).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum IsolationChoice {
    /// The builder's own isolation; `chroot`, with a warning, where it does not work
    Auto,
    /// The builder's own isolation
    Default,
    /// chroot only: steps see the processes and the network of this machine
    Chroot,
}

impl IsolationChoice {
    /// `--isolation` of the builder, in the order in which it is tried; `None` is the builder's
    /// own default.
    fn order(self) -> &'static [Option<&'static str>] {
        match self {
            Self::Auto => &[None, Some(CHROOT)],
            Self::Default => &[None],
            Self::Chroot => &[Some(CHROOT)],
        }
    }
}

const CHROOT: &str = "chroot";

/// A builder that was tried and works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Builder {
    /// The program.
    pub kind: BuilderKind,
    /// How it is used; docker's daemon decides for itself.
    pub storage: Option<Storage>,
    /// What was tried and chosen, in words.
    pub words: String,
    /// What should be known of how it isolates steps.
    pub isolation: Option<Finding>,
}

/// One attempt may take this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// A step that every working builder starts, and that cannot be found.
const PROBE: &str = "FROM scratch\nRUN [\"/kmm-preflight-probe\"]\n";

/// Tries what the choice allows, in order.
///
/// # Errors
/// `builder-missing`, with the reason of each.
pub(crate) async fn choose(
    choice: Choice,
    isolation: IsolationChoice,
    folders: &Folders,
    processes: &Processes,
) -> Result<Builder, Finding> {
    let kinds: Vec<BuilderKind> = match choice {
        Choice::Auto => BuilderKind::ALL.to_vec(),
        Choice::Buildah => vec![BuilderKind::Buildah],
        Choice::Podman => vec![BuilderKind::Podman],
        Choice::Docker => vec![BuilderKind::Docker],
        Choice::None => {
            return Err(Finding::new(
                Code::BuilderMissing,
                "the image must be built, but --builder is none",
            )
            .hint("Run again without --builder none."));
        }
    };
    let mut reasons = Vec::new();
    for kind in kinds {
        match attempt(kind, isolation, folders, processes).await {
            Ok(mut builder) => {
                if !reasons.is_empty() {
                    builder.words = format!("{} ({})", builder.words, reasons.join("; "));
                }
                tracing::info!("building with {}", builder.words);
                return Ok(builder);
            }
            Err(reason) => reasons.push(format!("{}: {reason}", kind.program())),
        }
    }
    Err(Finding::new(
        Code::BuilderMissing,
        format!("no builder works on this machine: {}", reasons.join("; ")),
    )
    .hint("Install buildah, podman or docker, or let the cluster build (run without --local)."))
}

async fn attempt(
    kind: BuilderKind,
    choice: IsolationChoice,
    folders: &Folders,
    processes: &Processes,
) -> Result<Builder, String> {
    if kind == BuilderKind::Docker {
        return docker(folders, processes).await;
    }
    let version = Tool {
        program: kind.program().to_owned(),
        args: vec!["--version".into()],
        env: Vec::new(),
        folder: folders.context.clone(),
    };
    let (works, lines) = run(&version, processes).await?;
    if !works {
        return Err(last(&lines));
    }
    let name = first(&lines);
    let probe = probe_run(folders).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    // The builder's own isolation first, with either storage; chroot works where it cannot,
    // such as inside a container.
    for isolation in choice.order().iter().copied() {
        for driver in ["overlay", "vfs"] {
            let storage = Storage { driver, isolation };
            let tool = command::build(kind, &storage, folders, &probe);
            let (_, lines) = run(&tool, processes).await?;
            if lines.iter().any(|line| reached_the_step(line)) {
                let weak = isolation.is_some() && choice == IsolationChoice::Auto;
                let isolation = isolation.unwrap_or("default");
                let mut words = format!("{name}, storage {driver}, isolation {isolation}");
                if !faults.is_empty() {
                    words.push_str(&format!(" ({})", joined(&faults)));
                }
                return Ok(Builder {
                    kind,
                    words,
                    storage: Some(storage),
                    isolation: weak.then(|| weak_isolation(kind)),
                });
            }
            let isolation = isolation.unwrap_or("default");
            let way = format!("storage {driver}, isolation {isolation}");
            faults.push((way, last(&lines)));
        }
    }
    faults.dedup_by(|(_, one), (_, other)| one == other);
    Err(match faults.as_slice() {
        [(_, reason)] => reason.clone(),
        several => joined(several),
    })
}

fn weak_isolation(kind: BuilderKind) -> Finding {
    Finding::new(
        Code::BuildIsolationWeak,
        format!(
            "the default isolation of {} does not work on this machine, so the steps of the \
             Dockerfile ran with chroot isolation only",
            kind.program()
        ),
    )
    .hint("Pass --build-isolation default to end in error instead, or chroot to accept it.")
}

/// Ways that were tried, each with why it does not work.
fn joined(faults: &[(String, String)]) -> String {
    let all: Vec<String> = faults
        .iter()
        .map(|(way, reason)| format!("{way}: {reason}"))
        .collect();
    all.join("; ")
}

/// The builder could start the step, and found that there is no such file: everything
/// before works.
fn reached_the_step(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("kmm-preflight-probe") && line.contains("no such file or directory")
}

fn probe_run(folders: &Folders) -> std::io::Result<BuildRun> {
    let dockerfile = folders.temporary.join("probe.Dockerfile");
    if !dockerfile.exists() {
        workspace::write_private(&dockerfile, PROBE.as_bytes())?;
    }
    Ok(BuildRun {
        dockerfile,
        tag: "localhost/kmm-preflight:probe".into(),
        arch: this_machine(),
        args: Vec::new(),
        secrets: Vec::new(),
        authfile: None,
        insecure: Vec::new(),
        certificates: None,
        policy: None,
        registries_conf: None,
    })
}

/// The architecture of this machine, as far as images know it.
pub(crate) fn this_machine() -> Arch {
    match std::env::consts::ARCH {
        "aarch64" => Arch::Arm64,
        "powerpc64" => Arch::Ppc64le,
        "s390x" => Arch::S390x,
        _ => Arch::Amd64,
    }
}

/// A client may be there without the daemon, and without BuildKit.
async fn docker(folders: &Folders, processes: &Processes) -> Result<Builder, String> {
    let version = docker::command(folders, &["version", "--format", "{{.Server.Version}}"]);
    let (works, lines) = run(&version, processes).await?;
    if !works {
        return Err(last(&lines));
    }
    let version = last(&lines);
    let config = folders.temporary.join("docker");
    let written = std::fs::create_dir(&config)
        .and_then(|()| docker_config::write(&config, docker_config::of_user().as_deref(), "{}"));
    let mut probe = probe_run(folders).map_err(|error| error.to_string())?;
    probe.authfile = Some(written.map_err(|error| error.to_string())?);
    let (_, lines) = run(&docker::build(folders, &probe, &[]), processes).await?;
    if !lines.iter().any(|line| reached_the_step(line)) {
        return Err(last(&lines));
    }
    Ok(Builder {
        kind: BuilderKind::Docker,
        storage: None,
        isolation: None,
        words: format!("docker, server {version}"),
    })
}

async fn run(tool: &Tool, processes: &Processes) -> Result<(bool, Vec<String>), String> {
    let redaction = Redaction::default();
    let mut lines = Vec::new();
    let running = tool.run(processes, &redaction, |line| {
        if lines.len() < 200 {
            lines.push(line.to_owned());
        }
    });
    match tokio::time::timeout(PATIENCE, running).await {
        Ok(Ok(status)) => Ok((status.success(), lines)),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("not installed".into())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("timed out after {PATIENCE:?}")),
    }
}

fn first(lines: &[String]) -> String {
    lines
        .first()
        .map(|line| line.trim())
        .unwrap_or("?")
        .to_owned()
}

/// What a program failed of: the last line that it calls an error, else the last one.
fn last(lines: &[String]) -> String {
    let said = || {
        let lines = lines.iter().rev().map(|line| line.trim());
        lines.filter(|line| !line.is_empty())
    };
    let is_error = |line: &&str| line.to_ascii_lowercase().starts_with("error");
    said()
        .find(is_error)
        .or_else(|| said().next())
        .unwrap_or("it failed without output")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_could_not_run_its_step_is_told_from_one_that_could() {
        for (line, reached) in [
            (
                "process failed to start with error: fork/exec /kmm-preflight-probe: no such \
                 file or directory",
                true,
            ),
            (
                "error: executable file `/kmm-preflight-probe` not found: No such file or \
                 directory",
                true,
            ),
            ("STEP 2/2: RUN [\"/kmm-preflight-probe\"]", false),
            (
                "error running container: from  creating container for [/kmm-preflight-probe]: : \
                 exec: no command",
                false,
            ),
            ("open /etc/subuid: no such file or directory", false),
        ] {
            assert_eq!(reached_the_step(line), reached, "{line}");
        }
    }
}
