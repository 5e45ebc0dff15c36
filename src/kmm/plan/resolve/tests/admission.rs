//! What KMM's webhook admits, release by release.

use super::*;

/// What the webhook of the newest KMM refuses an older one may have admitted.
#[test]
fn what_only_admission_refuses_is_checked_with_a_warning() {
    type Break = fn(&mut Container);
    let cases: &[(Break, &str)] = &[
        (
            |c| c.kernel_mappings[0].literal = KERNEL.into(),
            "mutually exclusive",
        ),
        (
            |c| {
                c.kernel_mappings.push(KernelMapping {
                    container_image: "i:1".into(),
                    ..KernelMapping::default()
                })
            },
            "must be set at kernelMappings[1]",
        ),
        (
            |c| {
                c.kernel_mappings.push(KernelMapping {
                    regexp: "(".into(),
                    container_image: "i:1".into(),
                    ..KernelMapping::default()
                })
            },
            "invalid regexp at kernelMappings[1]",
        ),
        (
            |c| {
                c.kernel_mappings.push(KernelMapping {
                    regexp: "x".into(),
                    ..KernelMapping::default()
                })
            },
            "missing containerImage: neither kernelMappings[1]",
        ),
        (
            |c| c.kernel_mappings[0].container_image = "i".into(),
            "a tag or a digest",
        ),
        (
            |c| {
                c.modprobe.raw_args = Some(ModprobeArgs {
                    load: vec!["m".into()],
                    unload: vec![],
                })
            },
            "cannot be set when",
        ),
        (
            |c| {
                c.modprobe.module_name.clear();
                c.modprobe.raw_args = Some(ModprobeArgs {
                    load: vec!["m".into()],
                    unload: vec![],
                })
            },
            "unload must be set beside",
        ),
        (
            |c| c.sign = Some(Sign::default()),
            "filesToSign is required",
        ),
        (
            |c| c.modprobe.modules_loading_order = vec!["m".into()],
            "at least two",
        ),
        (
            |c| c.modprobe.modules_loading_order = vec!["x".into(), "m".into()],
            "the first of",
        ),
        (
            |c| c.modprobe.modules_loading_order = vec!["m".into(), "m".into()],
            "twice",
        ),
        (
            |c| {
                c.in_tree_module_to_remove = Some("a".into());
                c.in_tree_modules_to_remove = Some(vec!["b".into()]);
            },
            "cannot both be set",
        ),
        (
            |c| {
                c.in_tree_module_to_remove = Some("a".into());
                c.kernel_mappings[0].in_tree_modules_to_remove = Some(vec!["b".into()]);
            },
            "at kernelMappings[0] and above it",
        ),
    ];
    for (breaks, words) in cases {
        let mut broken = container();
        breaks(&mut broken);
        let plan = planned(broken, KERNEL, KmmRelease::NEWEST);
        let [finding] = &*plan.findings else {
            panic!("{words}: {:?}", plan.findings);
        };
        assert_eq!(finding.code, Code::ModuleInvalid);
        assert_eq!(finding.effect, Effect::None, "{words}");
        assert!(finding.message.contains(words), "{}", finding.message);
        assert!(plan.work.is_some(), "{words}");
    }
}

/// Rules about the pods beside the loader, for Modules with one and without.
#[test]
fn admission_looks_at_other_pods_too() {
    let spec = |text: &str| -> ModuleSpec {
        serde_json::from_value(serde_json::from_str(text).expect("JSON")).expect("a spec")
    };
    let release = KmmRelease::openshift;
    for (text, since, words) in [
        (r#"{"tolerations": [{"key": "a"}]}"#, None, ""),
        (
            r#"{"tolerations": [{"value": "a"}]}"#,
            Some((2, 3)),
            "operator must be Exists",
        ),
        (
            r#"{"tolerations": [{"key": "-a"}]}"#,
            Some((2, 3)),
            "label key",
        ),
        (
            r#"{"tolerations": [{"key": "a", "value": "-"}]}"#,
            Some((2, 3)),
            "label value",
        ),
        (
            r#"{"tolerations": [{"operator": "Exists", "value": "a"}]}"#,
            Some((2, 3)),
            "must be empty",
        ),
        (
            r#"{"tolerations": [{"key": "a", "operator": "Lt"}]}"#,
            Some((2, 3)),
            "neither Equal",
        ),
        (
            r#"{"tolerations": [{"key": "a", "effect": "No"}]}"#,
            Some((2, 3)),
            "effect No",
        ),
        (
            r#"{"tolerations": [{"key": "a", "tolerationSeconds": 1}]}"#,
            Some((2, 3)),
            "NoExecute",
        ),
        (
            r#"{"devicePlugin": {"volumes": [{"hostPath": {"path": "/dev/x"}}, {}]}}"#,
            None,
            "",
        ),
        (
            r#"{"devicePlugin": {"volumes": [{"hostPath": {"path": "/dev/../etc"}}]}}"#,
            Some((2, 5)),
            "hostPath",
        ),
        (
            r#"{"devicePlugin": {"volumes": [{"hostPath": {"path": "/device"}}]}}"#,
            Some((2, 5)),
            "hostPath",
        ),
        (r#"{"dra": {"driverName": "a.b"}}"#, None, ""),
        (r#"{"dra": {}}"#, Some((2, 7)), "driverName is required"),
        (
            r#"{"dra": {"driverName": "A"}}"#,
            Some((2, 7)),
            "DNS subdomain",
        ),
        (
            r#"{"dra": {"driverName": "a", "deviceClasses": [{"name": "b"}, {"name": "b"}]}}"#,
            Some((2, 7)),
            "duplicate",
        ),
        (
            r#"{"dra": {"driverName": "a", "volumes": [{"hostPath": {"path": "/etc"}}]}}"#,
            Some((2, 7)),
            "hostPath",
        ),
        (
            r#"{"dra": {"driverName": "a"}, "devicePlugin": {}}"#,
            Some((2, 7)),
            "both",
        ),
    ] {
        let mut module = module(container());
        let loader = module.spec.module_loader.take();
        for loader in [loader, None] {
            module.spec = ModuleSpec {
                module_loader: loader,
                ..spec(text)
            };
            let told = |at| {
                let plan = plan_one(&module, &target(KERNEL), at);
                plan.findings
                    .iter()
                    .any(|f| f.code == Code::ModuleInvalid && f.message.contains(words))
            };
            match since {
                None => assert!(!told(release(2, 7)), "{text}"),
                Some((major, minor)) => {
                    assert!(told(release(major, minor)), "{text}");
                    assert!(!told(release(major, minor - 1)), "{text}");
                }
            }
        }
    }
}

#[test]
fn rules_belong_to_releases() {
    let release = |major, minor| KmmRelease {
        major,
        minor,
        upstream: false,
    };
    type Break = fn(&mut Container);
    let untagged: Break = |c| c.kernel_mappings[0].container_image = "i".into();
    let twofold: Break = |c| c.kernel_mappings[0].literal = KERNEL.into();
    let unlisted: Break = |c| c.sign = Some(Sign::default());
    for (at, breaks, good) in [
        (release(2, 1), untagged, true),
        (release(2, 2), untagged, false),
        (release(1, 0), twofold, true),
        (release(1, 1), twofold, false),
        (release(2, 5), unlisted, true),
        (release(2, 6), unlisted, false),
    ] {
        let mut broken = container();
        breaks(&mut broken);
        let plan = planned(broken, KERNEL, at);
        assert_eq!(plan.findings.is_empty(), good, "{at:?}");
    }
}
