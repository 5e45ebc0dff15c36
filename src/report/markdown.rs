//! A report as Markdown: for the summary of a CI step, and for pull requests.

use crate::findings::codes;
use crate::model::report::Report;
use crate::model::verdict::Verdict;
use crate::report::causes::{Cause, causes, full_name};
use crate::report::screen::Screen;
use crate::report::{grid, summary};

/// The signs of Markdown.
const SIGNS: Screen = Screen {
    unicode: true,
    ..Screen::PLAIN
};

/// Renders the report: the verdict, a table of modules and kernels, and what is wrong.
pub(crate) fn render(report: &Report) -> String {
    let Some(verdict) = report.verdict() else {
        return "### KMM preflight: nothing to check\n".to_owned();
    };
    let end = if report.interrupted {
        "; interrupted"
    } else {
        ""
    };
    let mut text = format!(
        "### {} KMM preflight {verdict}: {}{end}\n\n",
        SIGNS.sign(verdict),
        summary::counts(report)
    );
    text.push_str(&table(report));
    let causes = causes(report);
    for cause in &causes {
        text.push('\n');
        text.push_str(&section(cause));
    }
    if !report.notes.is_empty() {
        text.push('\n');
    }
    for note in &report.notes {
        text.push_str(&format!("> {}\n", escaped(note)));
    }
    text
}

/// Rows of modules that do not pass; those that do are counted in the heading.
fn table(report: &Report) -> String {
    let columns: Vec<String> = match grid::targets(report) {
        Some(columns) => columns.iter().map(grid::Column::title).collect(),
        None => Vec::new(),
    };
    if !columns.is_empty() {
        return matrix(report, &columns);
    }
    let mut text = "| Module | Kernel | Verdict | Reason |\n|---|---|---|---|\n".to_owned();
    for module in &report.modules {
        let reason = match module.findings.first() {
            Some(finding) if !module.verdict.passes() => {
                format!("[{0}]({1})", finding.code, codes::url(finding.code))
            }
            _ => String::new(),
        };
        text.push_str(&format!(
            "| {} | {} | {} {} | {reason} |\n",
            code(&full_name(module)),
            code(&module.kernel_version),
            SIGNS.sign(module.verdict),
            module.verdict,
        ));
    }
    text
}

fn matrix(report: &Report, columns: &[String]) -> String {
    let mut names: Vec<String> = Vec::new();
    for module in &report.modules {
        let name = full_name(module);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let heads: Vec<String> = columns.iter().map(|column| code(column)).collect();
    let mut text = format!(
        "| Module | {} |\n|---|{}\n",
        heads.join(" | "),
        "---|".repeat(columns.len())
    );
    let one_arch = columns.iter().all(|column| !column.ends_with(')'));
    for name in names {
        let cells: Vec<&str> = columns
            .iter()
            .map(|column| {
                let verdict = report.modules.iter().find(|module| {
                    let key = (module.kernel_version.as_str(), module.arch);
                    full_name(module) == name && grid::title(key, one_arch) == *column
                });
                verdict.map_or("", |module| SIGNS.sign(module.verdict))
            })
            .collect();
        text.push_str(&format!("| {} | {} |\n", code(&name), cells.join(" | ")));
    }
    let legend: Vec<String> = [
        Verdict::Verified,
        Verdict::Accepted,
        Verdict::Failed,
        Verdict::Error,
        Verdict::InProgress,
        Verdict::Unknown,
    ]
    .into_iter()
    .filter(|verdict| report.count(*verdict) > 0)
    .map(|verdict| format!("{} {verdict}", SIGNS.sign(verdict)))
    .collect();
    text.push_str(&format!("\n{}\n", legend.join(", ")));
    text
}

fn section(cause: &Cause<'_>) -> String {
    let accepted = match cause.accepted {
        Some(reason) => format!(" (accepted: {})", escaped(reason)),
        None => String::new(),
    };
    let mut text = format!(
        "- {} **[{}]({})**{accepted}\n",
        SIGNS.severity_sign(cause.severity),
        cause.code,
        codes::url(cause.code)
    );
    for (whose, statement) in cause.statements() {
        let whose = whose.map(|name| format!("{name}: ")).unwrap_or_default();
        text.push_str(&format!(
            "  - {}\n",
            escaped(&format!("{whose}{statement}"))
        ));
    }
    let names: Vec<String> = cause.names().iter().map(|name| code(name)).collect();
    text.push_str(&format!("  - modules: {}\n", names.join(", ")));
    if let Some(hint) = &cause.hint {
        text.push_str(&format!("  - hint: {}\n", escaped(hint)));
    }
    text
}

/// A text in one line whose characters mean nothing to Markdown, and that mentions nobody.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            '@' => out.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A name as code; a table takes no bar even there, and a name has no backquote that counts.
fn code(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!("`{}`", name.replace('`', "'").replace('|', "\\|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::{Code, Finding};
    use crate::report::samples::{mixed, report, row};

    #[test]
    fn a_report_has_a_row_per_module_and_an_item_per_cause() {
        insta::assert_snapshot!(render(&mixed()));
    }

    #[test]
    fn several_kernels_are_columns() {
        let missing = Finding::new(Code::ModuleNotFound, "no module");
        let report = report(vec![
            row("a", "5.14.0-1", vec![]),
            row("a", "5.14.0-2", vec![missing]),
        ]);
        let text = render(&report);
        assert!(
            text.contains("| Module | `5.14.0-1` | `5.14.0-2` |\n"),
            "{text}"
        );
        assert!(text.contains("| `drivers/a` | ✔ | ✘ |\n"), "{text}");
    }

    #[test]
    fn no_text_from_outside_is_markup() {
        let text = "a <img src=x> [l](u) `c` | @org\n# b";
        assert_eq!(
            escaped(text),
            "a \\<img src=x\\> \\[l\\](u) \\`c\\` \\| @<!-- -->org # b"
        );
        assert_eq!(code("a`|b"), "`a'\\|b`");
    }
}
