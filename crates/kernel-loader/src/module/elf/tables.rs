//! The tables of a module's ELF file: its symbols and its relocations.

use super::layout::string_at;
use super::{Elf, NameAt, Section};
use crate::module::ElfFault;

/// One symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol<'a> {
    /// Its name; lossless bytes that are not UTF-8 make it empty.
    pub(crate) name: &'a str,
    /// Where `st_name` points to.
    pub(crate) name_at: NameAt,
    /// `ELF_ST_BIND(st_info) == STB_WEAK`
    pub(crate) weak: bool,
    /// `st_shndx`
    pub(crate) section: u16,
    /// `st_value`
    pub(crate) value: u64,
}

/// One relocation with an addend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relocation {
    /// `r_offset`
    pub(crate) offset: u64,
    /// `ELF_R_TYPE(r_info)`
    pub(crate) kind: u32,
    /// `ELF_R_SYM(r_info)`
    pub(crate) symbol: u32,
    /// `r_addend`
    pub(crate) addend: i64,
}

impl<'a> Elf<'a> {
    /// What the loader finds names in: all that follows the table's start, for no kernel
    /// before 6.12 compares with its size (`setup_load_info`, `info->strtab`).
    fn names_from_start(&self) -> &'a [u8] {
        self.name_section()
            .and_then(|section| self.bytes.get(usize::try_from(section.offset).ok()?..))
            .unwrap_or_default()
    }

    /// `sizeof(Elf_Sym)`
    pub(crate) fn symbol_size(&self) -> u64 {
        if self.is_64() { 24 } else { 16 }
    }

    /// Every symbol of the table, the null symbol at index 0 included.
    ///
    /// # Errors
    /// Their names are more than any module has.
    pub(crate) fn symbols(&self) -> Result<Vec<Symbol<'a>>, ElfFault> {
        let content = self.content(&self.sections[self.symtab]);
        let names = self.names_from_start();
        let bound = self.symbol_names().len() as u64;
        let entry = self.symbol_size();
        (0..content.len() as u64 / entry)
            .filter_map(|index| self.symbol(content, names, bound, index * entry))
            .map(|symbol| self.pay(symbol.name.as_bytes()).map(|()| symbol))
            .collect()
    }

    /// The symbol at an offset of the table; its name in `names`, of which the first `bound`
    /// bytes belong to the string table.
    fn symbol(&self, content: &[u8], names: &'a [u8], bound: u64, at: u64) -> Option<Symbol<'a>> {
        let name_at = u64::from(self.word(content, at)?);
        let (info, section, value) = if self.is_64() {
            (at + 4, at + 6, self.native(content, at + 8)?)
        } else {
            (at + 12, at + 14, self.native(content, at + 4)?)
        };
        let info = *content.get(usize::try_from(info).ok()?)?;
        Some(Symbol {
            name: string_at(names, name_at).unwrap_or_default(),
            name_at: NameAt::of(name_at, bound, names.len() as u64),
            weak: info >> 4 == 2,
            section: self.reader.half(content, section)?,
            value,
        })
    }

    /// The relocations with addends of a section.
    pub(crate) fn relocations(&self, section: &Section<'_>) -> Vec<Relocation> {
        let content = self.content(section);
        let entry: u64 = if self.is_64() { 24 } else { 12 };
        (0..content.len() as u64 / entry)
            .filter_map(|index| {
                let at = index * entry;
                let offset = self.native(content, at)?;
                Some(if self.is_64() {
                    let info = self.native(content, at + 8)?;
                    Relocation {
                        offset,
                        kind: info as u32,
                        symbol: (info >> 32) as u32,
                        addend: self.native(content, at + 16)? as i64,
                    }
                } else {
                    let info = self.word(content, at + 4)?;
                    Relocation {
                        offset,
                        kind: info & 0xff,
                        symbol: info >> 8,
                        addend: i64::from(self.word(content, at + 8)? as i32),
                    }
                })
            })
            .collect()
    }
}
