//! Outcomes by kernel and configuration.

use super::*;
use crate::kernel::config::Config;
use crate::kernel::facts::KernelFacts;

#[test]
fn a_section_is_looked_for_where_the_kernel_has_use_for_it() {
    use ArchSection::{FtraceTrampoline, InitFtraceTrampoline, Plt, Stubs};
    use Outcome::{MayRefuse, Refused, Taken};
    let plts = "CONFIG_ARM64_MODULE_PLTS=y\nCONFIG_DYNAMIC_FTRACE=y\n";
    let traced = "CONFIG_DYNAMIC_FTRACE=y\n";
    let own_lack = |sections: &[ArchSection]| Some(sections.to_vec());
    for (release, config, absent, section, outcome) in [
        ("6.1.0", Some(plts), None, Plt, Refused),
        ("6.1.0", Some(traced), None, Plt, Taken),
        ("6.1.0", None, None, Plt, MayRefuse),
        ("6.5.0", None, None, Plt, Refused),
        ("6.1.0", Some(plts), None, FtraceTrampoline, Refused),
        ("6.5.0", Some(""), None, FtraceTrampoline, Taken),
        ("6.5.0", None, None, FtraceTrampoline, MayRefuse),
        ("6.1.0", Some(plts), None, InitFtraceTrampoline, Taken),
        (
            "6.12.0",
            Some(traced),
            None,
            InitFtraceTrampoline,
            MayRefuse,
        ),
        ("6.18.0", Some(traced), None, InitFtraceTrampoline, Refused),
        (
            "6.12.0",
            Some(traced),
            own_lack(&[]),
            InitFtraceTrampoline,
            Refused,
        ),
        (
            "6.12.0",
            Some(traced),
            own_lack(&[InitFtraceTrampoline]),
            InitFtraceTrampoline,
            Taken,
        ),
        (
            "5.14.0-503.11.1.el9_5.aarch64",
            Some(traced),
            None,
            Plt,
            MayRefuse,
        ),
        (
            "5.14.0-503.11.1.el9_5.aarch64",
            Some(traced),
            own_lack(&[]),
            InitFtraceTrampoline,
            Refused,
        ),
        ("6.1.0", Some(traced), own_lack(&[]), Plt, Refused),
        ("5.14.0", None, None, Stubs, Refused),
    ] {
        let facts = KernelFacts {
            config: config.map(Config::parse),
            absent_sections: absent,
            ..KernelFacts::default()
        };
        let kernel = Kernel::new(release, Some(&facts));
        let found = section_absent(section, &kernel);
        assert_eq!(found, outcome, "{section:?} on {release} {config:?}");
    }
}

#[test]
fn each_architecture_has_its_own_room_for_per_cpu_data() {
    let certain = Some(true);
    let doubted = Some(false);
    for (arch, release, size, align, answer) in [
        (Arch::Amd64, "5.14.0", 6 << 10, 64, None),
        (Arch::Amd64, "5.14.0", 7 << 10, 64, doubted),
        (Arch::Amd64, "5.14.0", 9 << 10, 64, certain),
        (Arch::Amd64, "6.12.0", 9 << 10, 64, doubted),
        (Arch::Amd64, "6.12.0", 33 << 10, 64, certain),
        (Arch::Amd64, "5.14.0", 8, 24, certain),
        (Arch::Amd64, "5.14.0", 0, 24, None),
        // More than a page is taken for a page.
        (Arch::Amd64, "5.14.0", 8, 4100, None),
        (Arch::Arm64, "5.14.0", 8, 4100, doubted),
        (Arch::Arm64, "5.14.0+64k", 8, 4100, certain),
        (Arch::Arm64, "5.14.0+64k", 9 << 10, 64, certain),
        (Arch::S390x, "5.14.0", 9 << 10, 64, certain),
        (Arch::Ppc64le, "5.14.0", 9 << 10, 64, None),
        (Arch::Ppc64le, "5.14.0", 33 << 10, 64, doubted),
        (Arch::Ppc64le, "5.14.0-64k", 33 << 10, 64, None),
        (Arch::Ppc64le, "5.14.0-64k", 65 << 10, 64, certain),
    ] {
        let elf = ElfFacts {
            machine: arch.elf_machine(),
            per_cpu: Some(PerCpu { size, align }),
            ..ElfFacts::default()
        };
        let found = per_cpu(&elf, &Kernel::new(release, None));
        let found = found.map(|room| room.is_certain);
        assert_eq!(found, answer, "{arch} {release} {size} {align}");
    }
}

