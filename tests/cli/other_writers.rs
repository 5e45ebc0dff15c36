//! What others write: Modules of operators, modules of the boot, kustomizations, and the list
//! of images for a mirror.

use std::fs;
use std::path::Path;

use test_support::faults::{Answer, FaultServer};

use super::preflight::{Ended, Preflight};

const KERNEL: &str = "6.1.0-56-amd64";

fn module(name: &str, metadata: &str, mappings: &str) -> String {
    format!(
        "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
         metadata: {{name: {name}, namespace: ns{metadata}}}\n\
         spec: {{selector: {{}}, moduleLoader: {{container: {{modprobe: {{moduleName: ticker}}, \
         kernelMappings: {mappings}}}}}}}\n"
    )
}

fn owned(controller: &str) -> String {
    format!(
        ", ownerReferences: [{{apiVersion: amd.com/v1alpha1, kind: DeviceConfig, name: gpu, \
         uid: u{controller}}}]"
    )
}

/// A mapping for a kernel of today's nodes.
const TODAY: &str = "[{literal: 5.14.0-1.el9.x86_64, containerImage: i:1}]";
const TICKER: &str = "registry.example/drivers/ticker:${KERNEL_FULL_VERSION}";

fn run(input: &str, more: &[&str]) -> Ended {
    let words = ["run", "--local", "-f=-", "-o=json", "--progress=none"];
    let root = env!("CARGO_MANIFEST_DIR");
    Preflight::new(words)
        .args(more.iter().copied())
        .args(["--kernel-version", KERNEL])
        .arg(format!("--oci-layout={root}/examples/images"))
        .arg(format!("--kernel-dir={root}/examples/kernel"))
        .input(input)
        .run()
}

#[test]
fn a_missing_mapping_of_an_owned_module_is_unknown() {
    let ended = run(&module("gpu", &owned(", controller: true"), TODAY), &[]).code(3);
    let row = ended.json()["modules"][0].clone();
    assert_eq!(row["verdict"], "unknown");
    let finding = &row["findings"][0];
    assert_eq!(finding["code"], "mapping-not-found");
    let text = finding.to_string();
    for word in ["DeviceConfig gpu", "--assume-image ns/gpu="] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("Add a kernel mapping"), "{text}");

    for not_owned in [String::new(), owned(""), owned(", controller: false")] {
        let ended = run(&module("gpu", &not_owned, TODAY), &[]).code(1);
        assert_eq!(ended.json()["modules"][0]["verdict"], "failed");
    }
}

#[test]
fn an_assumed_image_is_looked_at() {
    let input = module("gpu", &owned(", controller: true"), TODAY);
    let assumed = format!("--assume-image=ns/gpu={TICKER}");
    let ended = run(&input, &[&assumed]).code(0);
    assert_eq!(ended.json()["modules"][0]["verdict"], "verified");
    let elsewhere = format!("--assume-image=ns/other={TICKER}");
    let ended = run(&input, &[&elsewhere]).code(3);
    assert!(ended.stderr.contains("ns/other"), "{}", ended.stderr);
    for bad in [
        "--assume-image=gpu=i",
        "--assume-image=ns/gpu",
        "--assume-image=ns/=i",
        "--assume-image=ns/gpu=BAD NAME",
        "--assume-image=ns/gpu=q/i:${KERNEL_FULL_VERSION",
    ] {
        run(&input, &[bad]).code(2);
    }
}

/// The image of a flag is corrected at the flag, not in a kernel mapping that is not there.
#[test]
fn hints_about_an_assumed_image_name_the_flag() {
    let registry = FaultServer::start(|asked| match asked.path.as_str() {
        "/v2/" => Answer::new(200, "{}"),
        _ => Answer::new(404, "{}"),
    });
    let absent = format!("{}/i:1", registry.host());
    for owner in ["", ", controller: true"] {
        let metadata = match owner {
            "" => String::new(),
            controller => owned(controller),
        };
        let input = module("gpu", &metadata, TODAY);
        for (image, code) in [
            (absent.as_str(), "image-not-found"),
            ("registry.example/drivers/meter:latest", "module-not-found"),
            ("registry.example/drivers/ticker", "module-invalid"),
            ("placeholder", "image-placeholder"),
        ] {
            let ended = run(&input, &[&format!("--assume-image=ns/gpu={image}")]);
            let row = ended.json()["modules"][0].clone();
            assert_eq!(row["mapping"], "--assume-image");
            let findings = row["findings"].as_array().expect("findings");
            let found = findings.iter().find(|finding| finding["code"] == code);
            let found = found.unwrap_or_else(|| panic!("no {code}: {row}"));
            let hint = found["hint"].as_str().expect("a hint");
            assert!(hint.contains("--assume-image"), "{code}: {hint}");
            assert!(!found.to_string().contains("kernelMappings[1]"), "{found}");
        }
    }
    let ended = Preflight::new(["explain", "-f=-", "--kernel-version", KERNEL])
        .arg(format!("--assume-image=ns/gpu={TICKER}"))
        .input(module("gpu", "", TODAY))
        .run()
        .code(0);
    assert!(
        ended.stdout.contains("--assume-image: used"),
        "{}",
        ended.stdout
    );
}

