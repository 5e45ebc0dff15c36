//! The sub-codes of `dockerfile-lint`.

/// A known weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubCode {
    /// Its stable name, the first word of a finding's message.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

const fn sub_code(name: &'static str, meaning: &'static str, remedy: &'static str) -> SubCode {
    SubCode {
        name,
        meaning,
        remedy,
    }
}

/// All of them.
pub const SUB_CODES: &[SubCode] = &[
    sub_code(
        "does-not-parse",
        "the Dockerfile is none; the builder will refuse it",
        "correct that line",
    ),
    sub_code(
        "depmod-missing",
        "no step runs depmod, and modprobe finds no module without its indexes",
        "add RUN depmod -b <dirName> ${KERNEL_VERSION} after the modules are in place",
    ),
    sub_code(
        "depmod-kernel-missing",
        "depmod runs without a kernel version and indexes the build host's kernel",
        "write depmod -b <dirName> ${KERNEL_VERSION}",
    ),
    sub_code(
        "arg-undeclared",
        "a build argument is used where no ARG declares it, and is empty there",
        "declare it with ARG in each stage that uses it, and before the first FROM for FROM",
    ),
    sub_code(
        "arg-never-set",
        "an ARG without a default that neither KMM nor buildArgs sets",
        "give it a default, or a value in the build section's buildArgs",
    ),
    sub_code(
        "kernel-hard-coded",
        "a kernel version is written into the Dockerfile; the next kernel needs another",
        "use ${KERNEL_VERSION}",
    ),
    sub_code(
        "kernel-of-build-node",
        "uname -r is the kernel of the node that builds, not the one that is built for",
        "use ${KERNEL_VERSION}",
    ),
    sub_code(
        "dtk-hard-coded",
        "a driver-toolkit image is written into the Dockerfile and belongs to one kernel",
        "use ARG DTK_AUTO and FROM ${DTK_AUTO}, which follow the kernel",
    ),
    sub_code(
        "dtk-auto-upstream",
        "upstream KMM sets no DTK_AUTO",
        "start from an image with the kernel's headers",
    ),
    sub_code(
        "module-elsewhere",
        "a module is put where modprobe does not look",
        "put it below <dirName>/lib/modules/${KERNEL_VERSION}",
    ),
    sub_code(
        "no-shell",
        "the final stage has no /bin/sh, which KMM runs in the image",
        "start the final stage from an image with /bin/sh, mkdir and cp",
    ),
    sub_code(
        "base-floating",
        "the final stage's base image has no fixed tag or digest",
        "name a tag or, better, a digest",
    ),
    sub_code(
        "mod-name",
        "MOD_NAME is used; KMM's own preflight sets it to another value than the later build",
        "write the module's name out where the two have to be the same",
    ),
];
