//! Runs one program: the only place that starts a process.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::image_build::log::Lines;
use crate::image_build::processes::Processes;
use crate::image_build::redaction::Redaction;

/// How long the output of a program may stay open after it has ended, because something
/// that it has started holds it.
const AFTERMATH: Duration = Duration::from_millis(500);

/// How long [`Tool::run_briefly`] waits.
const BRIEFLY: Duration = Duration::from_millis(450);
/// How often it looks.
const POLL: Duration = Duration::from_millis(10);

/// A program with its arguments. Arguments never hold a secret, so all of them are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The program's name, looked up in `PATH`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables beside this process's own.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub folder: PathBuf,
}

impl Tool {
    /// Runs the program in a process group of its own, with nothing on its standard input,
    /// and hands over each line of its two outputs as it comes, without secrets.
    ///
    /// # Errors
    /// It cannot be started, or the run is over (`Interrupted`).
    pub(crate) async fn run(
        &self,
        processes: &Processes,
        redaction: &Redaction,
        mut each_line: impl FnMut(&str),
    ) -> io::Result<ExitStatus> {
        tracing::debug!(program = self.program, args = ?self.args, "starting");
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        #[cfg(not(unix))]
        command.kill_on_drop(true);
        let started = processes.start(|| {
            let child = command.spawn()?;
            let leader = child.id();
            Ok::<_, io::Error>((child, leader))
        })?;
        let Some(mut child) = started else {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the run is over",
            ));
        };
        let leader = child.id();
        let (sender, mut chunks) = mpsc::channel(16);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, 0, sender.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(stderr, 1, sender.clone()));
        }
        drop(sender);
        let mut lines = [Lines::new(redaction), Lines::new(redaction)];
        let status = loop {
            tokio::select! {
                Some((stream, chunk)) = chunks.recv() => {
                    let lines: &mut Lines<'_> = &mut lines[stream];
                    lines.take(&chunk, &mut each_line);
                }
                status = child.wait() => break status,
            }
        };
        if let Some(leader) = leader {
            processes.finished(leader);
        }
        let rest = async {
            while let Some((stream, chunk)) = chunks.recv().await {
                let lines: &mut Lines<'_> = &mut lines[stream];
                lines.take(&chunk, &mut each_line);
            }
        };
        let _ = tokio::time::timeout(AFTERMATH, rest).await;
        for mut lines in lines {
            lines.end(&mut each_line);
        }
        status
    }

    /// Runs the program for less than half a second, and does not ask how it went. For what is
    /// left to do when the run is over.
    pub(crate) fn run_briefly(&self) {
        let mut command = std::process::Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            return;
        };
        let start = Instant::now();
        while start.elapsed() < BRIEFLY && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Reads until the end; a reader that has gone away ends it too.
async fn forward(
    mut output: impl AsyncRead + Unpin,
    stream: usize,
    sender: mpsc::Sender<(usize, Vec<u8>)>,
) {
    let mut buffer = vec![0; 32 << 10];
    while let Ok(length) = output.read(&mut buffer).await {
        if length == 0
            || sender
                .send((stream, buffer[..length].to_vec()))
                .await
                .is_err()
        {
            return;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn shell(script: &str) -> Tool {
        Tool {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("GREETING".into(), "hello".into())],
            folder: "/".into(),
        }
    }

    #[tokio::test]
    async fn lines_and_status_are_handed_over() {
        let mut lines = Vec::new();
        let status = shell("echo $GREETING; echo error >&2; printf end; exit 3")
            .run(&Processes::default(), &Redaction::default(), |line| {
                lines.push(line.to_owned())
            })
            .await
            .expect("sh starts");
        lines.sort();
        assert_eq!(lines, ["end", "error", "hello"]);
        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_child_that_holds_the_output_does_not_hold_the_run() {
        let start = Instant::now();
        let script = "setsid sh -c 'sleep 20' & echo done";
        let mut lines = Vec::new();
        let run = shell(script);
        let processes = Processes::default();
        run.run(&processes, &Redaction::default(), |line| {
            lines.push(line.to_owned())
        })
        .await
        .expect("sh starts");
        assert_eq!(lines, ["done"]);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_program_that_is_absent_is_an_error() {
        let mut tool = shell("");
        tool.program = "no-such-program".into();
        let error = tool
            .run(&Processes::default(), &Redaction::default(), |_| ())
            .await;
        assert_eq!(
            error.map_err(|error| error.kind()).err(),
            Some(io::ErrorKind::NotFound)
        );
    }

    /// A builder that ignores SIGTERM, whose child sits in a session of its own.
    #[tokio::test]
    async fn stubborn_processes_and_their_children_end_within_two_seconds() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = format!(
            "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {0}/child; \
             while :; do sleep 1; done' & echo $$ > {0}/leader; while :; do sleep 1; done",
            folder.path().display()
        );
        let processes = Arc::new(Processes::default());
        let running = tokio::spawn({
            let processes = Arc::clone(&processes);
            async move {
                shell(&script)
                    .run(&processes, &Redaction::default(), |_| ())
                    .await
            }
        });
        let number = |name: &str| std::fs::read_to_string(folder.path().join(name));
        while number("child").is_err() || number("leader").is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.abort();
        let start = Instant::now();
        tokio::task::spawn_blocking({
            let processes = Arc::clone(&processes);
            move || processes.end_all()
        })
        .await
        .expect("no panic");
        assert!(start.elapsed() < Duration::from_millis(2500));
        for name in ["leader", "child"] {
            let number = number(name).expect("it was written");
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", number.trim()));
            let gone = stat.map_or(true, |stat| stat.contains(") Z "));
            assert!(gone, "{name} is still there");
        }
        let refused = shell("true")
            .run(&processes, &Redaction::default(), |_| ())
            .await;
        assert_eq!(
            refused.map_err(|error| error.kind()).err(),
            Some(io::ErrorKind::Interrupted)
        );
    }
}
