//! What a release publishes beside its archives, put to what reads it elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::linters::{repository, takes};
use crate::support::server::succeed;

const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// Homebrew's words, which say what they are given.
const HOMEBREW: &str = "\
class Formula
  def self.method_missing(name, *args)
    puts [name, *args].join(' ')
    yield if block_given?
  end
  def self.test
    puts 'test'
  end
end
load ARGV[0]
puts KubectlKmmPreflight.instance_methods(false).join(' ')
";

/// An archive of every platform of the release.
fn archives(folder: &Path) {
    for platform in crate::workflows::platforms() {
        let name = format!("kubectl-kmm-preflight_{platform}.tar.gz");
        fs::write(folder.join(name), platform).expect("an archive");
    }
}

#[test]
fn the_formula_is_one_for_homebrew() {
    let folder = tempfile::tempdir().expect("a folder");
    archives(folder.path());
    let files = fs::read_dir(folder.path()).expect("the archives");
    let files = files.map(|entry| entry.expect("an entry").path());
    let output = succeed(
        Command::new(repository("scripts/package"))
            .args(["--formula", TAG])
            .args(files),
    );
    let formula = String::from_utf8(output.stdout).expect("text");
    let (taken, said) = takes(Command::new("ruby").args(["-c", "-"]), &formula);
    assert!(taken, "{said}");
    let broken = formula.replacen("    end\n", "", 1);
    let (taken, said) = takes(Command::new("ruby").args(["-c", "-"]), &broken);
    assert!(!taken, "{said}");

    let path = folder.path().join("formula.rb");
    fs::write(&path, formula).expect("the formula");
    let told = succeed(Command::new("ruby").args(["-e", HOMEBREW]).arg(&path)).stdout;
    let told = String::from_utf8(told).expect("text");
    let words: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let each = ["url", "sha256"];
    let system = |name| [&[name, "on_arm"][..], &each, &["on_intel"], &each].concat();
    let expected = [
        vec!["desc", "homepage", "version", "license"],
        system("on_macos"),
        system("on_linux"),
        vec!["test", "install"],
    ];
    assert_eq!(words, expected.concat(), "{told}");
}

/// The loader's crate stands alone: what crates.io would get is built from its package.
#[test]
#[ignore = "scripts/test --all builds the package"]
fn the_crate_of_the_loader_can_be_published() {
    succeed(
        Command::new(env!("CARGO"))
            .args(["publish", "--dry-run", "--locked", "--allow-dirty"])
            .args(["--package=kernel-loader"])
            .current_dir(repository("")),
    );
}
