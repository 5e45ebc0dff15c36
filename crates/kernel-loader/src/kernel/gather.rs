//! Gathers the facts about one kernel from a file tree.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::arch::Arch;
use crate::kernel::config::Config;
use crate::kernel::facts::{FactsFault, FileTree, InTreeModules, KernelFacts};
use crate::kernel::symvers::Symbols;
use crate::kernel::vermagic;
use crate::module::ModuleFile;
use crate::module::{compression, names};

/// The largest file of facts, uncompressed, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// At how many places of the list an in-tree module is looked for, to learn the version magic.
const SAMPLES: usize = 8;

/// Where a kernel's headers are in a tree; the empty folder is the tree's own root.
fn header_folders(kernel: &str) -> Vec<String> {
    vec![
        format!("usr/src/kernels/{kernel}"),
        format!("usr/src/linux-headers-{kernel}"),
        format!("lib/modules/{kernel}/build"),
        format!("usr/lib/modules/{kernel}/build"),
        String::new(),
    ]
}

fn module_folders(kernel: &str) -> Vec<String> {
    vec![
        format!("lib/modules/{kernel}"),
        format!("usr/lib/modules/{kernel}"),
        String::new(),
    ]
}

/// A path below a folder; the empty folder is the root.
fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    }
}

pub(crate) fn gather(
    kernel: &str,
    arch: Arch,
    tree: &dyn FileTree,
) -> Result<KernelFacts, FactsFault> {
    let headers: Vec<String> = header_folders(kernel)
        .into_iter()
        .filter(|folder| is_headers(tree, folder))
        .collect();
    let modules: Vec<String> = module_folders(kernel)
        .into_iter()
        .filter(|folder| is_modules(tree, folder))
        .collect();
    if headers.is_empty() && modules.is_empty() && !is_boot(kernel, tree) {
        let others = other_kernels(kernel, tree);
        return Err(FactsFault::Absent { others });
    }
    for folder in &headers {
        refuse_other_kernel(kernel, tree, folder)?;
    }
    let first_text = |paths: Vec<String>| paths.iter().find_map(|path| text_of(tree, path));
    let mut config_paths: Vec<String> = headers.iter().map(|f| below(f, ".config")).collect();
    config_paths.extend(modules.iter().map(|f| below(f, "config")));
    config_paths.push(format!("boot/config-{kernel}"));
    config_paths.extend(headers.iter().map(|f| below(f, "include/config/auto.conf")));
    let config = first_text(config_paths).map(Config::parse);

    let mut symvers_paths: Vec<String> =
        headers.iter().map(|f| below(f, "Module.symvers")).collect();
    for suffix in ["gz", "xz", "zst"] {
        symvers_paths.extend(
            modules
                .iter()
                .map(|f| below(f, &format!("symvers.{suffix}"))),
        );
        symvers_paths.push(format!("boot/symvers-{kernel}.{suffix}"));
    }
    let symbols = symbols(tree, &symvers_paths)?;

    let in_tree = modules
        .iter()
        .find_map(|folder| in_tree_modules(tree, folder));
    let samples = in_tree
        .as_ref()
        .map(|(folder, paths)| samples(tree, folder, paths))
        .unwrap_or_default();
    for sample in &samples {
        refuse_other_arch(arch, sample)?;
    }
    let shown = samples
        .iter()
        .filter_map(|module| module.elf.as_ref().ok()?.modinfo("vermagic"))
        .find(|magic| magic.split(' ').next() == Some(kernel))
        .map(str::to_owned);
    let vermagic = shown.or_else(|| {
        config
            .as_ref()
            .and_then(|config| vermagic::compose(kernel, arch, config))
    });
    Ok(KernelFacts {
        kernel_version: kernel.to_owned(),
        arch: Some(arch),
        config,
        vermagic,
        symbols,
        built_in: modules
            .iter()
            .find_map(|folder| text_of(tree, &below(folder, "modules.builtin")))
            .map(|text| {
                text.lines()
                    .map(|path| names::of_path(path).into())
                    .collect()
            }),
        built_as_modules: modules
            .iter()
            .find_map(|folder| text_of(tree, &below(folder, "modules.order")))
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.lines()
                    .map(|path| names::of_path(path).into())
                    .collect()
            }),
        is_of_nodes: false,
        built_in_folders: modules
            .iter()
            .find_map(|folder| text_of(tree, &below(folder, "modules.builtin.modinfo")))
            .map(|text| built_in_folders(&text, in_tree.as_ref().map(|(_, paths)| paths))),
        this_module_size: samples
            .iter()
            .filter_map(|module| module.elf.as_ref().ok())
            .map(|elf| elf.this_module_size)
            .find(|size| *size > 0),
        absent_sections: samples
            .iter()
            .find_map(|module| module.elf.as_ref().ok())
            .map(|elf| elf.absent_sections.clone()),
        in_tree: in_tree.map(|(_, paths)| paths),
    })
}

