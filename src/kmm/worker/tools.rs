//! The programs that KMM runs in the module's image.

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::open::ImageConfig;
use crate::kmm::releases::KmmRelease;
use crate::model::layer::Node;

/// The `PATH` that container runtimes give where the image sets none.
const PATH: &[&str] = &[
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
];

/// What KMM's init container needs: since 2.2 it runs `/bin/sh -c` with `mkdir` and `cp`
/// (`internal/pod/workerpodmanager.go`); 1.x runs `modprobe` in the image; 2.0 and 2.1 run
/// nothing in it.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn check(
    overlay: &Overlay,
    config: &ImageConfig,
    release: KmmRelease,
) -> Result<Vec<Finding>, NeedLayer> {
    let (programs, runs): (&[&str], &str) = if release.at_least(2, 2) {
        if config.shows_a_shell {
            return Ok(Vec::new());
        }
        (
            &["mkdir", "cp"],
            "KMM's init container copies the modules with",
        )
    } else if release.at_least(2, 0) {
        return Ok(Vec::new());
    } else {
        (&["modprobe"], "KMM 1.x loads the module in this image with")
    };
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
    let is_busybox = shell.is_some_and(|size| size > 500_000)
        && {
            let target = overlay.lookup_link("bin/sh")?;
            matches!(target, Some(found) if matches!(found.node, Node::Symlink(to) if to.ends_with("busybox")))
        };
    for program in programs {
        let mut found = false;
        for folder in PATH {
            found = found || executable(overlay, &format!("{folder}/{program}"))?.is_some();
        }
        if found {
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
    Ok(findings)
}

/// The size of an executable file, links followed in the image.
fn executable(overlay: &Overlay, path: &str) -> Result<Option<u64>, NeedLayer> {
    Ok(overlay.lookup(path)?.and_then(|found| match found.node {
        Node::File { size, mode, .. } if mode & 0o111 != 0 && *size > 0 => Some(*size),
        _ => None,
    }))
}
