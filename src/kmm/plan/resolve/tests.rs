//! Plans of whole Modules: what KMM's webhook and mapper decide before any look at an image.

use super::*;
use crate::kmm::module::{
    Container, KernelMapping, Modprobe, ModprobeArgs, ModuleSpec, TlsOptions,
};
use crate::kmm::schema::NewField;
use crate::model::report::Origin;
use crate::model::target::Arch;

mod admission;

const KERNEL: &str = "5.14.0-70.el9.x86_64";

fn mapping() -> KernelMapping {
    KernelMapping {
        regexp: "^.+$".into(),
        container_image: "registry.example/m:${KERNEL_FULL_VERSION}".into(),
        ..KernelMapping::default()
    }
}

fn container() -> Container {
    Container {
        kernel_mappings: vec![mapping()],
        modprobe: Modprobe {
            module_name: "m".into(),
            ..Modprobe::default()
        },
        ..Container::default()
    }
}

fn module(container: Container) -> Module {
    Module {
        namespace: "ns".into(),
        name: "m".into(),
        labels: Default::default(),
        spec: ModuleSpec {
            module_loader: Some(ModuleLoader {
                container,
                service_account_name: None,
            }),
            ..ModuleSpec::default()
        },
        written: Default::default(),
        origin: Origin::Stream {
            name: "-".into(),
            document: 1,
            line: 1,
        },
        kind: crate::kmm::early::ModuleKind::Module,
        owner: None,
    }
}

fn target(kernel: &str) -> Target {
    Target::new(kernel, Arch::Amd64)
}

fn planned(container: Container, kernel: &str, release: KmmRelease) -> Plan {
    let plans = plan(&[module(container)], &[target(kernel)], release);
    plans.into_iter().next().expect("one plan")
}

#[test]
fn a_good_module_has_work() {
    let plan = planned(container(), KERNEL, KmmRelease::NEWEST);
    assert_eq!(plan.findings, []);
    let work = plan.work.expect("work");
    assert_eq!(work.image, "registry.example/m:5.14.0-70.el9.x86_64");
    assert_eq!(work.registry_tls, TlsOptions::default());
    assert_eq!(
        plan.mapping.map(|found| found.by),
        Some("regexp '^.+$'".into())
    );
}

/// Breaks the good Module one step at a time.
#[test]
fn what_cannot_be_resolved_fails() {
    type Break = fn(&mut Container);
    let cases: &[(&str, Break, Code, &str)] = &[
        (
            KERNEL,
            |c| c.kernel_mappings[0].regexp = "^6".into(),
            Code::MappingNotFound,
            "no kernel mapping matches",
        ),
        (
            KERNEL,
            |c| c.kernel_mappings.clear(),
            Code::MappingNotFound,
            "no kernel mapping matches",
        ),
        (
            KERNEL,
            |c| c.kernel_mappings[0].regexp = "(".into(),
            Code::MappingInvalid,
            "missing closing )",
        ),
        (
            KERNEL,
            |c| c.kernel_mappings[0].container_image = "i:${KERNEL".into(),
            Code::MappingInvalid,
            "closing brace expected",
        ),
        (
            KERNEL,
            |c| c.kernel_mappings[0].container_image.clear(),
            Code::ModuleInvalid,
            "missing containerImage",
        ),
        (
            "5.14",
            |_| (),
            Code::MappingInvalid,
            "at least three components",
        ),
        (
            KERNEL,
            |c| c.modprobe.module_name.clear(),
            Code::ModuleInvalid,
            "must be set when modprobe.moduleName is unset",
        ),
    ];
    for (kernel, breaks, code, words) in cases {
        let mut broken = container();
        breaks(&mut broken);
        let plan = planned(broken, kernel, KmmRelease::NEWEST);
        let found = plan
            .findings
            .iter()
            .find(|finding| finding.code == *code && finding.message.contains(words));
        assert!(
            found.is_some_and(|finding| finding.effect == Effect::Fails),
            "{words}: {:?}",
            plan.findings
        );
        assert_eq!(plan.work, None, "{words}");
    }
}

