//! Random damage, seeded: modules of the forge and depmod's files with one to three edits
//! each, put to the kernel beside the table of cases. They are what happens to modules in the
//! field: tools that strip and link, other packings, indexes that are out of date.
//!
//! A few from a fixed seed are part of `scripts/test --all`. `KMM_JUDGE_MUTANTS` says how many there are
//! for each kernel, `KMM_JUDGE_SEED` which ones.

mod bases;
mod calls;
mod edits;
mod indexes;
mod information;
mod packings;
mod random;
mod rework;
mod sections;
mod signatures;
mod strings;
mod tools;
mod versions;

use bases::Base;
use kmm_preflight::for_tests::Arch;
use random::Random;

use super::case::Case;
use super::forge::{Forge, image};
use super::kernel::Kernel;
use super::{guest, verdict};

/// Mutants for each kernel where nobody says how many.
const FEW: usize = 40;

/// Of a hundred mutants, how many may be such that nobody can tell what they come to: what a
/// kernel finds behind a table's end, and whether it has a key that nobody named.
const UNKNOWN: usize = 5;

/// How many mutants, and which.
struct Campaign {
    count: usize,
    seed: u64,
}

impl Campaign {
    fn from_environment() -> Self {
        fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
            let text = std::env::var(name).ok()?;
            let number = text.parse().ok();
            Some(number.unwrap_or_else(|| panic!("{name} is a number, not `{text}`")))
        }
        Self {
            count: number("KMM_JUDGE_MUTANTS").unwrap_or(FEW),
            seed: number("KMM_JUDGE_SEED").unwrap_or(1),
        }
    }

    fn mutants(&self, bases: &[Base]) -> Vec<Case> {
        let mut random = Random::new(self.seed);
        (0..self.count)
            .map(|number| {
                let base = random.pick(bases);
                mutant(&mut random, base, &format!("mutant-{}-{number}", self.seed))
            })
            .collect()
    }
}

fn mutant(random: &mut Random, base: &Base, name: &str) -> Case {
    let mutant = base.damaged(random);
    let note = format!(
        "{} of {}: {}",
        base.file,
        base.name,
        mutant.edits.join("; ")
    );
    let mut case = Case::new(name, &mutant.loaded, image(&mutant.folder)).noted(&note);
    case.load.parameters = mutant.parameters;
    case.load.args = mutant.arguments;
    case
}

/// Asks one kernel about its mutants.
fn judge(kernel: Kernel) {
    let forge = Forge::new(kernel, &[]);
    // Of `.gz`, and of what gzip made.
    let is_put = |text: &str| forge.kernel.unpacks_gzip() || !text.contains("gz");
    let mut bases = bases::all(&forge);
    // Compilers for arm64 look up what is weak in a table, whose relocations no kernel takes.
    let has_weak = forge.kernel.arch == Arch::Amd64;
    bases.retain(|base| is_put(base.name) && (has_weak || base.name != "weak"));
    let mut cases: Vec<Case> = bases.iter().map(Base::undamaged).collect();
    let mutants = Campaign::from_environment().mutants(&bases).into_iter();
    cases.extend(mutants.filter(|case| is_put(&case.note)));
    let folder = forge.kernel.folder().join("mutants");
    std::fs::create_dir_all(&folder).expect("a folder for what becomes of mutants");
    let truths = guest::ask(&forge.kernel, &forge.host(), &cases, &folder);
    for (base, truth) in bases.iter().zip(&truths) {
        assert!(truth.loads(), "{} loads undamaged: {truth:?}", base.name);
    }
    verdict::compare(&forge.kernel, &cases, &truths, &folder, UNKNOWN);
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_stable() {
    judge(Kernel::debian("6.1.0-56-amd64"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_real_time() {
    judge(Kernel::debian("6.1.0-56-rt-amd64"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_backport() {
    judge(Kernel::debian("6.12.117+deb12-amd64"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn debian_arm64() {
    judge(Kernel::debian("6.12.117+deb12-arm64"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn as_rhel_configures_it() {
    judge(Kernel::built("rhel"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn enforcing_signatures() {
    judge(Kernel::built("sigforce"));
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn without_symbol_versions() {
    judge(Kernel::built("plain"));
}
