//! The workflows, the action and the scripts, put to actionlint and shellcheck.

use std::fs;
use std::process::Command;

use kmm_preflight::for_tests::yaml;
use serde_json::{Value, json};

use crate::linters::{actionlint, repository, takes};

#[test]
fn the_workflows_are_what_github_runs() {
    let mut seen = 0;
    for entry in fs::read_dir(repository(".github/workflows")).expect("workflows") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        let (taken, said) = takes(&mut actionlint(), &text);
        assert!(taken, "{}: {said}", path.display());
        // Nobody can move a digest to other code.
        for line in text.lines().filter(|line| line.contains("uses:")) {
            let (_, version) = line.split_once('@').expect("a version");
            let digest = version.split_whitespace().next().unwrap_or_default();
            let is_digest = digest.len() == 40 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_digest, "{line}");
        }
        seen += 1;
    }
    assert!(seen >= 2);
}

/// The release workflow.
pub(crate) fn release() -> Value {
    let text = fs::read_to_string(repository(".github/workflows/release.yml"));
    yaml::from_str(&text.expect("the workflow")).expect("YAML")
}

/// What the release workflow builds, as Rust names it.
pub(crate) fn targets() -> Vec<String> {
    let release = release();
    let matrix = &release["jobs"]["package"]["strategy"]["matrix"]["include"];
    let targets = matrix.as_array().expect("a matrix").iter();
    let targets = targets.map(|entry| entry["target"].as_str().expect("a target").to_owned());
    targets.collect()
}

/// The same as the names of archives have it.
pub(crate) fn platforms() -> Vec<String> {
    let platform = |target: String| {
        let mut system = ["linux", "darwin", "windows"].into_iter();
        let system = system.rfind(|system| target.contains(system));
        let processor = match target.split('-').next() {
            Some("x86_64") => "amd64",
            Some("aarch64") => "arm64",
            Some("powerpc64le") => "ppc64le",
            Some("s390x") => "s390x",
            other => panic!("{other:?}"),
        };
        format!("{}_{processor}", system.expect("a system"))
    };
    targets().into_iter().map(platform).collect()
}

#[test]
fn every_platform_of_the_release_is_in_the_image_and_in_the_manifest() {
    let release = release();
    let linux: Vec<String> = targets()
        .into_iter()
        .filter(|target| target.contains("-linux-"))
        .collect();
    assert_eq!(linux.len(), 4, "{linux:?}");
    let steps = release["jobs"]["image"]["steps"].as_array().expect("steps");
    let mut commands = steps.iter().filter_map(|step| step["run"].as_str());
    let image = commands.find_map(|run| run.trim().strip_prefix("scripts/image "));
    let built: Vec<&str> = image.expect("the image").split_whitespace().collect();
    assert_eq!(built, linux);

    let manifest = fs::read_to_string(repository("plugin.yaml")).expect("plugin.yaml");
    let manifest: Value = yaml::from_str(&manifest).expect("YAML");
    let named = manifest["spec"]["platforms"].as_array().expect("platforms");
    let named: Vec<String> = named
        .iter()
        .map(|platform| {
            let labels = &platform["selector"]["matchLabels"];
            let text = |key: &str| labels[key].as_str().expect("a label").to_owned();
            format!("{}_{}", text("os"), text("arch"))
        })
        .collect();
    let mut expected = platforms();
    // krew has no such platform.
    expected.retain(|platform| platform != "linux_s390x");
    assert_eq!(named, expected);

    // What no runner has is cross-compiled, with a linker of its own.
    for target in linux.iter().filter(|target| target.ends_with("-gnu")) {
        let upper = target.to_uppercase().replace('-', "_");
        let linker = &release["jobs"]["package"]["env"][format!("CARGO_TARGET_{upper}_LINKER")];
        let linker = linker.as_str().expect("a linker");
        let matrix = &release["jobs"]["package"]["strategy"]["matrix"]["include"];
        let mut matrix = matrix.as_array().expect("a matrix").iter();
        let entry = matrix.find(|entry| entry["target"] == **target);
        let packages = entry.expect("the target")["packages"].as_str();
        let package = format!("gcc-{}", linker.trim_end_matches("-gcc"));
        assert!(packages.expect("packages").contains(&package), "{linker}");
    }
}

