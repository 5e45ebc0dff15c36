//! Module parameters as the kernel reads them (`kernel/params.c`).

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
    },
}

/// Puts the parameters of a module to the types that its `parmtype` names (`parse_args`,
/// `parse_one`). A parameter with a setter of the module's own has no `parmtype`, and what
/// it takes cannot be known.
pub fn check(elf: &ElfFacts, parameters: &str) -> Vec<ParameterFault> {
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
        if let Some(known) = &elf.parameters {
            match known
                .iter()
                .find(|parameter| parameter.name.replace('-', "_") == wanted)
            {
                Some(parameter) if takes(parameter, value.as_deref()) => {}
                Some(_) => faults.push(ParameterFault::Value { name, value }),
                None if matches!(wanted.as_str(), "async_probe" | "dyndbg") => {}
                None => faults.push(ParameterFault::Unknown { name }),
            }
            continue;
        }
        match described("parmtype") {
            Some(kind) => {
                if !accepts(kind, value.as_deref()) {
                    faults.push(ParameterFault::Value { name, value });
                }
            }
            None if described("parm").is_some() => {}
            None if matches!(wanted.as_str(), "async_probe" | "dyndbg") => {}
            None => faults.push(ParameterFault::Unknown { name }),
        }
    }
    faults
}

/// True when the parameter takes the value (`param_array`, `param_set_copystring` and the
/// setters of the types).
fn takes(parameter: &Parameter, value: Option<&str>) -> bool {
    let kind = |setter: &str| setter.strip_prefix("param_ops_").unwrap_or("").to_owned();
    match &*parameter.setter {
        "param_array_ops" => value.is_some_and(|value| {
            let parts: Vec<&str> = value.split(',').collect();
            let element = kind(&parameter.element);
            parts.len() <= parameter.most as usize
                && parts.iter().all(|part| accepts(&element, Some(part)))
        }),
        "param_ops_string" => value.is_some_and(|value| value.len() < parameter.most as usize),
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

/// True when the setter of the type takes the value, as far as the type alone tells.
fn accepts(kind: &str, value: Option<&str>) -> bool {
    if let Some(element) = kind.strip_prefix("array of ") {
        return value
            .is_some_and(|value| value.split(',').all(|part| accepts(element, Some(part))));
    }
    let Some(value) = value else {
        // `parse_one`: only setters with KERNEL_PARAM_OPS_FL_NOARG go without a value.
        return !matches!(
            kind,
            "byte"
                | "short"
                | "ushort"
                | "int"
                | "uint"
                | "long"
                | "ulong"
                | "ullong"
                | "hexint"
                | "charp"
                | "string"
        );
    };
    match kind {
        "byte" => unsigned(value, u64::from(u8::MAX)),
        "ushort" => unsigned(value, u64::from(u16::MAX)),
        "uint" | "hexint" => unsigned(value, u64::from(u32::MAX)),
        "ulong" | "ullong" => unsigned(value, u64::MAX),
        "short" => signed(value, i64::from(i16::MIN), i64::from(i16::MAX)),
        "int" => signed(value, i64::from(i32::MIN), i64::from(i32::MAX)),
        "long" => signed(value, i64::MIN, i64::MAX),
        "bool" | "invbool" | "bint" => boolean(value),
        "charp" => value.len() <= 1024,
        _ => true,
    }
}

/// `kstrtoull` with base 0: `0x` and `0` prefixes, one `+`, one newline at the end.
fn unsigned(value: &str, max: u64) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value);
    magnitude(digits).is_some_and(|number| number <= u128::from(max))
}

/// `kstrtoll` with base 0.
fn signed(value: &str, min: i64, max: i64) -> bool {
    match value.strip_prefix('-') {
        Some(digits) => {
            magnitude(digits).is_some_and(|number| number <= u128::from(min.unsigned_abs()))
        }
        None => unsigned(value, max.unsigned_abs()),
    }
}

fn magnitude(digits: &str) -> Option<u128> {
    let digits = digits.strip_suffix('\n').unwrap_or(digits);
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.strip_prefix("0x") {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => (16, hex),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, lower.as_str()),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u128::from_str_radix(digits, radix).ok()
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

    #[test]
    fn values_are_taken_as_the_setters_do() {
        for (kind, value, taken) in [
            ("int", Some("-2147483648"), true),
            ("int", Some("2147483648"), false),
            ("int", Some("0x10"), true),
            ("int", Some("08"), false),
            ("int", Some(""), false),
            ("int", Some("1k"), false),
            ("int", None, false),
            ("uint", Some("-1"), false),
            ("uint", Some("+1"), true),
            ("byte", Some("256"), false),
            ("bool", None, true),
            ("bool", Some("on"), true),
            ("bool", Some("maybe"), false),
            ("charp", Some("anything at all"), true),
            ("charp", None, false),
            ("array of int", Some("1,2,3"), true),
            ("array of int", Some("1,x"), false),
            ("my_type", Some("x"), true),
        ] {
            assert_eq!(accepts(kind, value), taken, "{kind} {value:?}");
        }
    }

    #[test]
    fn arrays_and_strings_have_their_limits() {
        let parameter = |setter: &str, element: &str, most| Parameter {
            name: "p".into(),
            setter: setter.into(),
            element: element.into(),
            most,
        };
        let array = parameter("param_array_ops", "param_ops_int", 2);
        for (value, taken) in [
            (Some("1,2"), true),
            (Some("1,2,3"), false),
            (Some("1,x"), false),
            (None, false),
        ] {
            assert_eq!(takes(&array, value), taken, "{value:?}");
        }
        let string = parameter("param_ops_string", "", 4);
        assert!(takes(&string, Some("abc")) && !takes(&string, Some("abcd")));
        assert!(takes(&parameter("", "", 0), Some("its own setter")));
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
        assert_eq!(check(&elf, "debug_level=3 own=x dyndbg=+p"), []);
        assert_eq!(
            check(&elf, "debug_level=x nope=1 -- debug_level=y"),
            [
                ParameterFault::Value {
                    name: "debug_level".into(),
                    value: Some("x".into()),
                },
                ParameterFault::Unknown {
                    name: "nope".into(),
                },
            ]
        );
    }
}
