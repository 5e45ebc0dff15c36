//! Where the sections of a module come to lie in the kernel's memory (`layout_sections`,
//! `layout_symtab` of `kernel/module/`), and what is mapped there.

use std::collections::HashMap;

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

/// `sizeof(struct mod_kallsyms)`
const MOD_KALLSYMS: u64 = 32;
/// Bytes that a region may lose without harm.
const SLACK: u64 = 8;
pub(super) const PAGE: u64 = 4096;
/// Further than this behind an area of memory, nothing of the module is mapped, and of others
/// hardly anything.
pub(super) const FAR: u64 = 1 << 20;

/// Whether a read comes to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mapped {
    Yes,
    /// Some other area may lie there.
    Unknown,
    No,
}

impl Mapped {
    /// A read at an offset from the start of an area of `vmalloc`: one page without memory
    /// follows the last one of the area, then whatever came next.
    pub(super) fn of(at: u64, size: u64) -> Self {
        let end = size.next_multiple_of(PAGE);
        if at < end {
            Self::Yes
        } else if at < end + PAGE || at >= end + FAR {
            Self::No
        } else {
            Self::Unknown
        }
    }

    /// A read in areas that differ from kernel to kernel.
    fn of_any(offsets: impl Iterator<Item = (u64, u64)>) -> Self {
        offsets
            .map(|(at, size)| Self::of(at, size))
            .reduce(|one, other| if one == other { one } else { Self::Unknown })
            .unwrap_or(Self::Unknown)
    }

    /// The worse one of two reads.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// The symbols and their names at the end of the memory for what is freed after the init
/// function (`layout_symtab`): offsets from its start, by kernels before and since 6.4.
#[derive(Debug, Default)]
pub(super) struct Tables {
    areas: [Area; 2],
}

#[derive(Debug, Default, Clone, Copy)]
struct Area {
    symbols: u64,
    names: u64,
    size: u64,
}

impl Tables {
    /// A read of the symbols' names, which `add_kallsyms` and `find_kallsyms_symbol` take
    /// from here and not from the copy of the file.
    pub(super) fn name(&self, at: u64) -> Mapped {
        Mapped::of_any(self.areas.iter().map(|area| (area.names + at, area.size)))
    }

    /// A read of the symbols, which relocations take from here.
    pub(super) fn symbol(&self, at: u64) -> Mapped {
        let offset = |area: &Area| (area.symbols.saturating_add(at), area.size);
        Mapped::of_any(self.areas.iter().map(offset))
    }
}

/// Where the sections, and the tables of symbols, come to lie. Each region starts with a page
/// of its own: in one piece of memory before Linux 6.4, apart from the others since.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) tables: Tables,
    starts: HashMap<usize, Spot>,
    /// What is not empty, in order: where it starts, its size, and the section's index.
    places: Vec<(Spot, u64, usize)>,
}

/// A byte of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    region: usize,
    at: u64,
}

impl Spot {
    /// How many bytes this one lies behind another one of its region.
    pub(super) fn behind(self, other: Self) -> Option<u64> {
        let distance = self.at.checked_sub(other.at);
        distance.filter(|_| self.region == other.region)
    }
}

/// Whose a byte of a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A section's, with the offset in it.
    Section(usize, u64),
    /// Nobody's, and zero (`move_module`).
    Padding,
    /// It lies behind the region.
    Beyond,
}

impl Memory {
    /// An offset of a section. What has its memory elsewhere, as per-CPU data have, is a region
    /// without places.
    pub(super) fn spot(&self, section: usize, offset: u64) -> Spot {
        let elsewhere = Spot {
            region: usize::MAX - section,
            at: 0,
        };
        let start = *self.starts.get(&section).unwrap_or(&elsewhere);
        Spot {
            at: start.at.saturating_add(offset),
            ..start
        }
    }

