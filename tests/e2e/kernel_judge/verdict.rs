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
use super::peers::Score;
use crate::support::layout::write_layout;
use crate::support::preflight::Preflight;

/// Holds the product's verdicts to what the kernel did: verified what loads,
/// failed what does not, or ends in a crash, which is never verified. Every difference is listed before the test fails.
/// `unknown` is no difference for so many cases of a hundred.
pub(crate) fn compare(
    kernel: &Kernel,
    cases: &[Case],
    truths: &[Truth],
    folder: &Path,
    unknown: usize,
) {
    let verdicts = ask(kernel, cases, folder);
    let mut score = Score::default();
    let mut differences = String::new();
    let mut undecided = String::new();
    for (case, truth) in cases.iter().zip(truths) {
        let (verdict, findings) = &verdicts[&case.name];
        if case.undecidable.is_some() {
            if truth.exit.is_none() && verdict == "verified" {
                let said = "but modprobe never ends";
                writeln!(differences, "{}: verified, {said}", case.name).expect("memory");
            }
            continue;
        }
        score.add(case, &kernel.release, truth, verdict);
        let expected = if truth.loads() { "verified" } else { "failed" };
        if verdict != expected {
            let list = match verdict.as_str() {
                "unknown" => &mut undecided,
                _ => &mut differences,
            };
            writeln!(
                list,
                "{} {}: {verdict}, but modprobe {} exits {:?}\n    product: {findings}\n    kernel:  {}",
                case.name,
                case.note,
                case.words().join(" "),
                truth.exit,
                truth.said.join("\n             ")
            )
            .expect("memory takes the text");
        }
    }
    let count = |list: &str| list.matches("but modprobe").count();
    if count(&undecided) * 100 > cases.len() * unknown {
        differences += &undecided;
    }
    let keep = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a result");
    keep("differences.txt", &differences);
    keep("undecided.txt", &undecided);
    keep("score.txt", &score.line(&kernel.name));
    assert!(
        differences.is_empty(),
        "{} of {} cases differ on {}:\n{differences}",
        count(&differences),
        cases.len(),
        kernel.name
    );
}

/// Runs the product once over all cases: verdict and findings by case.
fn ask(kernel: &Kernel, cases: &[Case], kept: &Path) -> BTreeMap<String, (String, String)> {
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
    fs::write(kept.join("report.json"), report.to_string()).expect("the product's report");
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
