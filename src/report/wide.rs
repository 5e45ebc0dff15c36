//! `-o wide`: a block per module with all that is known of it.

use owo_colors::Style as Paint;
use unicode_width::UnicodeWidthStr;

use crate::findings::codes;
use crate::findings::finding::Finding;
use crate::model::report::{ModuleReport, Report};
use crate::report::causes::full_name;
use crate::report::screen::Screen;
use crate::report::wrap::{wrap, wrap_and_cut};

/// The blocks, an empty line before each but the first.
pub(super) fn blocks(report: &Report, screen: &Screen) -> String {
    let blocks: Vec<String> = report
        .modules
        .iter()
        .map(|one| block(one, screen))
        .collect();
    blocks.join("\n")
}

fn block(module: &ModuleReport, screen: &Screen) -> String {
    let mut title = full_name(module);
    if !module.kernel_version.is_empty() {
        title.push_str(&format!(" on {}", module.kernel_version));
    }
    let verdict = screen.verdict_text(module.verdict).width() + 2;
    let gap = match title.width() + verdict <= screen.width {
        true => "  ",
        false => "\n  ",
    };
    let mut text = format!(
        "{}{gap}{}\n",
        screen.paint(&wrap_and_cut(&title, screen), Paint::new().bold()),
        screen.verdict(module.verdict)
    );
    let took = module
        .duration
        .map(|took| format!("{:.1} s", took.as_secs_f64()));
    let is_new = |reason: &&str| !module.findings.iter().any(|one| one.message == **reason);
    let reason = Some(module.status_reason.as_str()).filter(is_new);
    for (name, value) in [
        ("preflight", module.preflight.as_deref()),
        ("arch", module.arch.map(|arch| arch.as_str())),
        ("stage", Some(module.verification_stage.as_str())),
        ("status", Some(module.verification_status.as_str())),
        ("reason", reason),
        ("since", module.last_transition_time.as_deref()),
        ("mapping", module.mapping.as_deref()),
        ("image", module.image.as_deref()),
        ("digest", module.digest.as_deref()),
        ("checked by", Some(module.checked_by.as_str())),
        ("took", took.as_deref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = wrap(value, screen.width, "              ");
            text.push_str(&format!("  {name:<10}  {}", value.trim_start()));
        }
    }
    for (at, finding) in module.findings.iter().enumerate() {
        text.push_str(&one(finding, screen));
        let next = module.findings.get(at + 1);
        let goes_on =
            next.is_some_and(|next| next.code == finding.code && next.hint == finding.hint);
        if !goes_on {
            text.push_str(&remedy(finding, screen));
        }
    }
    text
}

fn one(finding: &Finding, screen: &Screen) -> String {
    let accepted = match &finding.accepted {
        Some(reason) => format!(" (accepted: {reason})"),
        None => String::new(),
    };
    let body = format!("{}{accepted}: {}", finding.code, finding.message);
    let body = wrap(&body, screen.width, "    ");
    format!(
        "  {} {}",
        screen.severity_sign(finding.severity),
        screen.linked(body.trim_start(), finding.code)
    )
}

/// What to do, and the page about the code: once for findings that share them.
fn remedy(finding: &Finding, screen: &Screen) -> String {
    let mut text = String::new();
    if let Some(hint) = &finding.hint {
        text.push_str(&wrap(&format!("hint: {hint}"), screen.width, "    "));
    }
    text.push_str(&format!("    {}\n", codes::url(finding.code)));
    text
}
