//! Which kernel a rule is for: its version, its distributor, its configuration.

use crate::arch::sections::ArchSection;
use crate::kernel::facts::KernelFacts;

/// The target kernel, as far as rules differ between kernels.
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'a> {
    /// Major and minor version, such as 5 and 14.
    pub version: (u16, u16),
    /// What it has of mainline.
    whole: Taken,
    /// What its module loader has (`kernel/module`, before 5.19 `kernel/module.c`).
    loader: Taken,
    /// Debian's patches are applied.
    pub debian: bool,
    /// Its name says that its pages have 64 KiB.
    pub(crate) has_large_pages: bool,
    facts: Option<&'a KernelFacts>,
}

/// What a kernel has of mainline.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// Everything up to this version.
    up_to: (u16, u16),
    /// It may have taken over what later versions have.
    and_more: bool,
}

impl Taken {
    fn has(self, major: u16, minor: u16) -> Option<bool> {
        match self.up_to >= (major, minor) {
            true => Some(true),
            false => (!self.and_more).then_some(false),
        }
    }
}

/// The first build of el9's kernel with the module loader of Linux 6.8: `5.14.0-470.el9` has
/// centos-stream-9's merge request 4061, "Update kernel-module support to v6.8", before which the
/// loader was that of 5.14 ("barely 12 patches past the initial v5.14 base").
const NEW_LOADER: u32 = 470;

/// What the name of a kernel of Red Hat's, or one built from the same sources, says.
struct RedHat {
    /// That of the distribution: 9 of `5.14.0-503.11.1.el9_5.x86_64`.
    major: u32,
    /// 503 of it.
    build: u32,
}

impl RedHat {
    fn of(release: &str) -> Option<Self> {
        let (_, build) = release.split_once('-')?;
        let (_, major) = build.split_once(".el")?;
        let number = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit());
            text[..end.unwrap_or(text.len())].parse().ok()
        };
        Some(Self {
            major: number(major)?,
            build: number(build)?,
        })
    }
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
        // `…+64k-debug`, and el10's `…+rt-64k-debug`.
        let kind = release.strip_suffix("-debug").unwrap_or(release);
        let red_hat = RedHat::of(release);
        let taken = |up_to, and_more| Taken { up_to, and_more };
        let whole = taken(version, red_hat.is_some());
        let loader = match red_hat {
            Some(RedHat { major: 9, build }) if version == (5, 14) => match build {
                NEW_LOADER.. => taken((6, 8), true),
                _ => taken(version, false),
            },
            _ => whole,
        };
        Self {
            version,
            whole,
            loader,
            debian,
            has_large_pages: kind.ends_with("+64k") || kind.ends_with("-64k"),
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

    /// Whether it has what mainline has from that version on; `None` where it may have taken that
    /// over.
    pub fn since(&self, major: u16, minor: u16) -> Option<bool> {
        self.whole.has(major, minor)
    }

    /// The same of the module loader.
    pub fn loader_since(&self, major: u16, minor: u16) -> Option<bool> {
        self.loader.has(major, minor)
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
            None => self.since(6, 10).filter(|has| *has),
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
    fn a_kernel_of_red_hat_may_have_what_later_ones_have() {
        for (release, version, whole, loader) in [
            (
                "5.14.0-427.13.1.el9_4.x86_64",
                (5, 14),
                Some(true),
                Some(true),
            ),
            ("5.14.0-427.13.1.el9_4.x86_64", (6, 4), None, Some(false)),
            ("5.14.0-469.el9.x86_64", (6, 4), None, Some(false)),
            ("5.14.0-470.el9.x86_64", (6, 8), None, Some(true)),
            (
                "5.14.0-503.11.1.el9_5.aarch64+64k",
                (6, 4),
                None,
                Some(true),
            ),
            ("5.14.0-503.11.1.el9_5.x86_64", (6, 12), None, None),
            ("4.18.0-553.el8.x86_64", (6, 4), None, None),
            ("6.12.0-55.el10.x86_64", (6, 12), Some(true), Some(true)),
            ("6.12.0-55.el10.x86_64", (6, 13), None, None),
            ("5.14.0", (6, 4), Some(false), Some(false)),
            ("6.1.0-rhel-like", (6, 4), Some(false), Some(false)),
            ("6.1.0-47-amd64", (6, 4), Some(false), Some(false)),
        ] {
            let kernel = Kernel::new(release, None);
            let (major, minor) = version;
            assert_eq!(kernel.since(major, minor), whole, "{release} {version:?}");
            let found = kernel.loader_since(major, minor);
            assert_eq!(found, loader, "{release} {version:?}");
        }
    }

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
