//! The virtual machine: which QEMU, and how it is started.

use std::path::Path;

use kernel_loader::arch::Arch;

/// What runs the guest's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// This machine's processor.
    Kvm,
    /// QEMU's emulation, on every machine.
    Tcg,
}

/// The first program, a shell, and the script that it runs.
pub(crate) const SHELL: &str = "kmm/sh";
/// The script.
pub(crate) const SCRIPT: &str = "kmm/init";
/// Where the shared libraries of the guest's programs are.
pub(crate) const LIBRARIES: &str = "kmm/lib";

/// Names of QEMU's program for an architecture; RHEL has its own for this machine's.
pub(crate) fn programs(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Amd64 if cfg!(target_arch = "x86_64") => {
            &["qemu-system-x86_64", "/usr/libexec/qemu-kvm"]
        }
        Arch::Amd64 => &["qemu-system-x86_64"],
        Arch::Arm64 if cfg!(target_arch = "aarch64") => {
            &["qemu-system-aarch64", "/usr/libexec/qemu-kvm"]
        }
        Arch::Arm64 => &["qemu-system-aarch64"],
        Arch::Ppc64le => &["qemu-system-ppc64"],
        Arch::S390x => &["qemu-system-s390x"],
    }
}

/// True where this machine's processor could run the guest.
pub(crate) fn is_native(arch: Arch) -> bool {
    std::env::consts::ARCH.parse() == Ok(arch)
}

/// What a guest needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    /// Its architecture.
    pub(crate) arch: Arch,
    /// What runs its processor.
    pub(crate) accelerator: Accelerator,
    /// The kernel.
    pub(crate) kernel: &'a Path,
    /// The file system.
    pub(crate) initrd: &'a Path,
    /// Its memory in MiB.
    pub(crate) memory: u64,
    /// Nodes boot with Secure Boot, so that the kernel enforces signatures.
    pub(crate) secure_boot: bool,
}

impl Machine<'_> {
    /// QEMU's arguments: one processor, a console, and nothing else that leads out of the
    /// guest.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "stdio",
            "-nic",
            "none",
            "-no-reboot",
            "-smp",
            "1",
        ]
        .map(str::to_owned)
        .into();
        // QEMU has its filter of system calls on Linux only.
        if cfg!(target_os = "linux") {
            arguments.extend([
                "-sandbox".to_owned(),
                "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
                    .to_owned(),
            ]);
        }
        let machine = match self.arch {
            Arch::Amd64 => "pc",
            Arch::Arm64 => "virt",
            Arch::Ppc64le => "pseries",
            Arch::S390x => "s390-ccw-virtio",
        };
        let (accelerator, processor) = match self.accelerator {
            Accelerator::Kvm => ("kvm", "host"),
            // The architecture's own signatures of pointers take most of the time where they are
            // emulated.
            Accelerator::Tcg if self.arch == Arch::Arm64 => ("tcg", "max,pauth-impdef=on"),
            Accelerator::Tcg => ("tcg", "max"),
        };
        let memory = self.memory.to_string();
        let places = [self.kernel, self.initrd].map(|path| path.to_string_lossy().into_owned());
        let append = self.command_line();
        for (flag, value) in [
            ("-machine", machine),
            ("-accel", accelerator),
            ("-cpu", processor),
            ("-m", &memory),
            ("-kernel", &places[0]),
            ("-initrd", &places[1]),
            ("-append", &append),
        ] {
            arguments.extend([flag.to_owned(), value.to_owned()]);
        }
        arguments
    }

    /// The kernel's command line. A kernel that crashes ends the guest; its watchdogs are off, as
    /// they take a machine without time for the guest for a kernel that goes in circles.
    /// `initcall_debug` shows which init functions were reached, which is where the loader's
    /// part is over.
    fn command_line(&self) -> String {
        let console = match self.arch {
            Arch::Amd64 => "ttyS0",
            Arch::Arm64 => "ttyAMA0",
            Arch::Ppc64le => "hvc0",
            Arch::S390x => "ttysclp0",
        };
        let mut words = format!(
            "console={console} quiet panic=-1 oops=panic nowatchdog initcall_debug \
             printk.devkmsg=on log_buf_len=4M"
        );
        if self.arch == Arch::Amd64 {
            // An emulated timer is too slow for the kernel's look at it on a busy machine.
            words.push_str(" no_timer_check");
        }
        if self.accelerator == Accelerator::Tcg {
            words.push_str(" mitigations=off");
        }
        if self.secure_boot {
            words.push_str(" module.sig_enforce=1 lockdown=integrity");
        }
        // What the kernel does not know it hands to the first program.
        words.push_str(&format!(
            " rdinit=/{SHELL} LD_LIBRARY_PATH=/{LIBRARIES} -- /{SCRIPT}"
        ));
        words
    }
}

/// Options of the kernel's configuration without which the guest says nothing, and what each of
/// them is.
pub(crate) fn needed_options(arch: Arch) -> Vec<(&'static str, &'static str)> {
    let console = match arch {
        Arch::Amd64 => "SERIAL_8250_CONSOLE",
        Arch::Arm64 => "SERIAL_AMBA_PL011_CONSOLE",
        Arch::Ppc64le => "HVC_CONSOLE",
        Arch::S390x => "SCLP_CONSOLE",
    };
    vec![
        (console, "a serial console"),
        ("BLK_DEV_INITRD", "support for an initramfs"),
        ("PRINTK", "a log"),
        ("PROC_FS", "/proc"),
        ("SYSFS", "/sys"),
        ("BINFMT_ELF", "support for ELF programs"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_no_network_and_no_disk() {
        for arch in Arch::ALL {
            let machine = Machine {
                arch,
                accelerator: Accelerator::Tcg,
                kernel: Path::new("/k"),
                initrd: Path::new("/i"),
                memory: 512,
                secure_boot: true,
            };
            let text = machine.arguments().join(" ");
            for part in ["-nodefaults", "-nic none", "-no-user-config", "-m 512"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(!text.contains("-drive") && !text.contains("-virtfs"));
            assert!(text.contains("module.sig_enforce=1 lockdown=integrity"));
            assert_eq!(text.contains("-sandbox on"), cfg!(target_os = "linux"));
        }
    }
}
