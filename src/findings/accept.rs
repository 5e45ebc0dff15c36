//! `--accept`: findings that an administrator knows and lives with.

use std::str::FromStr;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::findings::finding::{Code, Finding, UnknownCode};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;

/// One accepted kind of finding, everywhere or on one Module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    code: Code,
    /// Namespace and name of the Module; `None` for every Module.
    module: Option<(String, String)>,
    /// Why, where a configuration file says it.
    reason: Option<String>,
    /// The last day on which it counts.
    until: Option<Date>,
}

/// The reason of an acceptance that none is given for.
const NO_REASON: &str = "--accept";

/// Why the text of an `--accept` is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAccept {
    /// No such code.
    #[error("{0}; `kubectl kmm preflight explain --list` lists the codes")]
    Code(#[from] UnknownCode),
    /// What follows the `=` names no Module.
    #[error("`{0}` is not CODE=NAMESPACE/MODULE")]
    Module(String),
}

impl FromStr for Accept {
    type Err = BadAccept;

    /// Reads `CODE` or `CODE=NAMESPACE/MODULE`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (code, module) = match text.split_once('=') {
            Some((code, module)) => (code, Some(module)),
            None => (text, None),
        };
        let module = module
            .map(|module| match module.split_once('/') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    Ok((namespace.to_owned(), name.to_owned()))
                }
                _ => Err(BadAccept::Module(module.to_owned())),
            })
            .transpose()?;
        Ok(Self {
            code: code.parse()?,
            module,
            reason: None,
            until: None,
        })
    }
}

impl std::fmt::Display for Accept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.module {
            Some((namespace, name)) => write!(f, "{}={namespace}/{name}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl Accept {
    /// The same as a configuration file has it.
    #[must_use]
    pub fn because(mut self, reason: &str, until: Option<Date>) -> Self {
        self.reason = Some(reason.to_owned());
        self.until = until;
        self
    }

    /// The last day on which it counts, where it has one.
    pub fn until(&self) -> Option<Date> {
        self.until
    }

    /// The entry of `accept:` in a configuration file that says the same.
    pub fn entry(&self) -> Value {
        let mut entry = json!({"code": self.code.as_str()});
        if let Some((namespace, name)) = &self.module {
            entry["module"] = json!(format!("{namespace}/{name}"));
        }
        entry["reason"] = json!(self.reason());
        if let Some(until) = self.until {
            entry["until"] = json!(until.to_string());
        }
        entry
    }

    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or(NO_REASON)
    }

    /// The word for messages: a flag, or an entry of a configuration file.
    pub fn source(&self) -> &'static str {
        match self.reason {
            Some(_) => "the accepted finding",
            None => NO_REASON,
        }
    }

    fn is_about(&self, namespace: &str, name: &str) -> bool {
        self.module
            .as_ref()
            .is_none_or(|module| module.0 == namespace && module.1 == name)
    }
}

/// Accepts findings of a report: they stay in it, marked, and no longer count for the
/// verdict. What KMM itself said of a module stays as it is. Gives those that met no
/// finding.
pub(crate) fn apply(accepts: &[Accept], report: &mut Report) -> Vec<Accept> {
    let mut unused = Vec::new();
    for accept in accepts {
        let mut met = false;
        for module in &mut report.modules {
            met |= mark(accept, module);
        }
        if !met {
            unused.push(accept.clone());
        }
    }
    unused
}

/// The same for one row.
pub(crate) fn apply_to(accepts: &[Accept], module: &mut ModuleReport) {
    for accept in accepts {
        mark(accept, module);
    }
}

/// True when the module has such a finding.
fn mark(accept: &Accept, module: &mut ModuleReport) -> bool {
    let mut met = false;
    if accept.is_about(&module.namespace, &module.name) {
        for finding in &mut module.findings {
            if finding.code == accept.code {
                met = true;
                finding
                    .accepted
                    .get_or_insert_with(|| accept.reason().to_owned());
            }
        }
    }
    if met {
        // What stands in the way comes first.
        module.findings.sort_by_key(Finding::order);
        if module.verdict != Verdict::InProgress {
            module.verdict = Verdict::of_findings(&module.findings);
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{report, row};

    fn accept(text: &str) -> Accept {
        text.parse().expect("an accept")
    }

    #[test]
    fn an_accepted_finding_stays_and_no_longer_fails() {
        let bad = || vec![Finding::new(Code::SymbolMissing, "x")];
        let mut report = report(vec![row("a", "k", bad()), row("b", "k", bad())]);
        assert!(apply(&[accept("symbol-missing=drivers/a")], &mut report).is_empty());
        assert_eq!(report.modules[0].verdict, Verdict::Accepted);
        assert!(report.modules[0].findings[0].accepted.is_some());
        assert_eq!(report.modules[1].verdict, Verdict::Failed);
        assert!(apply(&[accept("symbol-missing")], &mut report).is_empty());
        assert_eq!(report.verdict(), Some(Verdict::Accepted));
    }

    #[test]
    fn other_findings_of_the_module_still_count() {
        let findings = vec![
            Finding::new(Code::SymbolMissing, "x"),
            Finding::new(Code::ImageUnreachable, "y"),
        ];
        let mut report = report(vec![row("a", "k", findings)]);
        apply(&[accept("symbol-missing")], &mut report);
        assert_eq!(report.modules[0].verdict, Verdict::Error);
    }

    #[test]
    fn what_meets_nothing_is_told() {
        let mut report = report(vec![row("a", "k", Vec::new())]);
        let unused = apply(&[accept("symbol-missing=drivers/b")], &mut report);
        assert_eq!(unused, [accept("symbol-missing=drivers/b")]);
    }

    #[test]
    fn what_is_no_accept_is_refused() {
        for text in [
            "",
            "nonsense",
            "symbol-missing=",
            "symbol-missing=a",
            "symbol-missing=/b",
        ] {
            assert!(text.parse::<Accept>().is_err(), "{text}");
        }
    }
}
