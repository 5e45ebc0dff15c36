//! The sub-codes of `dockerfile-lint`.

/// The sub-codes, with what each says.
pub const SUB_CODES: &[(&str, &str)] = &[
    (
        "does-not-parse",
        "the Dockerfile is none; the builder will refuse it",
    ),
    (
        "depmod-missing",
        "no step runs depmod, and modprobe finds no module without its indexes",
    ),
    (
        "depmod-kernel-missing",
        "depmod runs without a kernel version and indexes the build host's kernel",
    ),
    (
        "arg-undeclared",
        "a build argument is used in a stage that does not declare it with ARG, where it is empty",
    ),
    (
        "arg-never-set",
        "an ARG without a default that neither KMM nor buildArgs sets",
    ),
    (
        "kernel-hard-coded",
        "a kernel version is written into the Dockerfile; the next kernel needs another",
    ),
    (
        "dtk-hard-coded",
        "a driver-toolkit image is written into the Dockerfile; DTK_AUTO follows the kernel",
    ),
    ("dtk-auto-upstream", "upstream KMM sets no DTK_AUTO"),
    (
        "module-elsewhere",
        "a module is put where modprobe does not look",
    ),
    (
        "no-shell",
        "the final stage has no /bin/sh, which KMM runs in the image",
    ),
    (
        "base-floating",
        "the final stage's base image has no fixed tag or digest",
    ),
    (
        "mod-name",
        "MOD_NAME is used; KMM's own preflight sets it to another value than the later build",
    ),
];
