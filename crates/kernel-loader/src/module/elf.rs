//! The ELF file as the kernel's loader walks it: header, sections, symbols, relocations.
//!
//! The checks and their order are those of `elf_validity_check` and `setup_load_info`
//! (`kernel/module/main.c`, Linux 6.1; `elf_validity_cache_copy` since 6.12). What only some
//! kernels refuse is left to [`crate::module::defects`].

use std::cell::Cell;

use crate::module::content::View;
use crate::module::{ElfFault, Invalid, Limit};

mod layout;
mod tables;

use layout::{HeaderAt, RawSection, Reader, check_sections};
pub(crate) use layout::{bytes_at, string_at};
pub(crate) use tables::{Relocation, Symbol};

/// `SHT_SYMTAB`
pub(crate) const SHT_SYMTAB: u32 = 2;
/// `SHT_RELA`
pub(crate) const SHT_RELA: u32 = 4;
/// `SHT_NOBITS`
pub(crate) const SHT_NOBITS: u32 = 8;
/// `SHF_WRITE`
pub(crate) const SHF_WRITE: u64 = 1;
/// `SHF_ALLOC`
pub(crate) const SHF_ALLOC: u64 = 2;
/// `SHF_EXECINSTR`
pub(crate) const SHF_EXECINSTR: u64 = 4;
/// `SHN_UNDEF`
pub(crate) const SHN_UNDEF: u16 = 0;
/// `SHN_LORESERVE`: section indexes from here on are special.
pub(crate) const SHN_LORESERVE: u16 = 0xff00;
/// `SHN_ABS`
pub(crate) const SHN_ABS: u16 = 0xfff1;
/// `SHN_LIVEPATCH`
pub(crate) const SHN_LIVEPATCH: u16 = 0xff20;
/// `SHN_COMMON`
pub(crate) const SHN_COMMON: u16 = 0xfff2;

/// `SHT_NULL`
pub(crate) const SHT_NULL: u32 = 0;
/// `SHT_STRTAB`
pub(crate) const SHT_STRTAB: u32 = 3;
const ET_REL: u16 = 1;
/// `sizeof(Elf64_Ehdr)`
const LONGEST_HEADER: u64 = 64;

/// The most symbols of a module.
const MOST_SYMBOLS: u64 = 1 << 19;
/// The most relocations of what is loaded of a module.
const MOST_RELOCATIONS: u64 = 1 << 20;
/// The most bytes of names and other texts that are copied out of one module. Names may
/// share their bytes in the file, so that a small one could promise any number of them.
const MOST_TEXT: u64 = 32 << 20;
/// The same for a small file: its size this many times, and a little more.
const TEXT_SHARE: u64 = 4;
const LEAST_TEXT: u64 = 1 << 20;

/// An ELF file that passed the checks that every kernel makes.
#[derive(Debug)]
pub(crate) struct Elf<'a> {
    view: &'a View<'a>,
    reader: Reader,
    /// `e_machine`
    pub(crate) machine: u16,
    /// `e_flags`
    pub(crate) flags: u32,
    /// The section table.
    pub(crate) sections: Vec<Section<'a>>,
    /// Index of the first symbol table.
    pub(crate) symtab: usize,
    /// Index of the table of the sections' names.
    pub(crate) shstrtab: usize,
    /// Bytes of text that may still be copied.
    text_left: Cell<u64>,
}

/// One section header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'a> {
    /// Its name; empty where it cannot be read.
    pub(crate) name: &'a str,
    /// `sh_type`
    pub(crate) kind: u32,
    /// `sh_flags`
    pub(crate) flags: u64,
    /// `sh_offset`
    pub(crate) offset: u64,
    /// `sh_size`
    pub(crate) size: u64,
    /// `sh_link`
    pub(crate) link: u32,
    /// `sh_info`
    pub(crate) info: u32,
    /// `sh_addralign`
    pub(crate) align: u64,
    /// Where `sh_name` points to.
    pub(crate) name_at: NameAt,
}

/// Where the offset of a name leads, seen from the table of names that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameAt {
    /// Into the table.
    Table,
    /// Behind the table, into the rest of the file.
    File,
    /// Behind the file, where the kernel's copy of it has no memory.
    Nowhere,
}

impl NameAt {
    /// Where `offset` leads from the start of a table of so many bytes, which has `rest` bytes
    /// up to the end of the file.
    fn of(offset: u64, table: u64, rest: u64) -> Self {
        match offset {
            offset if offset < table => Self::Table,
            offset if offset < rest => Self::File,
            _ => Self::Nowhere,
        }
    }
}