/// Built-in code whose parameters have another prefix than its name (`MODULE_PARAM_PREFIX`), as
/// the kernel's source has it: the name of its file, and the prefix.
const PREFIXES: [(&str, &str); 13] = [
    ("aspm", "pcie_aspm"),
    ("balloon", "xen"),
    ("core", "kfence"),
    ("core", "kcsan"),
    ("disk_events", "block"),
    ("events_base", "xen"),
    ("lru_sort", "damon_lru_sort"),
    ("reclaim", "damon_reclaim"),
    ("report", "kmsan"),
    ("signing", "module"),
    ("stat", "damon_stat"),
    ("tree", "rcutree"),
    ("update", "rcupdate"),
];

/// The names in `modules.builtin.modinfo` (`name.tag=value`, each ended by NUL) that have a
/// folder: those with a version, and the prefixes of parameters. A name of an in-tree module has
/// none: it is also that of another file, whose parameters are not shown or have a prefix.
fn built_in_folders(text: &str, in_tree: Option<&InTreeModules>) -> BTreeSet<Box<str>> {
    let named = |tags: &[&str]| -> BTreeSet<&str> {
        text.split('\0')
            .filter_map(|entry| {
                let (name, rest) = entry.split_once('.')?;
                tags.contains(&rest.split('=').next()?).then_some(name)
            })
            .collect()
    };
    let mut folders: BTreeSet<Box<str>> = BTreeSet::new();
    for name in named(&["parmtype"]) {
        let others = PREFIXES.iter().filter(|(file, _)| *file == name);
        let others: Vec<&str> = others.map(|(_, prefix)| *prefix).collect();
        match others[..] {
            [] => drop(folders.insert(name.into())),
            _ => folders.extend(others.into_iter().map(Box::from)),
        }
    }
    folders.extend(named(&["version"]).into_iter().map(Box::from));
    for path in in_tree.into_iter().flat_map(InTreeModules::keys) {
        folders.remove(names::of_path(path).as_str());
    }
    folders
}

/// The symbols of the first of these files that is there and can be read.
///
/// # Errors
/// None of those that are there can be read: what stands in them is not known to be missing.
fn symbols(tree: &dyn FileTree, paths: &[String]) -> Result<Option<Symbols>, FactsFault> {
    let mut damaged = None;
    for path in paths.iter().filter(|path| tree.is_file(path)) {
        let symbols = text_of(tree, path).map(Symbols::parse);
        match symbols.filter(|symbols| !symbols.is_empty()) {
            Some(symbols) => return Ok(Some(symbols)),
            None => damaged = damaged.or(Some(path)),
        }
    }
    match damaged.cloned() {
        Some(path) => Err(FactsFault::Symbols { path }),
        None => Ok(None),
    }
}

fn is_headers(tree: &dyn FileTree, folder: &str) -> bool {
    [
        "Module.symvers",
        ".config",
        "include/config/auto.conf",
        "include/generated/utsrelease.h",
    ]
    .iter()
    .any(|file| tree.is_file(&below(folder, file)))
}

fn is_modules(tree: &dyn FileTree, folder: &str) -> bool {
    [
        "modules.dep",
        "modules.dep.bin",
        "modules.builtin",
        "modules.order",
        "config",
        "symvers.gz",
        "symvers.xz",
        "symvers.zst",
    ]
    .iter()
    .any(|file| tree.is_file(&below(folder, file)))
        || (!folder.is_empty() && !tree.list(&below(folder, "kernel")).is_empty())
}

/// Distributions keep the configuration in /boot, and RHEL the symbols too.
fn is_boot(kernel: &str, tree: &dyn FileTree) -> bool {
    let symbols = ["gz", "xz", "zst"].map(|suffix| format!("boot/symvers-{kernel}.{suffix}"));
    let config = format!("boot/config-{kernel}");
    symbols
        .iter()
        .chain([&config])
        .any(|path| tree.is_file(path))
}

