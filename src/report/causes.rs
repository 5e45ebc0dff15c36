//! The causes of a report: findings of one code with one remedy, and the modules that they hit.

use std::collections::HashMap;

use crate::findings::finding::{Code, Effect, Finding, Severity, Subject};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;

/// Findings of one code with one remedy.
#[derive(Debug, Clone)]
pub(super) struct Cause<'a> {
    /// The code.
    pub(super) code: Code,
    /// What they do to the verdicts, now that the user accepted them or did not.
    pub(super) weight: Effect,
    /// Their severity.
    pub(super) severity: Severity,
    /// Why the user accepts them.
    pub(super) accepted: Option<&'a str>,
    /// What to do.
    pub(super) hint: Option<String>,
    /// The modules, each with its findings of this cause.
    pub(super) members: Vec<Member<'a>>,
}

/// One module, on one target, that a cause hits.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    /// Its row.
    pub(super) module: &'a ModuleReport,
    /// Its findings of this cause; at least one.
    pub(super) findings: Vec<&'a Finding>,
}

/// True for a finding that people are shown without asking for details. What a module waits
/// for is all that there is to say of one in progress.
pub(super) fn is_shown(module: &ModuleReport, finding: &Finding) -> bool {
    finding.severity != Severity::Info
        || finding.effect != Effect::None
        || finding.accepted.is_some()
        || module.verdict == Verdict::InProgress
}

/// The causes, gravest first; of equally grave ones those that hit more.
pub(super) fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    let mut places = HashMap::new();
    for module in &report.modules {
        let shown = module.findings.iter().filter(|one| is_shown(module, one));
        for finding in shown {
            let hint = finding.hint.as_deref().map(|hint| general(hint, module));
            let accepted = finding.accepted.as_deref();
            let (weight, severity) = finding.order();
            let key = (finding.code, weight, severity, accepted, hint);
            let at = *places.entry(key).or_insert_with(|| {
                causes.push(Cause {
                    code: finding.code,
                    weight,
                    severity,
                    accepted,
                    hint: None,
                    members: Vec::new(),
                });
                causes.len() - 1
            });
            match causes[at].members.last_mut() {
                Some(member) if std::ptr::eq(member.module, module) => {
                    member.findings.push(finding);
                }
                _ => causes[at].members.push(Member {
                    module,
                    findings: vec![finding],
                }),
            }
        }
    }
    for cause in &mut causes {
        let hints = cause.members.iter().flat_map(|member| {
            let hints = member.findings.iter().filter_map(|one| one.hint.as_deref());
            hints.map(|hint| (hint, member.module))
        });
        cause.hint = common(hints).map(|(hint, _)| hint);
    }
    causes.sort_by_key(|cause| {
        (
            cause.accepted.is_some(),
            // What loads today and would not after the upgrade is what the user came for.
            cause.code != Code::UpgradeBreaks,
            cause.weight,
            cause.severity,
            std::cmp::Reverse(cause.members.len()),
            cause.code,
        )
    });
    causes
}

/// The causes with those of a code put together that have more remedies than a reader
/// compares; `-o wide` shows each.
pub(super) fn merged(causes: Vec<Cause<'_>>) -> Vec<Cause<'_>> {
    const REMEDIES: usize = 3;
    let key = |cause: &Cause<'_>| (cause.code, cause.weight, cause.severity);
    let mut counts = HashMap::new();
    for cause in &causes {
        *counts.entry(key(cause)).or_insert(0) += 1;
    }
    let mut merged: Vec<Cause<'_>> = Vec::new();
    for cause in causes {
        let same = |other: &&mut Cause<'_>| key(other) == key(&cause);
        match merged.iter_mut().find(same) {
            Some(other) if counts[&key(&cause)] > REMEDIES => {
                other.hint = Some(SEVERAL.to_owned());
                other.members.extend(cause.members);
            }
            _ => merged.push(cause),
        }
    }
    merged
}

/// The hint of causes that were put together.
const SEVERAL: &str = "differs by module; -o wide shows all";

/// A text that several modules share: as it is where it is the same for all, else with what
/// differs by module named by its kind. `None` without texts, and true where texts differ
/// even so.
fn common<'a>(
    texts: impl Iterator<Item = (&'a str, &'a ModuleReport)> + Clone,
) -> Option<(String, bool)> {
    let (first, module) = texts.clone().next()?;
    if texts.clone().all(|(text, _)| text == first) {
        return Some((first.to_owned(), false));
    }
    let first = general(first, module);
    let differ = texts.clone().any(|(text, of)| general(text, of) != first);
    Some((first, differ))
}

/// A text about a module with its image, kernel and names replaced by their kind.
fn general(text: &str, module: &ModuleReport) -> String {
    let mut text = text.to_owned();
    let full = full_name(module);
    let file = module.name.replace('-', "_");
    for (value, kind) in [
        (module.image.as_deref().unwrap_or_default(), "IMAGE"),
        (&module.kernel_version, "KERNEL"),
        (&full, "NAMESPACE/MODULE"),
        (&module.name, "MODULE"),
        (&file, "MODULE"),
    ] {
        // A shorter name may be a word of the sentence.
        if value.len() > 2 {
            text = replaced(&text, value, kind);
        }
    }
    text
}

