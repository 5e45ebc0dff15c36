//! The parameters of a module: `__param`, an array of `struct kernel_param`.

use std::collections::HashMap;

use crate::module::elf::{Elf, SHN_UNDEF, Symbol, string_at};
use crate::module::exports::{relocations_of, target};
use crate::module::{ElfFault, Parameter};

/// `sizeof(struct kernel_param)` of 64-bit kernels, and the fields that count.
const ENTRY: u64 = 40;
const NAME: u64 = 0;
const OPS: u64 = 16;
const FLAGS: u64 = 27;
const ARG: u64 = 32;
/// `KERNEL_PARAM_FL_HWPARAM`
const OF_HARDWARE: u8 = 2;
/// `ops` of `struct kparam_array`.
const ELEMENT_OPS: u64 = 16;

/// The parameters, in the order in which `parse_one` looks through them. Empty where the
/// module has none, or is not for a 64-bit kernel.
///
/// # Errors
/// Their names are more than any module has.
pub(crate) fn of(elf: &Elf<'_>, symbols: &[Symbol<'_>]) -> Result<Vec<Parameter>, ElfFault> {
    let Some((index, section)) = elf.find("__param").filter(|_| elf.is_64()) else {
        return Ok(Vec::new());
    };
    let relocations = relocations_of(elf, index);
    let content = elf.content(section);
    let mut inside = HashMap::new();
    (0..content.len() as u64 / ENTRY)
        .filter_map(|position| {
            let start = position * ENTRY;
            let (names, at) = target(elf, symbols, relocations.get(&(start + NAME))?)?;
            let setter = |relocation: &crate::module::elf::Relocation| {
                symbols
                    .get(relocation.symbol as usize)
                    .filter(|symbol| symbol.section == SHN_UNDEF)
                    .map_or("", |symbol| symbol.name)
            };
            let mut parameter = Parameter {
                name: string_at(names, at)?.into(),
                setter: relocations.get(&(start + OPS)).map_or("", setter).into(),
                element: "".into(),
                most: 0,
                of_hardware: content.get((start + FLAGS) as usize)? & OF_HARDWARE != 0,
            };
            let arg = relocations.get(&(start + ARG));
            if let Some((value, at)) = arg.and_then(|arg| target(elf, symbols, arg)) {
                // `max` of kparam_array and `maxlen` of kparam_string stand first.
                match &*parameter.setter {
                    "param_array_ops" => {
                        parameter.most = elf.word(value, at)?;
                        let holder = symbols.get(arg?.symbol as usize)?.section;
                        let inside = inside
                            .entry(holder)
                            .or_insert_with(|| relocations_of(elf, usize::from(holder)));
                        parameter.element =
                            inside.get(&(at + ELEMENT_OPS)).map_or("", setter).into();
                    }
                    "param_ops_string" => parameter.most = elf.word(value, at)?,
                    _ => {}
                }
            }
            Some(parameter)
        })
        .map(|parameter| {
            for text in [&parameter.name, &parameter.setter, &parameter.element] {
                elf.pay(text.as_bytes())?;
            }
            Ok(parameter)
        })
        .collect()
}