/// The release that a headers tree says it is for: `UTS_RELEASE`, which is what modules get
/// built in. Debian's `kernel.release` names the upstream version instead.
fn release_of_headers(tree: &dyn FileTree, folder: &str) -> Option<String> {
    if let Some(text) = text_of(tree, &below(folder, "include/generated/utsrelease.h"))
        && let Some(line) = text.lines().find(|line| line.contains("UTS_RELEASE"))
    {
        return line.split('"').nth(1).map(str::to_owned);
    }
    let text = text_of(tree, &below(folder, "include/config/kernel.release"))?;
    Some(text.trim().to_owned())
}

fn refuse_other_kernel(kernel: &str, tree: &dyn FileTree, folder: &str) -> Result<(), FactsFault> {
    match release_of_headers(tree, folder) {
        Some(release) if release != kernel => Err(FactsFault::OtherKernel { release }),
        _ => Ok(()),
    }
}

fn refuse_other_arch(arch: Arch, module: &ModuleFile) -> Result<(), FactsFault> {
    match &module.elf {
        Ok(elf) if elf.machine != arch.elf_machine() => Err(FactsFault::OtherArch {
            machine: elf.machine,
        }),
        _ => Ok(()),
    }
}

/// The in-tree modules of a folder by path: from depmod's list, or else by looking.
fn in_tree_modules(tree: &dyn FileTree, folder: &str) -> Option<(String, InTreeModules)> {
    let mut paths: InTreeModules = BTreeMap::new();
    let listed = text_of(tree, &below(folder, "modules.dep"));
    if let Some(text) = &listed {
        let names = text.lines().filter_map(|line| line.split(':').next());
        for path in names.filter(|path| names::without_suffix(path).is_some()) {
            paths.insert(path.into(), None);
        }
    }
    if paths.is_empty() {
        walk(tree, folder, "kernel", 0, &mut paths);
    }
    (!paths.is_empty() || listed.is_some()).then(|| (folder.to_owned(), paths))
}

fn walk(tree: &dyn FileTree, root: &str, dir: &str, depth: usize, paths: &mut InTreeModules) {
    const DEEPEST: usize = 16;
    if depth > DEEPEST {
        return;
    }
    for name in tree.list(&below(root, dir)) {
        let path = format!("{dir}/{name}");
        if names::without_suffix(&name).is_some() {
            paths.insert(path.into(), None);
        } else if !name.contains('.') {
            walk(tree, root, &path, depth + 1, paths);
        }
    }
}

/// A few in-tree modules that are there and can be read, spread over the list.
fn samples(tree: &dyn FileTree, folder: &str, paths: &InTreeModules) -> Vec<Arc<ModuleFile>> {
    let step = (paths.len() / SAMPLES).max(1);
    let spread = paths.keys().step_by(step);
    let readable = |path: &str| {
        let module = tree.module(&below(folder, path));
        module.filter(|module| module.elf.is_ok())
    };
    let mut samples: Vec<Arc<ModuleFile>> =
        spread.filter_map(|path| readable(path)).take(2).collect();
    if samples.is_empty() {
        samples = paths
            .keys()
            .filter_map(|path| readable(path))
            .take(1)
            .collect();
    }
    samples
}

fn text_of(tree: &dyn FileTree, path: &str) -> Option<String> {
    let bytes = tree.read(path)?;
    let unpacked = match compression::decompress(&bytes, LARGEST_FILE).ok()? {
        Cow::Owned(unpacked) => Some(unpacked),
        Cow::Borrowed(_) => None,
    };
    let content = unpacked.unwrap_or_else(|| bytes.into_owned());
    Some(
        String::from_utf8(content)
            .unwrap_or_else(|other| String::from_utf8_lossy(other.as_bytes()).into_owned()),
    )
}

/// The kernels that a tree has facts about, in place of the one that was asked for.
fn other_kernels(kernel: &str, tree: &dyn FileTree) -> Vec<String> {
    let mut others: Vec<String> = [
        ("usr/src/kernels", ""),
        ("usr/src", "linux-headers-"),
        ("lib/modules", ""),
        ("usr/lib/modules", ""),
    ]
    .iter()
    .flat_map(|(folder, prefix)| {
        tree.list(folder)
            .into_iter()
            .filter_map(move |name| name.strip_prefix(prefix).map(str::to_owned))
    })
    .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()) && name != kernel)
    .collect();
    others.sort();
    others.dedup();
    others
}

#[cfg(test)]
mod tests;