/// The text with whole words that are `value` replaced.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (before, after) = (&rest[..at], &rest[at + value.len()..]);
        out.push_str(before);
        let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        out.push_str(if whole { by } else { value });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `NAMESPACE/NAME`, or the name of what has no namespace.
pub(super) fn full_name(module: &ModuleReport) -> String {
    match module.namespace.as_str() {
        "" => module.name.clone(),
        namespace => format!("{namespace}/{}", module.name),
    }
}

impl<'a> Cause<'a> {
    /// The names of the modules, each once.
    pub(super) fn names(&self) -> Vec<String> {
        unique(self.members.iter().map(|member| full_name(member.module)))
    }

    /// The kernels on which it was seen.
    pub(super) fn kernels(&self) -> Vec<String> {
        let kernels = self.members.iter();
        let kernels = kernels.map(|member| member.module.kernel_version.clone());
        unique(kernels.filter(|kernel| !kernel.is_empty()))
    }

    /// What was seen, in general: one statement where it is the same for every module, else
    /// one for each, with the module's name.
    pub(super) fn statements(&self) -> Vec<String> {
        let statements: Vec<(String, &ModuleReport)> = self
            .members
            .iter()
            .map(|member| (statement(self.code, &member.findings), member.module))
            .collect();
        let texts = statements
            .iter()
            .map(|(text, module)| (text.as_str(), *module));
        match common(texts) {
            Some((text, false)) => vec![text],
            _ => {
                let each = statements.iter();
                unique(each.map(|(text, module)| format!("{}: {text}", full_name(module))))
            }
        }
    }

    /// True for what is about the run and not about modules: missing facts about a kernel,
    /// or one message for every module.
    pub(super) fn is_about_run(&self, report: &Report) -> bool {
        // What decides about modules is told with their names.
        if self.weight == Effect::Fails {
            return false;
        }
        let about_kernel = matches!(
            self.code,
            Code::KernelFactsMissing | Code::KernelFactsMismatch
        );
        let first = self.members[0].findings[0].message.as_str();
        let covers_all = self.members.len() > 1 && self.members.len() == report.modules.len();
        let is_one = || {
            let mut findings = self.members.iter().flat_map(|member| &member.findings);
            findings.all(|finding| finding.message == first && finding.subject.is_none())
        };
        about_kernel || (covers_all && is_one())
    }
}

fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

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
        (Code::SymbolGplOnly, true) => "is only available to GPL-compatible modules",
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
    use crate::report::samples::{report, row};

    fn mismatch(symbol: &str) -> Finding {
        Finding::new(Code::SymbolVersionMismatch, format!("x: {symbol} 0x1 0x2"))
            .hint("build it again")
            .about(Subject::Symbol {
                name: symbol.into(),
                built_for: Some("6.1.0-53".into()),
            })
    }

    #[test]
    fn findings_with_one_remedy_are_one_cause() {
        let report = report(vec![
            row("one", "6.1.0-56", vec![mismatch("a"), mismatch("b")]),
            row("two", "6.1.0-56", vec![mismatch("c"), mismatch("d")]),
            row(
                "six",
                "6.1.0-56",
                vec![
                    Finding::new(
                        Code::ImageNotFound,
                        "image registry.example/six:1: no such image",
                    )
                    .hint("push registry.example/six:1 for 6.1.0-56"),
                ],
            ),
            row(
                "ten",
                "6.2.0-1",
                vec![
                    Finding::new(
                        Code::ImageNotFound,
                        "image registry.example/ten:1: no such image",
                    )
                    .hint("push registry.example/ten:1 for 6.2.0-1"),
                ],
            ),
        ]);
        let causes = causes(&report);
        assert_eq!(causes.len(), 2);
        assert_eq!(causes[0].code, Code::ImageNotFound);
        assert_eq!(causes[0].hint.as_deref(), Some("push IMAGE for KERNEL"));
        assert_eq!(causes[0].statements(), ["image IMAGE: no such image"]);
        assert_eq!(causes[0].kernels(), ["6.1.0-56", "6.2.0-1"]);
        assert_eq!(causes[1].names(), ["drivers/one", "drivers/two"]);
        assert_eq!(
            causes[1].statements(),
            ["built for 6.1.0-53: 2 symbols differ"]
        );
    }

    #[test]
    fn a_statement_is_general() {
        let needs = |name: &str| {
            Finding::new(Code::DependencyMissing, format!("x needs {name}"))
                .about(Subject::InTreeModule(name.into()))
        };
        let missing = |name: &str| {
            Finding::new(Code::SymbolMissing, format!("Unknown symbol {name}")).about(
                Subject::Symbol {
                    name: name.into(),
                    built_for: None,
                },
            )
        };
        for (findings, expected) in [
            (
                vec![needs("scsi_mod"), needs("libata"), needs("libata")],
                "needs in-tree libata, scsi_mod",
            ),
            (vec![missing("a")], "symbol a is missing in the kernel"),
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

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(
            replaced("nic nics nic-2 a/nic.ko", "nic", "M"),
            "M nics nic-2 a/M.ko"
        );
    }
}
