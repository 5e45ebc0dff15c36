//! Rules that only some kernels have.

use super::machine::{Handing, Machine};
use crate::answer::{Answer, Refusal, Remark, Weight};
use crate::arch::Arch;
use crate::kernel::facts::KernelFacts;
use crate::kernel::symvers::Symbols;
use crate::module::compression::Compression;
use crate::module::{ElfFacts, ModuleFile, UndefinedSymbol};
use crate::signature::SignatureState;
use crate::signature::verification::Trust;

/// A module of x86-64 with these entries of `.modinfo`.
fn module(name: &str, modinfo: &[(&str, &str)]) -> ElfFacts {
    let entry = |(tag, value): &(&str, &str)| ((*tag).into(), (*value).into());
    ElfFacts {
        is_64: true,
        little_endian: true,
        machine: Arch::Amd64.elf_machine(),
        modinfo: modinfo.iter().map(entry).collect(),
        this_module_name: name.into(),
        ..ElfFacts::default()
    }
}

/// What the kernel minds about a module.
fn remarks(release: &str, facts: &KernelFacts, elf: ElfFacts) -> Vec<Remark> {
    let file = ModuleFile {
        file_size: 1000,
        compression: Compression::None,
        signature: SignatureState::Absent,
        elf: Ok(elf),
    };
    let trust = Trust::default();
    let mut machine = Machine::new(release, Arch::Amd64, Some(facts), &trust);
    match machine.load(&file, &Handing::default()) {
        Answer::Loaded(remarks) | Answer::Refused(remarks) | Answer::Crashes(remarks) => remarks,
        Answer::Exists(why) => panic!("{why:?}"),
    }
}

/// The weight of the first remark that is one of those wanted.
fn weight(remarks: &[Remark], wanted: impl Fn(&Refusal) -> bool) -> Option<Weight> {
    let found = remarks.iter().find(|remark| wanted(&remark.refusal));
    found.map(|remark| remark.weight)
}

#[test]
fn a_namespace_for_modules_is_theirs_without_an_import() {
    for (names, name, is_theirs) in [
        ("kvm,kvm_amd", "kvm_amd", true),
        ("kvm-intel,kvm-amd", "kvm_intel", true),
        ("kvm-*", "kvm_intel", true),
        ("kvm-*", "kvm", false),
        ("kvm", "kvm_intel", false),
        ("kvm_intel", "kvm-intel", true),
    ] {
        let symbols = format!("0x1\tf\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:{names}\n");
        let facts = KernelFacts {
            symbols: Some(Symbols::parse(symbols)),
            ..KernelFacts::default()
        };
        let mut elf = module(name, &[("license", "GPL")]);
        elf.undefined.push(UndefinedSymbol {
            name: "f".into(),
            weak: false,
            has_value: false,
        });
        let found = weight(&remarks("6.18.0", &facts, elf), |refusal| {
            matches!(refusal, Refusal::Symbol(_))
        });
        assert_eq!(found.is_none(), is_theirs, "{names} {name}");
    }
}

#[test]
fn a_namespace_for_modules_is_not_imported() {
    for (release, namespace, expected) in [
        ("6.16.0", "module:kvm", Some(Weight::Refuses)),
        ("6.15.0", "module:kvm", None),
        ("6.16.0", "NET", None),
    ] {
        let elf = module("m", &[("import_ns", "FIRST"), ("import_ns", namespace)]);
        let found = remarks(release, &KernelFacts::default(), elf);
        let found = weight(&found, |refusal| matches!(refusal, Refusal::Import { .. }));
        assert_eq!(found, expected, "{release} {namespace}");
    }
}
