//! Module parameters as the kernel reads them (`kernel/params.c`).

use std::num::IntErrorKind;

use crate::module::{ElfFacts, Parameter};

/// A word of the parameters that the kernel minds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterFault {
    /// `unknown_module_param_cb`: a warning, and the module loads.
    Unknown {
        /// The parameter.
        name: String,
    },
    /// `parse_args`: the module does not load.
    Value {
        /// The parameter.
        name: String,
        /// What it was given, where it was given anything.
        value: Option<String>,
        /// Why it does not take that.
        why: NotTaken,
    },
}

/// Why a parameter does not take a value: the errors of its setter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// `EINVAL`
    Invalid,
    /// `ERANGE`: a number that the type does not hold.
    OutOfRange,
    /// `ENOSPC`: a text that is too long.
    TooLong,
    /// `EPERM`: an address or interrupt of hardware, in a kernel that is locked down
    /// (`param_check_unsafe`, `LOCKDOWN_MODULE_PARAMETERS`).
    LockedDown,
}

/// Puts the parameters of a module to the types that its `parmtype` names (`parse_args`,
/// `parse_one`). A parameter with a setter of the module's own has no `parmtype`, and what
/// it takes cannot be known.
pub fn check(elf: &ElfFacts, parameters: &str, is_locked_down: bool) -> Vec<ParameterFault> {
    let mut faults = Vec::new();
    for (name, value) in words(parameters) {
        if value.is_none() && name == "--" {
            break;
        }
        let wanted = name.replace('-', "_");
        let described = |tag: &str| {
            elf.modinfo_all(tag).find_map(|text| {
                let (known, rest) = text.split_once(':')?;
                (known.replace('-', "_") == wanted).then_some(rest)
            })
        };
        // `None` for a parameter that the module does not have.
        let taken = match &elf.parameters {
            Some(known) => known
                .iter()
                .find(|parameter| parameter.name.replace('-', "_") == wanted)
                .map(|parameter| match is_locked_down && parameter.of_hardware {
                    true => Err(NotTaken::LockedDown),
                    false => takes(parameter, value.as_deref()),
                }),
            None => match described("parmtype") {
                Some(kind) => Some(accepts(kind, value.as_deref())),
                None => described("parm").map(|_| Ok(())),
            },
        };
        match taken {
            Some(Ok(())) => {}
            Some(Err(why)) => faults.push(ParameterFault::Value { name, value, why }),
            None if matches!(wanted.as_str(), "async_probe" | "dyndbg") => {}
            None => faults.push(ParameterFault::Unknown { name }),
        }
    }
    faults
}

/// Whether the parameter takes the value (`param_array`, `param_set_copystring` and the setters
/// of the types).
fn takes(parameter: &Parameter, value: Option<&str>) -> Result<(), NotTaken> {
    let kind = |setter: &str| setter.strip_prefix("param_ops_").unwrap_or("").to_owned();
    match &*parameter.setter {
        "param_array_ops" => {
            let element = kind(&parameter.element);
            let mut parts = value.ok_or(NotTaken::Invalid)?.split(',').enumerate();
            parts.try_for_each(|(index, part)| match index < parameter.most as usize {
                true => accepts(&element, Some(part)),
                false => Err(NotTaken::Invalid),
            })
        }
        "param_ops_string" => match value.ok_or(NotTaken::Invalid)?.len() {
            length if length < parameter.most as usize => Ok(()),
            _ => Err(NotTaken::TooLong),
        },
        setter => accepts(&kind(setter), value),
    }
}

/// `next_arg` (`lib/cmdline.c`): words separated by blanks, double quotes keep blanks.
fn words(text: &str) -> Vec<(String, Option<String>)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                if *c == '"' {
                    quoted = !quoted;
                }
                c.is_ascii_whitespace() && !quoted
            })
            .map_or(rest.len(), |(at, _)| at);
        let word = &rest[..end];
        rest = rest[end..].trim_start();
        let unquoted = word
            .strip_prefix('"')
            .map_or(word, |word| word.strip_suffix('"').unwrap_or(word));
        out.push(match unquoted.split_once('=') {
            Some((name, value)) => {
                let value = value
                    .strip_prefix('"')
                    .map_or(value, |value| value.strip_suffix('"').unwrap_or(value));
                (name.to_owned(), Some(value.to_owned()))
            }
            None => (unquoted.to_owned(), None),
        });
    }
    out
}

