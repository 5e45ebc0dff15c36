//! How much of a terminal reports take: how many lines, and how many columns.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::emulator::{Left, Streams, Terminal};
use super::preflight::Preflight;

const KERNELS: [&str; 4] = [
    "6.1.0-56-amd64",
    "6.1.0-57-amd64",
    "6.1.0-58-amd64",
    "6.1.0-59-amd64",
];

/// What is wrong with a Module, or `Nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Nothing,
    NoModule,
    OtherSymbols,
    NoMapping,
    NoRegistry,
}

const CAUSES: [Cause; 3] = [Cause::NoModule, Cause::OtherSymbols, Cause::NoMapping];

impl Cause {
    fn module(self, name: &str) -> String {
        let (module, image, kernels) = match self {
            Self::Nothing => ("ticker", "ticker:6.1.0-56-amd64", "regexp: '.'"),
            Self::NoModule => ("meter", "meter:latest", "regexp: '.'"),
            Self::OtherSymbols => ("sensor", "sensor:6.1.0-56-amd64", "regexp: '.'"),
            Self::NoMapping => ("meter", "meter:latest", "literal: '5.14.0'"),
            Self::NoRegistry => ("meter", "meter:latest", "regexp: '.'"),
        };
        let registry = match self {
            Self::NoRegistry => "127.0.0.1:1",
            _ => "registry.example/drivers",
        };
        format!(
            "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
             metadata: {{name: {name}, namespace: drivers}}\n\
             spec: {{selector: {{}}, moduleLoader: {{container: {{\
             modprobe: {{moduleName: {module}}}, kernelMappings: [{{{kernels}, \
             containerImage: '{registry}/{image}'}}]}}}}}}\n---\n"
        )
    }
}

/// Modules in a file, and kernels that all export the same.
struct Place(TempDir);

