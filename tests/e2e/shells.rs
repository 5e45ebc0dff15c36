//! Completion as a user has it: a key is pressed in a real shell.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::server::tool;
use crate::support::terminal::{Streams, Terminal};

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-kmm-preflight");

/// The names of the plugin, and the words after `kubectl` that lead to each. kubectl runs
/// `kmm_preflight` too, but completes no plugin by a word with an underscore.
const NAMES: [(&str, &str); 3] = [
    ("kubectl-kmm", "kmm preflight"),
    ("kubectl-kmm-preflight", "kmm preflight"),
    ("kubectl-kmm_preflight", "kmm-preflight"),
];

/// A shell, how it starts without anybody's settings, and how it loads a script that a
/// command prints.
#[derive(Debug, Clone, Copy)]
struct Shell {
    name: &'static str,
    args: &'static [&'static str],
    before: &'static str,
    loads: fn(&str) -> String,
}

const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        args: &["--noprofile", "--norc", "-i"],
        before: "source /usr/share/bash-completion/bash_completion",
        loads: |command| format!("source <({command})"),
    },
    Shell {
        name: "zsh",
        args: &["-f", "-i"],
        before: "autoload -Uz compinit && compinit -u -d .zcompdump",
        loads: |command| format!("source <({command})"),
    },
    Shell {
        name: "fish",
        args: &["--no-config", "-i"],
        before: "set -g fish_greeting",
        loads: |command| format!("{command} | source"),
    },
];

/// A home with the plugin under one of its names, and nothing else of it on the PATH.
fn home(name: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a home");
    let bin = home.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    symlink(BINARY, bin.join(name)).expect("a link");
    symlink(tool("kubectl"), bin.join("kubectl")).expect("a link");
    home
}

impl Shell {
    fn start(self, home: &Path) -> Terminal {
        let mut command = Command::new(self.name);
        command
            .args(self.args)
            .current_dir(home)
            .env("HOME", home)
            .env("PATH", format!("{}/bin:/usr/bin:/bin", home.display()))
            .env("PS1", "> ");
        let mut terminal = Terminal::of(&command, Streams::Both, 40, 120);
        terminal.press(format!("{}\n", self.before).as_bytes());
        terminal
    }

    /// What the line is after the key was pressed behind these words.
    fn completes(self, terminal: &mut Terminal, words: &str, to: &str) {
        let name = self.name;
        terminal.press(b"echo re''ady\n");
        terminal.wait_until(|lines| lines.iter().any(|line| line == "ready"));
        terminal.press(format!("{words}\t").as_bytes());
        terminal.wait_until(|lines| {
            let last = lines.last().map(String::as_str).unwrap_or_default();
            let is_whole = last.contains(to);
            assert!(
                !last.contains("rror"),
                "{name}: {words}: {}",
                lines.join("\n")
            );
            is_whole
        });
    }
}

#[test]
fn kubectl_completes_the_plugin_under_each_of_its_names_in_each_shell() {
    for (name, words) in NAMES {
        let home = home(name);
        let installed = Command::new(tool("kubectl"))
            .args(words.split(' '))
            .args(["completion", "install"])
            .env_clear()
            .env("PATH", home.path().join("bin"))
            .env("HOME", home.path())
            .output()
            .expect("kubectl runs");
        assert!(installed.status.success(), "{name}: {installed:?}");
        for shell in SHELLS {
            let mut terminal = shell.start(home.path());
            let script = (shell.loads)(&format!("kubectl completion {}", shell.name));
            terminal.press(format!("{script}\n").as_bytes());
            let start = format!("kubectl {words} run --stages si");
            let end = format!("kubectl {words} run --stages sign");
            shell.completes(&mut terminal, &start, &end);
            terminal.press(&[3, 4]);
            terminal.stop();
        }
    }
}

#[test]
fn a_shells_own_script_completes_the_binary_under_each_of_its_names() {
    for (name, _) in NAMES {
        let home = home(name);
        for shell in SHELLS {
            let mut terminal = shell.start(home.path());
            let script = (shell.loads)(&format!("{name} completion {}", shell.name));
            terminal.press(format!("{script}\n").as_bytes());
            let start = format!("{name} run --kernel-ver");
            let end = format!("{name} run --kernel-version");
            shell.completes(&mut terminal, &start, &end);
            terminal.press(&[3, 4]);
            terminal.stop();
        }
    }
}
