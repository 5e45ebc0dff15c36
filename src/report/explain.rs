//! What `explain` shows: how each Module's spec is understood for each kernel.

use owo_colors::Style;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::findings::codes;
use crate::findings::finding::Finding;
use crate::kmm::plan::mapping::{Tried, TriedResult};
use crate::kmm::planned::{ASSUMED, Plan, Work};
use crate::model::printable::{printable, printable_line};
use crate::report::answer::Answer;
use crate::report::data::API_VERSION;
use crate::report::screen::Screen;
use crate::report::wrap::{wrap, wrap_and_cut};

/// One Module on one kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explanation {
    /// The plan.
    pub plan: Plan,
    /// What became of each kernel mapping.
    pub mappings: Vec<Tried>,
    /// The objects that the sections in force refer to.
    pub needs: Vec<Need>,
    /// The plan's findings, and the lints.
    pub findings: Vec<Finding>,
}

/// An object that a Module refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// `Secret` or `ConfigMap`.
    pub kind: &'static str,
    /// Its name, in the Module's namespace.
    pub name: String,
    /// What for.
    pub purpose: &'static str,
    /// It was found among the inputs.
    pub present: bool,
}

/// How every Module is understood on every kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explanations(pub Vec<Explanation>);

impl Answer for Explanations {
    fn text(&self, screen: &Screen, _: bool) -> String {
        text(&self.0, screen)
    }

    fn document(&self) -> Value {
        document(&self.0)
    }
}

fn text(explanations: &[Explanation], screen: &Screen) -> String {
    let parts: Vec<String> = explanations.iter().map(|one| part(one, screen)).collect();
    parts.join("\n")
}

fn part(one: &Explanation, screen: &Screen) -> String {
    let plan = &one.plan;
    let title = format!(
        "{}/{} on {} ({})",
        plan.namespace, plan.name, plan.target.kernel_version, plan.target.arch
    );
    let title = wrap_and_cut(&printable_line(title), screen);
    let mut text = format!("{}\n", screen.paint(&title, Style::new().bold()));
    for (index, tried) in one.mappings.iter().enumerate() {
        let sign = match (tried.result, screen.unicode) {
            (TriedResult::Used, true) => "→",
            (TriedResult::Used, false) => ">",
            _ => " ",
        };
        let mapping = match tried.is_assumed {
            true => ASSUMED.to_owned(),
            false => format!("kernelMappings[{index}] {}", tried.rule),
        };
        let line = format!("  {sign} {mapping}: {}", tried.result.as_str());
        let style = match tried.result {
            TriedResult::Used => Style::new().bold(),
            TriedResult::Bad
            | TriedResult::Unclear
            | TriedResult::NoMatch
            | TriedResult::NotReached => Style::new(),
        };
        let line = hanging(&line, "    ", screen);
        text.push_str(&format!("{}\n", screen.paint(line.trim_end(), style)));
    }
    if let Some(work) = &plan.work {
        for (name, value) in facts(work, &plan.target.kernel_version) {
            text.push_str(&fact(name, &value, screen));
        }
    }
    for need in &one.needs {
        let presence = if need.present { "given" } else { "not given" };
        let what = format!(
            "{} {}/{} ({presence}), {}",
            need.kind, plan.namespace, need.name, need.purpose
        );
        text.push_str(&fact("needs", &what, screen));
    }
    for finding in &one.findings {
        let body = format!("{}: {}", finding.code, finding.message);
        let body = wrap(&printable(body), screen.width, "    ");
        text.push_str(&format!(
            "  {} {}",
            screen.severity_sign(finding.severity),
            screen.linked(body.trim_start(), finding.code)
        ));
        if let Some(hint) = &finding.hint {
            text.push_str(&wrap(
                &printable(format!("hint: {hint}")),
                screen.width,
                "    ",
            ));
        }
    }
    text
}

/// A fact behind its name.
fn fact(name: &str, value: &str, screen: &Screen) -> String {
    hanging(&format!("  {name:<9}{value}"), "           ", screen)
}

/// A line whose continuations are indented; it keeps its own spaces where it fits.
fn hanging(line: &str, indent: &str, screen: &Screen) -> String {
    let line = printable_line(line);
    if line.width() <= screen.width {
        return format!("{line}\n");
    }
    let end = line.char_indices().nth(indent.len());
    let (start, rest) = line.split_at(end.map_or(line.len(), |(at, _)| at));
    format!("{start}{}", wrap(rest, screen.width, indent).trim_start())
}

