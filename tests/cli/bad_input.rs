//! Inputs that cannot be used: each names the object and what to do next.

use super::preflight::Preflight;

pub(super) const KERNEL: &str = "5.14.0-70.el9.x86_64";

/// A Module whose container is given.
pub(super) fn module(container: &str) -> String {
    format!(
        "apiVersion: kmm.sigs.x-k8s.io/v1beta1
kind: Module
metadata: {{name: m, namespace: ns, labels: {{app: x}}}}
spec:
  selector: {{}}
  moduleLoader:
    container:
      modprobe: {{moduleName: m}}
      {container}
"
    )
}

pub(super) fn mapping(rule: &str, image: &str) -> String {
    module(&format!(
        "kernelMappings: [{{{rule}, containerImage: '{image}'}}]"
    ))
}

/// An input, the kernel, further arguments, the exit code, and what has to be said on stdout
/// or stderr.
type Row = (
    String,
    &'static str,
    &'static [&'static str],
    i32,
    &'static [&'static str],
);

fn rows() -> Vec<Row> {
    let good = || mapping("regexp: '.'", "127.0.0.1:1/i:1");
    vec![
        ("a: [1".into(), KERNEL, &[], 2, &["-:1: document 1 is not YAML", "hint:"]),
        (format!("{}---\nb: }}\n", good()), KERNEL, &[], 2, &["-:11: document 2"]),
        ("a: 1".into(), KERNEL, &[], 2, &["no kind"]),
        (good().replace("moduleName: m", "moduleName: \
            {}"), KERNEL, &[], 2, &["spec.moduleLoader.container.modprobe.moduleName"]),
        ("apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\nmetadata: {name: plugin}\nspec: {selector: {}}\n".into(), KERNEL, &[], 4, &["no moduleLoader", "default/plugin"]),
        (module("kernelMappings: [{regexp: '.', containerImage: \
            ''}]"), KERNEL, &[], 1, &["missing containerImage", "ns/m", "hint:"]),
        (mapping("regexp: '('", "i:1"), KERNEL, &[], 1, &["missing closing )", "ns/m"]),
        (mapping("regexp: '.'", "i:${KERNEL"), KERNEL, &[], 1, &["closing brace \
            expected", "hint:"]),
        (mapping("literal: '6.1.0-1'", "i:1"), KERNEL, &[], 1, &["mapping-not-found", "literal \
            '6.1.0-1'"]),
        (good(), "5.14", &[], 1, &["at least three", "5.14", "hint:"]),
        (mapping("regexp: '.'", "I n:1"), KERNEL, &[], 1, &["image-invalid", "I n:1", "hint:"]),
        (good(), KERNEL, &["-l", "app=y"], 4, &["none of the 1 Modules", "hint:"]),
        (good(), KERNEL, &["-n", "other"], 4, &["none of the 1 Modules"]),
        (good(), KERNEL, &["-l", "app in x"], 2, &["not a valid label selector"]),
        ("".into(), KERNEL, &[], 4, &["no Modules in -"]),
        ("{apiVersion: v1, kind: Service, metadata: {name: s}}".into(), KERNEL, &[], 4, &["no \
            Module"]),
        (good(), KERNEL, &["--kernel-dir", "/nowhere"], 2, &["--kernel-dir /nowhere", "hint:"]),
        (good(), KERNEL, &["--oci-layout", "/nowhere"], 2, &["/nowhere is not an OCI layout", "hint:"]),
        (good(), KERNEL, &["--signing-cert", "/nowhere"], 2, &["--signing-cert /nowhere"]),
        (good(), KERNEL, &["--authfile", "/nowhere"], 2, &["--authfile /nowhere"]),
        (good(), KERNEL, &["-f", "/nowhere.yaml"], 2, &["/nowhere.yaml", "hint:"]),
        (good(), KERNEL, &["--insecure-registry", "http://127.0.0.1:1"], 2, &["--insecure-registry", "HOST:PORT"]),
        (good(), KERNEL, &["--insecure-registry", "127.0.0.1:1/ns"], 2, &["--insecure-registry", "HOST:PORT"]),
        ("{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: '!'}}".into(), KERNEL, &[], 2, &["`kubectl explain secret`"]),
        ("{apiVersion: kmm.sigs.x-k8s.io/v1beta2, kind: PreflightValidation, metadata: {name: p}, spec: {}}".into(), KERNEL, &[], 2, &["`kubectl explain preflightvalidation.spec`"]),
        (good().replace("moduleName: m", "moduleName: [m]"), KERNEL, &[], 2, &["`kubectl explain module.spec`"]),
        (good(), KERNEL, &["--arch", "mips"], 2, &["amd64, arm64"]),
        (good(), KERNEL, &["--timeout", "soon"], 2, &["not a duration"]),
        (good(), KERNEL, &["-j", "0"], 2, &["0 is not in"]),
        (good(), KERNEL, &["--dry-run", "client"], 2, &["--dry-run", "hint:"]),
        (good(), KERNEL, &["--release-image", "x"], 2, &["cannot be used with"]),
        (good(), "", &[], 2, &["--kernel-version", "uname -r"]),
        (good(), "../5.14.0-70", &[], 2, &["--kernel-version", "uname -r"]),
        (good(), KERNEL, &["--watch"], 2, &["standard input"]),
        (good(), KERNEL, &["-A", "-n", "ns"], 2, &["cannot be used with"]),
        (good(), KERNEL, &[], 3, &["image-unreachable", "127.0.0.1:1", "hint:"]),
    ]
}

#[test]
fn every_bad_input_is_named() {
    for (input, kernel, more, code, words) in rows() {
        let call = [
            "run",
            "--local",
            "-f",
            "-",
            "--progress=none",
            "--kernel-version",
            kernel,
        ];
        let ended = Preflight::new(call.iter().chain(more))
            .input(input.clone())
            .run();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(code), "{input}\n{more:?}\n{said}");
        // Wrapping may stand between two words.
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "`{word}` is not in:\n{said}\n{input}");
        }
    }
}

#[test]
fn a_target_is_needed() {
    let ended = Preflight::new(["run", "--local", "-f", "-"])
        .input(mapping("regexp: '.'", "i:1"))
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("--kernel-version"),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.is_empty());
}

#[test]
fn local_flags_need_local() {
    for flags in [
        &["-f", "x"][..],
        &["--fail-fast"],
        &["--stages", "image"],
        &["--builder", "none"],
    ] {
        let ended = Preflight::new(["run"].iter().chain(flags)).run().code(2);
        assert!(ended.stderr.contains("--local"), "{}", ended.stderr);
    }
}

/// Nobody who checks Modules builds a release: the next step is another name or architecture.
#[test]
fn an_image_of_a_release_for_another_architecture_is_not_to_be_built() {
    let image = "registry.example/drivers/ticker:6.1.0-56-amd64";
    let ended = Preflight::new(["kernel", image, "--arch=arm64"])
        .arg("--oci-layout=examples/images")
        .run();
    assert_ne!(ended.code, Some(0), "{ended:?}");
    for word in ["only for amd64", "--arch"] {
        assert!(ended.stderr.contains(word), "no {word}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("build"), "{}", ended.stderr);
}
