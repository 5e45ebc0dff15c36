//! What the kernel's answer means for the verdict.
//!
//! The kernel decides what its loader and `modprobe` decide. What the guest is not the place for
//! stays as it was predicted: the image's tools, fields of the Module, keys that nodes enrol.

use crate::boot::console::{Answer, Ended};
use crate::boot::run::of_a_case;
use crate::findings::finding::{Code, Effect, Finding};

/// The most lines of the kernel or of `modprobe` in a message.
const MOST_LINES: usize = 8;

/// What a guest does not share with a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// The kernel's version.
    pub(super) kernel: &'a str,
    /// The names that `modprobe` is asked for.
    pub(super) names: &'a [String],
    /// Nodes boot with Secure Boot.
    pub(super) secure_boot: bool,
    /// Keys were named that a node trusts: the guest has those that are built into the kernel.
    pub(super) has_named_keys: bool,
}

/// What came of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came<'a> {
    /// `modprobe` reported success.
    Loaded,
    /// The loader took the module that `modprobe` could not insert, and its init function
    /// returned this error.
    InitFailed { module: &'a str, error: i32 },
    /// The same, and it did not come back.
    InitLost { module: &'a str },
    /// Anything else.
    Refused,
}

fn came(answer: &Answer) -> Came<'_> {
    match answer.ended {
        Ended::Exit(0) => Came::Loaded,
        Ended::Exit(_) => {
            let mut lines = answer.modprobe.iter().rev();
            let failed = lines.find_map(|line| Some((inserted(line)?, line)));
            let call = failed.and_then(|(module, line)| {
                let mut calls = answer.calls.iter().rev();
                let own = calls.find(|call| is_same(&call.module, module));
                // Where a module that it needs failed, modprobe names the one that it was asked
                // for, and the other's error.
                let is_its_error =
                    |error: i32| known_error(error).is_some_and(|(_, words)| line.ends_with(words));
                let last = answer.calls.last();
                own.or_else(|| last.filter(|call| call.returned.is_some_and(is_its_error)))
            });
            match call.and_then(|call| Some((&call.module, call.returned?))) {
                Some((module, error)) if error < 0 => Came::InitFailed { module, error },
                _ => Came::Refused,
            }
        }
        Ended::Crashed | Ended::Hung | Ended::Flooded => match answer.calls.last() {
            Some(call) if call.returned.is_none() => Came::InitLost {
                module: &call.module,
            },
            _ => Came::Refused,
        },
    }
}

/// The module in `modprobe: ERROR: could not insert 'foo': No such device`.
fn inserted(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("could not insert '")?;
    rest.split_once('\'').map(|(module, _)| module)
}

/// kmod and the kernel spell a name with `-` or `_`.
fn is_same(one: &str, other: &str) -> bool {
    one.replace('-', "_") == other.replace('-', "_")
}

/// Findings that `modprobe` and the kernel decide. Not those about arguments that could not be
/// followed: an install command finds no shell in the guest.
fn is_for_the_kernel(code: Code, circumstances: &Circumstances<'_>) -> bool {
    match code {
        Code::SignatureMissing | Code::SignatureUntrusted => !circumstances.secure_boot,
        code => matches!(
            code,
            Code::ModuleNotFound
                | Code::ModulesDepMissing
                | Code::ModuleNotInModulesDep
                | Code::ModuleBuiltIn
                | Code::ModuleNameClash
                | Code::ModuleUnreadable
                | Code::ModprobeArgsInvalid
                | Code::ElfInvalid
                | Code::ElfArchMismatch
                | Code::VermagicMismatch
                | Code::SymbolMissing
                | Code::SymbolVersionMismatch
                | Code::SymbolGplOnly
                | Code::SymbolNamespaceMissing
                | Code::SymbolDuplicate
                | Code::DependencyMissing
                | Code::SoftDependencyMissing
                | Code::KernelFactsMissing
        ),
    }
}

