//! What there is in place of a module that `modprobe` does not find.

use kernel_loader::modprobe::config::module_name;
use kernel_loader::modprobe::steps::NotFound;
use kernel_loader::module::names::without_suffix;

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::kmm::worker::command_line::join;
use crate::model::layer::Node;

/// How many other places a message lists.
const SHOWN: usize = 3;

/// What was looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The name that `modprobe` was given.
    pub(super) name: &'a str,
    /// The folder that `modprobe` looks into, as a path in the worker.
    pub(super) folder: &'a str,
    /// The folder into which KMM copies the modules, as a path in the worker.
    pub(super) copied_to: &'a str,
    /// The folder that it copies, relative to the image's root.
    pub(super) image_folder: &'a str,
    /// `dirName` of the Module.
    pub(super) dir_name: &'a str,
    /// The target kernel.
    pub(super) kernel: &'a str,
}

/// The findings for a name that stands for nothing.
///
/// # Errors
/// A layer further down decides what there is instead.
pub(super) fn explain(
    overlay: &Overlay,
    wanted: Wanted<'_>,
    why: &NotFound,
) -> Result<Vec<Finding>, NeedLayer> {
    let Wanted {
        name,
        folder,
        kernel,
        ..
    } = wanted;
    let copied = wanted.image_folder;
    let fatal = format!("modprobe: FATAL: Module {name} not found in directory {folder}");
    let file = name.rsplit('/').next().unwrap_or(name);
    if let Some(bare) = without_suffix(file) {
        let suffix = &file[bare.len()..];
        return Ok(vec![
            Finding::new(
                Code::ModuleNotFound,
                format!("{fatal}: moduleName is written without the suffix {suffix}"),
            )
            .hint(format!("Write {bare} instead of {name} in the Module.")),
        ]);
    }
    if *why == NotFound::Name {
        return Ok(vec![Finding::new(
            Code::ModprobeArgsInvalid,
            format!("{fatal}: the name has unmatched brackets"),
        )]);
    }
    if join(&[folder]) != wanted.copied_to {
        return Ok(vec![
            Finding::new(
                Code::ModuleNotFound,
                format!("{fatal}: KMM copies the modules to {}", wanted.copied_to),
            )
            .hint("Add `-d /tmp/<dirName>` to `rawArgs.load`, and remove `-S`."),
        ]);
    }
    let Some(there) = overlay.lookup_link(copied)? else {
        return Ok(vec![no_folder(overlay, wanted, copied)?]);
    };
    if let Node::Symlink(target) = there.node {
        return Ok(vec![
            Finding::new(
                Code::ModuleNotFound,
                format!(
                    "{fatal}: /{copied} is a link to {target}; KMM's `cp -R` copies the link, \
                     which leads nowhere in the worker"
                ),
            )
            .hint("Replace the link with a folder that contains the modules."),
        ]);
    }
    let file = overlay
        .walk(copied)?
        .into_iter()
        .find(|(path, _)| is_module(path, name))
        .map(|(path, _)| path);
    let depmod = format!(
        "Run `depmod -b {} {kernel}` in the image after the last module is copied.",
        wanted.dir_name
    );
    let index = match why {
        NotFound::NoIndex => Some(format!("/{copied}/modules.dep.bin is not in the image")),
        NotFound::BadIndex(fault) => {
            Some(format!("/{copied}/modules.dep.bin cannot be read: {fault}"))
        }
        NotFound::Unlisted | NotFound::Name => None,
    };
    Ok(match (file, index) {
        (Some(_), Some(index)) => {
            vec![Finding::new(Code::ModulesDepMissing, format!("{fatal}: {index}")).hint(depmod)]
        }
        (Some(file), None) => vec![
            Finding::new(
                Code::ModuleNotInModulesDep,
                format!("{fatal}: {file} exists, but modules.dep.bin does not list it"),
            )
            .hint(depmod),
        ],
        (None, index) => {
            let mut findings = vec![elsewhere(overlay, wanted, &fatal, copied)?];
            findings.extend(
                index.map(|index| Finding::new(Code::ModulesDepMissing, index).hint(depmod)),
            );
            findings
        }
    })
}

