//! What the kernel answers to a module, and why.

use crate::arch::Arch;
use crate::arch::sections::ArchSection;
use crate::load::parameters::ParameterFault;
use crate::module::ElfFault;
use crate::module::btf::BtfFault;
use crate::module::defects::Defect;
use crate::signature::fault::{Malformed, Unsupported};

/// What `finit_module` or `init_module` answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The module is loaded; what there is to say of it.
    Loaded(Vec<Remark>),
    /// `-EEXIST`, and why.
    Exists(Existing),
    /// It is refused, or whether it is cannot be told. What refuses it comes first.
    Refused(Vec<Remark>),
    /// The kernel does not survive it.
    Crashes(Vec<Remark>),
}

/// Why the kernel answers that something is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// A module of this name in `struct module` is loaded.
    Module(Box<str>),
    /// Two sections of the module would be one file below `/sys/module`.
    Sections(Defect),
}

/// One thing that the loader minds about a module.
#[derive(Debug, Clone, PartialEq)]
pub struct Remark {
    /// What it is.
    pub refusal: Refusal,
    /// What comes of it.
    pub weight: Weight,
}

/// What comes of a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The kernel refuses the module, or does not survive it.
    Refuses,
    /// Whether it does cannot be told.
    MayRefuse,
    /// The module could not be looked at.
    NotRead,
    /// The kernel goes on.
    Passes,
}

impl Weight {
    /// The weight of a rule by an option of the configuration that lets the module pass.
    pub(crate) fn unless(option: Option<bool>) -> Option<Self> {
        match option {
            Some(true) => None,
            Some(false) => Some(Self::Refuses),
            None => Some(Self::MayRefuse),
        }
    }

    /// The weight of a rule by whether the kernel has it.
    pub(crate) fn since(has_it: Option<bool>) -> Option<Self> {
        match has_it {
            Some(true) => Some(Self::Refuses),
            Some(false) => None,
            None => Some(Self::MayRefuse),
        }
    }

    /// The weight of what is certain, or not.
    pub(crate) fn certain(is_certain: bool) -> Self {
        match is_certain {
            true => Self::Refuses,
            false => Self::MayRefuse,
        }
    }
}

/// Why the loader refuses a module, step by step as `load_module` of `kernel/module/main.c`
/// comes to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The kernel has no loadable modules (`CONFIG_MODULES`).
    NoModules,
    /// The file is no module at all.
    File(ElfFault),
    /// The signature (`module_sig_check`).
    Signature(SignatureRefusal),
    /// The module is for another machine (`elf_check_arch`).
    Machine {
        /// `e_machine`.
        machine: u16,
        /// `ELFCLASS64`.
        is_64: bool,
        /// The kernel's architecture.
        wanted: Arch,
    },
    /// A section that the architecture's loader looks for is absent.
    SectionAbsent(ArchSection),
    /// A defect of the file.
    Defect {
        /// What is wrong.
        defect: Defect,
        /// The kernel does not look at it, and may not survive it.
        crashes: bool,
    },
    /// The kernel has no room for the module's sections (`module_alloc`).
    Memory {
        /// What they take, at least.
        bytes: u64,
    },
    /// The kernel has no room for the module's per-CPU data (`percpu_modalloc`).
    PerCpu {
        /// What it takes.
        bytes: u64,
    },
    /// `struct module` has another size (`elf_validity_check`, Linux 6.4).
    StructModule {
        /// The module's, in bytes.
        size: u64,
        /// The kernel's.
        wanted: u64,
    },
    /// The version magic is absent, or `--force` cut it out (`check_modinfo`).
    NoVersionMagic {
        /// It was cut out.
        is_forced: bool,
    },
    /// The version magic is another one (`same_magic`).
    VersionMagic {
        /// The module's.
        magic: Box<str>,
        /// The kernel's; `None` where only its release is known.
        wanted: Option<Box<str>>,
    },
    /// A livepatch on a kernel without them (`check_modinfo_livepatch`).
    Livepatch,
    /// Exports without versions (`check_module_license_and_versions`).
    UnversionedExports {
        /// The first such table.
        table: Box<str>,
    },
    /// Exports without flags (`check_export_symbol_sections`, 7.1).
    UnflaggedExports,
    /// It imports a namespace that names the modules that may use it (`setup_modinfo`, 6.16).
    Import {
        /// The namespace.
        namespace: Box<str>,
    },
    /// A symbol that the module uses or exports.
    Symbol(SymbolRefusal),
    /// Rules that could refuse the module lack the facts that they need.
    Unchecked {
        /// The rules; never empty.
        rules: Vec<Rule>,
        /// Nothing at all is known about the kernel.
        no_facts: bool,
    },
    /// A word of the parameters (`parse_args`).
    Parameter(ParameterFault),
    /// `struct module` has an empty name (`mod_sysfs_init`).
    NoName,
    /// The type information is damaged (`btf_module_notify`).
    Btf(BtfFault),
    /// The type information was made for another kernel.
    BtfOf {
        /// That kernel's release.
        release: Box<str>,
    },
    /// Built-in code has the module's folder below `/sys/module` (`mod_sysfs_init`).
    FolderTaken,
    /// The kernel has a module of that name built in.
    BuiltIn,
}

