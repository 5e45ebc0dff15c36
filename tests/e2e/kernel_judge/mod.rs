//! The kernel as the judge: real kernels load modules from real images, with
//! the very `modprobe` call of KMM's worker, and the product must have said
//! beforehand what they would do.
//!
//! A case is a row of a table (`cases/`): an image and how a Module loads from
//! it. To add one, add a row; every kernel is then asked about it. `KMM_JUDGE_CASES` names
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

use forge::Forge;
use kernel::Kernel;

/// Asks one kernel about every case and holds the product to its answers.
fn judge(kernel: Kernel, neighbours: &[Kernel]) {
    let forge = Forge::new(kernel, neighbours);
    let mut cases = cases::all(&forge);
    if let Ok(wanted) = std::env::var("KMM_JUDGE_CASES") {
        cases.retain(|case| wanted.split(',').any(|start| case.name.starts_with(start)));
        assert!(!cases.is_empty(), "no case is named `{wanted}`");
    }
    let folder = forge.kernel.folder();
    let truths = guest::ask(&forge.kernel, &forge.host(), &cases, &folder);
    verdict::compare(&forge.kernel, &cases, &truths, &folder, 0);
}

#[test]
fn debian_stable() {
    judge(
        Kernel::debian("6.1.0-56-amd64"),
        &[
            Kernel::debian("6.1.0-55-amd64"),
            Kernel::debian("6.1.0-53-amd64"),
            Kernel::debian("6.1.0-56-rt-amd64"),
            Kernel::debian("6.1.0-56-cloud-amd64"),
            Kernel::debian("6.12.117+deb12-amd64"),
        ],
    );
}

#[test]
fn debian_neighbour() {
    judge(
        Kernel::debian("6.1.0-53-amd64"),
        &[Kernel::debian("6.1.0-56-amd64")],
    );
}

#[test]
fn debian_real_time() {
    judge(
        Kernel::debian("6.1.0-56-rt-amd64"),
        &[Kernel::debian("6.1.0-56-amd64")],
    );
}

#[test]
fn debian_cloud() {
    judge(
        Kernel::debian("6.1.0-56-cloud-amd64"),
        &[Kernel::debian("6.1.0-56-amd64")],
    );
}

#[test]
fn debian_backport() {
    judge(
        Kernel::debian("6.12.117+deb12-amd64"),
        &[Kernel::debian("6.1.0-56-amd64")],
    );
}

#[test]
fn as_rhel_configures_it() {
    judge(Kernel::built("rhel"), &[Kernel::built("sigforce")]);
}

#[test]
fn enforcing_signatures() {
    judge(Kernel::built("sigforce"), &[Kernel::built("rhel")]);
}

#[test]
fn without_symbol_versions() {
    judge(Kernel::built("plain"), &[Kernel::built("rhel")]);
}
