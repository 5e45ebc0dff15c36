//! Edits of 64-bit little-endian ELF files, written apart from the product's
//! own parser so that one does not share the other's mistakes.

/// Offsets in `Elf64_Ehdr`.
pub(crate) mod header {
    pub(crate) const CLASS: usize = 4;
    pub(crate) const DATA: usize = 5;
    pub(crate) const OS_ABI: usize = 7;
    pub(crate) const TYPE: usize = 16;
    pub(crate) const MACHINE: usize = 18;
    pub(crate) const VERSION: usize = 20;
    pub(crate) const SECTION_OFFSET: usize = 40;
    pub(crate) const SECTION_ENTRY_SIZE: usize = 58;
    pub(crate) const SECTION_COUNT: usize = 60;
    pub(crate) const NAMES_INDEX: usize = 62;
}

/// Offsets in `Elf64_Shdr`.
pub(crate) mod section {
    pub(crate) const NAME: usize = 0;
    pub(crate) const TYPE: usize = 4;
    pub(crate) const FLAGS: usize = 8;
    pub(crate) const OFFSET: usize = 24;
    pub(crate) const SIZE: usize = 32;
    pub(crate) const LINK: usize = 40;
    pub(crate) const ALIGN: usize = 48;
    pub(crate) const ENTRY_SIZE: usize = 56;
    pub(crate) const BYTES: usize = 64;
}

/// Bytes of one entry of a 64-bit symbol table.
const SYMBOL: usize = 24;

/// An ELF file under the knife.
#[derive(Debug, Clone)]
pub(crate) struct Elf {
    /// The file.
    pub(crate) bytes: Vec<u8>,
}

