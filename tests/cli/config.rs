//! The configuration file, the environment, and which of them wins.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kmm_preflight::for_tests::help;

use super::preflight::Preflight;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `run --local` on the examples, in a folder of its own that is a repository.
fn examples(folder: &Path) -> Preflight {
    fs::create_dir_all(folder.join("repository/.git")).expect("a folder");
    let below = folder.join("repository/below");
    fs::create_dir_all(&below).expect("a folder");
    Preflight::new(["run", "--local", "--progress=none"])
        .arg(format!("-f={ROOT}/examples/modules.yaml"))
        .arg(format!("--oci-layout={ROOT}/examples/images"))
        .arg(format!("--kernel-dir={ROOT}/examples/kernel"))
        .arg("--kernel-version=6.1.0-56-amd64")
        .env("XDG_CONFIG_HOME", folder.join("own").display().to_string())
        .dir(below)
}

fn project(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("repository")).expect("a folder");
    fs::write(folder.join("repository/.kmm-preflight.yaml"), text).expect("a file");
}

fn own(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("own/kmm-preflight")).expect("a folder");
    fs::write(folder.join("own/kmm-preflight/config.yaml"), text).expect("a file");
}

#[test]
fn the_command_line_beats_the_environment_beats_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    own(folder.path(), "output: sarif\ncolor: never\n");
    let sarif = examples(folder.path()).run().code(1);
    assert!(sarif.stdout.contains("\"$schema\""), "{}", sarif.stdout);
    assert!(sarif.stderr.contains("config.yaml"), "{}", sarif.stderr);
    project(folder.path(), "output: json\n");
    let json = examples(folder.path()).run().code(1);
    assert!(json.stdout.starts_with('{'), "{}", json.stdout);
    assert!(json.stdout.contains("\"apiVersion\""), "{}", json.stdout);
    assert!(
        json.stderr.contains(".kmm-preflight.yaml"),
        "{}",
        json.stderr
    );
    let variable = |call: Preflight| call.env("KMM_PREFLIGHT_OUTPUT", "yaml");
    let yaml = variable(examples(folder.path())).run().code(1);
    assert!(yaml.stdout.starts_with("apiVersion:"), "{}", yaml.stdout);
    let names = variable(examples(folder.path())).arg("-o=name").run();
    let names = names.code(1);
    assert!(names.stdout.starts_with("module.kmm"), "{}", names.stdout);
    let none = examples(folder.path()).arg("--no-config").run().code(1);
    assert!(none.stdout.starts_with("NAMESPACE"), "{}", none.stdout);
    assert!(!none.stderr.contains("Settings from"), "{}", none.stderr);
}

#[test]
fn every_report_names_the_file_that_was_used() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), "jobs: 2\n");
    for format in ["json", "yaml", "junit", "sarif", "markdown"] {
        let report = |more: &[&str]| {
            let call = examples(folder.path()).arg(format!("-o={format}"));
            let call = more.iter().fold(call, |call, flag| call.arg(*flag));
            call.run().code(1).stdout
        };
        let named = report(&[]);
        assert!(named.contains("/repository/.kmm-preflight.yaml"), "{named}");
        let unnamed = report(&["--no-config"]);
        assert!(!unnamed.contains(".kmm-preflight.yaml"), "{unnamed}");
    }
}

#[test]
fn accepted_findings_of_a_file_need_a_reason_and_may_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = |until: &str| {
        format!(
            "accept:\n- code: module-not-found\n  module: drivers/meter\n  reason: retired\n\
             - code: symbol-version-mismatch\n  reason: known\n  until: {until}\n"
        )
    };
    project(folder.path(), &entries("2999-12-31"));
    let ended = examples(folder.path()).arg("-o=junit").run().code(0);
    assert!(
        ended.stdout.contains("accepted: retired"),
        "{}",
        ended.stdout
    );
    project(folder.path(), &entries("2020-02-29"));
    let ended = examples(folder.path()).run().code(1);
    assert!(ended.stderr.contains("2020-02-29"), "{}", ended.stderr);
}

