//! The built binary in an environment of its own: an empty home, and none of
//! the variables that would let this machine's settings decide a test.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What ends at once has ended by then, on a machine that is busy with other work too. Whatever
/// tests let it wait for takes longer.
pub const AT_ONCE: Duration = Duration::from_secs(10);

/// One call of the binary, built up and then run.
#[derive(Debug)]
pub struct Preflight {
    home: TempDir,
    args: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    input: Option<Vec<u8>>,
}

/// A call that runs while the test acts. Its standard input is empty.
#[derive(Debug)]
pub struct Running {
    child: Child,
    // Holds the home folder of the call.
    _call: Preflight,
}

/// What a finished call left.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended the process.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Preflight {
    /// A call with these arguments. Caching and configuration folders are
    /// below a temporary home, so that no test sees another's.
    pub fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary home"),
            args: args.into_iter().map(|arg| arg.as_ref().into()).collect(),
            variables: Vec::new(),
            folder: None,
            input: None,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// A variable set for this call.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// The working folder, instead of the test's own.
    pub fn dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Standard input, which is empty otherwise.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// The home folder of the call.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The prepared command, for tests that watch or interrupt it themselves.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs(
                self.variables
                    .iter()
                    .map(|(name, value)| (name.as_os_str(), value.as_os_str())),
            );
        command
    }

    /// The call as another program runs it: these words, and then the call.
    #[cfg(unix)]
    pub fn command_of(&self, words: &[&str]) -> Command {
        let call = self.command();
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = Command::new(program);
        let variables = call.get_envs();
        command
            .args(arguments)
            .arg(call.get_program())
            .args(call.get_args())
            .env_clear()
            .envs(variables.filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// The started process, with pipes that nobody reads yet.
    fn spawn(&self, input: Stdio) -> Child {
        self.command()
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Runs the call to its end.
    pub fn run(self) -> Ended {
        let mut child = self.spawn(Stdio::piped());
        let mut pipe = child.stdin.take().expect("a pipe to standard input");
        let input = self.input.clone().unwrap_or_default();
        // A call that fails early may close its input before it has read it.
        let writer = std::thread::spawn(move || {
            let _ = pipe.write_all(&input);
        });
        let output = child.wait_with_output().expect("the binary ends");
        writer.join().expect("standard input was written");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Running {
    /// Starts a call.
    pub fn start(call: Preflight) -> Self {
        let child = call.spawn(Stdio::null());
        Self { child, _call: call }
    }

    /// Sends a signal, by the name that kill(1) has for it.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill starts");
        assert!(status.success(), "SIG{name} is sent");
    }

    /// Waits for its end, at most a minute; after that it is killed.
    pub fn end(mut self) -> Ended {
        let stdout = self.child.stdout.take().map(read_all);
        let stderr = self.child.stderr.take().map(read_all);
        let start = Instant::now();
        while self.child.try_wait().expect("the call's state").is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                self.child.kill().expect("the call can be killed");
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let text = |reader: Option<JoinHandle<String>>| {
            let text = reader.map(|reader| reader.join().expect("the pipe was read"));
            text.unwrap_or_default()
        };
        Ended {
            code: self.child.wait().expect("the call's state").code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }
}

/// The binary that cargo built for the tests which run now.
pub fn program() -> PathBuf {
    let path = std::env::var_os("CARGO_BIN_EXE_kubectl-kmm-preflight");
    PathBuf::from(path.expect("cargo 1.94 or later runs the tests, and says where the binary is"))
}

/// Reads a pipe to its end beside the test, so that a full one stops nobody.
fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Ended {
    /// Holds the call to an exit code, and shows both streams when it differs.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code,
            Some(expected),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "stdout is not JSON ({error}):\n{}\nstderr:\n{}",
                self.stdout, self.stderr
            )
        })
    }
}
