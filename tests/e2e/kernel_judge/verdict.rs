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
) -> BTreeMap<String, (String, String)> {
    let report = ask(kernel, cases, &[]);
    fs::write(folder.join("report.json"), report.to_string()).expect("the product's report");
    let verdicts = verdicts(&report);
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
        let expected = match (truth.loads(), case.doubt) {
            (false, _) => "failed",
            (true, None) => "verified",
            (true, Some(_)) => "unknown",
        };
        score.add(case, &kernel.release, truth, verdict == expected);
        let is_told = case.doubt.is_none_or(|code| findings.contains(code));
        let other_file = |file| !truth.said.iter().any(|line| line.contains(file));
        let wrong_file = truth.loads() && case.loads.is_some_and(other_file);
        if verdict != expected || truth.loads() && !is_told || wrong_file {
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
    verdicts
}

/// Holds the words of findings to what `modprobe` said: those of an error are the kernel's.
pub(crate) fn compare_words(
    cases: &[Case],
    truths: &[Truth],
    verdicts: &BTreeMap<String, (String, String)>,
) {
    let mut differences = String::new();
    let told = cases.iter().zip(truths);
    for (case, truth) in told.filter(|(case, _)| case.undecidable.is_none()) {
        let (_, findings) = &verdicts[&case.name];
        if let Some(answer) = truth.answer().filter(|answer| !names(findings, answer)) {
            let name = &case.name;
            writeln!(
                differences,
                "{name}: {findings}, but modprobe says {answer}"
            )
            .expect("memory");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// False where findings have words of errors, but not these.
fn names(findings: &str, answer: &str) -> bool {
    const WORDS: [&str; 9] = [
        "Bad message",
        "Cannot allocate memory",
        "Exec format error",
        "Invalid argument",
        "Key was rejected by service",
        "No space left on device",
        "Numerical result out of range",
        "Operation not permitted",
        "Unknown symbol",
    ];
    let has_any = WORDS.iter().any(|words| findings.contains(words));
    !has_any || findings.contains(answer)
}

/// Lets the product boot the kernel itself (`--boot`): it asks about every case whose folder
/// reaches `modprobe`, and what it answers is what it predicted.
pub(crate) fn boot(kernel: &Kernel, cases: &[Case], folder: &Path) {
    let predicted = verdicts(&ask(kernel, cases, &[]));
    let report = ask(kernel, cases, &["--boot", "require"]);
    fs::write(folder.join("booted.json"), report.to_string()).expect("the product's report");
    let booted = verdicts(&report);
    let mut differences = String::new();
    let mut asked = 0;
    for case in cases {
        let (verdict, findings) = &booted[&case.name];
        let has = |code: &str| findings.contains(code);
        asked += usize::from(has("boot-loaded") || has("boot-refused"));
        let predicted = &predicted[&case.name].0;
        let differs = case.undecidable.is_none() && verdict != predicted;
        // Of what fails before the kernel sees anything of the image nothing can be booted.
        let is_unavailable = has("boot-unavailable") && predicted != "failed";
        if differs || has("boot-disagrees") || is_unavailable {
            writeln!(differences, "{}: {verdict}: {findings}", case.name).expect("memory");
        }
    }
    fs::write(folder.join("boot-differences.txt"), &differences).expect("a result");
    assert!(differences.is_empty(), "{}:\n{differences}", kernel.name);
    assert!(
        asked * 2 > cases.len(),
        "the kernel was asked {asked} of {} cases",
        cases.len()
    );
}

/// Runs the product once over all cases.
fn ask(kernel: &Kernel, cases: &[Case], words: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder for the images");
    let layout = folder.path().join("images");
    fs::create_dir(&layout).expect("a folder for the layout");
    let modules: Vec<Value> = cases
        .iter()
        .map(|case| {
            let reference = format!("judge.example.com/cases/{}:1", case.name);
            let image = case.image.clone().architecture(kernel.arch.as_str());
            write_layout(&layout, &reference, &image.build());
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
    call.args(words).run().code(1).json()
}

/// Verdict and findings by case.
fn verdicts(report: &Value) -> BTreeMap<String, (String, String)> {
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
