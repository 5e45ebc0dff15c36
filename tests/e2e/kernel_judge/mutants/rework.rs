//! What is done to a module as a whole, after which it is a well-formed file again, mostly.

use super::super::elf::{Elf, header, section};
use super::random::Random;
use super::{information, strings, tools, versions};

#[derive(Clone, Copy)]
enum Kind {
    Tools,
    Information,
    Versions,
    Strings,
}

/// Makes one edit after the other; the file, and what was done in words.
pub(super) fn of_module(
    random: &mut Random,
    module: &[u8],
    count: usize,
) -> (Vec<u8>, Vec<String>) {
    let mut bytes = module.to_vec();
    let mut words = Vec::new();
    while words.len() < count && is_whole(&bytes) {
        let elf = Elf::new(&bytes);
        let done = match random.weighted(&[
            (16, Kind::Tools),
            (8, Kind::Information),
            (7, Kind::Versions),
            (2, Kind::Strings),
        ]) {
            Kind::Tools => tools::edit(random, &elf),
            Kind::Information => information::edit(random, &elf),
            Kind::Versions => versions::edit(random, &elf),
            Kind::Strings => strings::edit(random, &elf),
        };
        if let Some((after, said)) = done {
            bytes = after;
            words.push(said);
        }
    }
    (bytes, words)
}

/// True for a 64-bit file whose sections and their names can be read, which is not what every
/// tool leaves.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    if !bytes.starts_with(b"\x7fELF\x02\x01") || bytes.len() < section::BYTES {
        return false;
    }
    let elf = Elf::new(bytes);
    let count = elf.sections();
    let names = usize::from(elf.u16(header::NAMES_INDEX));
    count > 0
        && names < count
        && elf.header_of(count) <= bytes.len()
        && elf.range_of(names).end <= bytes.len()
}

#[test]
fn one_seed_does_the_same_each_time() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fuzz/corpus/module/user.ko"
    );
    let module = std::fs::read(path).expect("a module");
    for seed in 0..40 {
        let made = of_module(&mut Random::new(seed), &module, 2);
        assert_ne!(made.0, module, "seed {seed} does something: {:?}", made.1);
        assert_eq!(made, of_module(&mut Random::new(seed), &module, 2));
    }
}
