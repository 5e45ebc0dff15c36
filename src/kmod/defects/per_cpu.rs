//! Room for per-CPU data, of which there is little (`percpu_modalloc`, `pcpu_alloc` of
//! `mm/percpu.c`).

use super::memory::PAGE;
use super::{PER_CPU_LARGE, PER_CPU_RESERVE, PER_CPU_SIZE};
use crate::kmod::elf::Elf;

/// `PCPU_MIN_UNIT_SIZE`
const UNIT: u64 = 32 << 10;
/// `PERCPU_MODULE_RESERVE`, which all modules of a node share.
const RESERVE: u64 = 8 << 10;
/// What the modules of a node may have left of it; theirs are some hundred bytes each.
const FREE: u64 = 6 << 10;

pub(super) fn room(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let Some((_, section)) = elf.find(".data..percpu") else {
        return;
    };
    let (size, align) = (section.size, section.align.min(PAGE));
    if size == 0 {
        return;
    }
    let is_odd = align > 4 && !align.is_power_of_two();
    let rule = if size > UNIT || is_odd {
        PER_CPU_SIZE
    } else if size > RESERVE {
        PER_CPU_RESERVE
    } else if size > FREE {
        PER_CPU_LARGE
    } else {
        return;
    };
    add(
        rule,
        format!("Could not allocate {size} bytes percpu data: Cannot allocate memory"),
    );
}