/// The steps of a job of the release workflow.
fn steps(job: &str) -> Vec<Value> {
    let steps = release()["jobs"][job]["steps"].take();
    steps.as_array().expect("steps").clone()
}

#[test]
fn the_release_has_all_that_the_documents_say() {
    let steps = steps("publish");
    let runs: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["run"].as_str())
        .collect();
    let at = |words: &str| runs.iter().position(|run| run.contains(words));
    let sums = at("sha256sum -- * > checksums.txt").expect("checksums");
    for words in [
        "--manifest \"$GITHUB_REF_NAME\" release/*.tar.gz > release/kmm.yaml",
        "--formula \"$GITHUB_REF_NAME\" release/*.tar.gz > release/kubectl-kmm-preflight.rb",
        "--cli-manager \"$GITHUB_REF_NAME\" > release/cli-manager.yaml",
    ] {
        assert!(at(words).expect(words) < sums, "{words} has a checksum");
    }
    let uses = |action: &str| {
        let is_it = |step: &&Value| {
            step["uses"]
                .as_str()
                .is_some_and(|uses| uses.contains(action))
        };
        steps.iter().find(is_it).map(|step| step["with"].clone())
    };
    // The program's crates, and nothing that tests install.
    let sbom = uses("anchore/sbom-action@").expect("an SBOM");
    assert_eq!(sbom["file"], "Cargo.lock");
    assert!(repository("Cargo.lock").is_file() && sbom["path"].is_null());
    assert_eq!(sbom["output-file"], "release/sbom.spdx.json");
    let of_image = uses("actions/attest@").expect("the image's SBOM");
    assert_eq!(of_image["sbom-path"], sbom["output-file"]);
    let digest = "${{ needs.image.outputs.digest }}";
    assert_eq!(of_image["subject-digest"], digest);
    let attested = uses("actions/attest-build-provenance@").expect("provenance");
    assert_eq!(attested["subject-path"], "release/*");
}

fn action() -> Value {
    let text = fs::read_to_string(repository("action.yml")).expect("action.yml");
    yaml::from_str(&text).expect("YAML")
}

/// The inputs and the outputs of the action, as actionlint reads them for a workflow beside it.
#[test]
fn a_workflow_can_use_the_action() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflows = folder.path().join(".github/workflows");
    fs::create_dir_all(&workflows).expect("a folder");
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    let action = fs::read_to_string(repository("action.yml")).expect("action.yml");
    let lint = |action: &str, with: &str, output: &str| {
        fs::write(folder.path().join("action.yml"), action).expect("a file");
        let steps = format!(
            "on: push\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n    \
             - {{id: check, uses: ./, with: {{{with}}}}}\n    \
             - {{run: 'true', if: steps.check.outputs.{output} == '0'}}\n"
        );
        let path = workflows.join("check.yml");
        fs::write(&path, steps).expect("a file");
        let mut command = Command::new(actionlint().get_program());
        command
            .args(["-no-color", "check.yml"])
            .current_dir(&workflows);
        takes(&mut command, "")
    };
    let all: Vec<String> = self::action()["inputs"]
        .as_object()
        .expect("inputs")
        .keys()
        .map(|name| format!("{name}: x"))
        .collect();
    let (taken, said) = lint(&action, &all.join(", "), "exit-code");
    assert!(taken, "{said}");
    for (action, with, output, fault) in [
        (&*action, "version: v0.1.0", "exit-code", "args"),
        (
            &*action,
            "args: run, arguments: run",
            "exit-code",
            "arguments",
        ),
        (&*action, "args: run", "exit_code", "exit_code"),
        (
            &*action.replace("icon: check-circle", "icon: checked"),
            "args: run",
            "exit-code",
            "icon",
        ),
        (
            &*action.replace("name: kubectl", "nam: kubectl"),
            "args: run",
            "exit-code",
            "name",
        ),
    ] {
        let (taken, said) = lint(action, with, output);
        assert!(!taken && said.contains(fault), "{fault}: {said}");
    }
}