    pub(super) fn owner(&self, spot: Spot) -> Owner {
        let up_to = |last: Spot| {
            let count = self.places.partition_point(|(start, ..)| *start <= last);
            self.places[..count]
                .last()
                .filter(|(start, ..)| start.region == spot.region)
        };
        if let Some((start, size, section)) = up_to(spot)
            && spot.at - start.at < *size
        {
            return Owner::Section(*section, spot.at - start.at);
        }
        let end = up_to(Spot {
            at: u64::MAX,
            ..spot
        });
        let is_padding = end.is_some_and(|(start, size, _)| {
            let end = start.at.saturating_add(*size);
            spot.at < end.saturating_add(PAGE - 1) / PAGE * PAGE
        });
        if is_padding {
            Owner::Padding
        } else {
            Owner::Beyond
        }
    }
}

/// One region as it grows.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    size: u32,
    overlaps: bool,
    shrinks: bool,
    memory: u64,
}

impl Extent {
    /// `module_get_offset`: sizes are counted in 32 bits, and so is the alignment. Where the
    /// section starts.
    fn add(&mut self, size: u64, align: u64) -> u64 {
        let mask = (align.max(1) as u32).wrapping_sub(1);
        let start = self.size.wrapping_add(mask) & !mask;
        let end = (u64::from(start).wrapping_add(size)) as u32;
        self.overlaps |= start < self.size;
        // All ones take a byte away, which no other section needs.
        self.shrinks |= u64::from(end) + SLACK < u64::from(start);
        self.memory = self.memory.max(u64::from(end));
        self.size = end;
        u64::from(start)
    }
}

/// Puts the sections one after the other, and says what comes out of it.
pub(super) fn layout(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) -> Memory {
    let mut before = [Extent::default(); 2];
    let mut since = [Extent::default(); 7];
    let mut memory = Memory::default();
    let mut place = |index: usize, section: &Section<'_>, region: Region| {
        let region = region as usize;
        let init = usize::from(region >= Region::InitText as usize);
        let starts = [
            before[init].add(section.size, section.align),
            since[region].add(section.size, section.align),
        ];
        let start = Spot {
            region,
            at: starts[1],
        };
        memory.starts.insert(index, start);
        if section.size > 0 {
            memory.places.push((start, section.size, index));
        }
        starts
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
        for (index, section) in elf.sections.iter().enumerate().skip(1) {
            if region_of(section) == Some(region) {
                place(index, section, region);
            }
        }
    }
    let [(symtab, symbols), (strtab, names)] = elf.symbol_tables();
    let symbols_at = place(symtab, symbols, Region::InitData);
    let names_at = place(strtab, names, Region::InitData);
    let sizes = [before[1].size, since[Region::InitData as usize].size];
    // The types of the symbols, a letter each, and `struct mod_kallsyms` are the last.
    let types = MOD_KALLSYMS + symbols.size / elf.symbol_size();
    memory.places.sort_unstable();
    memory.tables = Tables {
        areas: [0, 1].map(|kernel| Area {
            symbols: symbols_at[kernel],
            names: names_at[kernel],
            size: u64::from(sizes[kernel]) + types,
        }),
    };
    let overlap = "the alignments and sizes of its sections put them upon each other";
    for (rule, extents) in [
        (OVERLAP_BEFORE_6_4, &before[..]),
        (OVERLAP_SINCE_6_4, &since[..]),
    ] {
        if extents.iter().any(|extent| extent.overlaps) {
            add(rule, overlap.to_owned());
        }
    }
    let most = since.iter().map(|extent| extent.memory).max().unwrap_or(0);
    let message = || format!("Cannot allocate memory: its sections take {most} bytes, or more");
    let shrinks = since.iter().any(|extent| extent.shrinks);
    if most >= ROOM {
        add(MEMORY_TOO_LARGE, message());
    } else if most >= MUCH || shrinks {
        add(MEMORY_LARGE, message());
    }
    memory
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
