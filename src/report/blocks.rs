//! What stands below the table: one block per cause, with the modules that it hits and what
//! to do about it.

use std::collections::HashSet;

use owo_colors::Style as Paint;

use crate::model::report::{ModuleReport, Report};
use crate::report::causes::{Cause, full_name};
use crate::report::screen::Screen;
use crate::report::wrap::wrap;

/// The lines of names that a block may fill with modules that are named elsewhere too.
const LINES_OF_NAMES: usize = 2;
/// The statements of a block whose modules differ.
const STATEMENTS: usize = 3;

/// The facts about the run, above the table, each once: it may decide about one module and
/// only warn about another.
pub(super) fn about_run(causes: &[Cause<'_>], screen: &Screen) -> String {
    let mut facts: Vec<String> = Vec::new();
    for cause in causes {
        let fact = fact(cause, screen);
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts.concat()
}

fn fact(cause: &Cause<'_>, screen: &Screen) -> String {
    let statements = cause.statements();
    let mut text = match statements.as_slice() {
        [one] => one.clone(),
        several => format!("{} (and {} more)", several[0], several.len() - 1),
    };
    if let Some(hint) = &cause.hint {
        let stop = if text.ends_with('.') { "" } else { "." };
        text.push_str(&format!("{stop} {hint}"));
    }
    headed(cause, &format!("{}: {text}", heading(cause)), screen)
}

fn heading(cause: &Cause<'_>) -> String {
    match cause.accepted {
        Some(reason) => format!("{} (accepted: {reason})", cause.code),
        None => cause.code.to_string(),
    }
}

/// A text behind the cause's sign, its code a link and bold.
fn headed(cause: &Cause<'_>, text: &str, screen: &Screen) -> String {
    let body = wrap(text, screen.width, "  ");
    let rest = body.trim_start();
    let rest = rest.strip_prefix(cause.code.as_str()).unwrap_or(rest);
    let code = screen.paint(cause.code.as_str(), Paint::new().bold());
    let code = screen.linked(&code, cause.code);
    format!("{} {code}{rest}", screen.severity_sign(cause.severity))
}

/// A block per cause. Where `has_rows`, every module has a row above; without rows, modules that
/// pass are only counted.
pub(super) fn of_causes(
    causes: &[Cause<'_>],
    report: &Report,
    has_rows: bool,
    screen: &Screen,
) -> String {
    let told = |module: &&ModuleReport| has_rows || module.verdict.passes();
    let told = report.modules.iter().filter(told);
    let mut named: HashSet<String> = told.map(full_name).collect();
    let mut text = String::new();
    for cause in causes {
        text.push('\n');
        text.push_str(&block(cause, report, &mut named, screen));
    }
    text.push_str(&without_cause(report, &mut named, screen));
    text
}

fn block(
    cause: &Cause<'_>,
    report: &Report,
    named: &mut HashSet<String>,
    screen: &Screen,
) -> String {
    let names = cause.names();
    let kernels = cause.kernels().len();
    let of = report.kernels().len();
    let on = match of > 1 {
        true => format!(" on {kernels} of {of} kernels"),
        false => String::new(),
    };
    let whom = match names.as_slice() {
        [one] => format!("{one}{on}"),
        several => format!("{} modules{on}", several.len()),
    };
    let mut text = headed(cause, &format!("{}: {whom}", heading(cause)), screen);
    let statements = cause.statements();
    for statement in statements.iter().take(STATEMENTS) {
        // One module is named by the title.
        text.push_str(&wrap(statement, screen.width, "  "));
    }
    if statements.len() > STATEMENTS {
        let more = statements.len() - STATEMENTS;
        text.push_str(&format!("  and {more} more; -o wide shows all\n"));
    }
    if names.len() > 1 {
        text.push_str(&list(names, named, screen));
    } else {
        named.extend(names);
    }
    if let Some(hint) = &cause.hint {
        let hint = wrap(&format!("hint: {hint}"), screen.width, "  ");
        text.push_str(&hint.replacen("hint:", &screen.paint("hint:", Paint::new().bold()), 1));
    }
    text
}

/// The names of a block: those that nothing else names in any case, the others as far as
/// some lines go.
fn list(mut names: Vec<String>, named: &mut HashSet<String>, screen: &Screen) -> String {
    names.sort_by_key(|name| named.contains(name));
    let known = |name: &&String| !named.contains(*name);
    let mut shown = names.iter().take_while(known).count();
    named.extend(names.iter().cloned());
    let lines = |shown: usize| some_of(&names, shown, screen).lines().count();
    while shown < names.len() && lines(shown + 1) <= LINES_OF_NAMES {
        shown += 1;
    }
    some_of(&names, shown, screen)
}

/// The first of the names: in full while they take few lines, else by namespace.
fn some_of(names: &[String], shown: usize, screen: &Screen) -> String {
    let (shown, more) = names.split_at(shown);
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let full = wrap(
        format!("{}{more}", shown.join(", ")).trim_start(),
        screen.width,
        "  ",
    );
    if full.lines().count() <= LINES_OF_NAMES {
        return full;
    }
    let mut namespaces: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in shown {
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        match namespaces.iter_mut().find(|(known, _)| *known == namespace) {
            Some((_, names)) => names.push(name),
            None => namespaces.push((namespace, vec![name])),
        }
    }
    let parts: Vec<String> = namespaces
        .iter()
        .map(|(namespace, names)| match names.as_slice() {
            [one] if !namespace.is_empty() => format!("{namespace}/{one}"),
            several if namespace.is_empty() => several.join(", "),
            several => format!("{namespace}: {}", several.join(", ")),
        })
        .collect();
    wrap(&format!("{}{more}", parts.join("; ")), screen.width, "  ")
}

/// Modules that are not verified and that no block names; where no finding says why, with
/// what KMM said of them.
fn without_cause(report: &Report, named: &mut HashSet<String>, screen: &Screen) -> String {
    let mut groups: Vec<(&ModuleReport, Vec<String>)> = Vec::new();
    for module in &report.modules {
        let is_told = !module.findings.is_empty() && named.contains(&full_name(module));
        if module.verdict.passes() || is_told {
            continue;
        }
        let same = |(first, _): &&mut (&ModuleReport, _)| {
            (first.verdict, said(first)) == (module.verdict, said(module))
        };
        match groups.iter_mut().find(same) {
            Some((_, names)) => names.push(full_name(module)),
            None => groups.push((module, vec![full_name(module)])),
        }
    }
    let mut text = String::new();
    for (first, names) in groups {
        let title = match names.as_slice() {
            [one] => one.clone(),
            several => format!("{} modules", several.len()),
        };
        text.push_str(&format!("\n{}: {title}\n", screen.verdict(first.verdict)));
        text.push_str(&wrap(said(first), screen.width, "  "));
        if names.len() > 1 {
            text.push_str(&list(names, named, screen));
        }
    }
    text
}

/// What KMM said of a module that has no finding.
fn said(module: &ModuleReport) -> &str {
    match module.findings.is_empty() {
        true => &module.status_reason,
        false => "",
    }
}
