//! What single words and steps of a Dockerfile give away.

use std::sync::LazyLock;

use kernel_loader::module::names::without_suffix;
use regex::Regex;

use crate::image_build::dockerfile::{Stage, Step};

/// A kernel release where only one can stand: a folder of the kernel's, a package of the
/// kernel's, or a variable for its version.
static IN_PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:lib/modules/|src/kernels/|src/linux-(?:headers-|obj-)?|\bkernel(?:-[a-z][a-z0-9]*)*-",
        r"|\blinux-(?:headers|image|modules|kbuild|tools|buildinfo)(?:-[a-z]+)*-",
        r"|\bK(?:ERNEL)?_?(?:VER|VERSION|REL|RELEASE|SRC|DIR|FULL_VERSION)=)",
        r"(\d+\.\d+\.\d+[0-9A-Za-z.+_~-]*)",
    ))
    .ok()
});

/// A kernel release on its own, as distributions write it: behind a sign that no package's name
/// ends with, and with an architecture or a flavour at its end.
static ON_ITS_OWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?:^|[\s"'=/(,])(\d+\.\d+\.\d+-(?:"#,
        r"[0-9][0-9A-Za-z.+_~-]*\.(?:x86_64|aarch64|ppc64le|s390x)(?:\+[0-9a-z-]+)?",
        r"|[0-9][0-9.]*(?:-[a-z0-9]+)*-(?:amd64|arm64|armmp|ppc64el|powerpc64le|s390x|generic",
        r"|lowlatency|default|preempt|rt|aws|azure|gcp|gke|ibm|oracle|nvidia|kvm|raspi|lts|virt))",
        r"(?:-64k|-debug)?)\b",
    ))
    .ok()
});

/// The kernel release that is written out in a line.
pub(super) fn release_in(line: &str) -> Option<&str> {
    let found = [&IN_PLACE, &ON_ITS_OWN].into_iter().find_map(|pattern| {
        let captures = pattern.as_ref()?.captures(line)?;
        captures.get(1)
    })?;
    Some(found.as_str().trim_end_matches(['.', '-']))
}

/// True where a script asks for the kernel that runs.
pub(super) fn asks_uname(script: &str) -> bool {
    script.split("uname").skip(1).any(|rest| {
        let option = rest.split_whitespace().next().unwrap_or_default();
        let option = option.trim_end_matches([')', '`', '"', '\'', ';']);
        option == "--kernel-release" || option.starts_with('-') && option.contains('r')
    })
}

/// True where a script builds or installs for a kernel.
pub(super) fn uses_a_kernel(script: &str) -> bool {
    const TOOLS: &[&str] = &[
        "make", "dkms", "dnf", "yum", "microdnf", "apt", "apt-get", "zypper", "rpm", "apk",
        "modinfo", "insmod", "cp", "mkdir", "install",
    ];
    let is_tool = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        TOOLS.contains(&name)
    };
    let assigns = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or_default();
        name.starts_with('K') && value.starts_with(['$', '`', '"'])
    };
    commands(script)
        .iter()
        .flatten()
        .any(|word| is_tool(word) || assigns(word))
}

/// The commands of a shell script, as words without quotes.
pub(super) fn commands(script: &str) -> Vec<Vec<&str>> {
    script
        .split(['\n', ';', '|', '&', '(', ')', '`'])
        .map(|command| {
            let words = command.split_whitespace();
            words.map(|word| word.trim_matches(['"', '\''])).collect()
        })
        .collect()
}

/// True when depmod's arguments hold a kernel version (depmod(8)): a word that is no
/// option and no option's value. Where the script asks `uname`, a command in the place of the
/// version (`$(…)`) is of the machine that builds.
pub(super) fn names_a_kernel(words: &[&str], of_host: bool) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-b" | "--basedir" | "-o" | "--outdir" | "-C" | "--config" | "-E" | "--symvers"
            | "-F" | "--filesyms" | "-P" | "--symbol-prefix" => {
                words.next();
            }
            word if word.starts_with(['-', '>', '<', '2']) && !word.contains('.') => {}
            "||" | "true" | "\\" | "" => {}
            "$" if of_host => {}
            _ => return true,
        }
    }
    false
}

/// True for the name of a kernel module.
pub(super) fn is_module(path: &str) -> bool {
    without_suffix(path).is_some()
}

/// True when a stage that starts from nothing copies a shell; a `RUN` would need one itself.
pub(super) fn brings_a_shell(stage: &Stage) -> bool {
    stage.steps.iter().any(|placed| match &placed.step {
        Step::Copy {
            sources,
            destination,
            ..
        } => {
            let whole = sources
                .iter()
                .any(|source| matches!(source.as_str(), "/" | "/bin" | "/bin/" | "/usr" | "/usr/"));
            whole
                || std::iter::once(destination)
                    .chain(sources)
                    .any(|path| path.ends_with("/sh") || path.contains("busybox"))
        }
        _ => false,
    })
}

/// True for a reference without a digest whose tag is absent or `latest`.
pub(super) fn is_floating(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}