/// The findings with the kernel's answer among them.
pub(super) fn decide(
    predicted: Vec<Finding>,
    answer: &Answer,
    circumstances: &Circumstances<'_>,
) -> Vec<Finding> {
    let is_asked = |module: &str| circumstances.names.iter().any(|name| is_same(name, module));
    match came(answer) {
        Came::Loaded => {
            let said = format!("{} loaded it", in_guest(circumstances));
            let loaded = Finding::new(Code::BootLoaded, with_lines(said, &insmods(answer)));
            taken(predicted, loaded, circumstances)
        }
        Came::InitFailed { module, error } if is_asked(module) => {
            let said = format!(
                "{} accepted module {module}, but its init function failed with {}",
                in_guest(circumstances),
                error_name(error)
            );
            let hint = match error {
                ENODEV | ENXIO => {
                    "The virtual machine has no such hardware; test on a node that does."
                }
                _ => "Check what the module's init function requires.",
            };
            let loaded = Finding::new(Code::BootLoaded, with_lines(said, &words(answer)));
            taken(predicted, loaded.as_warning().hint(hint), circumstances)
        }
        Came::InitFailed { module, error } => {
            let said = format!(
                "{}: the init function of {module}, which the module needs, failed with {}, so \
                 the module itself was not tested",
                in_guest(circumstances),
                error_name(error)
            );
            let refused = Finding::new(Code::BootRefused, with_lines(said, &words(answer)));
            let mut findings = predicted;
            findings.push(refused.as_warning());
            findings
        }
        Came::InitLost { module } => {
            let said = format!(
                "{} accepted module {module}, but its init function {}",
                in_guest(circumstances),
                how(answer.ended)
            );
            let refused = Finding::new(Code::BootRefused, with_lines(said, &words(answer)));
            let mut findings = predicted;
            findings
                .push(refused.hint("The module would crash the node. Report it to its vendor."));
            findings
        }
        Came::Refused => refused(predicted, answer, circumstances),
    }
}

/// The loader took it: what was predicted against that is context, and a fault of this program.
fn taken(
    predicted: Vec<Finding>,
    loaded: Finding,
    circumstances: &Circumstances<'_>,
) -> Vec<Finding> {
    let mut findings = vec![loaded];
    let mut wrong = None;
    for finding in predicted {
        if !is_for_the_kernel(finding.code, circumstances) || finding.effect == Effect::None {
            findings.push(finding);
            continue;
        }
        if finding.effect == Effect::Fails {
            wrong.get_or_insert(finding.code);
        }
        findings.push(finding.as_info());
    }
    if let Some(code) = wrong {
        findings.push(disagrees(format!(
            "predicted {code}, but {} loaded it",
            in_guest(circumstances)
        )));
    }
    findings
}

fn refused(
    predicted: Vec<Finding>,
    answer: &Answer,
    circumstances: &Circumstances<'_>,
) -> Vec<Finding> {
    let said = match answer.ended {
        Ended::Exit(_) => format!("{} refused it", in_guest(circumstances)),
        ended => format!("{} {}", in_guest(circumstances), how(ended)),
    };
    let mut refused = Finding::new(Code::BootRefused, with_lines(said, &words(answer))).hint(
        match reached_kernel(answer) {
            true => "Build the module for this kernel; see the kernel's messages.",
            false => "modprobe passed no file to the kernel; fix what its output reports.",
        },
    );
    let has = |effect| predicted.iter().any(|finding| finding.effect == effect);
    let doubts_about = |code| {
        let mut findings = predicted.iter();
        findings.any(|finding| finding.code == code && finding.effect == Effect::Doubts)
    };
    if has(Effect::Fails) {
        let mut findings = predicted;
        findings.push(refused);
        return findings;
    }
    // A node may have keys that the guest has not, in-tree modules that the facts have not, and
    // programs that an install command runs.
    let reason = if is_about_keys(answer)
        && (circumstances.has_named_keys || doubts_about(Code::SignatureUntrusted))
    {
        Some(
            "the virtual machine has only the kernel's built-in keys, none that are enrolled on nodes",
        )
    } else if doubts_about(Code::ModprobeArgsUnknown) {
        Some("the virtual machine lacks the programs that modprobe runs with these arguments")
    } else if doubts_about(Code::KernelFactsMissing) && answer.kernel.is_empty() {
        Some("the virtual machine has only the in-tree modules of the kernel facts")
    } else {
        None
    };
    let mut findings = predicted;
    if let Some(reason) = reason {
        refused.message = format!(
            "{}; {reason}, so the result does not apply to nodes",
            refused.message
        );
        refused = refused.as_warning();
        refused.hint = None;
        findings.push(refused);
        return findings;
    }
    let was_verified = !findings.iter().any(|finding| {
        matches!(finding.effect, Effect::Doubts | Effect::Blocks)
            && is_for_the_kernel(finding.code, circumstances)
    });
    findings.push(refused);
    if was_verified {
        findings.push(disagrees(format!(
            "predicted that it loads, but {} refused it",
            in_guest(circumstances)
        )));
    }
    findings
}