#[test]
fn module_memory_ends_where_its_addresses_do() {
    let gib = 1 << 30;
    for (arch, bytes, is_certain) in [
        (Arch::Amd64, 511 << 20, None),
        (Arch::Amd64, gib, Some(false)),
        (Arch::Amd64, 2 * gib, Some(true)),
        (Arch::Arm64, 2 * gib - 1, Some(false)),
        (Arch::Arm64, 2 * gib, Some(true)),
        (Arch::S390x, 2 * gib, Some(true)),
        (Arch::Ppc64le, 3 * gib, Some(false)),
    ] {
        let elf = ElfFacts {
            machine: arch.elf_machine(),
            memory: bytes,
            ..ElfFacts::default()
        };
        let found = memory(&elf).map(|room| room.is_certain);
        assert_eq!(found, is_certain, "{arch} {bytes}");
    }
}

#[test]
fn an_address_of_the_kernel_fits_where_the_kernel_is_low() {
    use Outcome::{MayRefuse, Refused, Taken};
    let defect = Defect::RelocationToExport {
        kind: 4,
        section: ".data".into(),
    };
    for (release, config, expected) in [
        ("6.1.0", Some("CONFIG_64BIT=y\n"), Taken),
        ("6.1.0", Some("CONFIG_RANDOMIZE_BASE=y\n"), MayRefuse),
        (
            "6.12.0",
            Some("CONFIG_KERNEL_IMAGE_BASE=0x3FFE0000000\n"),
            Refused,
        ),
        (
            "5.14.0",
            Some("CONFIG_KERNEL_IMAGE_BASE=0x3FFE0000000\n"),
            Refused,
        ),
        (
            "6.12.0",
            Some("CONFIG_KERNEL_IMAGE_BASE=0x100000\n"),
            MayRefuse,
        ),
        ("6.12.0", None, Refused),
        ("5.14.0", None, MayRefuse),
    ] {
        let facts = KernelFacts {
            config: config.map(Config::parse),
            ..KernelFacts::default()
        };
        let kernel = Kernel::new(release, Some(&facts));
        assert_eq!(outcome(&defect, &kernel), expected, "{release} {config:?}");
    }
}

#[test]
fn the_copy_of_the_file_is_far_from_a_kernel_at_a_random_address() {
    use Outcome::{MayCrash, MayRefuse, Refused};
    let defect = Defect::RelocationToCopy {
        kind: 275,
        section: ".text".into(),
    };
    for (config, expected) in [
        (Some("CONFIG_RANDOMIZE_BASE=y\n"), Refused),
        (Some("CONFIG_64BIT=y\n"), MayCrash),
        (None, MayRefuse),
    ] {
        let facts = KernelFacts {
            config: config.map(Config::parse),
            ..KernelFacts::default()
        };
        let kernel = Kernel::new("6.12.0", Some(&facts));
        assert_eq!(outcome(&defect, &kernel), expected, "{config:?}");
    }
}

#[test]
fn constructors_count_where_the_kernel_runs_them() {
    use Outcome::{MayCrash, MayRefuse, Refused, Taken};
    let table = Defect::TableContent {
        section: ".ctors".into(),
    };
    for (config, twice, made_up) in [
        (Some("CONFIG_CONSTRUCTORS=y\n"), Refused, MayCrash),
        (Some("CONFIG_64BIT=y\n"), Taken, Taken),
        (None, MayRefuse, MayCrash),
    ] {
        let facts = KernelFacts {
            config: config.map(Config::parse),
            ..KernelFacts::default()
        };
        let kernel = Kernel::new("6.1.0", Some(&facts));
        let found = outcome(&Defect::ConstructorsTwice, &kernel);
        assert_eq!(found, twice, "{config:?}");
        assert_eq!(outcome(&table, &kernel), made_up, "{config:?}");
    }
}
