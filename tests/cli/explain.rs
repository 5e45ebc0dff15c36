//! `explain -f`.

use super::bad_input::{KERNEL, mapping, module};
use super::preflight::Preflight;

fn explain(input: &str, format: &str) -> Preflight {
    Preflight::new([
        "explain",
        "-f",
        "-",
        "--kernel-version",
        KERNEL,
        "-o",
        format,
    ])
    .input(input)
}

#[test]
fn every_mapping_and_need_is_told() {
    let input = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: df, namespace: ns}}\ndata: {{dockerfile: \"FROM scratch\\n\"}}\n",
        module(
            "kernelMappings: [{literal: x, containerImage: 'i:1'}, {regexp: el9, containerImage: 'i:${KERNEL_XYZ}', build: {dockerfileConfigMap: {name: df}, secrets: [{name: hidden}]}}, {regexp: '.', containerImage: 'i:3'}]"
        )
    );
    let one = &explain(&input, "json").run().code(0).json()["modules"][0];
    let results: Vec<_> = one["mappings"]
        .as_array()
        .expect("mappings")
        .iter()
        .map(|mapping| mapping["result"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(results, ["no match", "used", "not reached"]);
    assert_eq!(one["image"], "i:5.14.0");
    assert_eq!(one["build"]["dockerfileConfigMap"]["name"], "df");
    assert!(one["sign"].is_null());
    let present: Vec<_> = one["needs"]
        .as_array()
        .expect("needs")
        .iter()
        .map(|need| {
            (
                need["name"].as_str().unwrap_or_default(),
                need["present"] == true,
            )
        })
        .collect();
    assert_eq!(present, [("df", true), ("hidden", false)]);
    let text = explain(&input, "table").run().code(0).stdout;
    assert!(
        text.contains("kernelMappings[1] regexp 'el9': used"),
        "{text}"
    );
}

#[test]
fn a_kernel_without_a_mapping_fails() {
    let ended = explain(&mapping("literal: x", "i:1"), "table")
        .run()
        .code(1);
    assert!(
        ended.stdout.contains("mapping-not-found"),
        "{}",
        ended.stdout
    );
}

/// The first one ends KMM's search, and the webhook rejects each of them.
#[test]
fn every_bad_regexp_is_told_once() {
    for (regexps, bad) in [
        (["(", "["], &[0, 1][..]),
        (["(", "("], &[0, 1]),
        ([".", "["], &[1]),
        (["[", "."], &[0]),
        (["x", "a**"], &[1]),
    ] {
        let mappings =
            regexps.map(|regexp| format!("{{regexp: '{regexp}', containerImage: 'i:1'}}"));
        let input = module(&format!("kernelMappings: [{}]", mappings.join(", ")));
        let report = explain(&input, "json").run().json();
        let findings = report["modules"][0]["findings"].as_array();
        let messages: Vec<&str> = findings
            .expect("findings")
            .iter()
            .filter_map(|finding| finding["message"].as_str())
            .filter(|message| message.contains("regexp"))
            .collect();
        for index in 0..2 {
            let place = format!("kernelMappings[{index}]");
            let about = messages.iter().filter(|message| message.contains(&place));
            let expected = usize::from(bad.contains(&index));
            assert_eq!(about.count(), expected, "{regexps:?} {index}: {messages:?}");
        }
    }
}

/// It reads no image and no node, so a flag that needs one is told, not passed over.
#[test]
fn a_target_that_needs_an_image_is_told() {
    for flags in [
        &["--release-image=q/r:1"][..],
        &["--os-image=q/o:1"],
        &["--to=4.18.9"],
        &["--current"],
        &[],
    ] {
        let ended = Preflight::new(["explain", "-f", "-"])
            .args(flags)
            .input(mapping("regexp: '.'", "i:1"))
            .run()
            .code(2);
        let flag = flags
            .first()
            .map_or("", |flag| flag.split('=').next().unwrap_or(flag));
        assert!(ended.stderr.contains(flag), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("--kernel-version"),
            "{}",
            ended.stderr
        );
    }
}

/// A module of the boot may have the name of a Module, and has its own mapping.
#[test]
fn objects_of_two_kinds_with_one_name_are_told_apart() {
    let boot = "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: BootModuleConfig\n\
        metadata: {name: m, namespace: ns}\nspec: {machineConfigName: c, \
        machineConfigPoolName: worker, kernelModuleImage: q/i, kernelModuleName: m}\n";
    let input = format!("{}---\n{boot}", mapping("literal: other", "i:1"));
    let report = explain(&input, "json").run().code(1).json();
    let modules = report["modules"].as_array().expect("modules");
    let results: Vec<_> = modules
        .iter()
        .map(|one| (one["image"].is_null(), &one["mappings"][0]["result"]))
        .collect();
    assert_eq!(results.len(), 2);
    for (has_no_image, result) in results {
        let expected = if has_no_image { "no match" } else { "used" };
        assert_eq!(result, expected, "{report}");
    }
}
