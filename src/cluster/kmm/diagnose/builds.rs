//! What OpenShift's Builds, and upstream's build pods, say of a module (pure).

use std::collections::BTreeMap;

use crate::cluster::kmm::diagnose::evidence::{Evidence, IMAGE_OWNER_LABEL, MODULE_LABEL};
use crate::cluster::kmm::diagnose::objects::BuildObject;
use crate::cluster::kmm::diagnose::reason::{stuck, waiting};
use crate::cluster::kmm::preflight::Row;
use crate::findings::finding::Finding;

/// How much of a log a finding shows.
const LOG_LINES: usize = 6;

/// The Builds of a row: since 2.4 they are labelled with the name of the
/// ModuleBuildSignConfig, before with the Module's.
pub(crate) fn of_builds(row: &Row, evidence: &Evidence, only_failed: bool) -> Vec<Finding> {
    let named = format!("{}-preflight", row.name);
    let of_row = |labels: &BTreeMap<String, String>| {
        labels
            .get(MODULE_LABEL)
            .is_some_and(|module| *module == row.name || *module == named)
    };
    let builds = evidence.builds.iter().filter(|build| {
        build.metadata.namespace == row.namespace
            && of_row(&build.metadata.labels)
            && !build.metadata.owner_references.iter().any(|owner| {
                // The Module's own builds are no part of the preflight.
                owner.kind == "Module"
                    || (owner.kind == "ModuleBuildSignConfig" && owner.name != named)
            })
            && (!only_failed || build.has_failed())
    });
    let mut findings: Vec<Finding> = builds
        .filter_map(|build| of_build(build, evidence))
        .collect();
    let pods = evidence.pods.iter().filter(|pod| {
        pod.metadata.namespace == row.namespace
            && of_row(&pod.metadata.labels)
            && !pod.metadata.labels.contains_key(IMAGE_OWNER_LABEL)
            && pod.status.phase == "Failed"
    });
    findings.extend(pods.map(|pod| {
        stuck(format!(
            "build pod {}/{} failed, and upstream KMM up to 2.3 keeps waiting for it",
            pod.metadata.namespace, pod.metadata.name
        ))
        .hint(format!(
            "kubectl -n {} logs {}",
            pod.metadata.namespace, pod.metadata.name
        ))
    }));
    findings
}

fn of_build(build: &BuildObject, evidence: &Evidence) -> Option<Finding> {
    let place = format!("{}/{}", build.metadata.namespace, build.metadata.name);
    let phase = &build.status.phase;
    let logs = format!(
        "oc -n {} logs build/{}",
        build.metadata.namespace, build.metadata.name
    );
    if build.has_failed() {
        let key = (
            build.metadata.namespace.clone(),
            build.metadata.name.clone(),
        );
        let log = match build.status.log_snippet.as_str() {
            "" => evidence.logs.get(&key).map_or("", String::as_str),
            snippet => snippet,
        };
        let tail = tail(log);
        let why = [&build.status.message, &tail]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| format!(": {text}"))
            .collect::<String>();
        return Some(stuck(format!("Build {place} is {phase}{why}")).hint(logs));
    }
    match phase.as_str() {
        "Complete" => None,
        "" => Some(waiting(format!("Build {place} has not started")).hint(logs)),
        _ => {
            let why = match build.status.message.as_str() {
                "" => String::new(),
                message => format!(": {message}"),
            };
            Some(waiting(format!("Build {place} is {phase}{why}")).hint(logs))
        }
    }
}

/// The last lines of a log, on one line.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join(" | ")
}
