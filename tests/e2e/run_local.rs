//! `run --local` from the command line: mirrors, Secrets, builders that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::build::{busybox, push_busybox, wait_for_sleep};
use crate::stages::{KERNEL, base_with_module, base64};
use crate::support::preflight::{Preflight, Running};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::server::environment;

/// No file at all.
pub(crate) const NOTHING: [PathBuf; 0] = [];

/// A Module whose image is absent and must be built.
pub(crate) struct Setup {
    /// Base images, and where the Module's own would be.
    pub(crate) registry: Registry,
    /// Inputs, temporary files.
    pub(crate) folder: TempDir,
}

impl Setup {
    /// With an open registry.
    pub(crate) fn new() -> Self {
        Self {
            registry: Registry::start(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Lets the build use the Secret `token`, whose `value` is this.
    pub(crate) fn with_secret(&self, value: &str) {
        let path = self.folder.path().join("module.yaml");
        let yaml = fs::read_to_string(&path).expect("the Module");
        let yaml = yaml.replace(
            "          baseImageRegistryTLS",
            "          secrets: [{name: token}]\n          baseImageRegistryTLS",
        );
        self.write("module.yaml", &yaml);
        self.add(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: token, namespace: ns}}\n\
             stringData: {{value: {value}}}\n"
        ));
    }

    /// Adds a document to those of the Module.
    pub(crate) fn add(&self, document: &str) {
        let path = self.folder.path().join("module.yaml");
        let yaml = fs::read_to_string(&path).expect("the Module");
        fs::write(path, format!("{yaml}---\n{document}")).expect("a file");
    }

    /// Pushes a base image without a module.
    pub(crate) fn busybox(&self) -> String {
        push_busybox(&self.registry)
    }

    /// Writes the Module and its ConfigMap.
    pub(crate) fn dockerfile(&self, text: &str) {
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        let image = self.registry.reference("team/stage:1");
        let yaml = format!(
            "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
             metadata: {{name: stage, namespace: ns}}\nspec:\n  selector: {{}}\n  \
             moduleLoader:\n    container:\n      modprobe: {{moduleName: stage}}\n      \
             kernelMappings:\n      - literal: {KERNEL}\n        containerImage: {image}\n        \
             build:\n          dockerfileConfigMap: {{name: dockerfile}}\n          \
             baseImageRegistryTLS: {{insecure: true}}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: dockerfile, namespace: ns}}\n\
             data:\n  dockerfile: |\n{indented}"
        );
        self.write("module.yaml", &yaml);
    }

    /// Writes a file of the inputs at once, so that nobody reads half of it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, text).expect("a file");
        fs::rename(fresh, self.folder.path().join(name)).expect("a file");
    }

    /// A run over the Module.
    pub(crate) fn run(&self, more: &[&str]) -> Preflight {
        let module = self.folder.path().join("module.yaml").display().to_string();
        let kernel_dir = environment().join("debian").join(KERNEL).join("root");
        let temporary = self.folder.path().join("tmp");
        fs::create_dir_all(&temporary).expect("a folder");
        let mut run = Preflight::new(["run", "--local", "-f", &module, "-o", "json"])
            .arg("--kernel-version")
            .arg(KERNEL)
            .arg("--kernel-dir")
            .arg(kernel_dir)
            .env("TMPDIR", temporary);
        for word in more {
            run = run.arg(word);
        }
        run
    }

    /// What a run has left in its folder for temporary files.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.folder.path().join("tmp")).expect("a folder");
        folder.flatten().map(|entry| entry.path()).collect()
    }
}