impl<'a> Elf<'a> {
    /// Makes the checks of `elf_validity_check` and `setup_load_info` that every kernel
    /// makes. The architecture is not compared: only the judge knows the kernel's.
    pub(crate) fn parse(view: &'a View<'a>) -> Result<Self, ElfFault> {
        let len = view.length();
        let bytes = view.get(0, len.min(LONGEST_HEADER)).unwrap_or_default();
        if bytes.len() < 20 || !bytes.starts_with(b"\x7fELF") {
            return Err(if bytes.is_empty() {
                Invalid::Empty
            } else if bytes.starts_with(b"\x7fELF") {
                Invalid::HeaderLength(bytes.len() as u64)
            } else {
                Invalid::Magic
            }
            .into());
        }
        let reader = Reader::of(bytes);
        let is_64 = reader.is_64;
        let header_size: u64 = if is_64 { 64 } else { 52 };
        let short = || Invalid::HeaderLength(bytes.len() as u64);
        if (bytes.len() as u64) < header_size {
            return Err(short().into());
        }
        let header = HeaderAt::of(is_64);
        let kind = reader.half(bytes, 16).ok_or_else(short)?;
        if kind != ET_REL {
            return Err(Invalid::Type(kind).into());
        }
        let machine = reader.half(bytes, 18).ok_or_else(short)?;
        let flags = reader.word(bytes, header.flags).ok_or_else(short)?;
        let shoff = reader.native(bytes, header.shoff).ok_or_else(short)?;
        let shentsize = reader.half(bytes, header.shentsize).ok_or_else(short)?;
        let shnum = reader.half(bytes, header.shentsize + 2).ok_or_else(short)?;
        let shstrndx = reader.half(bytes, header.shentsize + 4).ok_or_else(short)?;
        let entry: u64 = if is_64 { 64 } else { 40 };
        if u64::from(shentsize) != entry {
            return Err(Invalid::EntrySize.into());
        }
        if shoff >= len || u64::from(shnum) * entry > len - shoff {
            return Err(Invalid::SectionTable.into());
        }
        if shstrndx == SHN_UNDEF || shstrndx >= shnum {
            let (index, count) = (shstrndx, shnum);
            return Err(Invalid::NamesIndex { index, count }.into());
        }
        let table = view.get(shoff, u64::from(shnum) * entry);
        let table = table.ok_or(Invalid::SectionTable)?;
        let mut headers = Vec::with_capacity(usize::from(shnum));
        for index in 0..u64::from(shnum) {
            headers.push(RawSection::read(reader, table, index * entry).ok_or_else(short)?);
        }
        let names = &headers[usize::from(shstrndx)];
        let kind = names.kind;
        let name_table = view.get(names.offset, names.size);
        let name_table = name_table.ok_or(Invalid::Names { kind })?;
        match name_table.last() {
            None => return Err(Invalid::NamesEmpty.into()),
            Some(0) => {}
            Some(_) => return Err(Invalid::NamesOpen.into()),
        }
        check_sections(&headers, view, name_table.len() as u64)?;
        let names_to_end = len.saturating_sub(names.offset);
        let sections: Vec<Section<'a>> = headers
            .iter()
            .map(|raw| Section {
                name: string_at(name_table, u64::from(raw.name)).unwrap_or_default(),
                kind: raw.kind,
                flags: raw.flags,
                offset: raw.offset,
                size: raw.size,
                link: raw.link,
                info: raw.info,
                align: raw.align,
                name_at: NameAt::of(raw.name.into(), name_table.len() as u64, names_to_end),
            })
            .collect();
        refuse_bombs(&sections, reader, len)?;
        let symtab = sections
            .iter()
            .skip(1)
            .position(|section| section.kind == SHT_SYMTAB)
            .map(|index| index + 1)
            .ok_or(Invalid::NoSymbols)?;
        let elf = Self {
            view,
            reader,
            machine,
            flags,
            sections,
            symtab,
            shstrtab: usize::from(shstrndx),
            text_left: Cell::new((len * TEXT_SHARE + LEAST_TEXT).min(MOST_TEXT)),
        };
        // All at once: each that is missing later is one more look.
        for section in elf.sections.iter().filter(|it| is_read(it, &elf.sections)) {
            elf.content(section);
        }
        match view.lacks_any() {
            true => Err(Invalid::Empty.into()),
            false => Ok(elf),
        }
    }

    /// Counts text that is about to be copied.
    ///
    /// # Errors
    /// It is more than any module has.
    pub(crate) fn pay(&self, text: &[u8]) -> Result<(), ElfFault> {
        let left = self.text_left.get().checked_sub(text.len() as u64);
        self.text_left.set(left.ok_or(Limit::Names)?);
        Ok(())
    }

    /// True for `ELFCLASS64`.
    pub(crate) fn is_64(&self) -> bool {
        self.reader.is_64
    }