/// The steps of the action as a job, whose expressions and shell actionlint reads.
#[test]
fn the_steps_of_the_action_are_what_github_runs() {
    let action = action();
    let inputs: serde_json::Map<String, Value> = action["inputs"]
        .as_object()
        .expect("inputs")
        .keys()
        .map(|name| (name.clone(), json!({"type": "string"})))
        .collect();
    let job = json!({"runs-on": "ubuntu-latest", "steps": action["runs"]["steps"],
        "outputs": {"code": action["outputs"]["exit-code"]["value"]}});
    let workflow = json!({"on": {"workflow_call": {"inputs": inputs}}, "jobs": {"action": job}});
    let text = workflow.to_string();
    let (taken, said) = takes(&mut actionlint(), &text);
    assert!(taken, "{said}");
    for (good, bad) in [
        ("inputs.releases", "inputs.release"),
        ("steps.run.outputs", "steps.ran.outputs"),
        // What shellcheck sees: words that the shell would split.
        ("\\\"${args[@]}\\\"", "${args[@]}"),
    ] {
        assert!(text.contains(good), "{good}: {text}");
        let (taken, said) = takes(&mut actionlint(), &text.replace(good, bad));
        assert!(!taken, "{bad}: {said}");
    }
}

/// The shell scripts of a folder and those below it.
fn scripts(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(scripts(&path));
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            let is_shell = text.starts_with("#!/usr/bin/env bash\n");
            found.extend(is_shell.then_some(path));
        }
    }
    found
}

/// A script that a step runs, and a variable that it reads and the step need not set.
const UNSET: [(&str, &str); 1] = [("scripts/package", "BINARY")]; // the release builds it

/// A script does something else where a variable of its own is not set.
#[test]
fn every_step_sets_what_its_script_reads() {
    let ci = fs::read_to_string(repository(".github/workflows/ci.yml")).expect("ci.yml");
    let mut steps = vec![action()["runs"]["steps"].take()];
    for workflow in [release(), yaml::from_str(&ci).expect("YAML")] {
        let jobs = workflow["jobs"].as_object().expect("jobs");
        steps.extend(jobs.values().map(|job| job["steps"].clone()));
    }
    let steps = steps
        .iter()
        .flat_map(|steps| steps.as_array().expect("steps"));
    let mut seen = Vec::new();
    for (step, script) in
        steps.flat_map(|step| scripts("scripts").into_iter().map(move |s| (step, s)))
    {
        let run = step["run"].as_str().unwrap_or_default();
        let mut words = run.split(|c: char| c.is_whitespace() || "\"()".contains(c));
        if !words.any(|word| word.ends_with(&script)) {
            continue;
        }
        let text = fs::read_to_string(repository(&script)).expect("a script");
        for read in text.split("${").skip(1) {
            let name = read.split(":-").next().unwrap_or_default();
            let is_variable = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            if is_variable && !UNSET.contains(&(&script, name)) {
                assert!(!step["env"][name].is_null(), "{run} sets no {name}");
                seen.push(name.to_owned());
            }
        }
    }
    assert!(seen.iter().any(|name| name == "KEEP_ARCHIVES"), "{seen:?}");
}

#[test]
fn the_scripts_pass_shellcheck() {
    let mut command = Command::new("shellcheck");
    // Where the files are that a script of each folder reads.
    for folder in ["SCRIPTDIR", "SCRIPTDIR/..", "SCRIPTDIR/../.."] {
        command.args(["-P", folder]);
    }
    let scripts = scripts("scripts");
    assert!(scripts.len() > 12, "{scripts:?}");
    command.arg("-x").args(&scripts).current_dir(repository(""));
    let output = command.output().expect("shellcheck is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    let (taken, said) = takes(
        Command::new("shellcheck").args(["-s", "bash", "-"]),
        "rm $1\n",
    );
    assert!(!taken && said.contains("SC2086"), "{said}");
}
