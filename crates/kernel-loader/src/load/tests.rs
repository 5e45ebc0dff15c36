//! Rules that only some kernels have.

use super::machine::{Handing, Machine};
use crate::answer::{Answer, Refusal, Remark, SymbolRefusal, Weight};
use crate::arch::Arch;
use crate::kernel::config::Config;
use crate::kernel::facts::KernelFacts;
use crate::kernel::symvers::Symbols;
use crate::module::btf::BtfFault;
use crate::module::compression::Compression;
use crate::module::defects::Defect;
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

fn undefined(name: &str) -> UndefinedSymbol {
    UndefinedSymbol {
        name: name.into(),
        weak: false,
        has_value: false,
    }
}

/// What the kernel minds about a module.
fn remarks(release: &str, facts: &KernelFacts, elf: ElfFacts) -> Vec<Remark> {
    let arch = Arch::of_elf_machine(elf.machine).expect("an architecture");
    let file = ModuleFile {
        file_size: 1000,
        compression: Compression::None,
        signature: SignatureState::Absent,
        elf: Ok(elf),
    };
    let trust = Trust::default();
    let mut machine = Machine::new(release, arch, Some(facts), &trust);
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
        let symbols = format!("0x0\tf\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:{names}\n");
        let facts = KernelFacts {
            symbols: Some(Symbols::parse(symbols)),
            ..KernelFacts::default()
        };
        let mut elf = module(name, &[("license", "GPL")]);
        elf.undefined.push(undefined("f"));
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

#[test]
fn what_a_kernel_of_red_hat_may_have_taken_over_is_a_doubt() {
    let (refuses, doubts) = (Some(Weight::Refuses), Some(Weight::MayRefuse));
    for (release, since_6_4, since_6_12, since_6_14) in [
        ("5.14.0", None, None, None),
        ("5.14.0-427.13.1.el9_4.x86_64", None, None, None),
        ("5.14.0-503.11.1.el9_5.x86_64", refuses, doubts, doubts),
        ("4.18.0-553.el8_10.x86_64", doubts, doubts, doubts),
        ("6.12.0-55.el10.x86_64", refuses, refuses, doubts),
        ("6.14.0", refuses, refuses, refuses),
    ] {
        let facts = KernelFacts {
            this_module_size: Some(1024),
            ..KernelFacts::default()
        };
        let mut elf = module("m", &[]);
        elf.this_module_size = 1088;
        elf.defects = vec![
            Defect::ModinfoTwice,
            Defect::NameTable { kind: 1 },
            Defect::ExtendedVersionsAlone,
        ];
        let found = remarks(release, &facts, elf);
        let of_defect = |wanted: Defect| {
            weight(
                &found,
                |refusal| matches!(refusal, Refusal::Defect { defect, .. } if *defect == wanted),
            )
        };
        let size = weight(&found, |it| matches!(it, Refusal::StructModule { .. }));
        assert_eq!(size, since_6_4, "{release}");
        assert_eq!(of_defect(Defect::ModinfoTwice), since_6_4, "{release}");
        let table = of_defect(Defect::NameTable { kind: 1 });
        assert_eq!(table, since_6_12, "{release}");
        let versions = of_defect(Defect::ExtendedVersionsAlone);
        assert_eq!(versions, since_6_14, "{release}");
    }
}

#[test]
fn some_modules_are_proprietary_by_their_names() {
    let symbols = "0x0\tf\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
    let facts = KernelFacts {
        symbols: Some(Symbols::parse(symbols)),
        ..KernelFacts::default()
    };
    for (name, is_refused) in [("lve", true), ("driverloader", true), ("lvm", false)] {
        let mut elf = module(name, &[("license", "GPL")]);
        elf.undefined.push(undefined("f"));
        let found = weight(&remarks("6.1.0", &facts, elf), |refusal| {
            matches!(refusal, Refusal::Symbol(SymbolRefusal::GplOnly { .. }))
        });
        assert_eq!(found.is_some(), is_refused, "{name}");
    }
}

/// A module of 64-bit POWER, with its flags for the second ABI.
fn of_power() -> ElfFacts {
    ElfFacts {
        machine: Arch::Ppc64le.elf_machine(),
        flags: 2,
        ..module("m", &[("license", "GPL")])
    }
}

#[test]
fn a_module_of_power_has_the_second_abi() {
    for (release, flags, expected) in [
        ("6.2.0", 2, None),
        ("6.2.0", 1, Some(Weight::Refuses)),
        ("6.1.0", 1, None),
        ("5.14.0-503.11.1.el9_5.ppc64le", 0, Some(Weight::MayRefuse)),
    ] {
        let elf = ElfFacts {
            flags,
            ..of_power()
        };
        let found = remarks(release, &KernelFacts::default(), elf);
        let found = weight(&found, |it| matches!(it, Refusal::Machine { .. }));
        assert_eq!(found, expected, "{release} {flags}");
    }
}

#[test]
fn a_dot_before_a_symbol_of_power_is_taken_off() {
    let symbols = "0x0\tf\tvmlinux\tEXPORT_SYMBOL\t\n";
    let facts = KernelFacts {
        symbols: Some(Symbols::parse(symbols)),
        ..KernelFacts::default()
    };
    let of_amd64 = || module("m", &[("license", "GPL")]);
    for (name, elf, is_found) in [
        (".f", of_power(), true),
        (".g", of_power(), false),
        (".TOC.", of_power(), true),
        ("TOC.", of_power(), false),
        (".f", of_amd64(), false),
    ] {
        let mut elf = elf;
        elf.undefined.push(undefined(name));
        let found = weight(&remarks("6.1.0", &facts, elf), |refusal| {
            matches!(refusal, Refusal::Symbol(_))
        });
        assert_eq!(found.is_none(), is_found, "{name}");
    }
}

#[test]
fn types_that_a_module_brings_are_made_for_other_kernels() {
    let config = "CONFIG_MODULES=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n";
    let facts = KernelFacts {
        config: Some(Config::parse(config)),
        ..KernelFacts::default()
    };
    let bad = Some(Err(BtfFault::Magic));
    for (release, base, expected) in [
        ("6.12.0", None, Some(Weight::MayRefuse)),
        ("6.12.0", Some(Ok(())), Some(Weight::Passes)),
        ("6.12.0", bad, Some(Weight::Refuses)),
        ("6.10.0", Some(Ok(())), Some(Weight::MayRefuse)),
        ("6.10.0", bad, Some(Weight::MayRefuse)),
    ] {
        let elf = ElfFacts {
            btf: Some(Ok(())),
            btf_base: base,
            ..module("m", &[("vermagic", "6.9.0 SMP ")])
        };
        let found = weight(&remarks(release, &facts, elf), |refusal| {
            matches!(refusal, Refusal::Btf(_) | Refusal::BtfOf { .. })
        });
        assert_eq!(found, expected, "{release} {base:?}");
    }
}

#[test]
fn exports_need_flags_where_the_kernel_reads_them() {
    for (release, unflagged, expected) in [
        ("7.1.0", true, Some(Weight::Refuses)),
        ("7.1.0", false, None),
        ("7.0.0", true, None),
        ("6.12.0-55.el10.x86_64", true, None),
    ] {
        let elf = ElfFacts {
            unflagged,
            ..module("m", &[])
        };
        let found = remarks(release, &KernelFacts::default(), elf);
        let found = weight(&found, |refusal| *refusal == Refusal::UnflaggedExports);
        assert_eq!(found, expected, "{release} {unflagged}");
    }
}
