//! `completion`: scripts for shells, and the program that kubectl asks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

use crate::cli::{CompletionArgs, CompletionTarget, help};
use crate::console::output::Done;
use crate::error::Error;

/// The plugin's own file name, for which the scripts are.
const PROGRAM: &str = "kubectl-kmm-preflight";
/// The same as a word of Bash.
const BASH_NAME: &str = "kubectl_kmm_preflight";
/// The others that it may have.
const OTHER_NAMES: [&str; 2] = ["kubectl-kmm", "kubectl-kmm_preflight"];
/// The names under which kubectl looks for completion, one for each name of the plugin:
/// `kubectl_complete-` and what follows `kubectl-`.
const COMPLETERS: [&str; 3] = [
    "kubectl_complete-kmm",
    "kubectl_complete-kmm-preflight",
    "kubectl_complete-kmm_preflight",
];

/// Prints a shell's script, or installs the completion of `kubectl kmm`.
///
/// # Errors
/// The completer cannot be written, or a file of another program has its name.
pub(crate) fn run(args: &CompletionArgs) -> Result<Done, Error> {
    let shell = match args.what {
        CompletionTarget::Bash => Shell::Bash,
        CompletionTarget::Elvish => Shell::Elvish,
        CompletionTarget::Fish => Shell::Fish,
        CompletionTarget::Powershell => Shell::PowerShell,
        CompletionTarget::Zsh => Shell::Zsh,
        CompletionTarget::Install => return install(args.dir.as_deref()),
    };
    if args.dir.is_some() {
        return Err(Error::Usage {
            message: "--dir is only for `completion install`".to_owned(),
            hint: "Redirect the script with `>` to where your shell looks for it.".to_owned(),
        });
    }
    Ok(Done {
        stdout: script(shell),
        ..Done::default()
    })
}

/// The completion script of a shell, for the plugin under each of its names.
pub(crate) fn script(shell: Shell) -> String {
    // The script for Bash that clap_complete writes names the functions of a command with
    // dashes in two ways, and completes nothing.
    let name = match shell {
        Shell::Bash => BASH_NAME,
        _ => PROGRAM,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let others = OTHER_NAMES.join(" ");
    match shell {
        Shell::Bash => script.replace(
            &format!("-o default {BASH_NAME}\n"),
            &format!("-o default {PROGRAM} {others}\n"),
        ),
        Shell::Zsh => ["#compdef ", "compdef _kubectl-kmm-preflight "]
            .iter()
            .fold(script, |script, start| {
                let of_one = format!("{start}{PROGRAM}\n");
                script.replace(&of_one, &format!("{start}{PROGRAM} {others}\n"))
            }),
        Shell::PowerShell => {
            let one = format!("-CommandName '{PROGRAM}'");
            let [first, second] = OTHER_NAMES;
            script.replace(&one, &format!("{one}, '{first}', '{second}'"))
        }
        Shell::Fish => OTHER_NAMES.iter().fold(script, |script, name| {
            format!("{script}complete -c {name} -w {PROGRAM}\n")
        }),
        Shell::Elvish => OTHER_NAMES.iter().fold(script, |script, name| {
            let completer = "edit:completion:arg-completer";
            format!("{script}set {completer}[{name}] = ${completer}[{PROGRAM}]\n")
        }),
        // clap_complete may learn more shells.
        _ => script,
    }
}

fn install(dir: Option<&Path>) -> Result<Done, Error> {
    let plugin = plugin_path();
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None => plugin.parent().map(Path::to_owned).unwrap_or_default(),
    };
    for completer in COMPLETERS {
        let place = dir.join(match cfg!(windows) {
            true => format!("{completer}.exe"),
            false => completer.to_owned(),
        });
        put(&plugin, &dir, &place)?;
    }
    Ok(Done {
        stderr: format!(
            "Installed {} in {}; completion of `kubectl kmm preflight` works in shells with \
             kubectl completion.\n",
            COMPLETERS[0],
            dir.display()
        ),
        ..Done::default()
    })
}

