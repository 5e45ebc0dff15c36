//! What stands below the table: one block per cause, with the modules that it hits and what
//! to do about it.

use std::collections::HashSet;

use owo_colors::Style as Paint;

use crate::model::report::{ModuleReport, Report};
use crate::report::causes::{Cause, full_name};
use crate::report::screen::Screen;
use crate::report::wrap::{cut, wrap};

/// Names in that many lines are written in full.
const FEW_LINES: usize = 2;
/// What the lines of a block begin with.
const INDENT: &str = "  ";

/// How much a block shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detail {
    /// The lines of names that it may fill with modules that pass, or are named elsewhere too.
    names: usize,
    /// The statements, where its modules differ.
    statements: usize,
    /// The lines of each statement.
    lines: usize,
    /// The widest that a name is shown.
    name: usize,
}

impl Detail {
    /// From what a reader wants to what is left where the whole is too long.
    pub(super) const ALL: [Self; 3] = [
        Self {
            names: 2,
            statements: 3,
            lines: usize::MAX,
            name: usize::MAX,
        },
        Self {
            names: 1,
            statements: 2,
            lines: 2,
            name: usize::MAX,
        },
        // Two names fit a line.
        Self {
            names: 0,
            statements: 1,
            lines: 1,
            name: 36,
        },
    ];
}

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
    let more = match statements.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let (whose, statement) = &statements[0];
    let whose = whose.iter().map(|name| format!("{name}: "));
    let mut text = format!("{}{statement}{more}", whose.collect::<String>());
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
    let body = wrap(text, screen.width, INDENT);
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
    detail: Detail,
    screen: &Screen,
) -> String {
    let mut blocks = Blocks {
        named: report.modules.iter().map(full_name).collect(),
        detail,
        screen,
    };
    if !has_rows {
        let others = report.modules.iter().filter(|one| !one.verdict.passes());
        others.for_each(|module| {
            blocks.named.remove(&full_name(module));
        });
    }
    let mut text = String::new();
    for cause in causes {
        text.push('\n');
        text.push_str(&blocks.block(cause, report));
    }
    text.push_str(&blocks.without_cause(report));
    text
}

/// What is below the table.
struct Blocks<'a> {
    /// The modules that need not be named any more.
    named: HashSet<String>,
    detail: Detail,
    screen: &'a Screen,
}

