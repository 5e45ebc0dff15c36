//! Texts that a module's data point to, such as names of parameters: one in place of another.

use std::ops::Range;

use super::super::elf::Elf;
use super::random::Random;

const SHORTEST: usize = 3;

/// Puts one text of `.rodata*` in the place of another that is no shorter.
pub(super) fn edit(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let ranges: Vec<Range<usize>> = (1..module.sections())
        .filter(|&index| module.section_name(index).starts_with(".rodata"))
        .map(|index| module.range_of(index))
        .filter(|range| range.end <= module.bytes.len())
        .flat_map(|range| texts(&module.bytes, range))
        .collect();
    if ranges.is_empty() {
        return None;
    }
    let (from, to) = (random.pick(&ranges), random.pick(&ranges));
    let (new, old) = (&module.bytes[from.clone()], &module.bytes[to.clone()]);
    // Formats decide what code reads.
    if new.len() > old.len() || new == old || new.contains(&b'%') {
        return None;
    }
    let mut field = vec![0; old.len()];
    field[..new.len()].copy_from_slice(new);
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let words = format!("text `{}` -> `{}`", shown(old), shown(new));
    Some((module.clone().set(to.start, &field).bytes, words))
}

/// Where texts stand, without their ends.
fn texts(bytes: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = range.start;
    for at in range {
        if bytes[at] == 0 {
            if at - start >= SHORTEST {
                found.push(start..at);
            }
            start = at + 1;
        } else if !bytes[at].is_ascii_graphic() && bytes[at] != b' ' {
            start = at + 1;
        }
    }
    found
}