/// What the kernel minds about a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureRefusal {
    /// There is none (`-ENODATA`).
    Absent {
        /// The kernel ignores it, as it does that of a forced module.
        is_forced: bool,
    },
    /// The kernel has no code for it (`-ENOPKG`).
    Unsupported(Unsupported),
    /// Every algorithm for the digest of the content is unknown to the kernel (`-ENOPKG`).
    NoHash,
    /// It cannot be taken apart.
    Malformed(Malformed),
    /// Something of it is not verified here.
    Unverified {
        /// The signer.
        signer: String,
    },
    /// A key made it whose certificate the kernel cannot use (`x509_key_preparse`).
    UnusableKey {
        /// The signer.
        signer: String,
    },
    /// A key made it that nobody named (`-ENOKEY` where the kernel lacks it too).
    OtherKey {
        /// The signer.
        signer: String,
    },
    /// It does not fit the module (`-EKEYREJECTED`).
    Damaged {
        /// The signer.
        signer: String,
    },
    /// It has signed attributes (`pkcs7_verify`).
    Attributes,
}

/// What the kernel minds about a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolRefusal {
    /// Nothing that is loaded exports it (`resolve_symbol`).
    Missing {
        /// The symbol.
        symbol: Box<str>,
        /// The in-tree module that does.
        in_tree: Option<Box<str>>,
    },
    /// It may stay unresolved, and leads to what the file says.
    Stray {
        /// The symbol.
        symbol: Box<str>,
    },
    /// It is for modules with a licence that goes with the GPL (`find_symbol`).
    GplOnly {
        /// The symbol.
        symbol: Box<str>,
    },
    /// A proprietary module exports it, and this one uses GPL-only symbols (`inherit_taint`).
    OfProprietary {
        /// The symbol.
        symbol: Box<str>,
        /// The module that exports it.
        owner: Box<str>,
    },
    /// It has another version (`check_version`).
    Version {
        /// The symbol.
        symbol: Box<str>,
        /// Its CRC in the module.
        module: u64,
        /// Its CRC in the kernel.
        kernel: u32,
    },
    /// The module has versions, and none of this symbol (Debian's patch "module: Disable
    /// matching missing version CRC").
    VersionMissing {
        /// The symbol.
        symbol: Box<str>,
        /// Its CRC in the kernel.
        kernel: u32,
    },
    /// The module has no versions (`try_to_force_load`).
    NoVersions {
        /// The first symbol that wants one.
        symbol: Box<str>,
    },
    /// Its namespace is not imported (`verify_namespace_is_imported`).
    Namespace {
        /// The symbol.
        symbol: Box<str>,
        /// The namespace.
        namespace: Box<str>,
    },
    /// It is exported already (`verify_exported_symbols`).
    Duplicate {
        /// The symbol.
        symbol: Box<str>,
        /// The module that exports it; `None` for the kernel itself.
        owner: Option<Box<str>>,
    },
}

/// A rule that needs a fact about the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Symbols are there.
    Symbols,
    /// They have the same versions.
    SymbolVersions,
    /// The version magic is the same.
    VersionMagic,
    /// The signature is there and fits, where the kernel enforces it.
    Signature,
    /// `struct module` has the same size.
    StructModule,
}

/// A fact about the kernel that rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// `Module.symvers`.
    Symbols,
    /// `.config`.
    Config,
    /// The version magic.
    VersionMagic,
    /// An in-tree module.
    InTreeModule,
}

impl Refusal {
    /// The same with what comes of it.
    pub(crate) fn weighs(self, weight: Weight) -> Remark {
        Remark {
            refusal: self,
            weight,
        }
    }
}
