//! The kernel as the judge: real kernels load modules from real images, with
//! the very `modprobe` call of KMM's worker, and the product must have said
//! beforehand what they would do.
//!
//! A case is a row of a table (`cases/`): an image and how a Module loads from
//! it. To add one, add a row; every kernel is then asked about it, some in every run and all
//! of them by `scripts/test --all`. `KMM_JUDGE_CASES` names
//! the rows to ask about while one works on them, by beginnings of their names.

mod ber;
mod case;
mod cases;
mod elf;
mod folder;
mod forge;
mod guest;
mod kernel;
mod mutants;
mod peers;
mod verdict;

use std::collections::BTreeSet;

use forge::Forge;
use kernel::Kernel;

/// A kernel that is asked, and those whose modules are put to it as well.
struct Judge {
    kernel: fn(&str) -> Kernel,
    name: &'static str,
    neighbours: &'static [&'static str],
}

/// The kernels that differ most: every run asks them.
const BACKPORT: Judge = Judge::debian("6.12.117+deb12-amd64", &["6.1.0-56-amd64"]);
const RHEL: Judge = Judge::built("rhel", &["sigforce"]);
const SIGFORCE: Judge = Judge::built("sigforce", &["rhel"]);
const PLAIN: Judge = Judge::built("plain", &["rhel"]);

/// Those that `scripts/test --all` asks too.
const STABLE: Judge = Judge::debian(
    "6.1.0-56-amd64",
    &[
        "6.1.0-55-amd64",
        "6.1.0-53-amd64",
        "6.1.0-56-rt-amd64",
        "6.1.0-56-cloud-amd64",
        "6.12.117+deb12-amd64",
    ],
);
const NEIGHBOUR: Judge = Judge::debian("6.1.0-53-amd64", &["6.1.0-56-amd64"]);
const REAL_TIME: Judge = Judge::debian("6.1.0-56-rt-amd64", &["6.1.0-56-amd64"]);
const CLOUD: Judge = Judge::debian("6.1.0-56-cloud-amd64", &["6.1.0-56-amd64"]);

impl Judge {
    const fn debian(name: &'static str, neighbours: &'static [&'static str]) -> Self {
        Self {
            kernel: Kernel::debian,
            name,
            neighbours,
        }
    }

    const fn built(name: &'static str, neighbours: &'static [&'static str]) -> Self {
        Self {
            kernel: Kernel::built,
            name,
            neighbours,
        }
    }

    fn forge(&self) -> Forge {
        let neighbours: Vec<Kernel> = self.neighbours.iter().map(|n| (self.kernel)(n)).collect();
        Forge::new((self.kernel)(self.name), &neighbours)
    }

    /// The rows' names; those about a neighbour's modules without that neighbour's name.
    fn rows(&self) -> BTreeSet<String> {
        let forge = self.forge();
        let neighbours: Vec<String> = self.neighbours.iter().map(|n| cases::kebab(n)).collect();
        cases::all(&forge)
            .into_iter()
            .map(|case| {
                let ends = neighbours.iter().map(|name| format!("-{name}"));
                let short = ends
                    .into_iter()
                    .find_map(|end| case.name.strip_suffix(&end));
                short.unwrap_or(&case.name).to_owned()
            })
            .collect()
    }

    /// Lets the product boot the kernel for every `step`th case.
    fn boot(&self, step: usize) {
        let forge = self.forge();
        let all = cases::all(&forge).into_iter();
        let cases: Vec<_> = all.step_by(step).collect();
        verdict::boot(&forge.kernel, &cases, &forge.kernel.folder());
    }

    /// Asks the kernel about every case and holds the product to its answers.
    fn ask(&self) {
        let forge = self.forge();
        let mut cases = cases::all(&forge);
        if let Ok(wanted) = std::env::var("KMM_JUDGE_CASES") {
            cases.retain(|case| wanted.split(',').any(|start| case.name.starts_with(start)));
            assert!(!cases.is_empty(), "no case is named `{wanted}`");
        }
        let folder = forge.kernel.folder();
        let truths = guest::ask(&forge.kernel, &forge.host(), &cases, &folder);
        verdict::compare(&forge.kernel, &cases, &truths, &folder, 0);
    }
}

/// The judge's guest is the product's, with files of the tests' own: what `--boot` makes of an
/// image itself is seen in every 24th case.
#[test]
fn booted_as_rhel_configures_it() {
    RHEL.boot(24);
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn booted_in_every_case() {
    RHEL.boot(1);
}

#[test]
fn debian_backport() {
    BACKPORT.ask();
}

#[test]
fn as_rhel_configures_it() {
    RHEL.ask();
}

#[test]
fn enforcing_signatures() {
    SIGFORCE.ask();
}

#[test]
fn without_symbol_versions() {
    PLAIN.ask();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_stable() {
    STABLE.ask();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_neighbour() {
    NEIGHBOUR.ask();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_real_time() {
    REAL_TIME.ask();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_cloud() {
    CLOUD.ask();
}

/// What is left to `--all` is the same rows once more.
#[test]
fn every_row_is_put_to_a_kernel_of_every_run() {
    let rows =
        |judges: &[Judge]| -> BTreeSet<String> { judges.iter().flat_map(Judge::rows).collect() };
    let always = rows(&[BACKPORT, RHEL, SIGFORCE, PLAIN]);
    let in_full = rows(&[STABLE, NEIGHBOUR, REAL_TIME, CLOUD]);
    assert!(always.len() > 600, "{} rows", always.len());
    let missing: Vec<&String> = in_full.difference(&always).collect();
    assert!(missing.is_empty(), "only `--all` asks: {missing:?}");
}
