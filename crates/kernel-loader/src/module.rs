//! The facts of one kernel module file.

use serde::{Deserialize, Serialize};

pub mod btf;
pub mod compression;
pub mod content;
pub mod defects;
pub(crate) mod elf;
mod exports;
pub mod facts;
pub mod names;
mod parameters;
#[cfg(test)]
mod tests;

use btf::BtfFault;
use compression::Compression;
use content::Content;
use defects::Defect;
use facts::Depth;

use crate::arch::sections::ArchSection;
use crate::signature::{self, SignatureState};

/// The largest module that is looked at, uncompressed, in bytes.
pub const LARGEST_MODULE: u64 = 128 << 20;

/// Everything that a rule may ask of a `.ko` file, read once and cached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleFile {
    /// Size of the file as it stands in the image, in bytes.
    pub file_size: u64,
    /// How the file is compressed, by its first bytes as kmod looks at it.
    pub compression: Compression,
    /// The appended signature, which the kernel takes off before it looks at the ELF file.
    pub signature: SignatureState,
    /// The ELF file, or why it is none.
    pub elf: Result<ElfFacts, ElfFault>,
}

impl ModuleFile {
    /// Reads a file as `modprobe` hands it to the kernel: decompressed by kmod
    /// (`kmod_file_open`), then without its signature (`module_sig_check`).
    pub fn parse(bytes: &[u8], depth: Depth) -> Self {
        let content = compression::content(bytes, LARGEST_MODULE);
        let content = content.as_ref().map_err(ElfFault::clone);
        Self::of_content(Compression::of(bytes), bytes.len() as u64, content, depth)
    }

    /// The same of a file, compressed so and of so many bytes, that was decompressed already.
    pub fn of_content(
        compression: Compression,
        file_size: u64,
        content: Result<&Content<'_>, ElfFault>,
        depth: Depth,
    ) -> Self {
        let taken_apart = content.and_then(|content| {
            let (length, signature) = signature::split(content)
                .map_err(|fault| ElfFault::Compression(fault.to_string().into()))?;
            Ok((signature, facts::gather(content, length, depth)))
        });
        let (signature, elf) =
            taken_apart.unwrap_or_else(|fault| (SignatureState::Absent, Err(fault)));
        Self {
            file_size,
            compression,
            signature,
            elf,
        }
    }
}

/// Why the file cannot be taken apart, so that no rule can be put to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElfFault {
    /// The compressed data are damaged: kmod's word for it.
    Compression(Box<str>),
    /// `elf_validity_check` and its kin refuse it, on every kernel.
    Invalid(Invalid),
    /// Beyond a limit of this program: could not look.
    Limit(Limit),
}

