//! How much memory what is kept of a layer takes.

use kernel_loader::module::ModuleFile;
use kernel_loader::signature::SignatureState;

use crate::model::layer::{Content, LayerIndex, Node};

/// An entry of an index beside its texts: its place in the map and what allocations add.
pub(crate) const ENTRY: usize = 136;
/// A text of a module's facts beside its bytes.
const TEXT: usize = 48;

/// The memory that an index takes.
pub(crate) fn of_index(index: &LayerIndex) -> usize {
    let entries = index.entries.iter();
    let entries: usize = entries
        .map(|(path, node)| ENTRY + path.len() + of_node(node))
        .sum();
    let removed = index.whiteouts.iter().chain(&index.opaque);
    entries + removed.map(|path| ENTRY + path.len()).sum::<usize>()
}

fn of_node(node: &Node) -> usize {
    match node {
        Node::Symlink(target) | Node::Hardlink(target) => target.len(),
        Node::File { content, .. } => match content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Module(module) => of_module(module),
            Content::Skipped | Content::NoModule(_) | Content::TooLarge(_) => 0,
        },
        Node::Dir | Node::Other => 0,
    }
}

/// The memory that the facts about a module take.
pub(crate) fn of_module(module: &ModuleFile) -> usize {
    let signature = match &module.signature {
        SignatureState::Present(signature) => 2 * signature.pkcs7.len(),
        SignatureState::Absent | SignatureState::Malformed(_) | SignatureState::Unsupported(_) => 0,
    };
    let elf = match &module.elf {
        Ok(elf) => {
            let modinfo = elf.modinfo.iter();
            let modinfo = modinfo.map(|(tag, value)| 2 * TEXT + tag.len() + value.len());
            let versions = elf.versions.iter().chain(&elf.extended_versions).flatten();
            let versions = versions.map(|version| TEXT + version.name.len());
            let undefined = elf.undefined.iter();
            let undefined = undefined.map(|symbol| TEXT + symbol.name.len());
            let exports = elf.exports.iter().map(|export| {
                let namespace = export.namespace.as_ref().map_or(0, |name| name.len());
                2 * TEXT + export.name.len() + namespace
            });
            let parameters = elf.parameters.iter().flatten();
            let parameters = parameters.map(|parameter| {
                let names = [&parameter.name, &parameter.setter, &parameter.element];
                3 * TEXT + names.iter().map(|name| name.len()).sum::<usize>()
            });
            let texts = modinfo.chain(versions).chain(undefined).chain(exports);
            texts.chain(parameters).sum::<usize>() + elf.defects.len() * 4 * TEXT
        }
        Err(_) => 0,
    };
    1024 + signature + elf
}
