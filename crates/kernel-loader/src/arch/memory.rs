//! The memory that an architecture has for modules.

use super::Arch;
use crate::kernel::version::Kernel;

/// Bytes of addresses that module memory is taken from (`module_alloc`, `execmem_arch_setup`);
/// `None` where that is all of `vmalloc`'s.
///
/// It is `MODULES_LEN` of x86-64 without `CONFIG_RANDOMIZE_BASE`, which has the most, and of IBM Z.
/// arm64 keeps the kernel and its modules within reach of a 32-bit offset: `MODULES_VSIZE` since
/// 6.5, and before the most that `module_alloc` falls back to.
pub(crate) fn module_addresses(arch: Arch) -> Option<u64> {
    match arch {
        Arch::Amd64 => Some(1520 << 20),
        Arch::Arm64 | Arch::S390x => Some(2 << 30),
        Arch::Ppc64le => None,
    }
}

/// Bytes that are set aside for the per-CPU data of modules (`PERCPU_MODULE_RESERVE`); `None`
/// where they are taken from the same memory as all other (POWER's `setup_per_cpu_areas`).
pub(crate) fn per_cpu_reserve(arch: Arch) -> Option<u64> {
    match arch {
        Arch::Amd64 | Arch::Arm64 | Arch::S390x => Some(8 << 10),
        Arch::Ppc64le => None,
    }
}

/// The sizes that a page may have: one where the architecture, the configuration or the release's
/// name (`…+64k`) tells, and else the smallest and the largest one that distributions use.
pub(crate) fn page_sizes(arch: Arch, kernel: &Kernel<'_>) -> Vec<u64> {
    const SMALL: u64 = 4 << 10;
    const LARGE: u64 = 64 << 10;
    match arch {
        Arch::Amd64 | Arch::S390x => vec![SMALL],
        Arch::Arm64 | Arch::Ppc64le => match kernel.page_shift() {
            Some(shift) => vec![1 << shift],
            None if kernel.has_large_pages => vec![LARGE],
            None => vec![SMALL, LARGE],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::config::Config;
    use crate::kernel::facts::KernelFacts;

    #[test]
    fn the_configuration_or_the_name_tells_the_size_of_a_page() {
        let (small, large) = (4096, 65536);
        for (arch, release, config, sizes) in [
            (Arch::Amd64, "5.14.0-70.el9.x86_64", None, vec![small]),
            (Arch::S390x, "5.14.0-70.el9.s390x", None, vec![small]),
            (
                Arch::Arm64,
                "5.14.0-70.el9.aarch64",
                None,
                vec![small, large],
            ),
            (Arch::Arm64, "5.14.0-70.el9.aarch64+64k", None, vec![large]),
            (
                Arch::Arm64,
                "6.12.0-55.el10.aarch64+rt-64k-debug",
                None,
                vec![large],
            ),
            (
                Arch::Arm64,
                "5.14.0-70.el9.aarch64",
                Some("CONFIG_ARM64_PAGE_SHIFT=12\n"),
                vec![small],
            ),
            (
                Arch::Arm64,
                "6.12.0-55.el10.aarch64",
                Some("CONFIG_PAGE_SHIFT=14\n"),
                vec![16384],
            ),
            (
                Arch::Ppc64le,
                "5.14.0-70.el9.ppc64le",
                Some("CONFIG_PPC_PAGE_SHIFT=16\n"),
                vec![large],
            ),
            (
                Arch::Ppc64le,
                "5.14.0-70.el9.ppc64le",
                Some("CONFIG_PPC_PAGE_SHIFT=odd\n"),
                vec![small, large],
            ),
        ] {
            let facts = KernelFacts {
                config: config.map(Config::parse),
                ..KernelFacts::default()
            };
            let kernel = Kernel::new(release, Some(&facts));
            assert_eq!(page_sizes(arch, &kernel), sizes, "{release} {config:?}");
        }
    }
}