/// Whether the setter of the type takes the value, as far as the type alone tells.
fn accepts(kind: &str, value: Option<&str>) -> Result<(), NotTaken> {
    if let Some(element) = kind.strip_prefix("array of ") {
        let mut parts = value.ok_or(NotTaken::Invalid)?.split(',');
        return parts.try_for_each(|part| accepts(element, Some(part)));
    }
    let Some(value) = value else {
        // `parse_one`: only setters with KERNEL_PARAM_OPS_FL_NOARG go without a value.
        return match kind {
            "byte" | "short" | "ushort" | "int" | "uint" | "long" | "ulong" | "ullong"
            | "hexint" | "charp" | "string" => Err(NotTaken::Invalid),
            _ => Ok(()),
        };
    };
    match kind {
        "byte" => unsigned(value, u64::from(u8::MAX)),
        "ushort" => unsigned(value, u64::from(u16::MAX)),
        "uint" | "hexint" => unsigned(value, u64::from(u32::MAX)),
        "ulong" | "ullong" => unsigned(value, u64::MAX),
        "short" => signed(value, i64::from(i16::MIN), i64::from(i16::MAX)),
        "int" => signed(value, i64::from(i32::MIN), i64::from(i32::MAX)),
        "long" => signed(value, i64::MIN, i64::MAX),
        "bool" | "invbool" | "bint" if !boolean(value) => Err(NotTaken::Invalid),
        "charp" if value.len() > 1024 => Err(NotTaken::TooLong),
        _ => Ok(()),
    }
}

/// `kstrtoull` with base 0: `0x` and `0` prefixes, one `+`, one newline at the end.
fn unsigned(value: &str, max: u64) -> Result<(), NotTaken> {
    within(value.strip_prefix('+').unwrap_or(value), max)
}

/// `kstrtoll` with base 0.
fn signed(value: &str, min: i64, max: i64) -> Result<(), NotTaken> {
    match value.strip_prefix('-') {
        Some(digits) => within(digits, min.unsigned_abs()),
        None => unsigned(value, max.unsigned_abs()),
    }
}

fn within(digits: &str, max: u64) -> Result<(), NotTaken> {
    let digits = digits.strip_suffix('\n').unwrap_or(digits);
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.strip_prefix("0x") {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, hex),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, lower.as_str()),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return Err(NotTaken::Invalid);
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) if number <= max => Ok(()),
        Ok(_) => Err(NotTaken::OutOfRange),
        Err(why) if *why.kind() == IntErrorKind::PosOverflow => Err(NotTaken::OutOfRange),
        Err(_) => Err(NotTaken::Invalid),
    }
}

