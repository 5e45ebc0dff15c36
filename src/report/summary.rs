//! The end of the table: where to learn more, and the sum in the last line.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use crate::findings::codes;
use crate::findings::finding::{Code, Effect};
use crate::model::report::Report;
use crate::model::verdict::Verdict;
use crate::report::screen::Screen;
use crate::report::wrap::wrap;

/// How to learn what the codes mean, in every terminal.
pub(super) fn learn_more(screen: &Screen) -> String {
    let text = format!(
        "Learn more: kubectl kmm preflight explain CODE, or {}",
        codes::address("CODE")
    );
    wrap(&text, screen.width, "")
}

/// How many modules have which verdict: `3 verified, 1 failed`.
pub(super) fn counts(report: &Report) -> String {
    let unlooked = report.not_checked();
    let counts = counts_of(|verdict| match verdict {
        Verdict::Unknown => report.count(verdict) - unlooked,
        _ => report.count(verdict),
    });
    let not_checked = (unlooked > 0).then(|| format!("{unlooked} not checked"));
    let parts = [
        Some(counts).filter(|counts| !counts.is_empty()),
        not_checked,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The verdicts that are there, each with its number.
pub(super) fn counts_of(count: impl Fn(Verdict) -> usize) -> String {
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| count(*verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(verdict)))
        .collect();
    counts.join(", ")
}

/// The codes that made modules fail, and how many each; those of most modules first.
fn failures(report: &Report) -> Vec<(usize, Code)> {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for module in &report.modules {
        let failing = module.findings.iter();
        let failing = failing.filter(|finding| finding.weight() == Effect::Fails);
        let mut codes: Vec<Code> = failing.map(|finding| finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            *counts.entry(code).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts
        .into_iter()
        .map(|(code, count)| (count, code))
        .collect();
    counts.sort_by_key(|(count, code)| (std::cmp::Reverse(*count), *code));
    counts
}

/// The last line: the verdict of the whole, how many modules have which, by cause where
/// something failed, and whether the run was interrupted. In the longest form that fits.
pub(super) fn last_line(report: &Report, screen: &Screen) -> String {
    let Some(verdict) = report.verdict() else {
        return String::new();
    };
    let checks = {
        let rows = report.modules.len();
        let unit = if report.kernels().len() > 1 {
            "check"
        } else {
            "module"
        };
        format!("{rows} {unit}{}", if rows == 1 { "" } else { "s" })
    };
    let on = match report.kernels().as_slice() {
        [] => String::new(),
        [kernel] => format!(" on kernel {kernel}"),
        several => format!(" on {} kernels", several.len()),
    };
    let causes = failures(report);
    let by_cause = |shown: usize| {
        let mut parts: Vec<String> = causes[..shown]
            .iter()
            .map(|(count, code)| format!("{count} {code}"))
            .collect();
        let more = causes.len() - shown;
        let unit = if more == 1 { "cause" } else { "causes" };
        match (shown, more) {
            (_, 0) => {}
            (0, _) => parts.push(format!("{more} {unit}")),
            _ => parts.push(format!("{more} more {unit}")),
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        }
    };
    let end = if report.interrupted {
        "; interrupted"
    } else {
        ""
    };
    let counts = counts(report);
    let mut forms = vec![
        format!("{checks}{on}: {counts}{}{end}", by_cause(causes.len())),
        format!("{checks}: {counts}{}{end}", by_cause(causes.len())),
    ];
    forms.extend(
        (0..=causes.len())
            .rev()
            .map(|shown| format!("{counts}{}{end}", by_cause(shown))),
    );
    forms.push(format!("{counts}{end}"));
    let head = screen.verdict_text(verdict);
    let fits = |form: &&String| head.width() + 2 + form.width() <= screen.width;
    let form = forms.iter().find(fits).or(forms.last());
    let rest = form.map_or("", String::as_str);
    // Every verdict on a narrow screen takes a second line.
    let line = wrap(&format!("{head}: {rest}"), screen.width, "");
    line.replacen(&head, &screen.verdict(verdict), 1)
}
