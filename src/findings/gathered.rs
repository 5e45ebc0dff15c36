//! Findings as one module's report keeps them: each once, and so many of a kind as anybody reads.

use std::collections::{BTreeMap, HashSet};

use crate::findings::finding::{Code, Effect, Finding};

/// The most findings of one code and effect about one module.
pub(crate) const MOST_OF_A_KIND: usize = 1000;

/// Findings that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    kept: Vec<Finding>,
    seen: HashSet<Finding>,
    counts: BTreeMap<(Code, Effect), usize>,
}

impl Gathered {
    /// Adds a finding, unless it is there already. Of those beyond [`MOST_OF_A_KIND`] only the
    /// number is kept.
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.seen.contains(&finding) {
            return;
        }
        let count = self
            .counts
            .entry((finding.code, finding.effect))
            .or_default();
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            self.seen.insert(finding.clone());
            self.kept.push(finding);
        }
    }

    /// What was gathered, in the order in which it came, and one finding for all those of a kind
    /// that were not kept.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        for ((code, effect), count) in self.counts {
            let more = count.saturating_sub(MOST_OF_A_KIND);
            if more > 0
                && let Some(last) = self.kept.iter().rfind(|finding| finding.code == code)
            {
                let mut rest = Finding::new(code, format!("{more} more findings of this kind"));
                rest.severity = last.severity;
                rest.effect = effect;
                self.kept.push(rest);
            }
        }
        self.kept
    }
}

impl Extend<Finding> for Gathered {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(numbers: impl Iterator<Item = usize>) -> Vec<Finding> {
        let mut gathered = Gathered::default();
        gathered.extend(numbers.map(|number| {
            Finding::new(Code::SymbolMissing, format!("symbol {number} is missing"))
        }));
        gathered.into_findings()
    }

    #[test]
    fn each_finding_is_kept_once_and_in_order() {
        let findings = gathered([3, 1, 3, 2, 1].into_iter());
        let messages: Vec<&str> = findings.iter().map(|finding| &*finding.message).collect();
        let expected = [3, 1, 2].map(|number| format!("symbol {number} is missing"));
        assert_eq!(messages, expected);
    }

    #[test]
    fn of_many_findings_of_a_kind_the_rest_is_counted() {
        let findings = gathered(0..MOST_OF_A_KIND + 7);
        assert_eq!(findings.len(), MOST_OF_A_KIND + 1);
        let last = &findings[MOST_OF_A_KIND];
        assert_eq!(last.message, "7 more findings of this kind");
        assert_eq!(last.effect, Effect::Fails);
    }
}