impl From<Invalid> for ElfFault {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Limit> for ElfFault {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

/// What every kernel's loader refuses (`elf_validity_check`, `setup_load_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants say what their fields are")]
pub enum Invalid {
    /// There are no bytes.
    Empty,
    /// Not the magic number of ELF files.
    Magic,
    /// Shorter than a header: so many bytes.
    HeaderLength(u64),
    /// Another type than `ET_REL`.
    Type(u16),
    /// `e_shentsize` is not that of the class.
    EntrySize,
    /// The table of sections lies outside of the file.
    SectionTable,
    /// `e_shstrndx` of so many sections.
    NamesIndex { index: u16, count: u16 },
    /// The table of the sections' names lies outside of the file.
    Names { kind: u32 },
    /// The table of the sections' names has no bytes.
    NamesEmpty,
    /// The table of the sections' names does not end with a NUL.
    NamesOpen,
    /// The first section is not the null section.
    FirstSection { kind: u32 },
    /// `sh_link` of a symbol table of so many sections.
    SymbolsLink { link: u32, count: u32 },
    /// A section lies outside of the file.
    Section { index: u32, kind: u32 },
    /// A section with memory has its name outside of the table of names.
    SectionName { index: u32, kind: u32 },
    /// No symbol table.
    NoSymbols,
    /// No `.gnu.linkonce.this_module`.
    NoModule,
}

/// A limit of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Larger, uncompressed, than so many bytes.
    Size(u64),
    /// More symbols than this.
    Symbols(u64),
    /// More entries in `.modinfo` than this.
    Information(u64),
    /// The sections of relocations lie over each other.
    Relocations,
    /// The names lie over each other.
    Names,
    /// More relocations of what is loaded than this.
    AppliedRelocations(u64),
}

/// What the ELF file says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElfFacts {
    /// True for `ELFCLASS64`.
    pub is_64: bool,
    /// True for `ELFDATA2LSB`.
    pub little_endian: bool,
    /// `e_machine`.
    pub machine: u16,
    /// `e_flags`.
    pub flags: u32,
    /// `.modinfo` in file order: tag and value.
    pub modinfo: Vec<(Box<str>, Box<str>)>,
    /// The section is not marked to take memory; kernels before 6.4 find none then.
    pub modinfo_without_memory: bool,
    /// `.BTF`, where there is one that is not empty: why every kernel that looks refuses it.
    pub btf: Option<Result<(), BtfFault>>,
    /// The same of `.BTF.base`, the types that those of `.BTF` refer to, where the module brings
    /// them (since 6.11).
    pub btf_base: Option<Result<(), BtfFault>>,
    /// `__versions`; `None` when the section is absent.
    pub versions: Option<Vec<SymbolVersion>>,
    /// `__version_ext_names` and `__version_ext_crcs`; `None` when absent.
    pub extended_versions: Option<Vec<SymbolVersion>>,
    /// Symbols that another module or the kernel has to define.
    pub undefined: Vec<UndefinedSymbol>,
    /// Symbols that this module exports.
    pub exports: Vec<ExportedSymbol>,
    /// `.gnu.linkonce.this_module`: size in bytes of `struct module` and the name in it.
    pub this_module_size: u64,
    /// The module's name in `struct module`.
    pub this_module_name: Box<str>,
    /// A table of exports (`__ksymtab`, `__ksymtab_gpl`) without one of their CRCs.
    pub unversioned: Option<Box<str>>,
    /// `__ksymtab` has entries, and their flags (`__kflagstab`) are absent.
    pub unflagged: bool,
    /// How much memory its sections take, without alignment, counted in 32 bits as the loader
    /// counts it (`module_get_offset`).
    pub memory: u32,
    /// Its data for each CPU, where it has any.
    pub per_cpu: Option<PerCpu>,
    /// The parameters that the module takes; `None` where they were not looked at.
    pub parameters: Option<Vec<Parameter>>,
    /// What is odd about the file, in the order in which a kernel would meet it.
    pub defects: Vec<Defect>,
    /// Sections that its architecture's `module.lds` has, and the module lacks.
    pub absent_sections: Vec<ArchSection>,
}

impl ElfFacts {
    /// The first value of a `.modinfo` tag, as `get_modinfo` finds it.
    pub fn modinfo(&self, tag: &str) -> Option<&str> {
        self.modinfo
            .iter()
            .find(|(name, _)| &**name == tag)
            .map(|(_, value)| &**value)
    }

    /// Every value of a `.modinfo` tag.
    pub fn modinfo_all(&self, tag: &str) -> impl Iterator<Item = &str> {
        self.modinfo
            .iter()
            .filter(move |(name, _)| &**name == tag)
            .map(|(_, value)| &**value)
    }
}

/// One entry of `__versions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolVersion {
    /// The symbol.
    pub name: Box<str>,
    /// Its CRC when the module was built, as wide as the loader compares it: no symbol of
    /// the kernel has more than 32 bits.
    pub crc: u64,
}

/// A symbol that the module uses and does not define.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndefinedSymbol {
    /// Its name.
    pub name: Box<str>,
    /// `STB_WEAK`: may stay unresolved.
    pub weak: bool,
    /// `st_value` is not zero, and stays the symbol's address where it is not resolved.
    pub has_value: bool,
}

/// A symbol that the module exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedSymbol {
    /// Its name.
    pub name: Box<str>,
    /// Its CRC, where the module carries any.
    pub crc: Option<u32>,
    /// `EXPORT_SYMBOL_GPL`.
    pub gpl: bool,
    /// Its namespace.
    pub namespace: Option<Box<str>>,
}

/// A parameter of a module (`struct kernel_param`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: Box<str>,
    /// The kernel's `struct kernel_param_ops`, such as `param_ops_int`; empty for one of
    /// the module's own.
    pub setter: Box<str>,
    /// That of an array's elements.
    pub element: Box<str>,
    /// How many elements an array takes, or how many bytes a string, its end included.
    pub most: u32,
    /// It is an address or interrupt of hardware (`module_param_hw`).
    pub of_hardware: bool,
}

/// `.data..percpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerCpu {
    /// Bytes of one CPU.
    pub size: u64,
    /// Their alignment.
    pub align: u64,
}
