use super::*;
use crate::boot::console::InitCall;
use crate::model::verdict::Verdict;

const WHERE: Circumstances<'static> = Circumstances {
    kernel: "6.1.0",
    names: &[],
    secure_boot: false,
    has_named_keys: false,
};

fn answer(
    ended: Ended,
    modprobe: &[&str],
    kernel: &[&str],
    calls: &[(&str, Option<i32>)],
) -> Answer {
    let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
    Answer {
        ended,
        modprobe: owned(modprobe),
        kernel: owned(kernel),
        calls: calls
            .iter()
            .map(|(module, returned)| InitCall {
                module: (*module).to_owned(),
                returned: *returned,
            })
            .collect(),
    }
}

fn loaded() -> Answer {
    answer(
        Ended::Exit(0),
        &["insmod /tmp/opt/lib/modules/6.1.0/a.ko"],
        &["a: loading out-of-tree module taints kernel."],
        &[("a", Some(0))],
    )
}

fn refused_by_loader() -> Answer {
    answer(
        Ended::Exit(1),
        &[
            "insmod /tmp/opt/lib/modules/6.1.0/odd-one.ko",
            "modprobe: ERROR: could not insert 'odd_one': Unknown symbol in module, or unknown parameter",
        ],
        &[
            "tsc: Refined TSC clocksource calibration: 2299.975 MHz",
            "odd_one: Unknown symbol gone (err -2)",
        ],
        &[],
    )
}

fn init_failed(module: &str, error: i32) -> Answer {
    answer(
        Ended::Exit(1),
        &[&format!(
            "modprobe: ERROR: could not insert '{module}': No such device"
        )],
        &[],
        &[(module, Some(error))],
    )
}

