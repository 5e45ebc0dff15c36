//! The sub-codes of `dockerfile-lint`.

/// A known weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubCode {
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
pub(crate) const SUB_CODES: &[SubCode] = &[
    sub_code(
        "does-not-parse",
        "the Dockerfile is invalid; the builder will reject it",
        "Correct that line.",
    ),
    sub_code(
        "depmod-missing",
        "no step runs depmod, and modprobe finds no module without depmod's indexes",
        "Add RUN depmod -b <dirName> ${KERNEL_VERSION} after the modules are in place.",
    ),
    sub_code(
        "depmod-kernel-missing",
        "depmod runs without a kernel version and indexes the build host's kernel",
        "Write depmod -b <dirName> ${KERNEL_VERSION}.",
    ),
    sub_code(
        "arg-undeclared",
        "a build argument is used without an ARG that declares it, so it is empty",
        "Declare it with ARG in each stage that uses it; for FROM, before the first FROM.",
    ),
    sub_code(
        "arg-never-set",
        "an ARG has no default, and neither KMM nor buildArgs sets it",
        "Add a default, or a value in the build section's buildArgs.",
    ),
    sub_code(
        "kernel-hard-coded",
        "the kernel version is hard-coded; the next kernel needs another one",
        "Use ${KERNEL_VERSION}.",
    ),
    sub_code(
        "kernel-of-build-node",
        "uname -r is the kernel of the build node, not the target kernel",
        "Use ${KERNEL_VERSION}.",
    ),
    sub_code(
        "dtk-hard-coded",
        "a driver-toolkit image is hard-coded and belongs to one kernel",
        "Use ARG DTK_AUTO and FROM ${DTK_AUTO}.",
    ),
    sub_code(
        "dtk-auto-upstream",
        "upstream KMM does not set DTK_AUTO",
        "Use a base image with the kernel's headers.",
    ),
    sub_code(
        "module-elsewhere",
        "a module is copied to a folder where modprobe does not look",
        "Copy it below <dirName>/lib/modules/${KERNEL_VERSION}.",
    ),
    sub_code(
        "no-shell",
        "the final stage has no /bin/sh, which KMM runs in the image",
        "Use a final stage with /bin/sh, mkdir and cp.",
    ),
    sub_code(
        "base-floating",
        "the final stage's base image has no fixed tag or digest",
        "Use a tag or, better, a digest.",
    ),
    sub_code(
        "mod-name",
        "MOD_NAME is used; KMM's preflight sets it to another value than the build after the \
         upgrade",
        "Write out the module's name.",
    ),
];
