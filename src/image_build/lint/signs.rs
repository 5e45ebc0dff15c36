//! What single words and steps of a Dockerfile give away.

use kernel_loader::module::names::without_suffix;

use crate::image_build::dockerfile::{Stage, Step};

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
