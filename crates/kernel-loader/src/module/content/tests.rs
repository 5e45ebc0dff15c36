use std::cell::Cell;
use std::io::Write;

use super::*;
use crate::module::Invalid;

/// So many bytes: every other mebibyte is as random as packing finds it.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..length)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match at >> 20 & 1 {
                0 => (at >> 12) as u8,
                _ => (state >> 24) as u8,
            }
        })
        .collect()
}

fn held(bytes: &[u8], most: usize) -> Content<'static> {
    let mut content = Content::in_room(vec![1; 10], most);
    // In pieces that end anywhere.
    for piece in bytes.chunks(70_001) {
        content.write_all(piece).expect("memory");
    }
    content
}

#[test]
fn what_is_written_is_read_again_wherever_it_is() {
    let bytes = bytes(5_500_000);
    for most in [0, 1000, 1_500_000, bytes.len(), bytes.len() + 1] {
        let content = held(&bytes, most);
        assert_eq!(content.length(), bytes.len() as u64);
        assert_eq!(content.start(), &bytes[..most.min(bytes.len())]);
        for (from, to) in [
            (0, 0),
            (0, 64),
            (900, 1100),
            (1_048_575, 1_048_577),
            (1_400_000, 4_300_000),
            (5_499_999, 5_500_000),
            (5_500_000, 5_500_000),
            (0, 5_500_000),
        ] {
            let range = content.range(from as u64, to as u64).expect("unpacked");
            assert!(*range == bytes[from..to], "{most}: {from}..{to}");
        }
    }
}

#[test]
fn what_follows_the_first_bytes_takes_less_memory() {
    let content = held(&[7; 20 << 20], 1 << 20);
    assert!(content.rest.held() < 3 << 20, "{}", content.rest.held());
    let random = bytes(20 << 20);
    let content = held(&random, 0);
    assert!(content.rest.held() < random.len() * 2 / 3);
    assert_eq!(content.into_room().len(), 0);
}

#[test]
fn rules_look_until_nothing_is_missing() {
    let bytes = bytes(3_000_000);
    let content = held(&bytes, 100);
    let looks = Cell::new(0);
    let sum = content.look(2_999_000, |view| {
        looks.set(looks.get() + 1);
        let first = view.get(50, 2).unwrap_or(&[9, 9]);
        let second = view.get(2_000_000, 3).unwrap_or_default();
        let behind = view.to_the_end(2_999_998).unwrap_or_default();
        assert_eq!(view.lacks_any(), looks.get() == 1);
        assert_eq!(view.get(2_998_999, 2), None, "the signature's");
        assert_eq!(view.get(u64::MAX, 2), None);
        assert_eq!(view.get(2_999_000, 0), Some(&[][..]));
        Ok([first, second, behind].concat())
    });
    let expected = [
        &bytes[50..52],
        &bytes[2_000_000..2_000_003],
        &bytes[2_999_998..],
    ];
    assert_eq!(sum, Ok(expected.concat()));
    assert_eq!(looks.get(), 2);
    let fault = content.look(10, |_| Err::<(), _>(Invalid::Magic.into()));
    assert_eq!(fault, Err(Invalid::Magic.into()));
}

#[test]
fn who_asks_for_more_each_time_gets_all() {
    let bytes = bytes(1_500_000);
    let content = held(&bytes, 0);
    let looks = Cell::new(0);
    // Each byte tells of the next one.
    let steps = content.look(content.length(), |view| {
        looks.set(looks.get() + 1);
        Ok((0..500_000_u64).map_while(|at| view.get(at * 3, 1)).count())
    });
    assert_eq!((steps, looks.get()), (Ok(500_000), MOST_LOOKS + 1));
    looks.set(0);
    // All at once, none beside another.
    let ranges = content.look(content.length(), |view| {
        looks.set(looks.get() + 1);
        let found = (0..500_000_u64).filter(|at| view.get(at * 3, 1).is_some());
        Ok(found.count())
    });
    assert_eq!((ranges, looks.get()), (Ok(500_000), 2));
}
