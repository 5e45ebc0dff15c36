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
pub(crate) mod guest;
mod kernel;
mod mutants;
mod peers;
mod verdict;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use case::Case;
use cases::Table;
use forge::Forge;
use kernel::Kernel;

/// A kernel that is asked, and those whose modules are put to it as well.
struct Judge {
    kernel: fn(&str) -> Kernel,
    name: &'static str,
    neighbours: &'static [&'static str],
    /// The tables that every run asks about in full, while of the other rows it asks every eighth;
    /// none where every run asks about all of them.
    of_every_run: Option<&'static [Table]>,
}

/// The kernels that differ most: every run asks them about every row.
const BACKPORT: Judge = Judge::debian("6.12.117+deb12-amd64", &["6.1.0-56-amd64"]);
const RHEL: Judge = Judge::built("rhel", &["sigforce"], None);

/// These differ from [`RHEL`] in one option: every run asks them about what that decides.
const SIGFORCE: Judge = Judge::built(
    "sigforce",
    &["rhel"],
    Some(&[Table::Signatures, Table::Messages]),
);
const PLAIN: Judge = Judge::built("plain", &["rhel"], Some(&[Table::Versions, Table::Symbols]));

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
/// Another architecture, whose neighbour is of this machine's.
const ARM64: Judge = Judge {
    of_every_run: Some(&[]),
    ..Judge::debian("6.12.117+deb12-arm64", &["6.12.117+deb12-amd64"])
};

impl Judge {
    const fn debian(name: &'static str, neighbours: &'static [&'static str]) -> Self {
        Self {
            kernel: Kernel::debian,
            name,
            neighbours,
            of_every_run: None,
        }
    }

    const fn built(
        name: &'static str,
        neighbours: &'static [&'static str],
        of_every_run: Option<&'static [Table]>,
    ) -> Self {
        Self {
            kernel: Kernel::built,
            name,
            neighbours,
            of_every_run,
        }
    }

    fn forge(&self) -> Forge {
        let neighbours: Vec<Kernel> = self.neighbours.iter().map(|n| (self.kernel)(n)).collect();
        Forge::new((self.kernel)(self.name), &neighbours)
    }

    /// What every run asks about.
    fn cases_of_every_run(&self, forge: &Forge) -> Vec<Case> {
        let tables = cases::tables(forge).into_iter();
        let asked = tables.flat_map(|(table, cases)| {
            let whole = self.of_every_run;
            let is_whole = whole.is_none_or(|whole| whole.contains(&table));
            cases.into_iter().step_by(if is_whole { 1 } else { 8 })
        });
        asked.collect()
    }

    /// The names of the rows that these cases are; those about a neighbour's modules without that
    /// neighbour's name.
    fn rows(&self, of: fn(&Self, &Forge) -> Vec<Case>) -> BTreeSet<String> {
        let forge = self.forge();
        let neighbours: Vec<String> = self.neighbours.iter().map(|n| cases::kebab(n)).collect();
        of(self, &forge)
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

    /// Asks the kernel what every run asks, and holds the product to its answers.
    fn ask(&self) {
        let forge = self.forge();
        let folder = match self.of_every_run {
            None => forge.kernel.folder(),
            Some(_) => forge.kernel.folder().join("every-run"),
        };
        fs::create_dir_all(&folder).expect("a folder for the answers");
        self.put(&forge, self.cases_of_every_run(&forge), &folder);
    }

    /// The same with every case.
    fn ask_all(&self) {
        let forge = self.forge();
        self.put(&forge, cases::all(&forge), &forge.kernel.folder());
    }

    fn put(&self, forge: &Forge, mut cases: Vec<Case>, folder: &Path) {
        if let Ok(wanted) = std::env::var("KMM_JUDGE_CASES") {
            cases.retain(|case| wanted.split(',').any(|start| case.name.starts_with(start)));
            assert!(!cases.is_empty(), "no case is named `{wanted}`");
        }
        let truths = guest::ask(&forge.kernel, &forge.host(), &cases, folder);
        let verdicts = verdict::compare(&forge.kernel, &cases, &truths, folder, 0);
        // An enforcing kernel looks at the signature first, also of what is no module at all.
        if !forge.kernel.enforces_signatures() {
            verdict::compare_words(&cases, &truths, &verdicts);
        }
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
fn enforcing_signatures_in_every_case() {
    SIGFORCE.ask_all();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn without_symbol_versions_in_every_case() {
    PLAIN.ask_all();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_stable() {
    STABLE.ask_all();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_neighbour() {
    NEIGHBOUR.ask_all();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_real_time() {
    REAL_TIME.ask_all();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_cloud() {
    CLOUD.ask_all();
}

#[test]
fn debian_arm64() {
    ARM64.ask();
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_arm64_in_every_case() {
    ARM64.ask_all();
}

/// What is left to `--all` is the same rows once more.
#[test]
fn every_row_is_put_to_a_kernel_of_every_run() {
    let all = |_: &Judge, forge: &Forge| cases::all(forge);
    let every_run = [BACKPORT, RHEL, SIGFORCE, PLAIN];
    let always: BTreeSet<String> = every_run
        .iter()
        .flat_map(|judge| judge.rows(Judge::cases_of_every_run))
        .collect();
    assert!(always.len() > 600, "{} rows", always.len());
    let others = [STABLE, NEIGHBOUR, REAL_TIME, CLOUD, ARM64];
    let in_full: BTreeSet<String> = every_run
        .iter()
        .chain(&others)
        .flat_map(|judge| judge.rows(all))
        .collect();
    let missing: Vec<&String> = in_full.difference(&always).collect();
    assert!(missing.is_empty(), "only `--all` asks: {missing:?}");
}
