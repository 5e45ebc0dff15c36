//! What stands below the table: what is wrong with the modules, and what to do about it.

use std::collections::{BTreeSet, HashMap};

use owo_colors::Style as Paint;

use crate::findings::finding::{Effect, Finding, Severity};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;
use crate::report::screen::Screen;
use crate::report::wrap::wrap;

/// What was seen of each module that is not simply verified. What several have in common,
/// such as that KMM's operator does not run, is told once.
pub fn of_modules(report: &Report, screen: &Screen, wide: bool) -> String {
    let mut groups: Vec<(Vec<String>, Verdict, String)> = Vec::new();
    let mut places = HashMap::new();
    for module in &report.modules {
        if module.verdict == Verdict::Verified && (!wide || module.findings.is_empty()) {
            continue;
        }
        let (name, body) = (title(module, report), body(module, screen, wide));
        let group = places.entry((module.verdict, body.clone()));
        let place = *group.or_insert_with(|| {
            groups.push((Vec::new(), module.verdict, body));
            groups.len() - 1
        });
        groups[place].0.push(name);
    }
    let mut text = String::new();
    for (names, verdict, body) in groups {
        let whom = screen.paint(&some_of(&names, screen), Paint::new().bold());
        text.push_str(&format!("\n{whom}  {}\n{body}", screen.verdict(verdict)));
    }
    text
}

/// The modules with the same to say of them, as many as a line has room for.
fn some_of(names: &[String], screen: &Screen) -> String {
    let room = screen.width.saturating_sub(ROOM_FOR_VERDICT);
    let line = |shown: usize| match names.len() - shown {
        0 => names[..shown].join(", "),
        more => format!("{} and {more} more", names[..shown].join(", ")),
    };
    let mut shown = 1;
    while shown < names.len() && line(shown + 1).len() <= room {
        shown += 1;
    }
    line(shown)
}

/// The columns of a verdict behind a name.
const ROOM_FOR_VERDICT: usize = 16;

/// The module, with its target where there are several.
fn title(module: &ModuleReport, report: &Report) -> String {
    let mut title = format!("{}/{}", module.namespace, module.name);
    if report.targets.len() > 1 && !module.kernel_version.is_empty() {
        title.push_str(&format!(" on {}", module.kernel_version));
        if let Some(arch) = module.arch.filter(|_| !one_arch(report)) {
            title.push_str(&format!(" ({arch})"));
        }
    }
    title
}

/// Each finding of a module with its next step, and KMM's reason where none tells it.
fn body(module: &ModuleReport, screen: &Screen, wide: bool) -> String {
    let mut text = String::new();
    let mut told = false;
    let shown = module.findings.iter().filter(|finding| {
        // What a module waits for is all that there is to say of one in progress.
        wide || module.verdict == Verdict::InProgress
            || finding.severity != Severity::Info
            || finding.weight() != Effect::None
    });
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in shown {
        told |= finding.message == module.status_reason;
        match groups.iter_mut().find(|group| is_alike(group[0], finding)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    for group in groups {
        let limit = if wide { group.len() } else { SHOWN_ALIKE };
        for finding in group.iter().take(limit) {
            text.push_str(&message(finding, "", screen));
        }
        if group.len() > limit {
            let more = format!(
                "and {} more {}; -o wide shows all",
                group.len() - limit,
                group[0].code
            );
            text.push_str(&wrap(&more, screen.width, "    "));
        }
        text.push_str(&hint(group[0], screen));
    }
    if !told && !module.status_reason.is_empty() {
        text.push_str(&wrap(&module.status_reason, screen.width, "  "));
    }
    text
}

fn one_arch(report: &Report) -> bool {
    let archs: BTreeSet<_> = report.targets.iter().map(|target| target.arch).collect();
    archs.len() < 2
}

/// How many findings of one code with the same next step are shown.
const SHOWN_ALIKE: usize = 3;

fn is_alike(one: &Finding, other: &Finding) -> bool {
    let key = |finding: &Finding| (finding.code, finding.weight(), finding.accepted.clone());
    key(one) == key(other) && one.hint == other.hint
}

fn message(finding: &Finding, whom: &str, screen: &Screen) -> String {
    let accepted = match &finding.accepted {
        Some(reason) => format!(" (accepted: {reason})"),
        None => String::new(),
    };
    let word = finding.severity.as_str();
    let text = format!(
        "{word} {}{accepted}{whom}: {}",
        finding.code, finding.message
    );
    let body = wrap(&text, screen.width, "    ");
    // The first line stands further out; the severity is coloured after the wrapping.
    let rest = body.trim_start().strip_prefix(word).unwrap_or_default();
    let rest = screen.linked(rest, finding.code);
    format!("  {}{rest}", screen.severity(finding.severity))
}

fn hint(finding: &Finding, screen: &Screen) -> String {
    let Some(hint) = &finding.hint else {
        return String::new();
    };
    let text = wrap(&format!("hint: {hint}"), screen.width, "    ");
    text.replacen("hint:", &screen.paint("hint:", Paint::new().cyan()), 1)
}

/// The warnings about verified modules; one that several share is told once.
pub fn warnings(report: &Report, screen: &Screen) -> String {
    let mut groups: Vec<(&Finding, Vec<String>)> = Vec::new();
    for module in &report.modules {
        if module.verdict != Verdict::Verified {
            continue;
        }
        let name = format!("{}/{}", module.namespace, module.name);
        for finding in &module.findings {
            if finding.severity == Severity::Info && finding.accepted.is_none() {
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, names)) => {
                    if !names.contains(&name) {
                        names.push(name.clone());
                    }
                }
                None => groups.push((finding, vec![name.clone()])),
            }
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let title = screen.paint("verified, but", Paint::new().bold());
    let mut text = format!("\n{title}\n");
    for (finding, names) in groups {
        let whom = match names.as_slice() {
            [one] => format!(" {one}"),
            several => format!(" {} modules", several.len()),
        };
        text.push_str(&message(finding, &whom, screen));
        text.push_str(&hint(finding, screen));
    }
    text
}