/// The image has no folder for the kernel.
fn no_folder(overlay: &Overlay, wanted: Wanted<'_>, copied: &str) -> Result<Finding, NeedLayer> {
    let parent = copied.rsplit_once('/').map_or("", |(parent, _)| parent);
    let others: Vec<String> = overlay
        .list(parent)?
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name != wanted.kernel)
        .collect();
    let message = match places(overlay, wanted.name, "")? {
        _ if !others.is_empty() => format!(
            "the image contains no modules for {}, only for {}",
            wanted.kernel,
            listed(&others)
        ),
        Some(places) => format!("the image has no /{copied}; the module is at {places}"),
        None => format!("the image has no /{copied}, and the module is nowhere else in it"),
    };
    Ok(Finding::new(Code::ModuleNotFound, message)
    .hint(if others.is_empty() {
        format!(
            "Put the module and depmod's files into <dirName>/lib/modules/{}, and set `dirName`.",
            wanted.kernel
        )
    } else {
        format!("Build an image for kernel {}.", wanted.kernel)
    }))
}

/// The folder is there, and the module is not in it.
fn elsewhere(
    overlay: &Overlay,
    wanted: Wanted<'_>,
    fatal: &str,
    copied: &str,
) -> Result<Finding, NeedLayer> {
    let found = match places(overlay, wanted.name, copied)? {
        Some(places) => format!("the image has it at {places}"),
        None => "the image has no such module".to_owned(),
    };
    Ok(
        Finding::new(Code::ModuleNotFound, format!("{fatal}: {found}")).hint(format!(
            "The module must be below /{copied}; `inspect IMAGE` lists the image's modules."
        )),
    )
}

/// Where else in the image a module of that name is. The whole image is looked at only where
/// all of it was read already, because the answer does not hang on it.
fn places(overlay: &Overlay, name: &str, but: &str) -> Result<Option<String>, NeedLayer> {
    if name.is_empty() || !overlay.is_complete() {
        return Ok(None);
    }
    let places: Vec<String> = overlay
        .find(|path| is_module(path, name))?
        .into_iter()
        .filter(|path| but.is_empty() || !path.starts_with(&format!("{but}/")))
        .map(|path| format!("/{path}"))
        .collect();
    Ok((!places.is_empty()).then(|| listed(&places)))
}

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// True for the file of a module of that name, in either spelling, compressed or not.
pub(super) fn is_module(path: &str, name: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = without_suffix(file).filter(|stem| !stem.contains('.'));
    stem.is_some_and(|stem| module_name(stem) == module_name(name))
}

/// A file that `modules.dep.bin` names and that is not in the worker.
pub(super) fn no_file(module: &str, path: &str) -> Finding {
    Finding::new(
        Code::ModuleNotFound,
        format!(
            "modprobe: could not insert '{module}': modules.dep.bin lists {path}, which does not exist in KMM's worker"
        ),
    )
    .hint(
        "Only the kernel's folder is copied, and links are copied as links: put the file itself \
         there and run depmod again.",
    )
}

/// An in-tree module that the facts lack, and that nodes may have.
pub(super) fn not_among_facts(path: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!("the kernel facts do not contain /lib/modules/{path}; the nodes may have it"),
    )
    .hint("Pass the machine-os image of the nodes with --os-image.")
    .with_effect(Effect::Doubts)
}

/// A path on the node of which nothing is known.
pub(super) fn on_the_node(what: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!("it depends on the node's /lib/modules/{what}, which is not known"),
    )
    .hint("Pass --dtk-image or --kernel-dir.")
    .with_effect(Effect::Doubts)
}