/// `kstrtobool`: the first character decides, after `o` the second.
fn boolean(value: &str) -> bool {
    let mut letters = value.chars().map(|c| c.to_ascii_lowercase());
    match letters.next() {
        Some('y' | 'n' | '0' | '1' | 't' | 'f') => true,
        Some('o') => matches!(letters.next(), Some('n' | 'f')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID: Result<(), NotTaken> = Err(NotTaken::Invalid);
    const OUT_OF_RANGE: Result<(), NotTaken> = Err(NotTaken::OutOfRange);
    const TOO_LONG: Result<(), NotTaken> = Err(NotTaken::TooLong);

    fn parameter(name: &str, setter: &str, element: &str, most: u32) -> Parameter {
        Parameter {
            name: name.into(),
            setter: setter.into(),
            element: element.into(),
            most,
            of_hardware: false,
        }
    }

    #[test]
    fn values_are_taken_as_the_setters_do() {
        let long = "x".repeat(1025);
        for (kind, value, taken) in [
            ("int", Some("-2147483648"), Ok(())),
            ("int", Some("2147483648"), OUT_OF_RANGE),
            ("int", Some("-2147483649"), OUT_OF_RANGE),
            ("ulong", Some("0x10000000000000000"), OUT_OF_RANGE),
            ("int", Some("0x10"), Ok(())),
            ("int", Some("08"), INVALID),
            ("int", Some(""), INVALID),
            ("int", Some("1k"), INVALID),
            ("int", None, INVALID),
            ("uint", Some("-1"), INVALID),
            ("uint", Some("+1"), Ok(())),
            ("byte", Some("256"), OUT_OF_RANGE),
            ("bool", None, Ok(())),
            ("bool", Some("on"), Ok(())),
            ("bool", Some("maybe"), INVALID),
            ("charp", Some("anything at all"), Ok(())),
            ("charp", Some(&long), TOO_LONG),
            ("charp", None, INVALID),
            ("array of int", Some("1,2,3"), Ok(())),
            ("array of int", Some("1,x"), INVALID),
            ("my_type", Some("x"), Ok(())),
        ] {
            assert_eq!(accepts(kind, value), taken, "{kind} {value:?}");
        }
    }

    #[test]
    fn arrays_and_strings_have_their_limits() {
        let array = parameter("p", "param_array_ops", "param_ops_int", 2);
        for (value, taken) in [
            (Some("1,2"), Ok(())),
            (Some("1,2,3"), INVALID),
            (Some("1,x"), INVALID),
            (Some("1,99999999999"), OUT_OF_RANGE),
            (None, INVALID),
        ] {
            assert_eq!(takes(&array, value), taken, "{value:?}");
        }
        let string = parameter("p", "param_ops_string", "", 4);
        assert_eq!(takes(&string, Some("abc")), Ok(()));
        assert_eq!(takes(&string, Some("abcd")), TOO_LONG);
        let own = parameter("p", "", "", 0);
        assert_eq!(takes(&own, Some("its own setter")), Ok(()));
    }

    #[test]
    fn a_kernel_that_is_locked_down_takes_no_addresses_of_hardware() {
        let irq = Parameter {
            of_hardware: true,
            ..parameter("irq", "param_ops_int", "", 0)
        };
        let elf = ElfFacts {
            parameters: Some(vec![irq, parameter("debug", "param_ops_int", "", 0)]),
            ..ElfFacts::default()
        };
        assert_eq!(check(&elf, "irq=7 debug=1", false), []);
        assert_eq!(
            check(&elf, "irq=7 debug=1", true),
            [ParameterFault::Value {
                name: "irq".into(),
                value: Some("7".into()),
                why: NotTaken::LockedDown,
            }]
        );
    }

    #[test]
    fn words_are_split_as_next_arg_does() {
        assert_eq!(
            words(" a=1  b=\"x y\" c \"d=e f\""),
            [
                ("a".to_owned(), Some("1".to_owned())),
                ("b".to_owned(), Some("x y".to_owned())),
                ("c".to_owned(), None),
                ("d".to_owned(), Some("e f".to_owned())),
            ]
        );
    }

    #[test]
    fn an_unknown_parameter_is_ignored_and_a_bad_value_is_not() {
        let elf = ElfFacts {
            modinfo: vec![
                ("parmtype".into(), "debug-level:int".into()),
                ("parm".into(), "own:a setter of its own".into()),
            ],
            ..ElfFacts::default()
        };
        assert_eq!(check(&elf, "debug_level=3 own=x dyndbg=+p", true), []);
        assert_eq!(
            check(&elf, "debug_level=x nope=1 -- debug_level=y", true),
            [
                ParameterFault::Value {
                    name: "debug_level".into(),
                    value: Some("x".into()),
                    why: NotTaken::Invalid,
                },
                ParameterFault::Unknown {
                    name: "nope".into(),
                },
            ]
        );
    }
}