fn asked() -> Vec<String> {
    vec!["a".to_owned()]
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

fn decided(predicted: &[Finding], answer: &Answer) -> (Verdict, Vec<Finding>) {
    let names = asked();
    let circumstances = Circumstances {
        names: &names,
        ..WHERE
    };
    let findings = decide(predicted.to_vec(), answer, &circumstances);
    (Verdict::of_findings(&findings), findings)
}

#[test]
fn the_kernel_decides_what_its_loader_decides() {
    let wrong = Finding::new(Code::SymbolMissing, "x");
    let doubt = Finding::new(Code::KernelFactsMissing, "x");
    let field = Finding::new(Code::FieldUnknown, "x");
    let tools = Finding::new(Code::ImageToolsMissing, "x");
    for (predicted, answer, verdict, has, has_not) in [
        (
            vec![],
            loaded(),
            Verdict::Verified,
            Code::BootLoaded,
            Code::BootDisagrees,
        ),
        (
            vec![doubt.clone()],
            loaded(),
            Verdict::Verified,
            Code::BootLoaded,
            Code::BootDisagrees,
        ),
        (
            vec![field.clone()],
            loaded(),
            Verdict::Unknown,
            Code::BootLoaded,
            Code::BootDisagrees,
        ),
        (
            vec![tools],
            loaded(),
            Verdict::Failed,
            Code::BootLoaded,
            Code::BootDisagrees,
        ),
        (
            vec![wrong.clone()],
            loaded(),
            Verdict::Verified,
            Code::BootDisagrees,
            Code::BootRefused,
        ),
        (
            vec![wrong],
            refused_by_loader(),
            Verdict::Failed,
            Code::BootRefused,
            Code::BootDisagrees,
        ),
        (
            vec![doubt],
            refused_by_loader(),
            Verdict::Failed,
            Code::BootRefused,
            Code::BootDisagrees,
        ),
        (
            vec![],
            refused_by_loader(),
            Verdict::Failed,
            Code::BootDisagrees,
            Code::BootLoaded,
        ),
        (
            vec![field],
            refused_by_loader(),
            Verdict::Failed,
            Code::BootDisagrees,
            Code::BootLoaded,
        ),
    ] {
        let (seen, findings) = decided(&predicted, &answer);
        assert_eq!(seen, verdict, "{findings:?}");
        let codes = codes(&findings);
        assert!(
            codes.contains(&has) && !codes.contains(&has_not),
            "{codes:?}"
        );
    }
}

#[test]
fn a_refusal_has_the_kernels_own_lines() {
    let (_, findings) = decided(&[], &refused_by_loader());
    let message = &findings[0].message;
    assert!(
        message.contains("odd_one: Unknown symbol gone (err -2)"),
        "{message}"
    );
    assert!(message.contains("could not insert"), "{message}");
    assert!(!message.contains("tsc"), "{message}");
    let many: Vec<String> = (0..50).map(|number| format!("line {number}")).collect();
    let text = with_lines("x".to_owned(), &many);
    assert!(text.contains("line 0") && text.contains("line 49") && !text.contains("line 20"));
}

#[test]
fn the_hint_says_who_refused_it() {
    let by_modprobe = answer(
        Ended::Exit(1),
        &["modprobe: FATAL: Module a not found in directory /tmp/opt/lib/modules/6.1.0"],
        &[],
        &[],
    );
    let not_found = Finding::new(Code::ModuleNotFound, "x");
    for (answer, words) in [
        (by_modprobe, "modprobe passed no file to the kernel"),
        (refused_by_loader(), "Build the module for this kernel"),
    ] {
        let (_, findings) = decided(std::slice::from_ref(&not_found), &answer);
        let refused = findings.iter().find(|it| it.code == Code::BootRefused);
        let hint = refused.and_then(|it| it.hint.as_deref()).expect("a hint");
        assert!(hint.starts_with(words), "{hint}");
    }
}

#[test]
fn an_init_function_that_fails_was_reached() {
    for error in [ENODEV, -22] {
        let (verdict, findings) = decided(&[], &init_failed("a", error));
        assert_eq!(verdict, Verdict::Verified);
        assert_eq!(codes(&findings), [Code::BootLoaded]);
        assert_eq!(
            findings[0].severity,
            crate::findings::finding::Severity::Warning
        );
    }
    let doubt = Finding::new(Code::KernelFactsMissing, "x");
    let (verdict, findings) = decided(&[doubt], &init_failed("other", ENODEV));
    assert_eq!(
        verdict,
        Verdict::Unknown,
        "the module was not reached: {findings:?}"
    );
}

#[test]
fn an_init_function_that_ends_the_guest_fails_the_module() {
    for ended in [Ended::Crashed, Ended::Hung, Ended::Flooded] {
        let lost = answer(ended, &[], &["BUG: last words"], &[("a", None)]);
        let (verdict, findings) = decided(&[], &lost);
        assert_eq!(verdict, Verdict::Failed);
        assert_eq!(codes(&findings), [Code::BootRefused]);
        assert!(findings[0].message.contains("last words"));
        let in_loader = answer(ended, &[], &[], &[]);
        let (verdict, findings) = decided(&[], &in_loader);
        assert_eq!(verdict, Verdict::Failed);
        assert!(codes(&findings).contains(&Code::BootDisagrees));
    }
}

#[test]
fn keys_that_nodes_enrol_are_not_in_the_guest() {
    let refused = answer(
        Ended::Exit(1),
        &["modprobe: ERROR: could not insert 'a': Key was rejected by service"],
        &["Loading of module with unavailable key is rejected"],
        &[],
    );
    let doubt = Finding::new(Code::SignatureUntrusted, "x").with_effect(Effect::Doubts);
    assert_eq!(
        decided(std::slice::from_ref(&doubt), &refused).0,
        Verdict::Unknown
    );
    assert_eq!(decided(&[doubt], &loaded()).0, Verdict::Verified);
    let names = asked();
    let named = Circumstances {
        has_named_keys: true,
        names: &names,
        ..WHERE
    };
    let findings = decide(Vec::new(), &refused, &named);
    assert_eq!(Verdict::of_findings(&findings), Verdict::Verified);
    assert_eq!(decided(&[], &refused).0, Verdict::Failed);
    let unsigned = Finding::new(Code::SignatureMissing, "x");
    let secure = Circumstances {
        secure_boot: true,
        names: &names,
        ..WHERE
    };
    let findings = decide(vec![unsigned], &loaded(), &secure);
    assert_eq!(Verdict::of_findings(&findings), Verdict::Failed);
}

/// modprobe names the module that it was asked for, whichever of those before it failed.
#[test]
fn a_needed_module_without_its_hardware_is_no_refusal_of_the_one_that_needs_it() {
    let call = |line: &str| answer(Ended::Exit(1), &[line], &[], &[("needed", Some(ENODEV))]);
    let by_init = call("modprobe: ERROR: could not insert 'a': No such device");
    let (verdict, findings) = decided(&[], &by_init);
    assert_eq!(verdict, Verdict::Verified);
    assert_eq!(codes(&findings), [Code::BootRefused]);
    assert!(findings[0].message.contains("function of needed"));
    let by_loader = call("modprobe: ERROR: could not insert 'a': Exec format error");
    let (verdict, findings) = decided(&[], &by_loader);
    assert_eq!(verdict, Verdict::Failed);
    assert!(codes(&findings).contains(&Code::BootDisagrees));
}
