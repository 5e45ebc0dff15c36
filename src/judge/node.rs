//! What the node itself brings: its own modules, and those that have to go first.

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::modprobe::config::module_name;

use crate::findings::finding::{Code, Effect, Finding};
use crate::judge::{LoadCase, not_found};
use crate::kmm::releases::Feature;

/// `modprobe` without `-d` looks into the node's own folder: the image plays no part.
pub(super) fn answer(
    case: &LoadCase<'_>,
    facts: Option<&KernelFacts>,
    names: &[String],
) -> Vec<Finding> {
    let kernel = &case.target.kernel_version;
    let in_tree = facts.and_then(|facts| facts.in_tree.as_ref());
    names
        .iter()
        .map(|name| match in_tree {
            None => not_found::on_the_node(kernel),
            Some(modules) if modules.keys().any(|path| not_found::is_module(path, name)) => {
                Finding::new(
                    Code::InTreeModule,
                    format!(
                        "modprobe loads the node's in-tree module {name}, not the one in the image"
                    ),
                )
                .hint("Add `-d /tmp/<dirName>` to `rawArgs.load`.")
            }
            Some(_) => Finding::new(
                Code::ModuleNotFound,
                format!(
                    "modprobe: FATAL: Module {name} not found in directory \
                     /lib/modules/{kernel}: modprobe looks at the node, not at the image"
                ),
            )
            .hint("Add `-d /tmp/<dirName>` to `rawArgs.load`."),
        })
        .collect()
}

/// What the worker unloads first (`LoadKmod`): only files below the node's
/// `/lib/modules` count, by their exact spelling.
pub(super) fn modules_to_remove(case: &LoadCase<'_>, facts: Option<&KernelFacts>) -> Vec<Finding> {
    let Some(in_tree) = facts.and_then(|facts| facts.in_tree.as_ref()) else {
        return Vec::new();
    };
    let is_there = |name: &str| {
        in_tree.keys().any(|path| {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.strip_prefix(name)
                .is_some_and(|suffix| suffix.starts_with(".ko"))
        })
    };
    case.work
        .in_tree_modules_to_remove
        .iter()
        .filter(|name| !is_there(name))
        .map(|name| {
            let finding = Finding::new(
                Code::InTreeModule,
                format!("the target kernel has no in-tree module file {name}.ko to remove"),
            )
            .hint(format!(
                "`inTreeModulesToRemove` needs the exact file name; `{}` may be built in or \
                 removed.",
                module_name(name)
            ));
            // An older worker runs modprobe without that look, and its failure ends the load.
            if case.release.has(Feature::InTreeFiles) {
                finding
            } else {
                finding.with_effect(Effect::Fails)
            }
        })
        .collect()
}