/// Puts a completer in its place.
fn put(plugin: &Path, dir: &Path, place: &Path) -> Result<(), Error> {
    let unwritable = |source: io::Error| Error::Write {
        path: place.to_owned(),
        source,
        hint: "Pass a writable folder of your PATH with --dir.".to_owned(),
    };
    if is_foreign(place) {
        return Err(Error::Usage {
            message: format!("{} belongs to another program", place.display()),
            hint: "Remove it, or pass another folder with --dir.".to_owned(),
        });
    }
    let temporary = place.with_extension("new");
    let _ = fs::remove_file(&temporary);
    link(plugin, dir, &temporary).map_err(unwritable)?;
    fs::rename(&temporary, place).map_err(unwritable)
}

/// The plugin as it was found: by the path that kubectl called, else on the PATH, else the
/// program file itself. krew's link stays the same over updates, its target does not.
fn plugin_path() -> PathBuf {
    let called = std::env::args_os().next().map(PathBuf::from);
    let found = called.and_then(|called| {
        if called.components().count() > 1 {
            return Some(called);
        }
        std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|folder| folder.join(&called))
            .find(|path| path.is_file())
    });
    let path = found
        .or_else(|| std::env::current_exe().ok())
        .unwrap_or_else(|| PathBuf::from(PROGRAM));
    std::path::absolute(&path).unwrap_or(path)
}

/// True where something stands that is no link of ours: what it leads to is called otherwise.
fn is_foreign(place: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(place) else {
        return false;
    };
    if cfg!(windows) {
        return false;
    }
    let ours = fs::read_link(place).is_ok_and(|target| {
        target
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("kubectl-kmm"))
    });
    !(metadata.file_type().is_symlink() && ours)
}

#[cfg(unix)]
fn link(plugin: &Path, dir: &Path, place: &Path) -> io::Result<()> {
    let beside = plugin.parent().is_some_and(|parent| parent == dir);
    match plugin.file_name().filter(|_| beside) {
        Some(name) => std::os::unix::fs::symlink(name, place),
        None => std::os::unix::fs::symlink(plugin, place),
    }
}

#[cfg(not(unix))]
fn link(plugin: &Path, _dir: &Path, place: &Path) -> io::Result<()> {
    fs::copy(plugin, place).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(Shell, &str); 5] = [
        (Shell::Bash, "kubectl-kmm-preflight.bash"),
        (Shell::Elvish, "kubectl-kmm-preflight.elv"),
        (Shell::Fish, "kubectl-kmm-preflight.fish"),
        (Shell::PowerShell, "_kubectl-kmm-preflight.ps1"),
        (Shell::Zsh, "_kubectl-kmm-preflight"),
    ];

    /// `UPDATE_COMPLETIONS=1 cargo test completions` writes them anew.
    #[test]
    fn the_files_in_completions_are_those_that_the_command_prints() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
        for (shell, name) in FILES {
            let path = folder.join(name);
            if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(&path, script(shell)).expect("a file");
            }
            let there = fs::read_to_string(&path).unwrap_or_default();
            for other in OTHER_NAMES {
                assert!(
                    there.contains(other),
                    "completions/{name} is not for {other}"
                );
            }
            assert!(there == script(shell), "completions/{name} is out of date");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_completer_is_a_link_and_replaces_no_other_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join(COMPLETERS[0]);
        assert!(!is_foreign(&place));
        link(&folder.path().join("kubectl-kmm"), folder.path(), &place).expect("a link");
        assert_eq!(
            fs::read_link(&place).expect("a link"),
            Path::new("kubectl-kmm")
        );
        assert!(!is_foreign(&place));
        fs::remove_file(&place).expect("removed");
        fs::write(&place, "another program").expect("a file");
        assert!(is_foreign(&place));
    }
}
