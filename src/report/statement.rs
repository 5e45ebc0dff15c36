//! What findings of one code about one module say together.

use crate::findings::finding::{Code, Finding, Subject};

/// What several findings of a code about one module say together; the kernel's own text
/// where there is no shorter word for it.
pub(super) fn statement(code: Code, findings: &[&Finding]) -> String {
    let Some(first) = findings.first() else {
        return String::new();
    };
    let mut symbols: Vec<&str> = Vec::new();
    let mut modules: Vec<&str> = Vec::new();
    let mut built_for = None;
    for finding in findings {
        match finding.subject.as_deref() {
            Some(Subject::Symbol {
                name,
                built_for: other,
            }) => {
                symbols.push(name);
                built_for = built_for.or(other.as_deref());
            }
            Some(Subject::InTreeModule(name)) => modules.push(name),
            None => {}
        }
    }
    if modules.len() == findings.len() {
        modules.sort_unstable();
        modules.dedup();
        return format!("needs in-tree {}", some_of(&modules));
    }
    // Of very many findings the last one only counts the rest.
    let counts_rest = symbols.len() > 1 && symbols.len() + 1 == findings.len();
    if symbols.len() == findings.len() || counts_rest {
        let count = match symbols.len() {
            1 => format!("symbol {}", symbols[0]),
            many if counts_rest => format!("more than {many} symbols"),
            many => format!("{many} symbols"),
        };
        let one = symbols.len() == 1;
        return match code {
            Code::SymbolVersionMismatch => {
                let built = built_for.map(|kernel| format!("built for {kernel}: "));
                let differs = if one { "differs" } else { "differ" };
                format!("{}{count} {differs}", built.unwrap_or_default())
            }
            _ if one => format!("{count}{}", what(code, true)),
            _ => format!("{count}{}: {}", what(code, false), some_of(&symbols)),
        };
    }
    match findings.len() - 1 {
        0 => first.message.clone(),
        more => format!("{} (and {more} more)", first.message),
    }
}

/// What is wrong with symbols of such a finding.
fn what(code: Code, one: bool) -> &'static str {
    match (code, one) {
        (Code::SymbolMissing, true) => " is missing in the kernel",
        (Code::SymbolMissing, false) => " are missing in the kernel",
        (Code::SymbolGplOnly, true) => " is only available to GPL-compatible modules",
        (Code::SymbolGplOnly, false) => " are for GPL-compatible modules",
        (Code::DependencyMissing, true) => " is exported by a module that is not loaded",
        (Code::DependencyMissing, false) => " are exported by modules that are not loaded",
        _ => "",
    }
}

/// The first names, and how many more there are.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_general() {
        let needs = |name: &str| {
            Finding::new(Code::DependencyMissing, format!("x needs {name}"))
                .about(Subject::InTreeModule(name.into()))
        };
        let about = |code: Code, name: &str| {
            Finding::new(code, format!("Unknown symbol {name}")).about(Subject::Symbol {
                name: name.into(),
                built_for: None,
            })
        };
        let missing = |name: &str| about(Code::SymbolMissing, name);
        for (findings, expected) in [
            (
                vec![needs("scsi_mod"), needs("libata"), needs("libata")],
                "needs in-tree libata, scsi_mod",
            ),
            (vec![missing("a")], "symbol a is missing in the kernel"),
            (
                vec![about(Code::SymbolGplOnly, "a")],
                "symbol a is only available to GPL-compatible modules",
            ),
            (
                vec![missing("a"), missing("b"), missing("c"), missing("d")],
                "4 symbols are missing in the kernel: a, b, c and 1 more",
            ),
            (
                vec![Finding::new(Code::ElfInvalid, "x"), missing("a")],
                "x (and 1 more)",
            ),
        ] {
            let findings: Vec<&Finding> = findings.iter().collect();
            assert_eq!(statement(findings[0].code, &findings), expected);
        }
    }
}