/// One of the regexps ends the search; another is told all the same.
#[test]
fn every_bad_regexp_is_told() {
    let mut broken = container();
    broken.kernel_mappings[0].regexp = "(".into();
    broken.kernel_mappings.push(KernelMapping {
        regexp: "a**".into(),
        ..mapping()
    });
    let plan = planned(broken, KERNEL, KmmRelease::NEWEST);
    let codes: Vec<Code> = plan.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::ModuleInvalid, Code::MappingInvalid]);
    assert!(plan.findings[0].message.contains("kernelMappings[1]"));
}

#[test]
fn what_cannot_be_told_is_no_failure() {
    let mut unclear = container();
    unclear.kernel_mappings[0].regexp = "\\p{Old_Italic}|.".into();
    let plan = planned(unclear, KERNEL, KmmRelease::NEWEST);
    assert_eq!(plan.findings[0].code, Code::MappingInvalid);
    assert_eq!(plan.findings[0].effect, Effect::Doubts);
    assert!(plan.findings[0].message.contains("Old_Italic"));
    assert_eq!(plan.work, None);
}

#[test]
fn fields_belong_to_releases() {
    let field = |since| NewField {
        path: "spec.moduleLoader.container.x".into(),
        since,
    };
    for (since, at, known) in [
        (None, KmmRelease::NEWEST, false),
        (Some((2, 8)), KmmRelease::NEWEST, false),
        (Some((2, 1)), KmmRelease::NEWEST, true),
        (Some((2, 1)), KmmRelease::openshift(2, 0), false),
    ] {
        let mut module = module(container());
        module.written.new_fields = vec![field(since)];
        let plan = plan_one(&module, &target(KERNEL), at);
        let told = plan.findings.iter().find(|f| f.code == Code::FieldUnknown);
        assert_eq!(told.is_none(), known, "{since:?} {at:?}");
        assert!(told.is_none_or(|finding| finding.effect == Effect::Doubts));
        assert!(plan.work.is_some());
    }
}

#[test]
fn the_same_fault_is_told_once() {
    let mut broken = container();
    broken.kernel_mappings[0].regexp = "(".into();
    assert_eq!(
        planned(broken, KERNEL, KmmRelease::NEWEST).findings.len(),
        1
    );
    let mut broken = container();
    broken.kernel_mappings[0].container_image.clear();
    assert_eq!(
        planned(broken, KERNEL, KmmRelease::NEWEST).findings.len(),
        1
    );
}

#[test]
fn a_long_name_is_a_warning() {
    let mut long = module(container());
    long.name = "m".repeat(40);
    let plan = plan_one(&long, &target(KERNEL), KmmRelease::NEWEST);
    assert!(plan.findings[0].message.contains("42 characters"));
    assert_eq!(plan.findings[0].effect, Effect::None);
    assert!(plan.work.is_some());
}

#[test]
fn a_module_that_loads_nothing_is_no_failure() {
    let mut nothing = module(container());
    nothing.spec.module_loader = None;
    let plan = plan_one(&nothing, &target(KERNEL), KmmRelease::NEWEST);
    assert_eq!(plan.findings[0].code, Code::NoModuleLoader);
    assert_eq!(plan.work, None);
}

#[test]
fn a_matrix_is_sorted() {
    let mut other = module(container());
    other.name = "a".into();
    let targets = [target("6.1.0-1"), target(KERNEL)];
    let plans = plan(&[module(container()), other], &targets, KmmRelease::NEWEST);
    let order: Vec<(&str, &str)> = plans
        .iter()
        .map(|plan| (plan.name.as_str(), plan.target.kernel_version.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            ("a", KERNEL),
            ("a", "6.1.0-1"),
            ("m", KERNEL),
            ("m", "6.1.0-1")
        ]
    );
}

#[test]
fn signs_templates_know_the_kernel_only() {
    let mut signed = container();
    signed.sign = Some(Sign {
        unsigned_image: "u:${KERNEL_XYZ}-$MOD_NAME".into(),
        files_to_sign: vec!["/opt/lib/modules/$KERNEL_FULL_VERSION/*.ko".into()],
        ..Sign::default()
    });
    let sign = planned(signed, "5.14.0-70+rt", KmmRelease::NEWEST)
        .work
        .and_then(|work| work.sign)
        .expect("a sign section");
    assert_eq!(sign.unsigned_image, "u:5.14.0-");
    assert_eq!(sign.files_to_sign, ["/opt/lib/modules/5.14.0-70_rt/*.ko"]);
}