#[test]
fn a_file_that_cannot_be_used_is_a_usage_error_with_its_line() {
    let mut wrong = Vec::new();
    for (text, line, word) in [
        ("output: json\nnonsense: 1\n", 2, "nonsense"),
        ("output: nonsense\n", 1, "nonsense"),
        ("# x\noutput: [json\n", 2, ""),
        ("accept:\n- code: elf-invalid\n", 2, "reason"),
        ("accept:\n- code: elf-invalid\n  reason: ''\n", 3, "reason"),
        (
            "accept:\n- code: elf-invalid\n  reason: x\n  until: 2026-13-01\n",
            4,
            "2026-13-01",
        ),
        ("accept:\n- code: nonsense\n  reason: x\n", 2, "nonsense"),
        (
            "accept:\n- code: elf-invalid\n  reason: x\n  untill: 2026-12-01\n",
            4,
            "untill",
        ),
        ("output: json\noutput: yaml\n", 2, "output"),
        ("insecure-registry: [a.example]\n", 1, "insecure-registry"),
        ("output: json\ntoken: x\n", 2, "token"),
        ("output: json\nboot: require\n", 2, "boot"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        project(folder.path(), text);
        let ended = examples(folder.path()).run().code(2);
        let place = format!(".kmm-preflight.yaml:{line}");
        if !ended.stderr.contains(word) || !ended.stderr.contains(&place) {
            wrong.push(format!("{text}: {}", ended.stderr));
        }
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_concerns_trust_is_taken_from_the_users_own_file() {
    let folder = tempfile::tempdir().expect("a folder");
    own(
        folder.path(),
        "insecure-registry: [a.example]\nbuilder: none\nboot: off\n",
    );
    project(folder.path(), "output: json\n");
    let ended = examples(folder.path()).run().code(1);
    assert!(ended.stdout.starts_with('{'), "{}", ended.stdout);
    let named = folder.path().join("own/kmm-preflight/config.yaml");
    let flag = format!("--config={}", named.display());
    examples(folder.path()).arg(flag).run().code(1);
    let copy = folder.path().join("copy.yaml");
    fs::copy(&named, &copy).expect("a copy");
    let flag = format!("--config={}", copy.display());
    examples(folder.path()).arg(flag).run().code(2);
}

/// The flags that a project's file may set: what is checked, by which rules, and how it is shown.
const OF_PROJECTS: [&str; 52] = [
    // What is checked.
    "filename",
    "kustomize",
    "assume-image",
    "namespace",
    "all-namespaces",
    "selector",
    "oci-layout",
    "kernel-version",
    "release-image",
    "to",
    "current",
    "dtk-image",
    "os-image",
    "kernel-type",
    "rt",
    "os-stream",
    "pool",
    "pools",
    "arch",
    "kernel-dir",
    "secure-boot",
    // By which rules, and how much at once.
    "accept",
    "kmm-version",
    "kmm-flavor",
    "cross-check",
    "stages",
    "build-jobs",
    "jobs",
    "shards",
    "fail-fast",
    "timeout",
    "wait",
    "dry-run",
    "cleanup",
    "watch",
    "no-cache",
    "cache-size",
    "local",
    // What is printed, and how.
    "output",
    "quiet",
    "color",
    "progress",
    "verbose",
    "list",
    "last",
    "image-list",
    "rbac",
    "job",
    "cronjob",
    "alert",
    // Those of no file.
    "config",
    "no-config",
];

/// A flag that is on neither list would be taken from anybody who can write to the repository.
#[test]
fn every_flag_is_a_projects_or_the_users_own() {
    let command = help::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let flags = commands.flat_map(clap::Command::get_arguments);
    let flags: BTreeSet<&str> = flags.filter_map(clap::Arg::get_long).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let mut own = BTreeSet::new();
    for flag in &flags {
        project(folder.path(), &format!("{flag}: x\n"));
        let ended = examples(folder.path()).run();
        if ended.stderr.contains("is only allowed in your own file") {
            let ended = ended.code(2);
            assert!(
                ended.stderr.contains(".kmm-preflight.yaml:1: "),
                "{ended:?}"
            );
            own.insert(*flag);
        }
    }
    let projects: BTreeSet<&str> = flags.difference(&own).copied().collect();
    assert_eq!(projects, BTreeSet::from(OF_PROJECTS));
    let page = fs::read_to_string("docs/project-file.md").expect("the page");
    let connection = [
        "kubeconfig",
        "context",
        "server",
        "token",
        "as",
        "client-key",
    ];
    for flag in connection {
        assert!(own.contains(flag), "{flag}");
    }
    let named = |flag: &&str| page.contains(&format!("`{flag}`"));
    let unnamed: Vec<&str> = own.iter().copied().filter(|flag| !named(flag)).collect();
    // The page names the connection flags as a group.
    let help = Preflight::new(["status", "--help"]).run().code(0).stdout;
    let (_, group) = help.split_once("\nConnection:").expect("a group");
    for flag in unnamed {
        assert!(group.contains(&format!("--{flag}")), "docs: {flag}");
    }
}

#[test]
fn a_default_gives_way_to_what_is_in_conflict_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), "release-image: registry.example/release:1\n");
    let ended = examples(folder.path()).arg("-o=name").run().code(1);
    assert!(ended.stdout.contains("/ticker"), "{}", ended.stdout);

    // A format for reports is for the commands that print one, a cache for those that read.
    for format in ["junit", "sarif", "github", "markdown", "prometheus", "name"] {
        project(folder.path(), &format!("output: {format}\n"));
        for words in [
            &["version"][..],
            &["explain", "--list"],
            &["targets", "--kernel-version=6.1.0-56-amd64"],
            &[
                "generate",
                "--kmm-version=2.7",
                "--kernel-version=5.14.0-1.x86_64",
            ],
        ] {
            let repository = folder.path().join("repository");
            Preflight::new(words).dir(repository).run().code(0);
        }
        let ended = examples(folder.path()).run().code(1);
        assert!(
            !ended.stdout.contains("VERDICT"),
            "{format}: {}",
            ended.stdout
        );
    }
    project(folder.path(), "output: nothing\n");
    let repository = folder.path().join("repository");
    Preflight::new(["version"]).dir(&repository).run().code(2);
    Preflight::new(["generate", "--alert"])
        .env("KMM_PREFLIGHT_CACHE_DIR", "/nowhere")
        .run()
        .code(0);
    // A default for pods is none where no pods are wanted.
    let cr = [
        "generate",
        "--kmm-version=2.7",
        "--kernel-version=5.14.0-1.x86_64",
    ];
    for words in [&cr[..], &["generate", "--alert"]] {
        Preflight::new(words)
            .env("KMM_PREFLIGHT_IMAGE", "registry.example/p:1")
            .env("KMM_PREFLIGHT_PUSHGATEWAY", "http://gateway.example")
            .run()
            .code(0);
    }
}

