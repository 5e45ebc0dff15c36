//! Where the sections of a module come to lie in the kernel's memory (`layout_sections`,
//! `layout_symtab` of `kernel/module/`).

use super::{MEMORY_LARGE, MEMORY_TOO_LARGE, OVERLAP_BEFORE_6_4, OVERLAP_SINCE_6_4};
use crate::kmod::elf::{Elf, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, Section};

/// What x86 has for modules at most (`MODULES_LEN`); others have no more.
const ROOM: u64 = 1520 << 20;
/// No module needs as much.
const MUCH: u64 = 512 << 20;

/// The regions of a kernel since 6.4 (`enum mod_mem_type`); before, the first four were one
/// and the rest another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    Text,
    ReadOnly,
    ReadOnlyAfterInit,
    Data,
    InitText,
    InitReadOnly,
    InitData,
}

/// Bytes that a region may lose without harm.
const SLACK: u64 = 8;

/// One region as it grows.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    size: u32,
    overlaps: bool,
    shrinks: bool,
    memory: u64,
}

impl Extent {
    /// `module_get_offset`: sizes are counted in 32 bits, and so is the alignment.
    fn add(&mut self, size: u64, align: u64) {
        let mask = (align.max(1) as u32).wrapping_sub(1);
        let start = self.size.wrapping_add(mask) & !mask;
        let end = (u64::from(start).wrapping_add(size)) as u32;
        self.overlaps |= start < self.size;
        // All ones take a byte away, which no other section needs.
        self.shrinks |= u64::from(end) + SLACK < u64::from(start);
        self.memory = self.memory.max(u64::from(end));
        self.size = end;
    }
}

/// Puts the sections one after the other, and says what comes out of it.
pub(super) fn layout(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let mut before = [Extent::default(); 2];
    let mut since = [Extent::default(); 7];
    let mut place = |section: &Section<'_>, region: Region| {
        let index = region as usize;
        since[index].add(section.size, section.align);
        before[usize::from(index >= Region::InitText as usize)].add(section.size, section.align);
    };
    for region in [
        Region::Text,
        Region::ReadOnly,
        Region::ReadOnlyAfterInit,
        Region::Data,
        Region::InitText,
        Region::InitReadOnly,
        Region::InitData,
    ] {
        for section in elf.sections.iter().skip(1) {
            if region_of(section) == Some(region) {
                place(section, region);
            }
        }
    }
    for index in [elf.symtab, elf.sections[elf.symtab].link as usize] {
        if let Some(section) = elf.sections.get(index) {
            place(section, Region::InitData);
        }
    }
    let overlap = "the alignments and sizes of its sections put them upon each other";
    for (rule, extents) in [
        (OVERLAP_BEFORE_6_4, &before[..]),
        (OVERLAP_SINCE_6_4, &since[..]),
    ] {
        if extents.iter().any(|extent| extent.overlaps) {
            add(rule, overlap.to_owned());
        }
    }
    let memory = since.iter().map(|extent| extent.memory).max().unwrap_or(0);
    let message = || format!("Cannot allocate memory: its sections take {memory} bytes, or more");
    let shrinks = since.iter().any(|extent| extent.shrinks);
    if memory >= ROOM {
        add(MEMORY_TOO_LARGE, message());
    } else if memory >= MUCH || shrinks {
        add(MEMORY_LARGE, message());
    }
}

/// The first region of `masks` that a section fits; `None` for one without memory.
fn region_of(section: &Section<'_>) -> Option<Region> {
    let has = |flags: u64| section.flags & flags == flags;
    let elsewhere = matches!(section.name, ".modinfo" | "__versions" | ".data..percpu");
    if !has(SHF_ALLOC) || elsewhere {
        return None;
    }
    let is_init = section.name.starts_with(".init");
    let late = matches!(section.name, ".data..ro_after_init" | "__jump_table");
    Some(match (is_init, has(SHF_EXECINSTR), has(SHF_WRITE)) {
        (false, true, _) => Region::Text,
        (true, true, _) => Region::InitText,
        (false, _, false) => Region::ReadOnly,
        (true, _, false) => Region::InitReadOnly,
        (false, _, true) if late => Region::ReadOnlyAfterInit,
        (false, _, true) => Region::Data,
        (true, _, true) => Region::InitData,
    })
}
