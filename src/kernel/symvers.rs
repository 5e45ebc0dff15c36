//! `Module.symvers`: what the kernel and its modules export (`scripts/mod/modpost.c`,
//! `write_dump`).

use std::collections::HashMap;

use crate::kernel::facts::KernelSymbol;

/// Reads `Module.symvers`. Lines have a CRC, a name, the exporting object and the kind of
/// export, separated by tabs; Linux 5.4 added the namespace, which stood third until 5.7 and
/// last since. Lines that are none of these are skipped; of a name that stands twice the
/// first counts, as in the kernel's own search (vmlinux comes first).
pub fn parse(text: &str) -> HashMap<Box<str>, KernelSymbol> {
    let mut symbols = HashMap::with_capacity(text.len() / 60);
    for line in text.lines() {
        if let Some((name, symbol)) = parse_line(line) {
            symbols.entry(name).or_insert(symbol);
        }
    }
    symbols
}

fn parse_line(line: &str) -> Option<(Box<str>, KernelSymbol)> {
    let mut columns = line.split('\t');
    let crc = columns.next()?.trim();
    let crc = u32::from_str_radix(crc.strip_prefix("0x").unwrap_or(crc), 16).ok()?;
    let name = columns.next()?;
    let third = columns.next()?;
    let fourth = columns.next()?;
    let fifth = columns.next().unwrap_or_default();
    let (owner, kind, namespace) = if fourth.starts_with("EXPORT_") {
        (third, fourth, fifth)
    } else {
        (fourth, fifth, third)
    };
    if name.is_empty() || !kind.starts_with("EXPORT_") {
        return None;
    }
    let namespace = namespace.trim();
    Some((
        name.into(),
        KernelSymbol {
            crc: Some(crc),
            owner: owner.into(),
            gpl: kind.contains("_GPL"),
            namespace: (!namespace.is_empty()).then(|| namespace.into()),
        },
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(owner: &str, gpl: bool, namespace: Option<&str>) -> KernelSymbol {
        KernelSymbol {
            crc: Some(0x0bad_f00d),
            owner: owner.into(),
            gpl,
            namespace: namespace.map(Into::into),
        }
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (line, expected) in [
            (
                "0x0badf00d\tkfree\tvmlinux\tEXPORT_SYMBOL\t",
                Some(symbol("vmlinux", false, None)),
            ),
            (
                "0x0badf00d\tkfree\tvmlinux\tEXPORT_SYMBOL",
                Some(symbol("vmlinux", false, None)),
            ),
            (
                "0x0badf00d\tkfree\tdrivers/a/b\tEXPORT_SYMBOL_GPL\tA_NS",
                Some(symbol("drivers/a/b", true, Some("A_NS"))),
            ),
            (
                "0x0badf00d\tkfree\tA_NS\tdrivers/a/b\tEXPORT_SYMBOL_GPL",
                Some(symbol("drivers/a/b", true, Some("A_NS"))),
            ),
            (
                "0x0badf00d\tkfree\t\tvmlinux\tEXPORT_SYMBOL",
                Some(symbol("vmlinux", false, None)),
            ),
            (
                "0x0badf00d\tkfree\tvmlinux\tEXPORT_UNUSED_SYMBOL_GPL\t",
                Some(symbol("vmlinux", true, None)),
            ),
            ("0x0badf00d\tkfree\tvmlinux", None),
            ("kfree\t0x0badf00d\tvmlinux\tEXPORT_SYMBOL", None),
            ("", None),
        ] {
            let seen = parse(line).remove("kfree");
            assert_eq!(seen, expected, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            crc: u32,
            name in "[A-Za-z_][A-Za-z0-9_.]{0,40}",
            owner in "[a-z0-9_/-]{1,40}",
            gpl: bool,
            namespace in "[A-Z_]{0,20}",
            form in 0..3,
        ) {
            let kind = if gpl { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" };
            let namespace = if form == 2 { String::new() } else { namespace };
            let line = match form {
                0 => format!("0x{crc:08x}\t{name}\t{owner}\t{kind}\t{namespace}\n"),
                1 => format!("0x{crc:08x}\t{name}\t{namespace}\t{owner}\t{kind}\n"),
                _ => format!("0x{crc:08x}\t{name}\t{owner}\t{kind}\n"),
            };
            let expected = KernelSymbol {
                crc: Some(crc),
                owner: owner.into(),
                gpl,
                namespace: (!namespace.is_empty()).then(|| namespace.into()),
            };
            prop_assert_eq!(parse(&line).remove(&*name), Some(expected), "{}", line);
        }

        #[test]
        fn no_text_panics(text in "(0x[0-9a-f]{0,10}|[\\t\\r\\n ]|EXPORT_[A-Z_]{0,8}|\\PC){0,40}") {
            prop_assert!(parse(&text).len() <= text.lines().count());
        }
    }

    #[test]
    fn the_first_of_two_exports_counts() {
        let symbols =
            parse("0x1\tf\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tf\tdrivers/a\tEXPORT_SYMBOL\t\n");
        assert_eq!(symbols["f"].crc, Some(1));
    }
}