    /// True for `ELFDATA2LSB`.
    pub(crate) fn little_endian(&self) -> bool {
        self.reader.little_endian
    }

    /// The content of a section; empty for one without content in the file.
    pub(crate) fn content(&self, section: &Section<'_>) -> &'a [u8] {
        if section.kind == SHT_NOBITS {
            return &[];
        }
        let content = self.view.get(section.offset, section.size);
        content.unwrap_or_default()
    }

    /// The first allocated section of a name (`find_sec`).
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Section<'a>)> {
        self.sections
            .iter()
            .enumerate()
            .skip(1)
            .find(|(_, section)| section.flags & SHF_ALLOC != 0 && section.name == name)
    }

    /// The sections that the loader puts into memory: those with `SHF_ALLOC`, which it takes
    /// from the first ones of information and of versions (`rewrite_section_headers`; of extended
    /// versions since 6.14).
    pub(crate) fn loaded_sections(&self) -> impl Iterator<Item = (usize, &Section<'a>)> {
        let dropped = [
            ".modinfo",
            "__versions",
            "__version_ext_crcs",
            "__version_ext_names",
        ];
        let dropped = dropped.map(|name| self.find(name).map(|(at, _)| at));
        self.sections
            .iter()
            .enumerate()
            .skip(1)
            .filter(move |(at, section)| {
                section.flags & SHF_ALLOC != 0 && !dropped.contains(&Some(*at))
            })
    }

    /// The table of symbols and that of their names.
    pub(crate) fn symbol_tables(&self) -> [(usize, &Section<'a>); 2] {
        let names = self.sections[self.symtab].link as usize;
        [self.symtab, names].map(|index| (index, &self.sections[index]))
    }

    /// What follows the content of a section in the file, the module's signature included.
    pub(crate) fn content_behind(&self, section: &Section<'_>) -> &'a [u8] {
        let end = section.offset.checked_add(section.size);
        end.and_then(|end| self.view.to_the_end(end))
            .unwrap_or_default()
    }

    /// The first section of a name (`find_any_sec`).
    pub(crate) fn find_any(&self, name: &str) -> Option<&Section<'a>> {
        let named = |section: &&Section<'_>| section.name == name;
        self.sections.iter().skip(1).find(named)
    }

    /// A 32-bit value in a section's content.
    pub(crate) fn word(&self, content: &[u8], at: u64) -> Option<u32> {
        self.reader.word(content, at)
    }

    /// An address-sized value in a section's content.
    pub(crate) fn native(&self, content: &[u8], at: u64) -> Option<u64> {
        self.reader.native(content, at)
    }

    /// The string table of the symbols, as its section header bounds it.
    pub(crate) fn symbol_names(&self) -> &'a [u8] {
        self.name_section()
            .map(|section| self.content(section))
            .unwrap_or_default()
    }

    fn name_section(&self) -> Option<&Section<'a>> {
        self.sections.get(self.sections[self.symtab].link as usize)
    }
}

/// Whether rules read what is in a section. It need not be told for certain.
fn is_read(section: &Section<'_>, sections: &[Section<'_>]) -> bool {
    let has_memory = |section: &Section<'_>| section.flags & SHF_ALLOC != 0;
    match section.kind {
        SHT_SYMTAB | SHT_STRTAB => true,
        SHT_RELA => sections.get(section.info as usize).is_some_and(has_memory),
        _ => has_memory(section) || section.name.starts_with(".BTF"),
    }
}

/// Refuses files whose tables would take time and memory out of proportion to the file:
/// overlapping relocations, and more symbols than any module has.
fn refuse_bombs(sections: &[Section<'_>], reader: Reader, len: u64) -> Result<(), ElfFault> {
    let sum_of = |kind: u32| {
        sections
            .iter()
            .filter(|section| section.kind == kind)
            .fold(0, |sum: u64, section| sum.saturating_add(section.size))
    };
    if sum_of(SHT_RELA) > len.saturating_mul(2) {
        return Err(Limit::Relocations.into());
    }
    let applied = sections.iter().filter(|section| {
        let target = sections.get(section.info as usize);
        section.kind == SHT_RELA && target.is_some_and(|target| target.flags & SHF_ALLOC != 0)
    });
    let applied = applied.fold(0, |sum: u64, section| sum.saturating_add(section.size));
    if applied / if reader.is_64 { 24 } else { 12 } > MOST_RELOCATIONS {
        return Err(Limit::AppliedRelocations(MOST_RELOCATIONS).into());
    }
    let entry = if reader.is_64 { 24 } else { 16 };
    if sum_of(SHT_SYMTAB) / entry > MOST_SYMBOLS {
        return Err(Limit::Symbols(MOST_SYMBOLS).into());
    }
    Ok(())
}
