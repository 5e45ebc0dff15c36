//! Random edits of the bytes of packed files, signatures and indexes.

use super::random::Random;

/// Edits of any file, none before `from`.
pub(super) fn of_bytes(
    random: &mut Random,
    file: &[u8],
    from: usize,
    count: usize,
) -> (Vec<u8>, Vec<String>) {
    let mut bytes = file.to_vec();
    let mut words = Vec::new();
    while words.len() < count {
        if bytes.len() <= from || random.below(8) == 0 {
            let length = from + random.below(file.len() - from + 1);
            bytes.resize(length, 0);
            words.push(format!("{length} of {} bytes", file.len()));
            continue;
        }
        // Beginnings and ends tell more than what is between them.
        let span = bytes.len() - from;
        let near = span.min(64);
        let at = from + random.weighted(&[(1, 0), (1, span - near)]) + random.below(near);
        let at = random.weighted(&[(1, at), (1, from + at % span)]);
        let width = random.weighted(&[(6, 1), (1, 2), (1, 4)]);
        if let Some(done) = overwrite(random, &mut bytes, at, width) {
            words.push(format!("byte {at} {done}"));
        }
    }
    (bytes, words)
}

/// Writes another number over the one at an offset; `None` where that is no change.
fn overwrite(random: &mut Random, bytes: &mut [u8], at: usize, width: usize) -> Option<String> {
    let length = bytes.len();
    let field = bytes.get_mut(at..at + width)?;
    let mut raw = [0; 8];
    raw[..width].copy_from_slice(field);
    let old = u64::from_le_bytes(raw);
    let bits = 8 * width as u64;
    let new = match random.below(10) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => old.wrapping_add(1),
        4 => old.wrapping_sub(1),
        5 => length as u64,
        6 => random.next() % 64,
        7 => random.next(),
        _ => old ^ (1 << (random.next() % bits)),
    };
    field.copy_from_slice(&new.to_le_bytes()[..width]);
    let mask = u64::MAX >> (64 - bits);
    (new & mask != old).then(|| format!("{old:#x} -> {:#x}", new & mask))
}