impl Elf {
    /// Takes a well-formed module.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
        }
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    /// Writes bytes over those at an offset of the file.
    pub(crate) fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// File offset of the header of section `index`.
    pub(crate) fn header_of(&self, index: usize) -> usize {
        self.offset(header::SECTION_OFFSET) + index * section::BYTES
    }

    fn offset(&self, at: usize) -> usize {
        usize::try_from(self.u64(at)).expect("an offset of this machine")
    }

    /// Number of sections.
    pub(crate) fn sections(&self) -> usize {
        usize::from(self.u16(header::SECTION_COUNT))
    }

    fn name_at(&self, strings: usize, name: u32) -> &[u8] {
        let start = strings + usize::try_from(name).expect("an offset of this machine");
        let length = self.bytes[start..]
            .iter()
            .position(|&byte| byte == 0)
            .expect("names end");
        &self.bytes[start..start + length]
    }

    /// Name of section `index`.
    pub(crate) fn section_name(&self, index: usize) -> String {
        let names = self.header_of(usize::from(self.u16(header::NAMES_INDEX)));
        let strings = self.offset(names + section::OFFSET);
        let name = self.u32(self.header_of(index) + section::NAME);
        String::from_utf8_lossy(self.name_at(strings, name)).into_owned()
    }

    /// Index of the first section of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        (0..self.sections()).find(|&index| self.section_name(index) == name)
    }

    /// File offset of the header of the section of a name.
    pub(crate) fn header(&self, name: &str) -> usize {
        self.header_of(
            self.find(name)
                .unwrap_or_else(|| panic!("the module has a section {name}")),
        )
    }

    /// Where the contents of the section of a name stand in the file.
    pub(crate) fn range(&self, name: &str) -> std::ops::Range<usize> {
        let index = self.find(name);
        self.range_of(index.unwrap_or_else(|| panic!("the module has a section {name}")))
    }

    /// Where the contents of section `index` stand in the file.
    pub(crate) fn range_of(&self, index: usize) -> std::ops::Range<usize> {
        let header = self.header_of(index);
        let start = self.offset(header + section::OFFSET);
        start..start + self.offset(header + section::SIZE)
    }

    /// Sets a field of a section's header.
    pub(crate) fn set_header(self, name: &str, field: usize, bytes: &[u8]) -> Self {
        let at = self.header(name) + field;
        self.set(at, bytes)
    }

    /// Sets and clears flags of a section.
    pub(crate) fn flags(self, name: &str, on: u64, off: u64) -> Self {
        let at = self.header(name) + section::FLAGS;
        let flags = (self.u64(at) | on) & !off;
        self.set(at, &flags.to_le_bytes())
    }

    /// Overwrites one text by another of the same length, once, within a section.
    pub(crate) fn replace(self, name: &str, old: &[u8], new: &[u8]) -> Self {
        assert_eq!(old.len(), new.len(), "edits keep the length");
        let range = self.range(name);
        let at = self.bytes[range.clone()]
            .windows(old.len())
            .position(|window| window == old)
            .unwrap_or_else(|| panic!("{name} holds {}", String::from_utf8_lossy(old)));
        self.set(range.start + at, new)
    }

    /// Gives a section another contents, which is put at the end of the file.
    pub(crate) fn contents(mut self, name: &str, contents: &[u8]) -> Self {
        let header = self.header(name);
        self.bytes.resize(self.bytes.len().next_multiple_of(64), 0);
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(contents);
        self.set(header + section::OFFSET, &start.to_le_bytes())
            .set(
                header + section::SIZE,
                &(contents.len() as u64).to_le_bytes(),
            )
    }

    /// Gives exactly this section another name; linkers let names share their ends.
    pub(crate) fn rename_section(self, name: &str, to: &str) -> Self {
        let header = self.header(name);
        let mut names = self.bytes[self.range(".shstrtab")].to_vec();
        let at = u32::try_from(names.len()).expect("a short table");
        names.extend_from_slice(to.as_bytes());
        names.push(0);
        self.contents(".shstrtab", &names)
            .set(header + section::NAME, &at.to_le_bytes())
    }

    /// The entries of `.modinfo`.
    pub(crate) fn modinfo(&self) -> Vec<String> {
        self.bytes[self.range(".modinfo")]
            .split(|&byte| byte == 0)
            .filter(|entry| !entry.is_empty())
            .map(|entry| String::from_utf8_lossy(entry).into_owned())
            .collect()
    }

    /// Replaces `.modinfo` by these entries.
    pub(crate) fn set_modinfo(self, entries: &[String]) -> Self {
        let mut bytes = entries.join("\0").into_bytes();
        bytes.push(0);
        self.contents(".modinfo", &bytes)
    }

    /// Gives the first `.modinfo` entry of a key another value, or adds one.
    pub(crate) fn info(self, key: &str, value: &str) -> Self {
        let mut entries = self.modinfo();
        let wanted = format!("{key}={value}");
        match entries
            .iter_mut()
            .find(|entry| entry.split_once('=').is_some_and(|(found, _)| found == key))
        {
            Some(entry) => *entry = wanted,
            None => entries.push(wanted),
        }
        self.set_modinfo(&entries)
    }

    /// Removes the `.modinfo` entries of a key.
    pub(crate) fn without_info(self, key: &str) -> Self {
        let mut entries = self.modinfo();
        entries.retain(|entry| entry.split_once('=').is_none_or(|(found, _)| found != key));
        self.set_modinfo(&entries)
    }

    /// File offset of the entry of `__versions` for a symbol: 8 bytes of CRC, 56 of name.
    pub(crate) fn version(&self, symbol: &str) -> usize {
        let range = self.range("__versions");
        range
            .clone()
            .step_by(64)
            .find(|&at| {
                let name = &self.bytes[at + 8..at + 64];
                name.starts_with(symbol.as_bytes()) && name[symbol.len()] == 0
            })
            .unwrap_or_else(|| panic!("__versions names {symbol}"))
    }

    /// Name of the symbol whose entry stands at an offset of the file.
    pub(crate) fn symbol_name(&self, at: usize) -> String {
        let name = self.name_at(self.range(".strtab").start, self.u32(at));
        String::from_utf8_lossy(name).into_owned()
    }

    /// File offset of the symbol table's entry for a symbol.
    pub(crate) fn symbol(&self, symbol: &str) -> usize {
        let strings = self.range(".strtab").start;
        self.range(".symtab")
            .step_by(SYMBOL)
            .find(|&at| self.name_at(strings, self.u32(at)) == symbol.as_bytes())
            .unwrap_or_else(|| panic!("the module has a symbol {symbol}"))
    }
}
