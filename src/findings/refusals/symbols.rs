//! What the loader minds about symbols.

use kernel_loader::answer::SymbolRefusal;

use super::About;
use crate::findings::finding::{Code, Finding, Subject};

/// Where a symbol that nothing loaded exports comes from.
pub(crate) trait Exporters {
    /// A module of the image that exports the symbol, in words for a message.
    fn of_image(&self, symbol: &str) -> Option<String>;

    /// True when the folder of modules has the link `host` to the kernel's own modules.
    fn has_host_link(&self) -> bool;
}

pub(super) fn finding(refusal: SymbolRefusal, about: &About<'_>) -> Finding {
    let module = about.file;
    match refusal {
        SymbolRefusal::Missing { symbol, in_tree } => missing(&symbol, in_tree, about),
        SymbolRefusal::Stray { symbol } => Finding::new(
            Code::ElfInvalid,
            format!("{module}: the kernel may crash: {symbol} is neither resolved nor zero"),
        )
        .hint("Build the module again with the target kernel's build tree."),
        SymbolRefusal::GplOnly { symbol } => {
            let license = match about.elf.and_then(|elf| elf.modinfo("license")) {
                Some(license) => format!("the module's licence is '{license}'"),
                None => "the module has no MODULE_LICENSE".to_owned(),
            };
            Finding::new(
                Code::SymbolGplOnly,
                format!(
                    "{module}: Unknown symbol {symbol} (err -2): it is only available to \
                     GPL-compatible modules, and {license}"
                ),
            )
            .hint("Use symbols without EXPORT_SYMBOL_GPL, or a GPL-compatible licence.")
        }
        SymbolRefusal::OfProprietary { symbol, owner } => Finding::new(
            Code::SymbolGplOnly,
            format!(
                "{module}: Unknown symbol {symbol} (err -2): module using GPL-only symbols uses \
                 symbols {symbol} from proprietary module {owner}"
            ),
        )
        .hint("Give both modules a GPL-compatible licence."),
        SymbolRefusal::Version {
            symbol,
            module: own,
            kernel,
        } => Finding::new(
            Code::SymbolVersionMismatch,
            format!(
                "{module}: disagrees about version of symbol {symbol}: 0x{own:08x} in the module, \
                 0x{kernel:08x} in the kernel{}",
                about.built_for_other()
            ),
        )
        .hint("Build the module against the target kernel's headers.")
        .about(Subject::Symbol {
            name: symbol.into(),
            built_for: about.built_for().map(str::to_owned),
        }),
        SymbolRefusal::VersionMissing { symbol, kernel } => Finding::new(
            Code::SymbolVersionMismatch,
            format!("{module}: no symbol version for {symbol}; 0x{kernel:08x} in the kernel"),
        )
        .hint("Build the module with the target kernel's Module.symvers."),
        SymbolRefusal::NoVersions { symbol } => Finding::new(
            Code::SymbolVersionMismatch,
            format!(
                "{module}: Exec format error: the module has no symbol versions, and the kernel \
                 requires one for {symbol}"
            ),
        )
        .hint("Build the module with CONFIG_MODVERSIONS and the kernel's Module.symvers."),
        SymbolRefusal::Namespace { symbol, namespace } => Finding::new(
            Code::SymbolNamespaceMissing,
            format!(
                "{module}: module uses symbol ({symbol}) from namespace {namespace}, but does not \
                 import it"
            ),
        )
        .hint(format!("Add MODULE_IMPORT_NS({namespace}) to the module.")),
        SymbolRefusal::Duplicate { symbol, owner } => {
            let owner = owner.as_deref().unwrap_or("kernel");
            Finding::new(
                Code::SymbolDuplicate,
                format!(
                    "{module}: exports duplicate symbol {symbol} (owned by {owner}): Exec format \
                     error"
                ),
            )
            .hint(format!(
                "Rename the symbol, or do not load {owner} together with this module."
            ))
        }
    }
}

/// A symbol that nothing loaded exports, and who would.
fn missing(symbol: &str, in_tree: Option<Box<str>>, about: &About<'_>) -> Finding {
    let module = about.file;
    if let Some(owner) = in_tree {
        return Finding::new(
            Code::DependencyMissing,
            format!(
                "{module}: Unknown symbol {symbol} (err -2): provided by in-tree module {owner}, \
                 which modprobe will not load"
            ),
        )
        .hint(match about.exporters.has_host_link() {
            true => {
                "Copy the kernel's own modules to /lib/modules/$KERNEL_VERSION in the image \
                 before running depmod: modules.dep lists none of them."
            }
            false => {
                "Link the kernel's modules into the folder before running depmod: `ln -s \
                 /lib/modules/$KERNEL_VERSION <dirName>/lib/modules/$KERNEL_VERSION/host`."
            }
        })
        .about(Subject::InTreeModule(owner.into()));
    }
    if let Some(exporter) = about.exporters.of_image(symbol) {
        return Finding::new(
            Code::DependencyMissing,
            format!(
                "{module}: Unknown symbol {symbol} (err -2): provided by {exporter}, which \
                 modprobe will not load"
            ),
        )
        .hint("Run `depmod -b <dirName> <kernel>` in the image after the last module is copied.");
    }
    Finding::new(
        Code::SymbolMissing,
        format!("{module}: Unknown symbol {symbol} (err -2)"),
    )
    .hint("Use a release of the module for the target kernel.")
    .about(Subject::Symbol {
        name: symbol.to_owned(),
        built_for: None,
    })
}
