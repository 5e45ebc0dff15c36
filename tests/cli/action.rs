//! The GitHub Action: its shell, as a runner runs it, on a release in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kmm_preflight::for_tests::yaml;
use serde_json::Value;

use super::checkout::{self, ELSEWHERE};
use super::preflight::program;
use super::server::succeed;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

fn action() -> Value {
    let text = fs::read_to_string(Path::new(ROOT).join("action.yml")).expect("action.yml");
    yaml::from_str(&text).expect("YAML")
}

/// The shell of a step.
fn step(index: usize) -> String {
    let action = action();
    let step = &action["runs"]["steps"][index];
    assert_eq!(step["shell"], "bash");
    step["run"].as_str().expect("a script").to_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// A release with the archive for this machine, as `scripts/package` makes it in a checkout of
/// somebody else's, and a gh that keeps what it is asked.
struct Release {
    folder: tempfile::TempDir,
}

impl Release {
    /// Of this program, in the place of ours where it is not run.
    fn of(binary: impl AsRef<Path>) -> Self {
        let release = Self {
            folder: checkout::fork(),
        };
        for name in ["bin", "runner", TAG] {
            fs::create_dir(release.path(name)).expect("a folder");
        }
        succeed(Command::new(release.path("scripts/package")).env("BINARY", binary.as_ref()));
        let script = format!(
            "set -e; mv target/package/*.tar.gz {TAG}; cd {TAG}; \
             (sha256sum -- * || shasum -a 256 -- *) > ../sums; mv ../sums checksums.txt; \
             printf '#!/bin/sh\\necho \"$@\" >> %s/asked\\nexit ${{GH_CODE:-0}}\\n' \"$PWD/..\" > ../bin/gh; \
             chmod +x ../bin/gh"
        );
        let mut make = Command::new("bash");
        succeed(
            make.args(["-c", &script])
                .current_dir(release.folder.path()),
        );
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a step as the runner does: `bash --noprofile --norc -eo pipefail`.
    fn step(&self, index: usize, variables: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").expect("PATH");
        let installed = self.path("runner/kmm-preflight");
        let own = format!(
            "{}:{}:{path}",
            installed.display(),
            self.path("bin").display()
        );
        run(Command::new("bash")
            .args([
                "--noprofile",
                "--norc",
                "-eo",
                "pipefail",
                "-c",
                &step(index),
            ])
            .current_dir(ROOT)
            .env("PATH", own)
            .env("RUNNER_TEMP", self.path("runner"))
            .env("GITHUB_ACTION_PATH", self.folder.path())
            .env("GITHUB_PATH", self.path("path"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"))
            .env("VERSION", TAG)
            .env(
                "KMM_PREFLIGHT_RELEASES",
                format!("file://{}", self.folder.path().display()),
            )
            .envs(variables.iter().copied()))
    }
}

#[test]
fn the_action_installs_a_verified_release_and_runs_it() {
    let release = Release::of(program());
    let installed = release.step(0, &[]);
    assert!(installed.status.success(), "{installed:?}");
    assert!(
        release
            .read("path")
            .trim_end()
            .ends_with("runner/kmm-preflight")
    );
    // Not any build of the repository: the release workflow's, of this tag.
    let asked = release.read("asked");
    let (_, repository) = ELSEWHERE.split_once(".com/").expect("an address");
    let workflow = ".github/workflows/release.yml";
    for words in [
        "attestation verify kubectl-kmm-preflight_",
        &format!(" --repo {repository} "),
        &format!(" --source-ref refs/tags/{TAG} "),
        &format!(" --signer-workflow {repository}/{workflow}\n"),
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    let attests = fs::read_to_string(Path::new(ROOT).join(workflow)).expect("the workflow");
    assert!(attests.contains("uses: actions/attest-build-provenance@"));
    assert!(attests.contains("\n    tags: ['v*']\n"), "only tags");

    let args = "run\n--local\n--no-config\n-f\nexamples/modules.yaml\n--oci-layout\n\
                examples/images\n--kernel-dir\nexamples/kernel\n--kernel-version\n6.1.0-56-amd64\n";
    let ran = release.step(1, &[("ARGS", args)]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(stdout.contains("::error"), "{stdout}");
    assert_eq!(release.read("output"), "exit-code=1\n");
    assert!(release.read("summary").contains("meter"));
}

#[test]
fn the_action_refuses_what_is_not_the_release() {
    let release = Release::of("/bin/sh");
    let forged = release.step(0, &[("GH_CODE", "1")]);
    assert!(!forged.status.success(), "{forged:?}");
    let off = release.step(0, &[("GH_CODE", "1"), ("KMM_PREFLIGHT_ATTESTATION", "off")]);
    assert!(off.status.success(), "{off:?}");

    let sums = release.read(&format!("{TAG}/checksums.txt"));
    let sums_path = release.path(&format!("{TAG}/checksums.txt"));
    for changed in [sums.replace(&sums[..8], "00000000"), String::new()] {
        fs::write(&sums_path, changed).expect("checksums");
        fs::remove_dir_all(release.path("runner/kmm-preflight")).ok();
        let refused = release.step(0, &[]);
        assert!(!refused.status.success(), "{refused:?}");
        assert!(!release.path("runner/kmm-preflight").exists());
    }

    // Without another address, it is the one that the action's own checkout names.
    fs::copy(release.path("bin/gh"), release.path("bin/curl")).expect("another program");
    let nowhere = release.step(0, &[("KMM_PREFLIGHT_RELEASES", ""), ("GH_CODE", "22")]);
    assert_eq!(nowhere.status.code(), Some(22), "{nowhere:?}");
    let address = format!("{ELSEWHERE}/releases/download/{TAG}/kubectl-kmm-preflight_");
    assert!(release.read("asked").contains(&address), "{address}");
}

/// With the commands of the README and of the recipes, which name the member.
#[cfg(target_os = "linux")]
#[test]
fn the_archive_is_verified_and_unpacked_as_the_documents_say() {
    let release = Release::of("/bin/sh");
    let archive = "kubectl-kmm-preflight_*.tar.gz";
    let script = format!(
        "sha256sum --check --ignore-missing checksums.txt && \
         tar -xzf {archive} -C ../runner kubectl-kmm-preflight"
    );
    let mut shell = Command::new("bash");
    succeed(shell.args(["-c", &script]).current_dir(release.path(TAG)));
    let unpacked = release.path("runner/kubectl-kmm-preflight");
    succeed(Command::new(unpacked).args(["-c", "exit 0"]));
}

#[test]
fn the_action_installs_the_release_that_it_belongs_to() {
    assert_eq!(action()["inputs"]["version"]["default"], TAG);
}
