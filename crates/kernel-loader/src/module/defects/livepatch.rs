//! Relocations that live patching applies (`kernel/livepatch/core.c`).

use crate::module::defects::Defect;
use crate::module::elf::{Elf, Relocation, SHF_ALLOC, SHN_LIVEPATCH, Section, Symbol};

/// `SHF_RELA_LIVEPATCH`
const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;
/// The object that is the kernel itself; the relocations of others wait until those are patched.
const KERNEL: &str = "vmlinux";

/// True for relocations that the module loader leaves to live patching.
pub(super) fn applies(section: &Section<'_>) -> bool {
    section.flags & SHF_RELA_LIVEPATCH != 0
}

/// `klp_apply_section_relocs` of the first section that it could refuse: by its names for
/// certain, else by symbols that are looked up among all of the kernel's, exported or not.
pub(super) fn relocations(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(Defect)) {
    let own = elf.sections.iter().skip(1).filter(|section| {
        let changed = elf.sections.get(section.info as usize);
        applies(section) && changed.is_some_and(|changed| changed.flags & SHF_ALLOC != 0)
    });
    let mut first = None;
    for section in own {
        let is_certain = match object(section.name) {
            None => true,
            Some(KERNEL) => !elf
                .relocations(section)
                .iter()
                .all(|relocation| is_named(relocation, symbols)),
            Some(_) => continue,
        };
        if is_certain || first.is_none() {
            first = Some((section, is_certain));
        }
        if is_certain {
            break;
        }
    }
    if let Some((section, is_certain)) = first {
        let section = section.name.into();
        add(Defect::LivepatchRelocations {
            section,
            is_certain,
        });
    }
}

/// The object in `.klp.rela.object.section`.
fn object(section: &str) -> Option<&str> {
    let object = section.strip_prefix(".klp.rela.")?.split('.').next()?;
    (!object.is_empty()).then_some(object)
}

/// `klp_resolve_symbols`: a symbol of live patching, named `.klp.sym.object.name,position`.
fn is_named(relocation: &Relocation, symbols: &[Symbol<'_>]) -> bool {
    let symbol = symbols.get(relocation.symbol as usize);
    symbol.is_some_and(|symbol| {
        let parts = symbol.name.strip_prefix(".klp.sym.").and_then(|rest| {
            let (object, rest) = rest.split_once('.')?;
            let (name, position) = rest.split_once(',')?;
            Some((object, name, position))
        });
        let is_right = |(object, name, position): (&str, &str, &str)| {
            let is_number = position.starts_with(|c: char| c.is_ascii_digit());
            !object.is_empty() && !name.is_empty() && is_number
        };
        symbol.section == SHN_LIVEPATCH && parts.is_some_and(is_right)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::elf::NameAt;

    #[test]
    fn names_of_sections_and_symbols_are_read_as_sscanf_does() {
        for (name, expected) in [
            (".klp.rela.vmlinux..text", Some("vmlinux")),
            (".klp.rela.ext4.text.one", Some("ext4")),
            (".klp.rela..text", None),
            (".rela.text", None),
        ] {
            assert_eq!(object(name), expected, "{name}");
        }
        for (name, section, expected) in [
            (".klp.sym.vmlinux.kfree,0", SHN_LIVEPATCH, true),
            (".klp.sym.ext4.a.b,12", SHN_LIVEPATCH, true),
            (".klp.sym.vmlinux.kfree,0", 0, false),
            (".klp.sym.vmlinux.kfree", SHN_LIVEPATCH, false),
            (".klp.sym.vmlinux.kfree,x", SHN_LIVEPATCH, false),
            (".klp.sym.vmlinux.,0", SHN_LIVEPATCH, false),
            ("kfree", SHN_LIVEPATCH, false),
        ] {
            let symbol = Symbol {
                name,
                name_at: NameAt::Table,
                weak: false,
                section,
                value: 0,
            };
            let relocation = Relocation {
                offset: 0,
                kind: 1,
                symbol: 0,
                addend: 0,
            };
            assert_eq!(is_named(&relocation, &[symbol]), expected, "{name}");
        }
    }
}
