//! The tables of a module's ELF file: its symbols and its relocations.

use super::layout::{LONGEST_NAME, bytes_at};
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
    /// The name at an offset of the symbols' string table, as the loader finds it: no kernel
    /// before 6.12 compares with the table's size (`setup_load_info`, `info->strtab`).
    fn symbol_name(&self, table: &'a [u8], start: u64, at: u64) -> &'a str {
        let in_table = usize::try_from(at).ok().and_then(|at| table.get(at..));
        let name = in_table.and_then(|rest| {
            let end = rest.iter().take(LONGEST_NAME + 1).position(|it| *it == 0)?;
            Some(&rest[..end])
        });
        let behind = || {
            let at = start.saturating_add(at);
            let rest = self.view.length().saturating_sub(at);
            let near = self.view.get(at, rest.min(LONGEST_NAME as u64 + 1))?;
            bytes_at(near, 0)
        };
        let name = name.or_else(behind).and_then(|it| str::from_utf8(it).ok());
        name.unwrap_or_default()
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
        let names = self.symbol_names();
        let start = self.name_section().map(|section| section.offset);
        let entry = self.symbol_size();
        (0..content.len() as u64 / entry)
            .filter_map(|index| self.symbol(content, names, start, index * entry))
            .map(|symbol| self.pay(symbol.name.as_bytes()).map(|()| symbol))
            .collect()
    }

    /// The symbol at an offset of the table; its name in `names`, which start at an offset of the
    /// file.
    fn symbol(
        &self,
        content: &[u8],
        names: &'a [u8],
        start: Option<u64>,
        at: u64,
    ) -> Option<Symbol<'a>> {
        let name_at = u64::from(self.word(content, at)?);
        let (info, section, value) = if self.is_64() {
            (at + 4, at + 6, self.native(content, at + 8)?)
        } else {
            (at + 12, at + 14, self.native(content, at + 4)?)
        };
        let info = *content.get(usize::try_from(info).ok()?)?;
        Some(Symbol {
            name: start.map_or("", |start| self.symbol_name(names, start, name_at)),
            name_at: NameAt::of(
                name_at,
                names.len() as u64,
                start.map_or(0, |start| self.view.length().saturating_sub(start)),
            ),
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
