//! Faults that users of programs like this one reported, each as a table of inputs of its kind.

use std::fs;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};

use super::preflight::{Ended, Preflight};

pub(super) const KERNEL: &str = "6.1.0-56-amd64";
pub(super) const TICKER: &str = "registry.example/drivers/ticker:6.1.0-56-amd64";

/// A Module that the examples verify.
pub(super) fn module(name: &str) -> Value {
    json!({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"selector": {}, "moduleLoader": {"container": {
            "modprobe": {"moduleName": "ticker"},
            "kernelMappings": [{"literal": KERNEL, "containerImage": TICKER}],
        }}},
    })
}

/// The same with a value at a place.
pub(super) fn with(pointer: &str, value: Value) -> Value {
    let mut module = module("m");
    let (above, field) = pointer.rsplit_once('/').expect("a field");
    module.pointer_mut(above).expect("an object")[field] = value;
    module
}

fn call(input: impl Into<Vec<u8>>) -> Preflight {
    Preflight::new(["run", "--local", "-f=-", "-o=json", "--progress=none"])
        .args([
            "--oci-layout=examples/images",
            "--kernel-dir=examples/kernel",
        ])
        .arg(format!("--kernel-version={KERNEL}"))
        .input(input)
}

fn run(input: &Value) -> Ended {
    call(input.to_string()).run()
}

/// The first finding of this code, or nothing.
pub(super) fn finding(ended: &Ended, code: &str) -> Value {
    let report = ended.json();
    let findings = report["modules"][0]["findings"]
        .as_array()
        .expect("findings");
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.cloned().unwrap_or_default()
}

pub(super) fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().unwrap_or_default()
}

/// modprobe finds no module whose name has the file's suffix; modules.dep is right.
#[test]
fn a_module_name_is_without_its_suffix_and_folder() {
    let order = |names: [&str; 2]| json!({"moduleName": names[0], "modulesLoadingOrder": names});
    let raw = json!({"rawArgs": {"load": ["-v", "-d", "/opt", "ticker.ko"], "unload": ["-r"]}});
    for (modprobe, code, exit, says) in [
        (
            json!({"moduleName": "ticker.ko"}),
            "module-not-found",
            1,
            "Write ticker instead",
        ),
        (
            json!({"moduleName": "ticker.ko.xz"}),
            "module-not-found",
            1,
            "Write ticker instead",
        ),
        (
            json!({"moduleName": "extra/ticker.ko"}),
            "module-not-found",
            1,
            "Write ticker instead",
        ),
        (
            raw,
            "module-not-found",
            1,
            "Write ticker instead of ticker.ko",
        ),
        (
            order(["ticker.ko", "meter"]),
            "module-not-found",
            1,
            "Write ticker instead",
        ),
        (
            order(["ticker", "meter.ko"]),
            "soft-dependency-missing",
            0,
            "Write meter instead",
        ),
    ] {
        let ended = run(&with(
            "/spec/moduleLoader/container/modprobe",
            modprobe.clone(),
        ));
        assert_eq!(ended.code, Some(exit), "{modprobe}: {}", ended.stdout);
        let found = finding(&ended, code);
        assert!(text(&found, "hint").contains(says), "{modprobe}: {found}");
        assert!(!text(&found, "message").contains("modules.dep"), "{found}");
    }
}

/// PowerShell and Windows' editors: UTF-16 of either order, byte order marks, CRLF.
#[test]
fn a_manifest_may_be_in_utf_16() {
    let plain = format!("# déjà vu\nkind: Module\n{}", yaml(&module("m")));
    let utf_16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let marked = format!("\u{feff}{text}");
        marked.encode_utf16().flat_map(unit).collect()
    };
    let crlf = plain.replace('\n', "\r\n");
    let twice = format!("{plain}---\n{}", yaml(&module("n")));
    for bytes in [
        utf_16(&plain, u16::to_le_bytes),
        utf_16(&crlf, u16::to_be_bytes),
        utf_16(&twice, u16::to_le_bytes),
        format!("\u{feff}{crlf}").into_bytes(),
    ] {
        call(bytes.clone()).run().code(0);
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("m.yaml"), bytes).expect("a file");
        call("").arg("-f").arg(folder.path()).run().code(0);
    }
    let mut torn = utf_16(&plain, u16::to_le_bytes);
    torn.pop();
    let ended = call(torn).run().code(2);
    assert!(ended.stderr.contains("UTF-16"), "{}", ended.stderr);
}

fn yaml(module: &Value) -> String {
    let mut text = String::new();
    for (key, value) in module.as_object().expect("an object") {
        if key != "kind" {
            text.push_str(&format!("{key}: {value}\n"));
        }
    }
    match text.contains("\"n\"") {
        true => format!("kind: Module\n{text}"),
        false => text,
    }
}

/// What has KMM's kind in another group or version is named with both, and never taken.
#[test]
fn an_object_of_another_group_is_told_with_the_one_that_is_wanted() {
    let good = module("good");
    for (found, wanted) in [
        ("kmm.sigs.k8s.io/v1beta1", "kmm.sigs.x-k8s.io/v1beta1"),
        ("kmm.sigs.x-k8s.io/v1alpha1", "kmm.sigs.x-k8s.io/v1beta1"),
        ("kmm.sigs.x-k8s.io/v1beta2", "kmm.sigs.x-k8s.io/v1beta1"),
        ("v1", "kmm.sigs.x-k8s.io/v1beta1"),
    ] {
        let stranger = with("/apiVersion", json!(found));
        let ended = run(&stranger).code(4);
        let beside = call(format!("{good}\n{stranger}")).run().code(0);
        assert_eq!(beside.json()["modules"].as_array().map(Vec::len), Some(1));
        for ended in [ended, beside] {
            for word in [found, wanted] {
                assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
            }
        }
    }
    let hub = json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "ManagedClusterModule",
                     "metadata": {"name": "hub"}, "spec": {"moduleSpec": good["spec"]}});
    let ended = run(&hub).code(4);
    assert!(
        ended.stderr.contains("hub.kmm.sigs.x-k8s.io/v1beta1"),
        "{}",
        ended.stderr
    );
}

