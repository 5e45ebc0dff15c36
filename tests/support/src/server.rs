//! Child processes of the tests: real servers on free loopback ports, ended
//! when their owner is dropped, and at the latest with the test binary.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A running server and the folder that holds its files.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a program of the test environment, its output in `log`.
    pub fn start(program: &str, args: &[String], log: &Path) -> Self {
        // setpriv ends the server with the thread that started it, so that
        // thread must outlive the test which asked.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(tool(program))
            .args(args);
        let out = File::create(log).expect("a log file");
        let err = out.try_clone().expect("the log file twice");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let (started, wait) = mpsc::channel();
        std::thread::spawn(move || {
            started
                .send(command.spawn())
                .expect("the starter waits for its child");
            loop {
                std::thread::park();
            }
        });
        let child = wait
            .recv()
            .expect("the starter answers")
            .expect("setpriv starts");
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Waits until `ready` says so, and fails with the log when that takes
    /// more than a minute or the server ends.
    pub fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().expect("the server can be asked");
            assert!(
                ended.is_none() && start.elapsed() < Duration::from_secs(60),
                "the server did not come up:\n{}",
                std::fs::read_to_string(&self.log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server now.
    pub fn stop(&mut self) {
        // Both fail only for a child that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A loopback port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

/// Whether something listens on a loopback port.
pub fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Runs a program that has to succeed, and shows both of its streams when it does not.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the program is installed");
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The folder that `scripts/test` keeps the test environment in.
pub fn environment() -> PathBuf {
    std::env::var_os("KMM_TEST_ENV").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
                || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache"),
                PathBuf::from,
            );
            cache.join("kubectl-kmm-preflight/test-env")
        },
        PathBuf::from,
    )
}

/// A program of the test environment: from `$KUBEBUILDER_ASSETS` where that
/// folder has it, else from the environment's own `bin`.
pub fn tool(name: &str) -> PathBuf {
    let own = environment().join("bin").join(name);
    let path = std::env::var_os("KUBEBUILDER_ASSETS")
        .map(|assets| PathBuf::from(assets).join(name))
        .filter(|path| path.is_file())
        .unwrap_or(own);
    assert!(
        path.is_file(),
        "{} is missing: run scripts/test, which makes the test environment",
        path.display()
    );
    path
}
