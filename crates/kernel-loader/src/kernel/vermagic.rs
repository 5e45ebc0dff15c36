//! The kernel's version magic, where no in-tree module shows it.

use crate::arch::Arch;
use crate::kernel::config::Config;

/// Composes `VERMAGIC_STRING` (`include/linux/vermagic.h`) from a configuration.
///
/// `PREEMPT_BUILD` replaced `PREEMPT` there in Linux 5.16. `None` where the configuration
/// randomises structures: the hash of the seed is in no file that is shipped.
pub fn compose(release: &str, arch: Arch, config: &Config) -> Option<String> {
    let is_set = |name| config.is_set(name);
    if is_set("RANDSTRUCT") || is_set("GCC_PLUGIN_RANDSTRUCT") {
        return None;
    }
    let mut magic = format!("{release} ");
    let mut add = |set: bool, word: &str| {
        if set {
            magic.push_str(word);
        }
    };
    let preempt = is_set("PREEMPT_BUILD") || is_set("PREEMPT");
    add(is_set("SMP"), "SMP ");
    add(preempt, "preempt ");
    add(!preempt && is_set("PREEMPT_RT"), "preempt_rt ");
    add(is_set("MODULE_UNLOAD"), "mod_unload ");
    add(is_set("MODVERSIONS"), "modversions ");
    match arch {
        Arch::Amd64 | Arch::S390x => {}
        Arch::Arm64 => add(true, "aarch64"),
        Arch::Ppc64le => {
            let patchable = is_set("ARCH_USING_PATCHABLE_FUNCTION_ENTRY");
            add(patchable, "patchable-function-entry ");
            add(!patchable && is_set("MPROFILE_KERNEL"), "mprofile-kernel ");
            add(is_set("RELOCATABLE"), "relocatable ");
        }
    }
    Some(magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_tells_the_words_and_their_order() {
        for (options, arch, magic) in [
            ("", Arch::Amd64, "6.1.0 "),
            (
                "SMP PREEMPT_BUILD MODULE_UNLOAD MODVERSIONS",
                Arch::Amd64,
                "6.1.0 SMP preempt mod_unload modversions ",
            ),
            ("SMP PREEMPT", Arch::Amd64, "6.1.0 SMP preempt "),
            (
                "SMP PREEMPT_RT MODULE_UNLOAD",
                Arch::Amd64,
                "6.1.0 SMP preempt_rt mod_unload ",
            ),
            (
                "SMP MODULE_UNLOAD MODVERSIONS",
                Arch::Arm64,
                "6.1.0 SMP mod_unload modversions aarch64",
            ),
            (
                "SMP MPROFILE_KERNEL RELOCATABLE",
                Arch::Ppc64le,
                "6.1.0 SMP mprofile-kernel relocatable ",
            ),
        ] {
            let lines = options
                .split_whitespace()
                .map(|name| format!("CONFIG_{name}=y\n"));
            let config = Config::parse(lines.collect::<String>());
            assert_eq!(compose("6.1.0", arch, &config).as_deref(), Some(magic));
        }
    }

    #[test]
    fn randomised_structures_leave_it_unknown() {
        let config = Config::parse("CONFIG_RANDSTRUCT=y");
        assert_eq!(compose("6.1.0", Arch::Amd64, &config), None);
    }
}
