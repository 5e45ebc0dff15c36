//! What is left unlooked at where facts about the kernel are missing.

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::kernel::version::Kernel;
use kernel_loader::module::ElfFacts;

use crate::findings::finding::{Code, Finding};

/// A fact about the kernel that rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Symbols,
    Config,
    VersionMagic,
    InTreeModule,
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

    fn hint(self) -> &'static str {
        match self {
            Self::Symbols => {
                "Add the kernel's Module.symvers (kernel-devel) or symvers.gz (kernel-core)."
            }
            Self::Config => "Add the kernel's .config (kernel-devel) or config (kernel-core).",
            Self::VersionMagic => "Add an in-tree module or the kernel's .config.",
            Self::InTreeModule => "Add an in-tree module of the kernel.",
        }
    }
}

/// One module on its way into the kernel.
pub(super) struct Loading<'a> {
    pub(super) elf: &'a ElfFacts,
    pub(super) kernel: Kernel<'a>,
    /// Symbols that could not be looked up.
    pub(super) unchecked: usize,
    /// A key that the kernel is said to trust made the module's signature.
    pub(super) is_signed: bool,
}

/// A rule, the fact that it needs, and whether it could refuse the module without it.
struct Rule {
    what: &'static str,
    fact: Fact,
    could_refuse: fn(&Loading<'_>) -> bool,
}

/// Which fact each rule of the kernel's loader needs. Rules about one option of the
/// configuration (`CONFIG_MODULE_FORCE_LOAD`, `CONFIG_STRICT_MODULE_RWX`, …) raise their doubts
/// themselves, and only for a module that is odd. That built-in code has the name of an
/// out-of-tree module is seen where the lists of built-in modules are there; nothing waits
/// for them.
const RULES: [Rule; 5] = [
    Rule {
        what: "symbols",
        fact: Fact::Symbols,
        could_refuse: |module| module.unchecked > 0 || !module.elf.exports.is_empty(),
    },
    Rule {
        what: "symbol versions",
        fact: Fact::Symbols,
        could_refuse: |module| module.kernel.modversions() != Some(false),
    },
    Rule {
        what: "version magic",
        fact: Fact::VersionMagic,
        could_refuse: |_| true,
    },
    Rule {
        what: "signature",
        fact: Fact::Config,
        could_refuse: |module| !module.is_signed,
    },
    // `check_modstruct_version` holds the layout of `struct module` by its version.
    Rule {
        what: "size of struct module",
        fact: Fact::InTreeModule,
        could_refuse: |module| {
            let has_versions =
                module.elf.versions.is_some() || module.elf.extended_versions.is_some();
            let is_versioned = has_versions && module.kernel.modversions() == Some(true);
            module.kernel.at_least(6, 4) && !is_versioned
        },
    },
];

/// The doubt that is left for a module, where a rule that lacks its fact could refuse it.
pub(super) fn doubt(
    module: &Loading<'_>,
    facts: Option<&KernelFacts>,
    kernel_version: &str,
) -> Option<Finding> {
    let lacking: Vec<&Rule> = RULES
        .iter()
        .filter(|rule| facts.is_none_or(|facts| !rule.fact.is_there(facts)))
        .filter(|rule| (rule.could_refuse)(module))
        .collect();
    let what: Vec<&str> = lacking.iter().map(|rule| rule.what).collect();
    let (last, first) = what.split_last()?;
    if facts.is_none() {
        return Some(no_facts(kernel_version));
    }
    let list = match first {
        [] => (*last).to_owned(),
        first => format!("{} and {last}", first.join(", ")),
    };
    let mut hints: Vec<&str> = lacking.iter().map(|rule| rule.fact.hint()).collect();
    hints.dedup();
    Some(
        Finding::new(
            Code::KernelFactsMissing,
            format!("incomplete kernel facts for {kernel_version}: not checked: {list}"),
        )
        .hint(hints.join(" ")),
    )
}

/// Nobody said where the facts about the kernel are.
pub(crate) fn no_facts(kernel_version: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!(
            "No kernel facts for {kernel_version}: symbols, symbol versions, version magic and \
             signatures were not checked."
        ),
    )
    .hint("Pass --release-image, --dtk-image or --kernel-dir.")
}