fn codes(report: &Value) -> Vec<(String, String)> {
    let findings = report["modules"][0]["findings"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .expect("findings")
        .iter()
        .map(|finding| (text(&finding["code"]), text(&finding["message"])))
        .collect()
}

/// The report's first module has a finding with this code and these words.
#[track_caller]
pub(crate) fn assert_says(report: &Value, code: &str, words: &str) {
    let said = codes(report)
        .iter()
        .any(|(own, message)| own == code && message.contains(words));
    assert!(said, "{code} {words}: {report:#}");
}

#[test]
fn a_built_module_is_verified_pushed_and_then_found() {
    let setup = Setup::new();
    let base = base_with_module(&setup.registry);
    setup.dockerfile(&format!(
        "FROM {base}\nARG KERNEL_VERSION\nRUN ls /opt/lib/modules/$KERNEL_VERSION\n"
    ));
    let report = setup.run(&["--push-built-image"]).run().code(0).json();
    assert_eq!(report["modules"][0]["verificationStatus"], "True");
    assert_says(&report, "image-replaced", "image-not-found");
    is_found_again(&setup, &report);
}

/// Holds what a run has pushed to be what one without a builder finds.
pub(crate) fn is_found_again(setup: &Setup, pushed: &Value) {
    assert_eq!(setup.left(), NOTHING);
    let again = setup.run(&["--builder", "none"]).run().code(0).json();
    assert_eq!(
        again["modules"][0]["digest"],
        pushed["modules"][0]["digest"]
    );
}

#[test]
fn a_build_that_is_needed_and_cannot_be_made_is_an_error() {
    let setup = Setup::new();
    let base = setup.busybox();
    setup.dockerfile(&format!("FROM {base}\nRUN echo\n"));
    let report = setup.run(&["--builder", "none"]).run().code(3).json();
    assert_eq!(report["modules"][0]["verdict"], "error");
    assert_eq!(report["modules"][0]["verificationStage"], "Build");
    assert_says(&report, "builder-missing", "--builder is none");

    let report = setup.run(&["--stages", "image"]).run().code(1).json();
    assert_says(&report, "stage-skipped", "Build");
}

/// KMM's own arguments replace every one of their name, of which a builder takes the last, and a
/// Secret that container and mapping both name is one Secret.
#[test]
fn arguments_and_secrets_of_both_levels_reach_the_builder_as_kmms() {
    let setup = Setup::new();
    let base = base_with_module(&setup.registry);
    setup.dockerfile(&format!(
        "FROM {base}\nARG KERNEL_VERSION\nARG MOD_NAME\nARG OWN\n\
         RUN test \"$KERNEL_VERSION\" = {KERNEL} && test \"$MOD_NAME\" = stage\n\
         RUN test \"$OWN\" = last && test \"$(cat /run/secrets/token/value)\" = word\n"
    ));
    setup.with_secret("word");
    let twice =
        |name: &str| format!("{{name: {name}, value: mine}}, {{name: {name}, value: last}}");
    let arguments = ["KERNEL_VERSION", "MOD_NAME", "OWN"].map(twice).join(", ");
    let path = setup.folder.path().join("module.yaml");
    let yaml = fs::read_to_string(&path).expect("the Module");
    let of_mapping = "          baseImageRegistryTLS";
    let of_container = "      modprobe: {moduleName: stage}";
    for at in [
        (
            of_mapping,
            format!("          buildArgs: [{arguments}]\n{of_mapping}"),
        ),
        (
            of_container,
            format!(
                "{of_container}\n      build:\n        dockerfileConfigMap: {{name: dockerfile}}\n        \
                 buildArgs: [{arguments}]\n        secrets: [{{name: token}}, {{name: token}}]\n        \
                 baseImageRegistryTLS: {{insecure: true}}"
            ),
        ),
    ] {
        setup.write("module.yaml", &yaml.replacen(at.0, &at.1, 1));
        let report = setup.run(&[]).run().code(0).json();
        assert_eq!(
            report["modules"][0]["verificationStatus"], "True",
            "{report:#}"
        );
        assert_says(&report, "image-replaced", "image-not-found");
    }
}

/// Base images are asked for where a node would ask: at the mirrors, with their credentials.
#[test]
fn base_images_come_from_the_mirrors_of_the_cluster() {
    let setup = Setup {
        registry: Registry::with_password(),
        folder: tempfile::tempdir().expect("a folder"),
    };
    base_with_module(&setup.registry);
    setup.busybox();
    let host = setup.registry.host();
    let authfile = setup.folder.path().join("auth.json");
    let auth = base64(format!("{USER}:{PASSWORD}").as_bytes());
    fs::write(
        &authfile,
        format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#),
    )
    .expect("a file");
    let authfile = authfile.display().to_string();
    let digest = busybox().build().digest;
    for (base, kind, field, code, finding, words) in [
        (
            "original.invalid/base/module:1",
            "ImageTagMirrorSet",
            "imageTagMirrors",
            0,
            "image-replaced",
            "image-not-found",
        ),
        (
            &format!("original.invalid/base/busybox@{digest}"),
            "ImageDigestMirrorSet",
            "imageDigestMirrors",
            1,
            "build-failed",
            "no module that would load",
        ),
    ] {
        setup.dockerfile(&format!("FROM {base}\nRUN ls\n"));
        setup.add(&format!(
            "apiVersion: config.openshift.io/v1\nkind: {kind}\nmetadata: {{name: m}}\n\
             spec: {{{field}: [{{source: original.invalid/base, mirrors: [{host}/base]}}]}}\n"
        ));
        let run = setup.run(&["--insecure-registry", &host, "--authfile", &authfile]);
        let report = run.run().code(code).json();
        assert_says(&report, finding, words);
        assert_eq!(setup.left(), NOTHING);
    }
}

#[test]
fn builders_that_are_there_and_broken_are_told_one_by_one() {
    let setup = Setup::new();
    let base = setup.busybox();
    setup.dockerfile(&format!("FROM {base}\nRUN echo\n"));
    let programs = setup.folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    for (name, script) in [
        ("buildah", "echo 'buildah: no such luck' >&2; exit 125"),
        (
            "podman",
            "case $1 in --version) echo podman 0;; *) echo no storage; exit 1;; esac",
        ),
    ] {
        let path = programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner");
    }
    let report = setup.run(&[]).env("PATH", programs).run().code(3).json();
    for words in [
        "buildah: buildah: no such luck",
        "podman: no storage",
        "docker: not installed",
    ] {
        assert_says(&report, "builder-missing", words);
    }
}

/// The temporary folder is a small file system of its own, in a mount namespace of its own.
#[test]
fn a_full_disk_is_no_failure_of_the_module() {
    let setup = Setup::new();
    let base = setup.busybox();
    setup.dockerfile(&format!(
        "FROM {base}\nRUN head -c 99999999 /dev/zero > /large\n"
    ));
    let call = setup.run(&[]);
    let script = "mount -t tmpfs -o size=40m tmpfs \"$TMPDIR\" && exec \"$0\" \"$@\"";
    let words = ["unshare", "-m", "--", "sh", "-c", script];
    let output = call.command_of(&words).output().expect("unshare starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}{said}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_says(&report, "build-failed", "space left on device");
}

#[test]
fn secrets_are_on_no_command_line_and_in_no_log() {
    let setup = Setup::new();
    let marker = format!("3603.{}", std::process::id());
    let base = setup.busybox();
    setup.dockerfile(&format!(
        "FROM {base}\nRUN cat /run/secrets/token/value; sleep {marker}\n"
    ));
    setup.with_secret("very-secret-text");
    let cache = setup.folder.path().join("cache");
    let cache_text = cache.display().to_string();
    let running =
        Running::start(setup.run(&["--timeout", "8s", "-vvv", "--cache-dir", &cache_text]));
    wait_for_sleep(&marker);
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        assert!(!command.contains("very-secret-text"), "{command}");
    }
    let ended = running.end();
    for text in [ended.stdout, ended.stderr] {
        assert!(!text.contains("very-secret-text"), "{text}");
    }
    assert_eq!(with_text(&cache, "very-secret-text"), NOTHING);
    assert_ne!(with_text(&cache, "STEP 2/2"), NOTHING, "the log is kept");
    assert_eq!(setup.left(), NOTHING);
}

/// Files below a folder that hold a text.
fn with_text(folder: &Path, text: &str) -> Vec<PathBuf> {
    let output = Command::new("grep")
        .args(["-rlF", text])
        .arg(folder)
        .output()
        .expect("grep starts");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    found.lines().map(PathBuf::from).collect()
}