fn disagrees(message: String) -> Finding {
    Finding::new(Code::BootDisagrees, message)
        .hint("Report it with the module and the kernel's version.")
}

/// False where `modprobe` ended before it handed a file to the kernel.
fn reached_kernel(answer: &Answer) -> bool {
    !matches!(answer.ended, Ended::Exit(_)) || !insmods(answer).is_empty()
}

fn is_about_keys(answer: &Answer) -> bool {
    let mut lines = answer.modprobe.iter().chain(&answer.kernel);
    lines.any(|line| {
        line.contains("Key was rejected by service") || line.contains("Required key not available")
    })
}

fn in_guest(circumstances: &Circumstances<'_>) -> String {
    format!("kernel {} (in a virtual machine)", circumstances.kernel)
}

fn how(ended: Ended) -> String {
    match ended {
        Ended::Exit(code) => format!("ended modprobe with exit code {code}"),
        Ended::Crashed => "crashed the kernel".to_owned(),
        Ended::Hung => format!("did not return within {} s", of_a_case().as_secs()),
        Ended::Flooded => "flooded the log".to_owned(),
    }
}

/// The files that were loaded.
fn insmods(answer: &Answer) -> Vec<String> {
    let is_insmod = |line: &&String| line.starts_with("insmod ");
    answer.modprobe.iter().filter(is_insmod).cloned().collect()
}

/// What the kernel wrote, or where it wrote nothing what `modprobe` did. Of a crash the first
/// lines say what it was.
fn words(answer: &Answer) -> Vec<String> {
    let errors = answer
        .modprobe
        .iter()
        .filter(|line| !line.starts_with("insmod "));
    let mut lines: Vec<String> = answer.kernel.clone();
    lines.retain(|line| !is_routine(line));
    // The kernel writes of other things too, its clock for one.
    let modules: Vec<String> = answer
        .modprobe
        .iter()
        .filter_map(|line| tried(line))
        .collect();
    let is_about_modules = |line: &String| {
        let mut modules = modules.iter();
        line.contains("module") || modules.any(|module| line.contains(module.as_str()))
    };
    if matches!(answer.ended, Ended::Exit(_)) {
        lines.retain(is_about_modules);
    }
    lines.extend(errors.cloned());
    lines
}

/// The module that a line of `modprobe` is about, as the kernel spells it.
fn tried(line: &str) -> Option<String> {
    let file = line.strip_prefix("insmod ").and_then(|line| {
        let path = line.split(' ').next()?;
        path.rsplit('/').next()?.split(".ko").next()
    });
    file.or_else(|| inserted(line))
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
}

/// Lines that every out-of-tree module causes.
fn is_routine(line: &str) -> bool {
    [
        "loading out-of-tree module taints kernel",
        "tainting kernel",
    ]
    .iter()
    .any(|words| line.contains(words))
}

fn with_lines(said: String, lines: &[String]) -> String {
    if lines.is_empty() {
        return said;
    }
    let half = MOST_LINES / 2;
    let text = if lines.len() > MOST_LINES {
        let (first, last) = (&lines[..half], &lines[lines.len() - half..]);
        format!("{} | … | {}", first.join(" | "), last.join(" | "))
    } else {
        lines.join(" | ")
    };
    format!("{said}: {text}")
}

const ENXIO: i32 = -6;
const ENODEV: i32 = -19;

/// The usual names and words of the errors that init functions return
/// (`include/uapi/asm-generic/errno-base.h`, `errno.h`).
fn known_error(error: i32) -> Option<(&'static str, &'static str)> {
    Some(match error {
        -1 => ("EPERM", "Operation not permitted"),
        -2 => ("ENOENT", "No such file or directory"),
        -5 => ("EIO", "Input/output error"),
        ENXIO => ("ENXIO", "No such device or address"),
        -12 => ("ENOMEM", "Cannot allocate memory"),
        -16 => ("EBUSY", "Device or resource busy"),
        -17 => ("EEXIST", "File exists"),
        ENODEV => ("ENODEV", "No such device"),
        -22 => ("EINVAL", "Invalid argument"),
        -95 => ("EOPNOTSUPP", "Operation not supported"),
        _ => return None,
    })
}

fn error_name(error: i32) -> String {
    match known_error(error) {
        Some((name, words)) => format!("error {error} ({name}, {words})"),
        None => format!("error {error}"),
    }
}

#[cfg(test)]
mod tests;
