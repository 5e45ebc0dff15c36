//! `Module.symvers`: what the kernel and its modules export (`scripts/mod/modpost.c`,
//! `write_dump`).

use crate::kernel::named_lines::{Counts, NamedLines};

/// A symbol that the kernel, or an in-tree module, exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelSymbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its CRC; `None` where the kernel has no symbol versions.
    pub crc: Option<u32>,
    /// `vmlinux`, or the in-tree module's path below `/lib/modules/K/kernel` without suffix.
    pub owner: &'a str,
    /// `EXPORT_SYMBOL_GPL`.
    pub gpl: bool,
    /// Its namespace.
    pub namespace: Option<&'a str>,
}

/// Every exported symbol of a kernel, as its file names them.
#[derive(Debug, Clone)]
pub struct Symbols(NamedLines);

impl Symbols {
    /// Reads `Module.symvers`. Lines have a CRC, a name, the exporting object and the kind of
    /// export, separated by tabs; Linux 5.4 added the namespace, which stood third until 5.7
    /// and last since. Lines that are none of these are skipped; of a name that stands twice
    /// the first counts, as in the kernel's own search (vmlinux comes first).
    pub fn parse(text: impl Into<Box<str>>) -> Self {
        Self(NamedLines::new(
            text,
            |line| Some(parse_line(line)?.name),
            Counts::First,
        ))
    }

    /// The symbol of a name.
    pub fn get(&self, name: &str) -> Option<KernelSymbol<'_>> {
        parse_line(self.0.get(name)?)
    }

    /// Every symbol, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = KernelSymbol<'_>> {
        self.0.lines().filter_map(parse_line)
    }

    /// True where no line says anything.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// True where not all CRCs are zero, as those of a kernel without symbol versions are.
    pub fn has_versions(&self) -> bool {
        self.iter().any(|symbol| symbol.crc.unwrap_or(0) != 0)
    }
}

/// The column up to the next tab, which is taken off. Columns are short, and there are some
/// hundred thousand: what looks for one character in long texts is slow here.
fn column<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.bytes().position(|byte| byte == b'\t')?;
    let (column, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    *rest = after;
    Some(column)
}

fn parse_line(line: &str) -> Option<KernelSymbol<'_>> {
    let mut rest = line.trim_end_matches(['\n', '\r']);
    let crc = column(&mut rest)?.trim();
    let crc = u32::from_str_radix(crc.strip_prefix("0x").unwrap_or(crc), 16).ok()?;
    let name = column(&mut rest)?;
    let third = column(&mut rest)?;
    let (fourth, fifth) = match column(&mut rest) {
        Some(fourth) => (fourth, rest.split('\t').next().unwrap_or_default()),
        None => (rest, ""),
    };
    let (owner, kind, namespace) = if fourth.starts_with("EXPORT_") {
        (third, fourth, fifth)
    } else {
        (fourth, fifth, third)
    };
    let kind = kind.trim_end();
    if name.is_empty() || !kind.starts_with("EXPORT_") {
        return None;
    }
    Some(KernelSymbol {
        name,
        crc: Some(crc),
        owner,
        gpl: kind.ends_with("_GPL") || kind.ends_with("_GPL_FUTURE"),
        namespace: Some(namespace.trim()).filter(|namespace| !namespace.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol<'a>(owner: &'a str, gpl: bool, namespace: Option<&'a str>) -> KernelSymbol<'a> {
        KernelSymbol {
            name: "kfree",
            crc: Some(0x0bad_f00d),
            owner,
            gpl,
            namespace,
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
            let symbols = Symbols::parse(line);
            assert_eq!(symbols.get("kfree"), expected, "{line:?}");
            assert_eq!(symbols.iter().next(), expected, "{line:?}");
            assert_eq!(symbols.get("kfre"), None);
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
                name: &name,
                crc: Some(crc),
                owner: &owner,
                gpl,
                namespace: Some(&*namespace).filter(|namespace| !namespace.is_empty()),
            };
            let symbols = Symbols::parse(&*line);
            prop_assert_eq!(symbols.get(&name), Some(expected), "{}", line);
        }

        #[test]
        fn no_text_panics(text in "(0x[0-9a-f]{0,10}|[\\t\\r\\n ]|EXPORT_[A-Z_]{0,8}|\\PC){0,40}") {
            let symbols = Symbols::parse(&*text);
            for symbol in symbols.iter() {
                prop_assert!(symbols.get(symbol.name).is_some());
            }
        }
    }

    #[test]
    fn the_first_of_two_exports_counts() {
        let symbols = Symbols::parse(
            "0x0\tf\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tf\tdrivers/a\tEXPORT_SYMBOL\t\n",
        );
        assert_eq!(symbols.get("f").and_then(|symbol| symbol.crc), Some(0));
    }

    #[test]
    fn a_kernel_without_symbol_versions_has_zeros_only() {
        for (crcs, has_versions) in [(["0x0", "0x0"], false), (["0x0", "0x2"], true)] {
            let lines = crcs.iter().zip(["f", "g"]);
            let text =
                lines.map(|(crc, name)| format!("{crc}\t{name}\tvmlinux\tEXPORT_SYMBOL\t\n"));
            let symbols = Symbols::parse(text.collect::<String>());
            assert_eq!(symbols.has_versions(), has_versions, "{crcs:?}");
        }
    }
}
