//! The causes of a report: findings of one code with one remedy, and the modules that they hit.

use std::collections::{BTreeSet, HashMap};

use crate::findings::finding::{Code, Effect, Finding, Severity};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;
use crate::report::statement::statement;

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
        cause.hint = common(hints);
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
/// differs by module named by its kind.
fn common<'a>(mut texts: impl Iterator<Item = (&'a str, &'a ModuleReport)>) -> Option<String> {
    let (first, module) = texts.next()?;
    match texts.all(|(text, _)| text == first) {
        true => Some(first.to_owned()),
        false => Some(general(first, module)),
    }
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
    /// one for each, behind the module's name or how many they are; those of most first.
    pub(super) fn statements(&self) -> Vec<(Option<String>, String)> {
        let mut groups: Vec<(String, Vec<(String, &ModuleReport)>)> = Vec::new();
        let mut places = HashMap::new();
        for member in &self.members {
            let text = statement(self.code, &member.findings);
            let kind = general(&text, member.module);
            let one = (text, member.module);
            let at = *places.entry(kind.clone()).or_insert(groups.len());
            match groups.get_mut(at) {
                Some((_, members)) => members.push(one),
                None => groups.push((kind, vec![one])),
            }
        }
        groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        let is_one = groups.len() == 1;
        let told = groups.into_iter().map(|(kind, members)| {
            let (first, module) = &members[0];
            let text = match members.iter().all(|(text, _)| text == first) {
                true => first.clone(),
                false => kind,
            };
            let names: BTreeSet<String> = members.iter().map(|one| full_name(one.1)).collect();
            let whose = match names.len() {
                _ if is_one => None,
                1 => Some(full_name(module)),
                count => Some(format!("{count} modules")),
            };
            (whose, text)
        });
        told.collect()
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
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Subject;
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
        let one = |text: &str| vec![(None, text.to_owned())];
        assert_eq!(causes[0].statements(), one("image IMAGE: no such image"));
        assert_eq!(causes[0].kernels(), ["6.1.0-56", "6.2.0-1"]);
        assert_eq!(causes[1].names(), ["drivers/one", "drivers/two"]);
        assert_eq!(
            causes[1].statements(),
            one("built for 6.1.0-53: 2 symbols differ")
        );
    }

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(
            replaced("nic nics nic-2 a/nic.ko", "nic", "M"),
            "M nics nic-2 a/M.ko"
        );
    }
}