/// The sections in force, a line each.
fn facts(work: &Work, kernel: &str) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("image", work.image.clone()),
        ("loads", loads(work, kernel)),
    ];
    if work.registry_tls.insecure || work.registry_tls.insecure_skip_tls_verify {
        let how = match work.registry_tls.insecure {
            true => "plain HTTP allowed",
            false => "certificates not verified",
        };
        facts.push(("registry", how.to_owned()));
    }
    if !work.in_tree_modules_to_remove.is_empty() {
        facts.push(("unloads", work.in_tree_modules_to_remove.join(", ")));
    }
    if let Some(build) = &work.build {
        let args: Vec<String> = build
            .build_args
            .iter()
            .map(|arg| format!("{}={}", arg.name, arg.value))
            .collect();
        let map = build.dockerfile_config_map.as_ref();
        let map = map.map_or("none", |map| map.name.as_str());
        let args = match args.is_empty() {
            true => String::new(),
            false => format!(", arguments {}", args.join(" ")),
        };
        facts.push(("build", format!("Dockerfile of ConfigMap {map}{args}")));
    }
    if let Some(sign) = &work.sign {
        let from = match (sign.unsigned_image.as_str(), &work.build) {
            (_, Some(_)) => "the result of Build",
            ("", None) => "no image",
            (image, None) => image,
        };
        let files = sign.files_to_sign.join(" ");
        facts.push(("sign", format!("{files} of {from}")));
    }
    facts
}

/// What KMM's worker runs on a node.
fn loads(work: &Work, kernel: &str) -> String {
    let modprobe = &work.modprobe;
    let words: Vec<&str> = match &modprobe.raw_args {
        Some(raw) if modprobe.module_name.is_empty() => {
            raw.load.iter().map(String::as_str).collect()
        }
        _ => {
            let args = modprobe.args.iter().flat_map(|args| args.load.iter());
            args.chain([&modprobe.module_name])
                .chain(&modprobe.parameters)
                .map(String::as_str)
                .collect()
        }
    };
    let mut text = format!(
        "modprobe {} from {}/lib/modules/{kernel}",
        words.join(" "),
        modprobe.dir_name.trim_end_matches('/')
    );
    if modprobe.modules_loading_order.len() > 1 {
        let order: Vec<&str> = modprobe
            .modules_loading_order
            .iter()
            .rev()
            .map(String::as_str)
            .collect();
        text.push_str(&format!(", in the order {}", order.join(", ")));
    }
    text
}

fn document(explanations: &[Explanation]) -> Value {
    let modules: Vec<Value> = explanations.iter().map(module).collect();
    json!({"apiVersion": API_VERSION, "kind": "Explanation", "modules": modules})
}

fn module(one: &Explanation) -> Value {
    let plan = &one.plan;
    let work = plan.work.as_ref();
    let mapping = |(index, tried): (usize, &Tried)| {
        let rule = match tried.is_assumed {
            true => ASSUMED,
            false => &tried.rule,
        };
        json!({"index": index, "rule": rule, "result": tried.result.as_str()})
    };
    let need = |need: &Need| {
        json!({
            "kind": need.kind, "namespace": plan.namespace, "name": need.name,
            "purpose": need.purpose, "present": need.present,
        })
    };
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code.as_str(), "severity": finding.severity.as_str(),
            "message": finding.message, "hint": finding.hint, "url": codes::url(finding.code),
        })
    };
    json!({
        "namespace": plan.namespace,
        "name": plan.name,
        "kernelVersion": plan.target.kernel_version,
        "arch": plan.target.arch.as_str(),
        "mappings": one.mappings.iter().enumerate().map(mapping).collect::<Vec<_>>(),
        "mapping": plan.mapping.as_ref().map(ToString::to_string),
        "image": work.map(|work| &work.image),
        "registryTLS": work.map(|work| work.registry_tls),
        "imageRepoSecret": work.and_then(|work| work.image_repo_secret.as_ref()),
        "modprobe": work.map(|work| &work.modprobe),
        "inTreeModulesToRemove": work.map(|work| &work.in_tree_modules_to_remove),
        "build": work.and_then(|work| work.build.as_ref()),
        "sign": work.and_then(|work| work.sign.as_ref()),
        "needs": one.needs.iter().map(need).collect::<Vec<_>>(),
        "findings": one.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