impl Blocks<'_> {
    fn block(&mut self, cause: &Cause<'_>, report: &Report) -> String {
        let names = cause.names();
        let kernels = cause.kernels().len();
        let of = report.kernels().len();
        let on = match of > 1 {
            true => format!(" on {kernels} of {of} kernels"),
            false => String::new(),
        };
        let hit = match names.as_slice() {
            [one] => format!("{}{on}", self.name(one)),
            several => format!("{} modules{on}", several.len()),
        };
        let mut text = headed(cause, &format!("{}: {hit}", heading(cause)), self.screen);
        let statements = cause.statements();
        for (whose, statement) in statements.iter().take(self.detail.statements) {
            // One module is named by the title.
            let whose = whose.iter().map(|name| format!("{}: ", self.name(name)));
            text.push_str(&self.statement(&format!("{}{statement}", whose.collect::<String>())));
        }
        if statements.len() > self.detail.statements {
            let more = statements.len() - self.detail.statements;
            text.push_str(&format!("  and {more} more; -o wide shows all\n"));
        }
        if names.len() > 1 {
            text.push_str(&self.list(names));
        } else {
            self.named.extend(names);
        }
        if let Some(hint) = &cause.hint {
            let hint = wrap(&format!("hint: {hint}"), self.screen.width, INDENT);
            let bold = self.screen.paint("hint:", Paint::new().bold());
            text.push_str(&hint.replacen("hint:", &bold, 1));
        }
        text
    }

    /// A statement in as many lines as there are for it.
    fn statement(&self, statement: &str) -> String {
        let text = wrap(statement, self.screen.width.saturating_sub(2), INDENT);
        if text.lines().count() <= self.detail.lines {
            return wrap(statement, self.screen.width, INDENT);
        }
        let mark = if self.screen.unicode { "…" } else { ".." };
        let lines: Vec<&str> = text.lines().take(self.detail.lines).collect();
        format!("{}{mark}\n", lines.join("\n"))
    }

    /// A module's name, cut so that it fits a line of a block.
    fn name(&self, name: &str) -> String {
        let room = self.screen.width.saturating_sub(INDENT.len() + 1);
        cut(name, room, self.screen)
    }

    /// The names of a block: those that nothing else names in any case, the others as far as
    /// some lines go.
    fn list(&mut self, mut names: Vec<String>) -> String {
        names.sort_by_key(|name| self.named.contains(name));
        let known = |name: &&String| !self.named.contains(*name);
        let mut shown = names.iter().take_while(known).count();
        self.named.extend(names.iter().cloned());
        let most = self.detail.names;
        if shown == 0 && most == 0 {
            return String::new();
        }
        while shown < names.len() && self.some_of(&names, shown + 1).lines().count() <= most {
            shown += 1;
        }
        self.some_of(&names, shown)
    }

    /// The first of the names: in full while they take few lines, else by namespace.
    fn some_of(&self, names: &[String], shown: usize) -> String {
        let (shown, more) = names.split_at(shown);
        let more = match more.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let names: Vec<String> = shown.iter().map(|name| self.name(name)).collect();
        let full = wrap(
            format!("{}{more}", names.join(", ")).trim_start(),
            self.screen.width,
            INDENT,
        );
        if full.lines().count() <= FEW_LINES {
            return full;
        }
        let mut namespaces: Vec<(&str, Vec<String>)> = Vec::new();
        for name in shown {
            let (namespace, name) = name.split_once('/').unwrap_or(("", name));
            let name = cut(&self.name(name), self.detail.name, self.screen);
            match namespaces.iter_mut().find(|(known, _)| *known == namespace) {
                Some((_, names)) => names.push(name),
                None => namespaces.push((namespace, vec![name])),
            }
        }
        let parts: Vec<String> = namespaces
            .iter()
            .map(|(namespace, names)| match names.as_slice() {
                [one] if !namespace.is_empty() => self.name(&format!("{namespace}/{one}")),
                several if namespace.is_empty() => several.join(", "),
                several => format!("{}: {}", self.name(namespace), several.join(", ")),
            })
            .collect();
        wrap(
            &format!("{}{more}", parts.join("; ")),
            self.screen.width,
            INDENT,
        )
    }

    /// Modules that are not verified and that no block names; where no finding says why, with
    /// what KMM said of them.
    fn without_cause(&mut self, report: &Report) -> String {
        let mut groups: Vec<(&ModuleReport, Vec<String>)> = Vec::new();
        for module in &report.modules {
            let is_named = !module.findings.is_empty() && self.named.contains(&full_name(module));
            if module.verdict.passes() || is_named {
                continue;
            }
            let same = |(first, _): &&mut (&ModuleReport, _)| {
                (first.verdict, kmm_reason(first)) == (module.verdict, kmm_reason(module))
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
            let plain = self.screen.verdict_text(first.verdict);
            let title = wrap(
                &format!("{plain}: {}", self.name(&title)),
                self.screen.width,
                INDENT,
            );
            let verdict = self.screen.verdict(first.verdict);
            text.push_str(&format!(
                "\n{}",
                title.trim_start().replacen(&plain, &verdict, 1)
            ));
            text.push_str(&wrap(kmm_reason(first), self.screen.width, INDENT));
            if names.len() > 1 {
                text.push_str(&self.list(names));
            }
        }
        text
    }
}

/// What KMM said of a module that has no finding.
fn kmm_reason(module: &ModuleReport) -> &str {
    match module.findings.is_empty() {
        true => &module.status_reason,
        false => "",
    }
}
