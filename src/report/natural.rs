//! The natural order of names: digits in them count as numbers.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// Compares names as people order them: `nic2` before `nic10`.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.chars().peekable(), other.chars().peekable());
    loop {
        let order = match (left.peek().copied(), right.peek().copied()) {
            (None, None) => return one.cmp(other),
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (a, b) = (number(&mut left), number(&mut right));
                a.len().cmp(&b.len()).then(a.cmp(&b))
            }
            (a, b) => {
                left.next();
                right.next();
                a.cmp(&b)
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that come next, without leading zeros.
fn number(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["nic10", "nic2", "nic", "nic02", "a-1.10", "a-1.9", "Nic2"];
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(
            names,
            ["Nic2", "a-1.9", "a-1.10", "nic", "nic02", "nic2", "nic10"]
        );
    }
}
