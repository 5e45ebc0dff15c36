//! The programs that KMM runs in the module's image.

use kernel_loader::arch::ElfMachine;

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::open::ImageConfig;
use crate::kmm::releases::{Feature, KmmRelease};
use crate::model::layer::{Content, Node};
use crate::model::target::Arch;

/// The `PATH` that container runtimes give where the image sets none.
const PATH: &[&str] = &[
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
];

/// A program of the image that KMM runs.
struct Program {
    path: String,
    size: u64,
    /// The machine that it is for, where it is an ELF file that was looked into.
    machine: Option<ElfMachine>,
}

/// What KMM runs in the image: since 2.2 `/bin/sh -c` with `mkdir` and `cp`
/// (`internal/pod/workerpodmanager.go`); 1.x runs `modprobe`; 2.0 and 2.1 run nothing.
fn needed(release: KmmRelease) -> Option<(&'static [&'static str], &'static str)> {
    if release.has(Feature::ImageExtractor) {
        let runs = "KMM's init container copies the modules with";
        return Some((&["mkdir", "cp"], runs));
    }
    let runs = "KMM 1.x loads the module in this image with";
    (!release.has(Feature::Worker)).then_some((&["modprobe"], runs))
}

/// What KMM needs of the image's programs: that they are there, and that a node can run them.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn check(
    overlay: &Overlay,
    config: &ImageConfig,
    release: KmmRelease,
    arch: Arch,
) -> Result<Vec<Finding>, NeedLayer> {
    let label = config.other_architecture(arch);
    let Some((programs, runs)) = needed(release) else {
        return Ok(label
            .map(|label| labelled(label, arch))
            .into_iter()
            .collect());
    };
    let is_shown = config.shows_a_shell && release.has(Feature::ImageExtractor);
    if is_shown && label.is_none() {
        // No layer is read for what the configuration shows.
        let known = ["sh"].iter().chain(programs).filter_map(|program| {
            let found = in_path(overlay, program);
            found.ok().flatten()
        });
        return Ok(known
            .filter_map(|it| foreign(&it, arch, runs))
            .take(1)
            .collect());
    }
    let shell = executable(overlay, "bin/sh")?;
    let mut findings = Vec::new();
    if shell.is_none() && !config.shows_a_shell {
        findings.push(
            Finding::new(
                Code::ImageToolsMissing,
                format!("the image has no executable /bin/sh; {runs} it"),
            )
            .hint("Use a base image with a shell and coreutils, such as ubi9/ubi-minimal."),
        );
        return Ok(findings);
    }
    let is_busybox = shell.as_ref().is_some_and(|shell| shell.size > 500_000)
        && {
            let target = overlay.lookup_link("bin/sh")?;
            matches!(target, Some(found) if matches!(found.node, Node::Symlink(to) if to.ends_with("busybox")))
        };
    let mut there: Vec<Program> = shell.into_iter().collect();
    for program in programs {
        if let Some(found) = in_path(overlay, program)? {
            there.push(found);
            continue;
        }
        if is_shown {
            continue;
        }
        let finding = Finding::new(
            Code::ImageToolsMissing,
            format!("the image has no executable `{program}` in its PATH; {runs} it"),
        )
        .hint("Install coreutils (and kmod for KMM 1.x) in the image.");
        findings.push(if is_busybox {
            // A busybox built with FEATURE_SH_STANDALONE runs its applets without links.
            finding.with_effect(Effect::Doubts)
        } else {
            finding
        });
    }
    if let Some(foreign) = there.iter().find_map(|it| foreign(it, arch, runs)) {
        findings.push(foreign);
    } else if let Some(label) = label {
        let runs_here = |it: &Program| it.machine.and_then(|machine| arch.runs(machine));
        let finding = labelled(label, arch);
        findings.push(if there.iter().any(|it| runs_here(it) == Some(true)) {
            finding
        } else {
            finding.with_effect(Effect::Doubts)
        });
    }
    Ok(findings)
}

/// The image's configuration says another architecture.
fn labelled(label: &str, arch: Arch) -> Finding {
    Finding::new(
        Code::ImageArchMissing,
        format!("the image's configuration is for {label}, but the nodes are {arch}"),
    )
    .hint(format!("Build the image with `--platform linux/{arch}`."))
    .as_warning()
}

/// A program that the nodes cannot run, or perhaps cannot.
fn foreign(program: &Program, arch: Arch, runs: &str) -> Option<Finding> {
    let machine = program.machine?;
    let answer = arch.runs(machine);
    if answer == Some(true) {
        return None;
    }
    let finding = Finding::new(
        Code::ImageToolsMissing,
        format!(
            "/{} of the image is a program for {machine}, and the nodes are {arch}; {runs} it",
            program.path
        ),
    )
    .hint(format!("Build the image with `--platform linux/{arch}`."));
    Some(match answer {
        None => finding.with_effect(Effect::Doubts),
        Some(_) => finding,
    })
}

/// The first executable file of that name in the PATH; of the shell only `/bin/sh` counts.
fn in_path(overlay: &Overlay, program: &str) -> Result<Option<Program>, NeedLayer> {
    if program == "sh" {
        return executable(overlay, "bin/sh");
    }
    for folder in PATH {
        if let Some(found) = executable(overlay, &format!("{folder}/{program}"))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// An executable file, links followed in the image.
fn executable(overlay: &Overlay, path: &str) -> Result<Option<Program>, NeedLayer> {
    Ok(overlay.lookup(path)?.and_then(|found| match found.node {
        Node::File {
            size,
            mode,
            content,
        } if mode & 0o111 != 0 && *size > 0 => Some(Program {
            path: path.to_owned(),
            size: *size,
            machine: match content {
                Content::NoModule(machine) => *machine,
                _ => None,
            },
        }),
        _ => None,
    }))
}

#[cfg(test)]
mod tests;
