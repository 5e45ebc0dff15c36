//! The product's answers to the same cases, and the comparison.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::case::Case;
use super::cases::trusted_certificates;
use super::guest::Truth;
use super::kernel::Kernel;
use crate::support::layout::write_layout;
use crate::support::preflight::Preflight;

/// Holds the product's verdicts to what the kernel did: verified what loads,
/// failed what does not, or ends in a crash. Every difference is listed before the test fails.
pub(crate) fn compare(kernel: &Kernel, cases: &[Case], truths: &[Truth]) {
    let verdicts = ask(kernel, cases);
    let mut differences = String::new();
    for (case, truth) in cases.iter().zip(truths) {
        let (verdict, findings) = &verdicts[&case.name];
        let expected = if truth.loads() { "verified" } else { "failed" };
        if case.undecidable.is_none() && verdict != expected {
            writeln!(
                differences,
                "{}: {verdict}, but modprobe {} exits {:?}\n    product: {findings}\n    kernel:  {}",
                case.name,
                case.words().join(" "),
                truth.exit,
                truth.said.join("\n             ")
            )
            .expect("memory takes the text");
        }
    }
    let path = kernel.folder().join("differences.txt");
    fs::write(&path, &differences).expect("the differences");
    assert!(
        differences.is_empty(),
        "{} of {} cases differ on {}:\n{differences}",
        differences.matches("but modprobe").count(),
        cases.len(),
        kernel.name
    );
}

/// Runs the product once over all cases: verdict and findings by case.
fn ask(kernel: &Kernel, cases: &[Case]) -> BTreeMap<String, (String, String)> {
    let folder = tempfile::tempdir().expect("a folder for the images");
    let layout = folder.path().join("images");
    fs::create_dir(&layout).expect("a folder for the layout");
    let modules: Vec<Value> = cases
        .iter()
        .map(|case| {
            let reference = format!("judge.example.com/cases/{}:1", case.name);
            write_layout(&layout, &reference, &case.image.build());
            case.module(&reference)
        })
        .collect();
    let file = folder.path().join("modules.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": modules});
    fs::write(&file, list.to_string()).expect("the Modules");
    let mut call = Preflight::new(["run", "--local", "-o", "json", "-A", "--progress", "none"])
        .arg("-f")
        .arg(&file)
        .arg("--oci-layout")
        .arg(&layout)
        .arg("--kernel-version")
        .arg(&kernel.release)
        .arg("--kernel-dir")
        .arg(&kernel.root);
    if kernel.enforces_signatures() {
        for certificate in trusted_certificates(kernel) {
            call = call.arg("--signing-cert").arg(certificate);
        }
    }
    let report = call.run().code(1).json();
    keep(kernel, &report);
    report["modules"]
        .as_array()
        .expect("a list of modules")
        .iter()
        .map(|module| {
            let text = |key: &str| module[key].as_str().unwrap_or_default().to_owned();
            (text("name"), (text("verdict"), findings(module)))
        })
        .collect()
}

fn findings(module: &Value) -> String {
    module["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|finding| format!("{}: {}", finding["code"], finding["message"]))
        .collect::<Vec<_>>()
        .join("; ")
}

fn keep(kernel: &Kernel, report: &Value) {
    let path: &Path = &kernel.folder().join("report.json");
    fs::write(path, report.to_string()).expect("the product's report");
}
