//! Reports for the tests of the renderers.

use std::time::Duration;

use crate::findings::finding::{Code, Finding};
use crate::model::report::{CheckedBy, ModuleReport, Origin, Report};
use crate::model::target::{Arch, Target};
use crate::model::verdict::Verdict;

/// A row; its verdict follows from its findings.
pub(crate) fn row(name: &str, kernel: &str, findings: Vec<Finding>) -> ModuleReport {
    let verdict = Verdict::of_findings(&findings);
    let verified = verdict == Verdict::Verified;
    ModuleReport {
        namespace: "drivers".into(),
        name: name.into(),
        kind: "Module",
        kernel_version: kernel.into(),
        arch: Some(Arch::Amd64),
        verdict,
        verification_status: if verified { "True" } else { "False" }.into(),
        verification_stage: if verified { "Done" } else { "Image" }.into(),
        status_reason: findings
            .first()
            .map(|f| f.message.clone())
            .unwrap_or_default(),
        last_transition_time: Some("2026-01-02T03:04:05Z".into()),
        image: Some(format!("registry.example/{name}:1")),
        digest: None,
        mapping: Some("kernelMappings[0] regexp '^.+$'".into()),
        checked_by: CheckedBy::Local,
        findings,
        duration: Some(Duration::from_millis(1234)),
        origin: Origin::Cluster,
        preflight: None,
    }
}

/// A row whose only failure is accepted for this reason.
pub(crate) fn accepted(name: &str, reason: &str) -> ModuleReport {
    let mut finding = Finding::new(Code::SymbolMissing, "no such symbol");
    finding.accepted = Some(reason.to_owned());
    row(name, "5.14.0", vec![finding])
}

/// A report of these rows, its targets taken from them.
pub(crate) fn report(modules: Vec<ModuleReport>) -> Report {
    let mut targets: Vec<Target> = Vec::new();
    for module in &modules {
        let target = Target::new(module.kernel_version.clone(), Arch::Amd64);
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Report {
        targets,
        modules,
        notes: Vec::new(),
        interrupted: false,
        shown_at: None,
        finished_at: None,
        footer: None,
    }
}

/// One kernel, one module of each kind.
pub(crate) fn mixed() -> Report {
    let kernel = "5.14.0-427.13.1.el9_4.x86_64";
    report(vec![
        row("good", kernel, vec![]),
        row(
            "refused",
            kernel,
            vec![
                Finding::new(
                    Code::SymbolVersionMismatch,
                    "opt/lib/modules/5.14.0-427.13.1.el9_4.x86_64/extra/refused.ko disagrees about the version of symbol pci_read_config_dword: built against 0x12345678, the kernel has 0x9abcdef0",
                )
                .hint("rebuild the module against this kernel's headers"),
                Finding::new(Code::ImageMirrored, "read from mirror.example/refused:1"),
            ],
        ),
        row(
            "locked",
            kernel,
            vec![Finding::new(
                Code::ImageUnauthorized,
                "image registry.example/locked:1: 401 Unauthorized",
            )],
        ),
        row(
            "warned",
            kernel,
            vec![Finding::new(Code::FirmwareMissing, "no firmware file x.bin")],
        ),
    ])
}
