//! What `-f` takes, on the images of the examples.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::bad_input::{KERNEL, mapping};
use super::preflight::Preflight;

const EXAMPLE_KERNEL: &str = "6.1.0-56-amd64";
/// The image whose module loads on that kernel.
const TICKER: &str = "registry.example/drivers/ticker:6.1.0-56-amd64";

/// A local run that has what it takes to verify `ticker`.
fn run() -> Preflight {
    Preflight::new(["run", "--local", "-o", "json", "--progress=none"]).args([
        "--oci-layout=examples/images",
        "--kernel-dir=examples/kernel",
    ])
}

fn module(name: &str) -> Value {
    json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": module_spec(),
    })
}

fn module_spec() -> Value {
    json!({"selector": {}, "moduleLoader": {"container": {
        "modprobe": {"moduleName": "ticker"},
        "kernelMappings": [{"literal": EXAMPLE_KERNEL, "containerImage": TICKER}],
    }}})
}

fn names(report: &Value) -> Vec<String> {
    let rows = report["modules"].as_array().expect("rows");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| format!("{}/{}", text(&row["namespace"]), text(&row["name"])))
        .collect()
}

/// Standard input: YAML documents, a List, a typed list, JSON; all of it verified.
#[test]
fn every_kind_of_document_is_taken_and_all_verified_is_exit_code_0() {
    let kernel = format!("--kernel-version={EXAMPLE_KERNEL}");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [module("a"), module("b")]});
    let mut typed = module("c");
    let bare = typed.as_object_mut().expect("an object");
    bare.remove("kind");
    bare.remove("apiVersion");
    let typed = json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "ModuleList", "items": [typed],
    });
    let managed = json!({
        "apiVersion": "hub.kmm.sigs.x-k8s.io/v1beta1", "kind": "ManagedClusterModule",
        "metadata": {"name": "hub"},
        "spec": {"spokeNamespace": "spoke", "moduleSpec": module_spec(), "selector": {}},
    });
    let yaml = format!("# text\n---\n{list:#}\n---\n{typed}\n---\n{managed}\n...\n");
    let one_by_one = format!("{list}\n{typed}{managed}");
    for input in [yaml, one_by_one] {
        let ended = run().args(["-f", "-", &kernel]).input(input).run().code(0);
        let report = ended.json();
        assert_eq!(report["verdict"], "verified");
        assert_eq!(names(&report), ["ns/a", "ns/b", "ns/c", "spoke/hub"]);
    }
}