/// A field that decides about loading and that nobody looked at is never green.
#[test]
fn an_unknown_field_below_the_container_is_unknown() {
    let container = "/spec/moduleLoader/container";
    for (pointer, value) in [
        (
            format!("{container}/modprobe/modprobedDir"),
            json!("/etc/modprobe.d"),
        ),
        (format!("{container}/modprobe/modulename"), json!("ticker")),
        (format!("{container}/loadOrder"), json!(["a"])),
        (
            format!("{container}/kernelMappings/0/dirName"),
            json!("/opt"),
        ),
        (
            format!("{container}/registryTLS"),
            json!({"insecureskiptlsverify": true}),
        ),
    ] {
        let input = match pointer.split_once("/kernelMappings/0/") {
            Some((_, field)) => {
                let mut mapping = json!({"literal": KERNEL, "containerImage": TICKER});
                mapping[field] = value;
                with(&format!("{container}/kernelMappings"), json!([mapping]))
            }
            None => with(&pointer, value),
        };
        let ended = run(&input).code(3);
        assert_eq!(
            ended.json()["modules"][0]["verdict"],
            "unknown",
            "{pointer}"
        );
        let field = pointer.rsplit('/').next().unwrap_or_default();
        let found = finding(&ended, "field-unknown");
        assert!(text(&found, "message").contains(field), "{found}");
        call(input.to_string())
            .arg("--accept=field-unknown")
            .run()
            .code(0);
    }
    // Elsewhere it cannot decide about loading.
    for pointer in ["/spec/next", "/spec/moduleLoader/next", "/metadata/next"] {
        run(&with(pointer, json!(1))).code(0);
    }
}

/// KMM signs with the kernel's sign-file, which reads private keys in PEM only; the certificate
/// may be either.
#[test]
fn a_private_key_in_der_is_told_and_its_certificate_may_be() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = CertificateParams::new(vec!["lab".to_owned()]).expect("a name");
        let certificate = certificate.self_signed(&key).expect("a certificate");
        let pem = (
            key.serialize_pem().into_bytes(),
            certificate.pem().into_bytes(),
        );
        let der = (key.serialize_der(), certificate.der().to_vec());
        for (key, certificate, is_refused) in [
            (&der.0, &pem.1, true),
            (&der.0, &der.1, true),
            (&pem.0, &der.1, false),
            (&pem.0, &pem.1, false),
        ] {
            let ended = call(signing(key, certificate)).run();
            let found = finding(&ended, "sign-failed");
            match is_refused {
                true => assert!(text(&found, "message").contains("PEM"), "{found}"),
                false => assert_eq!(found, Value::Null, "{}", ended.stdout),
            }
            assert_eq!(ended.code, Some(i32::from(is_refused)), "{}", ended.stdout);
        }
        // This kernel has no ECDSA: what it cannot use counts where signatures are enforced.
        let lacks = |ended: &Ended| {
            let found = finding(ended, "signature-untrusted");
            assert!(
                text(&found, "message").contains("x509_key_preparse"),
                "{found}"
            );
            assert!(!text(&found, "hint").contains("--signing-cert"), "{found}");
        };
        lacks(&call(signing(&pem.0, &pem.1)).run().code(0));
        lacks(
            &call(signing(&pem.0, &pem.1))
                .arg("--secure-boot")
                .run()
                .code(1),
        );
    }
}

/// A Module whose image is made by signing ticker's.
fn signing(key: &[u8], certificate: &[u8]) -> String {
    let secret = |name: &str, field: &str, bytes: &[u8]| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "ns"},
               "data": {field: wrapped(bytes)}})
    };
    let mapping = json!({
        "literal": KERNEL, "containerImage": "registry.example/drivers/meter:latest",
        "sign": {"unsignedImage": TICKER, "keySecret": {"name": "k"}, "certSecret": {"name": "c"},
                 "filesToSign": [format!("/opt/lib/modules/{KERNEL}/extra/ticker.ko")]}});
    let module = with(
        "/spec/moduleLoader/container/kernelMappings",
        json!([mapping]),
    );
    let (key, certificate) = (secret("k", "key", key), secret("c", "cert", certificate));
    format!("{module}\n{key}\n{certificate}")
}

/// base64 with line breaks, as `base64` and `openssl base64` write it.
fn wrapped(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    lines.join("\r\n") + "\n"
}

#[test]
fn base64_of_manifests_may_have_line_breaks_and_nothing_else() {
    let object = |kind: &str, field: &str, text: &str| {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "o"},
                            field: {"k": text}});
        format!("{}\n{object}", module("m"))
    };
    let folded = "  k: |\n    aGVs\n    bG8=\n";
    let block = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: o}}\ndata:\n{folded}---\n{}",
        module("m")
    );
    for input in [
        object("Secret", "data", "aGVs\nbG8=\n"),
        object("Secret", "data", "aGVs\r\nbG8="),
        object("ConfigMap", "binaryData", "aGVs\nbG8="),
        block,
    ] {
        call(input).run().code(0);
    }
    for bad in ["aGVs bG8=", "aGVs\tbG8=", "aGVs-bG8", "aGVsbG8"] {
        let ended = call(object("Secret", "data", bad)).run().code(2);
        assert!(!ended.stderr.contains(bad), "{}", ended.stderr);
    }
}