/// Truth values as people write them, in variables and in files; nothing else is one.
#[test]
fn a_switch_is_on_or_off() {
    let folder = tempfile::tempdir().expect("a folder");
    for (value, is_quiet) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("False", false),
        ("0", false),
        ("off", false),
    ] {
        let ended = examples(folder.path())
            .env("KMM_PREFLIGHT_QUIET", value)
            .run();
        let ended = ended.code(1);
        assert_eq!(
            ended.stdout.lines().count() == 1,
            is_quiet,
            "{value}: {}",
            ended.stdout
        );
        project(folder.path(), &format!("quiet: {value}\n"));
        let ended = examples(folder.path()).run().code(1);
        assert_eq!(
            ended.stdout.lines().count() == 1,
            is_quiet,
            "{value}: {}",
            ended.stdout
        );
        fs::remove_file(folder.path().join("repository/.kmm-preflight.yaml")).expect("the file");
    }
    for value in ["2", "maybe", "quiet"] {
        examples(folder.path())
            .env("KMM_PREFLIGHT_QUIET", value)
            .run()
            .code(2);
    }
    project(folder.path(), "quiet: true\n");
    for (value, is_read) in [("true", false), ("1", false), ("false", true), ("0", true)] {
        let ended = examples(folder.path())
            .env("KMM_PREFLIGHT_NO_CONFIG", value)
            .run();
        assert_eq!(
            ended.stdout.lines().count() == 1,
            is_read,
            "{value}: {}",
            ended.stdout
        );
    }
}