#[test]
fn folders_are_read_at_any_depth() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    };
    write("a.yaml", module("a").to_string());
    write("deep/er/b.yml", module("b").to_string());
    write("deep/c.json", module("c").to_string());
    write("deep/notes.txt", "{ this is read by nobody".to_owned());
    write(
        "service.yaml",
        "{apiVersion: v1, kind: Service, metadata: {name: s}}".to_owned(),
    );
    let kernel = format!("--kernel-version={EXAMPLE_KERNEL}");
    let ended = run()
        .arg("-f")
        .arg(folder.path())
        .arg(&kernel)
        .run()
        .code(0);
    assert_eq!(names(&ended.json()), ["ns/a", "ns/b", "ns/c"]);
    assert!(
        ended
            .stderr
            .contains("service.yaml:1: Service s was ignored"),
        "{}",
        ended.stderr
    );
    let ended = run()
        .arg("-f")
        .arg(folder.path())
        .args(["-f", "-", &kernel])
        .input(module("d").to_string())
        .run()
        .code(0);
    assert_eq!(names(&ended.json()).len(), 4);
    write("deep/values.yaml", "a: {{ .Values.a }}\n".to_owned());
    let ended = run()
        .arg("-f")
        .arg(folder.path())
        .arg(&kernel)
        .run()
        .code(0);
    assert!(ended.stderr.contains("skipped"), "{}", ended.stderr);
    let latin = |text: &str| [text.as_bytes(), b"# \xe9\n"].concat();
    let path = folder.path().join("deep/latin.yaml");
    fs::write(&path, latin("a: 1\n")).expect("a file");
    let ended = run()
        .arg("-f")
        .arg(folder.path())
        .arg(&kernel)
        .run()
        .code(0);
    let note = "latin.yaml: neither UTF-8 nor UTF-16 text; skipped";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    let others = run()
        .arg("-f")
        .arg(folder.path().join("deep"))
        .args(["-l", "x=y", &kernel]);
    others.run().code(4);
    for (file, input) in [
        (path.clone(), latin("a: 1\n")),
        (folder.path().to_owned(), latin("kind: Module\n")),
    ] {
        fs::write(&path, input).expect("a file");
        run().arg("-f").arg(file).arg(&kernel).run().code(2);
    }
    fs::remove_file(path).expect("the file");
    // Where nothing is left to check, what was passed over may be what was meant.
    let foreign = tempfile::tempdir().expect("a folder");
    fs::write(foreign.path().join("values.yaml"), "a: {{ .b }}\n").expect("a file");
    let ended = run()
        .arg("-f")
        .arg(foreign.path())
        .arg(&kernel)
        .run()
        .code(4);
    assert!(
        ended.stderr.contains("values.yaml:1: document 1"),
        "{}",
        ended.stderr
    );
    write(
        "deep/er/bad.yaml",
        "a: 1\n---\nb: [ # of kmm.sigs.x-k8s.io\n".to_owned(),
    );
    let ended = run()
        .arg("-f")
        .arg(folder.path())
        .arg(&kernel)
        .run()
        .code(2);
    let place = Path::new("deep/er/bad.yaml:3: document 2");
    assert!(
        ended.stderr.contains(&place.display().to_string()),
        "{}",
        ended.stderr
    );
    let empty = tempfile::tempdir().expect("a folder");
    let ended = run().arg("-f").arg(empty.path()).arg(&kernel).run().code(2);
    assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
}

/// Both kinds of CR, as the releases from 2.4 on write them.
#[test]
fn a_preflight_cr_supplies_the_target() {
    for kind in ["PreflightValidation", "PreflightValidationOCP"] {
        let preflight = json!({
            "apiVersion": "kmm.sigs.x-k8s.io/v1beta2", "kind": kind,
            "metadata": {"name": "upgrade"}, "spec": {"kernelVersion": EXAMPLE_KERNEL},
        });
        let input = format!("{}\n{preflight}", module("a"));
        let report = run().args(["-f", "-"]).input(input).run().code(0).json();
        assert_eq!(report["target"][0]["kernelVersion"], EXAMPLE_KERNEL);
        // A flag says it louder.
        let flags = ["-f", "-", "--kernel-version", KERNEL];
        let input = format!("{}\n{preflight}", module("a"));
        let report = run().args(flags).input(input).run().code(1).json();
        assert_eq!(report["target"][0]["kernelVersion"], KERNEL);
    }
    let nothing = json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta2", "kind": "PreflightValidation",
        "metadata": {"name": "upgrade"}, "spec": {},
    });
    let input = format!("{}\n{nothing}", module("a"));
    let ended = run().args(["-f", "-"]).input(input).run().code(2);
    assert!(
        ended.stderr.contains("spec.kernelVersion"),
        "{}",
        ended.stderr
    );
}

#[test]
fn namespace_and_labels_select() {
    let labelled = mapping("literal: x", "i:1");
    let input = format!("{labelled}---\n{}", module("other"));
    let kernel = format!("--kernel-version={EXAMPLE_KERNEL}");
    for (more, code, expected) in [
        (&["-n", "ns"][..], 1, &["ns/m", "ns/other"][..]),
        (&["-A"], 1, &["ns/m", "ns/other"]),
        (&["-l", "app=x"], 1, &["ns/m"]),
        (&["-l", "app!=x"], 0, &["ns/other"]),
        (&["-l", "!app", "-n", "ns"], 0, &["ns/other"]),
        (&["-n", "nowhere"], 4, &[]),
    ] {
        let call = run().args(["-f", "-", &kernel]).args(more);
        let ended = call.input(input.clone()).run().code(code);
        assert_eq!(names(&ended.json()), expected, "{more:?}");
    }
}
