//! Which kernel a rule is for: its version, its distributor, its configuration.

use crate::arch::sections::ArchSection;
use crate::kernel::facts::KernelFacts;

/// The target kernel, as far as rules differ between kernels.
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'a> {
    /// Major and minor version, such as 5 and 14.
    pub version: (u16, u16),
    /// Debian's patches are applied.
    pub debian: bool,
    /// Its name says that its pages have 64 KiB.
    pub(crate) has_large_pages: bool,
    facts: Option<&'a KernelFacts>,
}

impl<'a> Kernel<'a> {
    /// From the release's name and what else is known.
    pub fn new(release: &str, facts: Option<&'a KernelFacts>) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|digits| digits.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        // `6.1.0-47-rt-amd64`, `6.12.9+deb13-amd64`; Red Hat's end with the architecture
        // after a dot, and kernels that people build themselves keep the plain version.
        let debian = facts.is_some_and(KernelFacts::is_debian)
            || release.contains("+deb")
            || release.contains("+bpo")
            || release.split_once('-').is_some_and(|(_, rest)| {
                let mut words = rest.split('-');
                let abi = words.next().unwrap_or_default();
                !abi.is_empty()
                    && abi.bytes().all(|byte| byte.is_ascii_digit())
                    && matches!(
                        words.next_back(),
                        Some("amd64" | "arm64" | "s390x" | "powerpc64le")
                    )
            });
        Self {
            version,
            debian,
            has_large_pages: release.ends_with("+64k") || release.ends_with("-64k"),
            facts,
        }
    }

    /// The logarithm of a page's size by the configuration: `CONFIG_PAGE_SHIFT` since 6.9, before
    /// an option of the architecture.
    pub(crate) fn page_shift(&self) -> Option<u32> {
        let names = ["PAGE_SHIFT", "ARM64_PAGE_SHIFT", "PPC_PAGE_SHIFT"];
        let shift = names.iter().find_map(|name| self.facts?.option(name)?)?;
        shift.parse().ok().filter(|shift| (12..=18).contains(shift))
    }

    /// True from that version on.
    pub fn at_least(&self, major: u16, minor: u16) -> bool {
        self.version >= (major, minor)
    }

    /// Whether an option is set to `y`; `None` where no configuration is known.
    pub fn enabled(&self, option: &str) -> Option<bool> {
        self.facts?.is_set(option)
    }

    /// Whether an option of the crypto API is built in or as a module; `None` where the
    /// configuration is not known, or an excerpt without the API itself.
    pub fn has_crypto(&self, option: &str) -> Option<bool> {
        let value = self.facts?.option(option)?;
        let built = matches!(value, Some("y" | "m"));
        self.enabled("CRYPTO")?.then_some(built)
    }

    /// Whether the kernel's own modules have a section of their architecture; `None` where
    /// none of them is known.
    pub fn own_modules_have(&self, section: ArchSection) -> Option<bool> {
        let absent = self.facts?.absent_sections.as_ref()?;
        Some(!absent.contains(&section))
    }

    /// Whether IBM Z maps the kernel above 4 GiB (`setup_kernel_memory_layout`, Linux 6.10): then
    /// its configuration has an address. `None` where that is not known.
    pub fn is_mapped_high(&self) -> Option<bool> {
        match self
            .facts
            .and_then(|facts| facts.option("KERNEL_IMAGE_BASE"))
        {
            Some(None) => Some(false),
            Some(Some(address)) => {
                let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).ok()?;
                (address >> 32 > 0).then_some(true)
            }
            None => self.at_least(6, 10).then_some(true),
        }
    }

    /// Whether symbols have versions (`CONFIG_MODVERSIONS`); `None` where nothing tells.
    pub fn modversions(&self) -> Option<bool> {
        self.facts?.has_modversions()
    }

    /// `try_to_force_load` (`kernel/module/main.c`): whether a module without version
    /// magic or symbol versions is taken.
    pub fn force_load(&self) -> Option<bool> {
        self.enabled("MODULE_FORCE_LOAD")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_tells_version_and_distributor() {
        for (release, version, debian) in [
            ("6.1.0-47-amd64", (6, 1), true),
            ("6.1.0-47-rt-amd64", (6, 1), true),
            ("6.12.107+deb12-cloud-amd64", (6, 12), true),
            ("5.14.0-284.el9.x86_64", (5, 14), false),
            ("4.18.0-553.el8.x86_64+rt", (4, 18), false),
            ("6.1.0-rhel-like", (6, 1), false),
            ("6.1.170", (6, 1), false),
            ("", (0, 0), false),
        ] {
            let kernel = Kernel::new(release, None);
            assert_eq!(
                (kernel.version, kernel.debian),
                (version, debian),
                "{release}"
            );
        }
    }
}
