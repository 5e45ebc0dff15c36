//! Builds by docker: a daemon of the test's own, the binary from the command line.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::build::{sleeping, wait_for_sleep};
use crate::run_local::{NOTHING, Setup, assert_says, is_found_again};
use crate::stages::base_with_module;
use crate::support::preflight::{AT_ONCE, Preflight, Running};

/// Where Debian's docker is; another one may stand before it in `PATH`.
const PROGRAMS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A running dockerd with everything of its own below one folder.
struct Daemon {
    process: Child,
    folder: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name).display().to_string();
        let log = File::create(place("log")).expect("a log file");
        let process = Command::new("dockerd")
            .args(["--data-root", &place("data"), "--exec-root", &place("exec")])
            .args(["--pidfile", &place("pid")])
            .args(["--host", &format!("unix://{}", place("socket"))])
            .args(["--storage-driver", "vfs"])
            .args(["--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file twice"))
            .stderr(log)
            .spawn()
            .expect("Debian's docker.io is installed");
        let daemon = Self { process, folder };
        let start = Instant::now();
        while daemon.said(&["version"]).is_err() {
            let log = daemon.folder.path().join("log");
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "dockerd did not come up:\n{}",
                fs::read_to_string(log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    /// What docker says, `Err` where it fails.
    fn said(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("/usr/bin/docker")
            .args(words)
            .env("DOCKER_HOST", self.host())
            .output()
            .expect("docker starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    fn run(&self, setup: &Setup, more: &[&str]) -> Preflight {
        setup
            .run(&[&["--builder", "docker"], more].concat())
            .env("DOCKER_HOST", self.host())
            .env("PATH", PROGRAMS)
    }

    /// Images, containers: nothing of a run is left.
    fn is_empty(&self) {
        for words in [&["images", "-aq"], &["ps", "-aq"]] {
            assert_eq!(self.said(words).as_deref(), Ok(""), "{words:?}");
        }
    }
}

/// SIGTERM, for its containerd has to end too.
impl Drop for Daemon {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.process.wait();
    }
}

/// The build reads a Secret and KMM's arguments, and its result goes the whole way.
#[test]
fn docker_builds_and_keeps_nothing() {
    let daemon = Daemon::start();
    let setup = Setup::new();
    let base = base_with_module(&setup.registry);
    let absent = setup.registry.reference("no/such:1");
    for (base, step, code, words) in [
        (
            &*base,
            "echo no such header && false",
            1,
            "in step 2/2: RUN echo no such header",
        ),
        (&*absent, "ls", 1, "docker failed"),
        ("127.0.0.1:1/x:1", "ls", 3, "docker failed"),
    ] {
        setup.dockerfile(&format!("FROM {base}\nRUN {step}\n"));
        let report = daemon.run(&setup, &[]).run().code(code).json();
        assert_says(&report, "build-failed", words);
    }
    setup.dockerfile(&format!(
        "FROM {base}\nARG KERNEL_VERSION\n\
         RUN test \"$(cat /run/secrets/token/value)\" = very-secret-text\n\
         RUN ls /opt/lib/modules/$KERNEL_VERSION\n"
    ));
    setup.with_secret("very-secret-text");
    let pushing = daemon.run(&setup, &["--push-built-image"]);
    let report = pushing.run().code(0).json();
    assert_says(&report, "image-replaced", "built with docker, server");
    assert_says(&report, "builder-missing", "without baseImageRegistryTLS");
    daemon.is_empty();
    is_found_again(&setup, &report);
}

#[test]
fn a_build_of_dockers_ends_with_the_run() {
    let daemon = Daemon::start();
    let setup = Setup::new();
    let base = setup.busybox();
    let marker = format!("3604.{}", std::process::id());
    setup.dockerfile(&format!("FROM {base}\nRUN sleep {marker}\n"));
    let running = Running::start(daemon.run(&setup, &[]));
    wait_for_sleep(&marker);
    let start = Instant::now();
    running.signal("INT");
    let ended = running.end().code(130);
    let took = start.elapsed();
    assert_says(&ended.json(), "not-decided", "interrupted");
    while sleeping(&marker) > 0 && start.elapsed() < AT_ONCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(sleeping(&marker), 0, "no process is left");
    assert!(took < AT_ONCE, "{took:?}");
    daemon.is_empty();
    assert_eq!(setup.left(), NOTHING);
}

/// A client whose BuildKit is missing answers `docker version` and cannot build.
#[test]
fn a_docker_that_cannot_build_is_no_builder() {
    let setup = Setup::new();
    let base = setup.busybox();
    setup.dockerfile(&format!("FROM {base}\nRUN ls\n"));
    let programs = setup.folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    let script = "#!/bin/sh\ncase $1 in version) echo 28.2.2;; *) echo 'ERROR: BuildKit is \
                  enabled but the buildx component is missing or broken.'; \
                  echo '       https://docs.docker.com/go/buildx/'; exit 1;; esac\n";
    let path = programs.join("docker");
    fs::write(&path, script).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner");
    let report = setup.run(&[]).env("PATH", programs).run().code(3).json();
    for words in [
        "buildah: not installed",
        "docker: ERROR: BuildKit is enabled but the buildx component is missing",
    ] {
        assert_says(&report, "builder-missing", words);
    }
}
