//! What is left unlooked at where facts about the kernel are missing.

use crate::answer::{Fact, Refusal, Remark, Rule, Weight};
use crate::kernel::facts::KernelFacts;
use crate::kernel::version::Kernel;
use crate::module::ElfFacts;

/// One module on its way into the kernel.
pub(super) struct Loading<'a> {
    pub(super) elf: &'a ElfFacts,
    pub(super) kernel: Kernel<'a>,
    /// Symbols that could not be looked up.
    pub(super) unchecked: usize,
    /// A key that the kernel is said to trust made the module's signature.
    pub(super) is_signed: bool,
}

impl Rule {
    /// Which fact each rule of the kernel's loader needs. Rules about one option of the
    /// configuration (`CONFIG_MODULE_FORCE_LOAD`, `CONFIG_STRICT_MODULE_RWX`, …) raise their
    /// doubts themselves, and only for a module that is odd. That built-in code has the name of
    /// an out-of-tree module is seen where the lists of built-in modules are there; nothing
    /// waits for them.
    const ALL: [Self; 5] = [
        Self::Symbols,
        Self::SymbolVersions,
        Self::VersionMagic,
        Self::Signature,
        Self::StructModule,
    ];

    /// The fact that the rule needs.
    pub fn fact(self) -> Fact {
        match self {
            Self::Symbols | Self::SymbolVersions => Fact::Symbols,
            Self::VersionMagic => Fact::VersionMagic,
            Self::Signature => Fact::Config,
            Self::StructModule => Fact::InTreeModule,
        }
    }

    /// Whether the rule could refuse the module, without its fact.
    fn could_refuse(self, module: &Loading<'_>) -> bool {
        let modversions = module.kernel.modversions();
        match self {
            Self::Symbols => module.unchecked > 0 || !module.elf.exports.is_empty(),
            Self::SymbolVersions => modversions != Some(false),
            Self::VersionMagic => true,
            Self::Signature => !module.is_signed,
            // `check_modstruct_version` holds the layout of `struct module` by its version.
            Self::StructModule => {
                let has_versions =
                    module.elf.versions.is_some() || module.elf.extended_versions.is_some();
                let is_versioned = has_versions && modversions == Some(true);
                module.kernel.loader_since(6, 4) != Some(false) && !is_versioned
            }
        }
    }
}

impl Fact {
    fn is_there(self, facts: &KernelFacts) -> bool {
        match self {
            Self::Symbols => facts.symbols.is_some(),
            Self::Config => facts.config.is_some(),
            Self::VersionMagic => facts.vermagic.is_some(),
            Self::InTreeModule => facts.this_module_size.is_some(),
        }
    }
}

/// The doubt that is left for a module, where a rule that lacks its fact could refuse it.
pub(super) fn doubt(module: &Loading<'_>, facts: Option<&KernelFacts>) -> Option<Remark> {
    let rules: Vec<Rule> = Rule::ALL
        .into_iter()
        .filter(|rule| facts.is_none_or(|facts| !rule.fact().is_there(facts)))
        .filter(|rule| rule.could_refuse(module))
        .collect();
    let no_facts = facts.is_none();
    (!rules.is_empty()).then(|| Refusal::Unchecked { rules, no_facts }.weighs(Weight::MayRefuse))
}