impl Place {
    fn with(modules: &[(String, Cause)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text: String = modules
            .iter()
            .map(|(name, cause)| cause.module(name))
            .collect();
        fs::write(folder.path().join("modules.yaml"), text).expect("a file");
        let facts = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/kernel/lib/modules")
            .join(KERNELS[0]);
        for kernel in KERNELS {
            let place = folder.path().join("kernels/lib/modules").join(kernel);
            fs::create_dir_all(&place).expect("a folder");
            for name in ["config", "symvers.xz"] {
                fs::copy(facts.join(name), place.join(name)).expect("a fact");
            }
        }
        Self(folder)
    }

    /// The same in a namespace of this name.
    fn in_namespace(self, name: &str) -> Self {
        let file = self.0.path().join("modules.yaml");
        let text = fs::read_to_string(&file).expect("a file");
        fs::write(file, text.replace("drivers}", &format!("{name}}}"))).expect("a file");
        self
    }

    fn call(&self, words: &[&str], kernels: &[&str]) -> Preflight {
        let mut call = Preflight::new(words)
            .arg("--kernel-dir=kernels")
            .arg("--filename=modules.yaml")
            .dir(self.0.path());
        for kernel in kernels {
            call = call.args(["--kernel-version", kernel]);
        }
        call
    }

    fn run(&self, kernels: &[&str], rows: u16) -> Left {
        let call = self.call(&["run", "--local"], kernels).arg(images());
        Terminal::start(call, Streams::Both, rows, 80).end()
    }
}

fn images() -> String {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images");
    format!("--oci-layout={}", images.display())
}

/// Sixty names of this length, with these causes in turn.
fn sixty(length: usize, causes: &[Cause]) -> Vec<(String, Cause)> {
    let causes = causes.iter().cycle();
    let name = |number: usize| {
        let start = format!("driver-{number}-");
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    (0..60).map(name).zip(causes.copied()).collect()
}

fn counted(left: &Left) -> usize {
    for line in &left.lines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    left.lines.len()
}

#[test]
fn sixty_modules_with_three_causes_take_sixty_lines() {
    let some_pass = [&CAUSES[..], &[Cause::Nothing]].concat();
    for rows in [24, 60] {
        for length in [12, 25, 33] {
            for causes in [&CAUSES[..], &some_pass] {
                let modules = sixty(length, causes);
                let left = Place::with(&modules).run(&KERNELS[..1], rows);
                assert_eq!(left.code, Some(1));
                let count = counted(&left);
                assert!(count <= 60, "{count} lines\n{}", left.lines.join("\n"));
                let text = left.lines.join("\n");
                let is_named = |name: &str| {
                    let mut words = text.split([' ', ',', '\n', '/', ';']);
                    words.any(|word| word == name)
                };
                for (name, cause) in &modules {
                    assert_eq!(is_named(name), *cause != Cause::Nothing, "{name}\n{text}");
                }
                for code in [
                    "module-not-found",
                    "symbol-version-mismatch",
                    "mapping-not-found",
                ] {
                    let title = format!("✘ {code}: ");
                    assert_eq!(text.matches(&title).count(), 1, "{text}");
                }
            }
        }
    }
}

#[test]
fn sixty_modules_on_four_kernels_take_ninety_lines() {
    for length in [12, 33] {
        let modules = sixty(length, &CAUSES);
        let left = Place::with(&modules).run(&KERNELS, 60);
        assert_eq!(left.code, Some(1));
        let count = counted(&left);
        assert!(count <= 90, "{count} lines\n{}", left.lines.join("\n"));
        for kernel in KERNELS {
            let mut lines = left.lines.iter();
            let line = lines.find(|line| line.contains(&format!("✘ {kernel}")));
            let line = line.unwrap_or_else(|| panic!("{kernel}: {left:#?}"));
            assert!(line.contains("60 failed"), "{line}");
        }
    }
}

/// Where nothing is wrong there is next to nothing to read.
#[test]
fn sixty_modules_that_pass_take_few_lines() {
    let modules = sixty(20, &[Cause::Nothing]);
    let left = Place::with(&modules).run(&KERNELS[..1], 24);
    assert_eq!(left.code, Some(0));
    let count = counted(&left);
    assert!(count <= 12, "{count} lines\n{}", left.lines.join("\n"));
}

#[test]
fn short_help_takes_forty_five_lines() {
    for command in [
        "",
        "run",
        "status",
        "generate",
        "delete",
        "targets",
        "explain",
        "kernel",
        "inspect",
        "completion",
        "version",
    ] {
        let words = [command, "-h"].into_iter().filter(|word| !word.is_empty());
        let left = Terminal::start(Preflight::new(words), Streams::Both, 60, 80).end();
        assert_eq!(left.code, Some(0), "{command}");
        let count = counted(&left);
        assert!(
            count <= 45,
            "{command}: {count} lines\n{}",
            left.lines.join("\n")
        );
        let text = left.lines.join("\n");
        for part in ["\n  kubectl kmm preflight ", "130", "https://github.com/"] {
            assert!(text.contains(part), "{command}: {part}\n{text}");
        }
    }
}

/// What URLs, images, digests and paths have.
const ADDRESSES: [&str; 5] = [
    "://",
    "registry.example/",
    "127.0.0.1:1/",
    "sha256:",
    "/lib/modules/",
];

/// Names are cut, and sentences break at their spaces. An address stays whole, so that it can be
/// opened and copied.
#[test]
fn nothing_but_an_address_is_wider_than_the_terminal() {
    // A registry that is not there is waited for, so that the calls are made side by side.
    let widest = std::thread::scope(|scope| {
        let mut widths = Vec::new();
        for (length, namespace) in [(12, "drivers"), (63, "n"), (250, &*"n".repeat(63))] {
            let all = [&CAUSES[..], &[Cause::Nothing, Cause::NoRegistry]].concat();
            let modules = &sixty(length, &all)[..11];
            let place = Arc::new(Place::with(modules).in_namespace(namespace));
            for kernels in [&KERNELS[..1], &KERNELS] {
                for columns in [40, 60, 80, 100, 160] {
                    let place = Arc::clone(&place);
                    widths.push(scope.spawn(move || widest(&place, kernels, columns)));
                }
            }
        }
        let widths = widths
            .into_iter()
            .map(|width| width.join().expect("no line is too wide"));
        widths.max().expect("a width")
    });
    assert!(widest > 100, "{widest}");
}

/// The widest line of every format, none of which is wider than the terminal.
fn widest(place: &Place, kernels: &[&str], columns: usize) -> usize {
    let run = ["run", "--local", "--cache-dir=cache", "--progress=none"];
    let mut calls: Vec<Preflight> = ["table", "wide", "short"]
        .iter()
        .map(|format| place.call(&run, kernels).args([&images(), "-o", format]))
        .collect();
    calls.push(place.call(&["explain"], kernels));
    let mut widest = 0;
    for call in calls {
        let ended = call.env("COLUMNS", columns.to_string()).run();
        assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
        for line in ended.stdout.lines() {
            let width = line.chars().count();
            let last = line.split_whitespace().last().unwrap_or_default();
            let label = line.len() - last.len();
            let is_address =
                label <= "  checked by  ".len() && ADDRESSES.iter().any(|part| last.contains(part));
            assert!(
                width <= columns || is_address,
                "{width} > {columns}: {line}\n{}",
                ended.stdout
            );
            widest = widest.max(width);
        }
    }
    widest
}