#[test]
fn modules_of_the_boot_are_rows_with_their_kind() {
    let early = |kind: &str, spec: &str| {
        format!(
            "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: {kind}\n\
             metadata: {{name: early, namespace: ns}}\nspec: {spec}\n"
        )
    };
    let boot = early(
        "BootModuleConfig",
        "{machineConfigName: c, machineConfigPoolName: worker, kernelModuleName: ticker, \
         kernelModuleImage: registry.example/drivers/ticker}",
    );
    let initramfs = early(
        "InitramfsModule",
        "{moduleNames: [ticker], containerImage: 'registry.example/drivers/ticker:x'}",
    );
    let ended = run(&format!("{boot}{initramfs}"), &["--builder=none"]);
    let rows = ended.json()["modules"].as_array().cloned().expect("rows");
    let find = |kind: &str| {
        let row = rows.iter().find(|row| row["kind"] == kind);
        row.unwrap_or_else(|| panic!("no {kind}: {rows:?}")).clone()
    };
    let boot = find("BootModuleConfig");
    assert_eq!(boot["verdict"], "verified", "{boot}");
    assert_eq!(
        boot["image"],
        format!("registry.example/drivers/ticker:{KERNEL}")
    );
    let initramfs = find("InitramfsModule");
    assert_eq!(
        initramfs["image"],
        format!("registry.example/drivers/ticker:x-{KERNEL}")
    );
    assert_ne!(initramfs["verdict"], "verified");
}

#[test]
fn a_boot_module_has_no_image_for_a_kernel_with_a_plus() {
    let input = "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: BootModuleConfig\n\
        metadata: {name: early, namespace: ns}\n\
        spec: {machineConfigName: c, machineConfigPoolName: worker, kernelModuleName: ticker, \
        kernelModuleImage: registry.example/drivers/ticker}\n";
    let words = [
        "run",
        "--local",
        "-f=-",
        "-o=json",
        "--kernel-version=5.14.0-1.el9.x86_64+rt",
    ];
    let ended = Preflight::new(words).input(input).run().code(1);
    let finding = ended.json()["modules"][0]["findings"][0].clone();
    assert_eq!(finding["code"], "image-invalid");
    assert!(
        finding["message"]
            .as_str()
            .is_some_and(|text| text.contains('+'))
    );
}

#[test]
fn a_placeholder_is_told_and_not_looked_up() {
    let input = module("vast", "", "[{regexp: '.', containerImage: placeholder}]");
    let ended = run(&input, &[]).code(3);
    let finding = ended.json()["modules"][0]["findings"][0].clone();
    assert_eq!(finding["code"], "image-placeholder");
}

/// A folder with a `kubectl` that answers as this script does.
#[cfg(unix)]
fn fake_kubectl(dir: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let file = dir.join("kubectl");
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
    format!("{}:/usr/bin:/bin", dir.display())
}

#[cfg(unix)]
#[test]
fn a_kustomization_is_what_kubectl_makes_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let text = module(
        "kustomized",
        "",
        &format!("[{{regexp: '.', containerImage: '{TICKER}'}}]"),
    );
    fs::write(dir.join("built.yaml"), text).expect("the output");
    let root = env!("CARGO_MANIFEST_DIR");
    let call = |path: &str| {
        let overlay = dir.join("overlay");
        Preflight::new([
            "run",
            "--local",
            "-o=json",
            "--kernel-version",
            KERNEL,
            "-k",
        ])
        .arg(overlay)
        .arg(format!("--oci-layout={root}/examples/images"))
        .arg(format!("--kernel-dir={root}/examples/kernel"))
        .env("PATH", path)
        .run()
    };
    let script = format!(
        "test \"$1\" = kustomize && cat {}/built.yaml",
        dir.display()
    );
    let ended = call(&fake_kubectl(dir, &script)).code(0);
    assert_eq!(ended.json()["modules"][0]["name"], "kustomized");
    let ended = Preflight::new(["explain", "--kernel-version", KERNEL, "-k"])
        .arg(dir.join("overlay"))
        .env("PATH", fake_kubectl(dir, &script))
        .run()
        .code(0);
    assert!(ended.stdout.contains("ns/kustomized"), "{}", ended.stdout);
    let ended = call(&fake_kubectl(dir, "echo no such base >&2; exit 1")).code(2);
    assert!(ended.stderr.contains("no such base"), "{}", ended.stderr);
    let ended = call("/nowhere").code(2);
    assert!(
        ended
            .stderr
            .contains("kubectl, which includes kustomize, is not in $PATH"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_images_of_an_upgrade_are_listed_for_a_mirror() {
    let mapping = format!(
        "[{{regexp: '.', containerImage: '{TICKER}', sign: {{unsignedImage: 'q/unsigned:1', \
         certSecret: {{name: c}}, keySecret: {{name: k}}, filesToSign: [/a.ko]}}}}]"
    );
    let input = module("a", "", &mapping) + &module("b", "", TODAY);
    let call = |form: &str| {
        let words = [
            "generate",
            form,
            "-f=-",
            "--dtk-image=q/dtk:1",
            "--kernel-version",
            KERNEL,
        ];
        Preflight::new(words).input(input.clone()).run()
    };
    let ended = call("--image-list").code(3);
    assert_eq!(
        ended.stdout,
        format!("q/dtk:1\nq/unsigned:1\nregistry.example/drivers/ticker:{KERNEL}\n")
    );
    assert!(ended.stderr.contains("ns/b"), "{}", ended.stderr);
    let ended = call("--image-list=oc-mirror").code(3);
    for word in [
        "mirror.openshift.io/v2alpha1",
        "additionalImages",
        "name: q/dtk:1",
    ] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
}
