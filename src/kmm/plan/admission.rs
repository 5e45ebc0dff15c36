//! What KMM's admission webhook refuses (`internal/webhook/module.go`, rules by release in
//! order of their arrival). The webhook has its say when a Module is written and never again:
//! one that an older KMM admitted still loads. So its rules are warnings, and what the kernel
//! does decides.

use std::collections::BTreeSet;

use crate::findings::finding::{Code, Finding};
use crate::kmm::module::{Container, KernelMapping, Modprobe, Module, ModuleLoader, Sign};
use crate::kmm::plan::go_regexp;
use crate::kmm::planned::KmmRelease;

/// What admission says of a Module: warnings, but for a Module that names nothing to load.
pub fn findings(module: &Module, loader: &ModuleLoader, release: KmmRelease) -> Vec<Finding> {
    if !release.at_least(1, 1) {
        return Vec::new();
    }
    let container = &loader.container;
    let mut seen = Vec::new();
    mappings(container, release, &mut seen);
    modprobe(&container.modprobe, &mut seen);
    if release.at_least(2, 6) {
        files_to_sign(container, &mut seen);
    }
    let mut findings: Vec<Finding> = seen
        .into_iter()
        .map(|message| refused(message, release).as_warning())
        .collect();
    findings.extend(names_nothing(&container.modprobe, release));
    findings.extend(name_length(module, container, release).map(Finding::as_warning));
    findings
}

fn refused(message: String, release: KmmRelease) -> Finding {
    Finding::new(Code::ModuleInvalid, message).hint(format!(
        "correct the Module: the admission webhook of KMM {}.{} refuses it as it is",
        release.major, release.minor
    ))
}

fn mappings(container: &Container, release: KmmRelease, seen: &mut Vec<String>) {
    let singular = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    let both = "inTreeModuleToRemove and inTreeModulesToRemove cannot both be set";
    if release.at_least(2, 1)
        && container.in_tree_modules_to_remove.is_some()
        && singular(&container.in_tree_module_to_remove)
    {
        seen.push(format!("{both} in the container"));
    }
    image_format("container", &container.container_image, release, seen);
    for (index, mapping) in container.kernel_mappings.iter().enumerate() {
        one_mapping(index, mapping, container, release, seen);
        if !release.at_least(2, 1) {
            continue;
        }
        let (list, name) = (
            mapping.in_tree_modules_to_remove.is_some(),
            singular(&mapping.in_tree_module_to_remove),
        );
        let above = (
            container.in_tree_modules_to_remove.is_some(),
            singular(&container.in_tree_module_to_remove),
        );
        if list && (name || above.1) || name && above.0 {
            seen.push(format!("{both} at kernelMappings[{index}] and above it"));
        }
    }
}

fn one_mapping(
    index: usize,
    mapping: &KernelMapping,
    container: &Container,
    release: KmmRelease,
    seen: &mut Vec<String>,
) {
    match (mapping.regexp.is_empty(), mapping.literal.is_empty()) {
        (false, false) => seen.push(format!(
            "regexp and literal are mutually exclusive at kernelMappings[{index}]"
        )),
        (true, true) => seen.push(format!(
            "regexp or literal must be set at kernelMappings[{index}]"
        )),
        _ => {}
    }
    if let Err(error) = go_regexp::compile(&mapping.regexp) {
        seen.push(format!(
            "invalid regexp at kernelMappings[{index}]: {error}"
        ));
    }
    if mapping.container_image.is_empty() && container.container_image.is_empty() {
        seen.push(format!(
            "missing containerImage: neither kernelMappings[{index}] nor the container names one"
        ));
    }
    let place = format!("kernelMappings[{index}]");
    image_format(&place, &mapping.container_image, release, seen);
}

fn image_format(place: &str, image: &str, release: KmmRelease, seen: &mut Vec<String>) {
    if release.at_least(2, 2) && !image.is_empty() && !image.contains([':', '@']) {
        seen.push(format!(
            "containerImage of {place} must name a tag or a digest; it is {image}"
        ));
    }
}

fn modprobe(modprobe: &Modprobe, seen: &mut Vec<String>) {
    let raw_args = modprobe.raw_args.as_ref();
    let load = raw_args.is_some_and(|args| !args.load.is_empty());
    let unload = raw_args.is_some_and(|args| !args.unload.is_empty());
    let named = !modprobe.module_name.is_empty();
    if named && (load || unload) {
        seen.push("modprobe.rawArgs cannot be set when modprobe.moduleName is set".to_owned());
    }
    if !named && load && !unload {
        seen.push(
            "modprobe.rawArgs.unload must be set beside .load when modprobe.moduleName is unset"
                .to_owned(),
        );
    }
    let order = &modprobe.modules_loading_order;
    if order.is_empty() {
        return;
    }
    if order.len() < 2 {
        seen.push("modprobe.modulesLoadingOrder needs at least two modules".to_owned());
    }
    if !named {
        seen.push("modprobe.modulesLoadingOrder needs modprobe.moduleName".to_owned());
    } else if order.first() != Some(&modprobe.module_name) {
        seen.push(
            "the first of modprobe.modulesLoadingOrder must be modprobe.moduleName".to_owned(),
        );
    }
    let mut known = BTreeSet::new();
    for name in order {
        if !known.insert(name) {
            seen.push(format!(
                "{name} stands twice in modprobe.modulesLoadingOrder"
            ));
        }
    }
}

/// The one rule without which there is nothing to look at: `modprobe` would be called for no
/// module.
fn names_nothing(modprobe: &Modprobe, release: KmmRelease) -> Option<Finding> {
    let load = modprobe
        .raw_args
        .as_ref()
        .is_some_and(|args| !args.load.is_empty());
    (modprobe.module_name.is_empty() && !load).then(|| {
        let message =
            "modprobe.rawArgs.load and .unload must be set when modprobe.moduleName is unset";
        refused(message.to_owned(), release)
    })
}

fn files_to_sign(container: &Container, seen: &mut Vec<String>) {
    let dir = &container.modprobe.dir_name;
    let mut section = |place: &str, sign: Option<&Sign>| {
        let Some(sign) = sign else { return };
        if sign.files_to_sign.is_empty() {
            seen.push(format!(
                "filesToSign is required in the sign section of {place}"
            ));
        }
        for file in &sign.files_to_sign {
            if !file.starts_with(&format!("{dir}/")) {
                seen.push(format!(
                    "filesToSign entry {file} of {place} must be below dirName {dir}"
                ));
            }
        }
    };
    section("the container", container.sign.as_ref());
    for (index, mapping) in container.kernel_mappings.iter().enumerate() {
        section(&format!("kernelMappings[{index}]"), mapping.sign.as_ref());
    }
}

/// Name and namespace share a label's 63 characters with KMM's own prefix.
fn name_length(module: &Module, container: &Container, release: KmmRelease) -> Option<Finding> {
    let longest = if release.at_least(2, 7) { 41 } else { 40 };
    let applies = release.at_least(2, 0) || container.version.is_some();
    let length = module.name.len() + module.namespace.len();
    (applies && length > longest).then(|| {
        Finding::new(
            Code::ModuleInvalid,
            format!(
                "name and namespace have {length} characters together; the admission webhook of KMM {}.{} allows {longest}",
                release.major, release.minor
            ),
        )
        .hint("shorten the Module's name or its namespace")
    })
}
