//! Which files of a layer are kept, by name and first bytes.

use kernel_loader::module::names::without_suffix;

use crate::images::layers::layer_reader::Purpose;

/// True for the names under which kmod looks for modules (`libkmod.c`, `kmod_exts`, and
/// `libkmod-file.c`).
pub(crate) fn is_module_name(path: &str) -> bool {
    without_suffix(path).is_some()
}

/// `ET_REL` in the byte order that the file declares.
pub(crate) fn is_relocatable_elf(start: &[u8]) -> bool {
    start.len() >= 20
        && start.starts_with(b"\x7fELF")
        && match start[5] {
            1 => start[16..18] == [1, 0],
            2 => start[16..18] == [0, 1],
            _ => false,
        }
}

/// True for files that are kept whole: depmod's, and in a [`Purpose::Kernel`] layer those
/// that tell about kernels.
pub(crate) fn is_kept(path: &str, purpose: Purpose) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name.starts_with("modules.") {
        // A folder of modules may be a link to one of any name.
        return match purpose {
            Purpose::Modules => folder.contains("lib/modules/") || DEPMOD_FILES.contains(&name),
            Purpose::Kernel => LISTS.contains(&name),
        };
    }
    if purpose == Purpose::Modules {
        return false;
    }
    match path {
        "etc/driver-toolkit-release.json" | "release-manifests/image-references" => return true,
        _ => {}
    }
    if let Some((_, rest)) = path.split_once("lib/modules/") {
        return rest.split('/').count() == 2 && (name.starts_with("symvers") || name == "config");
    }
    let headers = path.strip_prefix("usr/src/").and_then(|rest| {
        let rest = rest.strip_prefix("kernels/").unwrap_or(rest);
        rest.split_once('/').map(|(_, file)| file)
    });
    headers.is_some_and(|file| HEADERS_FILES.contains(&file))
}

/// True for the files of an ostree repository, each of which is named by its digest.
pub(crate) fn is_object(path: &str) -> bool {
    path.contains("ostree/repo/objects/")
}

/// True for paths of files that kernels are told by, and for those that may stand in their way.
pub(crate) fn leads_to_kernels(path: &str) -> bool {
    path.contains("lib/modules/")
        || path.starts_with("usr/src/")
        || path.starts_with("boot/")
        || is_object(path)
        || path.bytes().filter(|byte| *byte == b'/').count() < 3
}

/// What depmod writes (kmod, `tools/depmod.c`, `depmod_output`).
const DEPMOD_FILES: &[&str] = &[
    "modules.alias",
    "modules.alias.bin",
    "modules.builtin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.builtin.modinfo",
    "modules.dep",
    "modules.dep.bin",
    "modules.devname",
    "modules.order",
    "modules.softdep",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.weakdep",
];

/// Those of them that list a kernel's own modules; the others, which modprobe reads on a node,
/// are several times as large.
const LISTS: &[&str] = &[
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.dep",
    "modules.order",
];

/// What kernel-devel packages say about their kernel.
const HEADERS_FILES: &[&str] = &[
    "Module.symvers",
    ".config",
    "include/config/auto.conf",
    "include/config/kernel.release",
    "include/generated/utsrelease.h",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_layers_keep_what_tells_about_kernels() {
        for (path, kept) in [
            ("usr/src/kernels/5.14/Module.symvers", true),
            ("usr/src/kernels/5.14/.config", true),
            (
                "usr/src/linux-headers-6.1/include/generated/utsrelease.h",
                true,
            ),
            ("usr/src/kernels/5.14/drivers/.config", false),
            ("lib/modules/5.14/symvers.gz", true),
            ("usr/lib/modules/5.14/config", true),
            ("usr/lib/modules/5.14/kernel/config", false),
            ("usr/lib/modules/5.14/modules.builtin.modinfo", true),
            ("usr/lib/modules/5.14/modules.dep", true),
            ("usr/lib/modules/5.14/modules.alias", false),
            ("usr/lib/modules/5.14/vmlinuz", false),
            ("etc/driver-toolkit-release.json", true),
            ("release-manifests/image-references", true),
            ("etc/passwd", false),
        ] {
            assert_eq!(is_kept(path, Purpose::Kernel), kept, "{path}");
        }
    }
}
