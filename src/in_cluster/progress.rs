//! How far the shards of a Job are, from the Job and its pods (pure).

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};

use crate::error::{EXIT_NOTHING, EXIT_VERIFIED};
use crate::model::printable::printable_line;

/// Label of a pod: its index.
const INDEX_LABEL: &str = "batch.kubernetes.io/job-completion-index";
/// The most characters of a pod's last words.
const LAST_WORDS: usize = 400;

/// What is seen of a Job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its shards, by their index.
    pub shards: Vec<ShardProgress>,
    /// Why the Job is over, where it is.
    pub ended: Option<String>,
}

/// What is seen of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShardProgress {
    /// Its index is completed or failed for good.
    pub has_ended: bool,
    /// The pod that runs now.
    pub running: Option<String>,
    /// What happened to its pods, in the order of their names.
    pub remarks: Vec<String>,
    /// Its image cannot be had.
    pub no_image: Option<String>,
    /// How its last pod ended, where that was no ordinary end.
    pub end: Option<String>,
}

/// Reads the state of a Job with so many shards.
pub(crate) fn look(job: &Job, pods: &[Pod], count: u32) -> Progress {
    let status = job.status.as_ref();
    let indexes = |text: Option<&String>| indexes(text.map_or("", String::as_str), count);
    let mut done = indexes(status.and_then(|status| status.completed_indexes.as_ref()));
    done.extend(indexes(
        status.and_then(|status| status.failed_indexes.as_ref()),
    ));
    let shards = (0..count)
        .map(|index| {
            let mut own: Vec<&Pod> = pods
                .iter()
                .filter(|pod| index_of(pod) == Some(index))
                .collect();
            own.sort_by_key(|pod| {
                let created = pod.metadata.creation_timestamp.clone();
                (created.map(|time| time.0), pod.metadata.name.clone())
            });
            shard(&own, done.contains(&index))
        })
        .collect();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ended = conditions.into_iter().flatten().find_map(|condition| {
        let is_end = matches!(condition.type_.as_str(), "Complete" | "Failed");
        (is_end && condition.status == "True").then(|| {
            sentence(condition.reason.as_deref(), condition.message.as_deref())
                .unwrap_or_else(|| condition.type_.clone())
        })
    });
    Progress { shards, ended }
}

/// Reads `0,2-4`.
fn indexes(text: &str, count: u32) -> BTreeSet<u32> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            indexes.extend(first..=last.min(count.saturating_sub(1)));
        }
    }
    indexes
}

fn index_of(pod: &Pod) -> Option<u32> {
    pod.metadata.labels.as_ref()?.get(INDEX_LABEL)?.parse().ok()
}

fn shard(pods: &[&Pod], has_ended: bool) -> ShardProgress {
    let mut shard = ShardProgress {
        has_ended,
        ..ShardProgress::default()
    };
    for (number, pod) in pods.iter().enumerate() {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if number > 0 {
            shard.remarks.push(format!("started again as pod {name}"));
        }
        match phase.unwrap_or("Pending") {
            "Succeeded" => {}
            "Failed" => {
                shard.end = end(pod).map(|end| format!("pod {name} {end}"));
                shard.remarks.extend(shard.end.clone());
            }
            "Running" => shard.running = Some(name.to_owned()),
            _ => {
                shard.no_image = no_image(pod).map(|why| format!("pod {name} {why}"));
                shard.remarks.extend(shard.no_image.clone());
                shard
                    .remarks
                    .extend(waiting(pod).map(|why| format!("pod {name} {why}")));
            }
        }
    }
    shard
}

/// How a failed pod ended; nothing for one that ended with a verdict.
fn end(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    let message = status.and_then(|status| status.message.as_deref());
    if reason == Some("Evicted") {
        return Some(with("was evicted", message));
    }
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let disruption = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
    if let Some(disruption) = disruption {
        let why = sentence(disruption.reason.as_deref(), disruption.message.as_deref());
        return Some(with("was evicted", why.as_deref()));
    }
    match terminated(pod) {
        Some(container) => of_container(container),
        None => Some(with("failed", sentence(reason, message).as_deref())),
    }
}

fn of_container(container: &ContainerStateTerminated) -> Option<String> {
    let code = container.exit_code;
    let words = container.message.as_deref().and_then(last_words);
    match (container.reason.as_deref(), code) {
        (Some("OOMKilled"), _) => Some("was killed: out of memory".to_owned()),
        (_, code) if code > 128 => Some(format!("was killed (exit code {code})")),
        (_, code) if (i32::from(EXIT_VERIFIED)..=i32::from(EXIT_NOTHING)).contains(&code) => {
            words.map(|words| format!("ended with exit code {code}: {words}"))
        }
        _ => Some(with(
            &format!("ended with exit code {code}"),
            words.as_deref(),
        )),
    }
}

/// The error that a log ends with.
fn last_words(log: &str) -> Option<String> {
    let mut lines = log.lines().rev().filter(|line| !line.trim().is_empty());
    let error = lines.find_map(|line| line.strip_prefix("error: "))?;
    Some(printable_line(error).chars().take(LAST_WORDS).collect())
}

fn terminated(pod: &Pod) -> Option<&ContainerStateTerminated> {
    states(pod).find_map(|state| state.terminated.as_ref())
}

fn states(pod: &Pod) -> impl Iterator<Item = &ContainerState> {
    let containers = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.state.as_ref())
}

/// The kubelet's reasons for an image that it cannot pull.
const PULL_REASONS: [&str; 5] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
];

fn no_image(pod: &Pod) -> Option<String> {
    let waiting = states(pod).filter_map(|state| state.waiting.as_ref());
    let mut refused = waiting.filter(|waiting| {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        PULL_REASONS.contains(&reason)
    });
    let refused = refused.next()?;
    let image = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.containers.first()?.image.clone())
        .unwrap_or_default();
    Some(with(
        &format!("cannot pull image {image}"),
        refused.message.as_deref().or(refused.reason.as_deref()),
    ))
}

/// What else a pod waits for.
fn waiting(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unscheduled = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unscheduled {
        return Some(with("waits for a node", condition.message.as_deref()));
    }
    states(pod)
        .filter_map(|state| state.waiting.as_ref())
        .find(|waiting| {
            let reason = waiting.reason.as_deref().unwrap_or_default();
            !PULL_REASONS.contains(&reason)
                && !["", "ContainerCreating", "PodInitializing"].contains(&reason)
        })
        .map(|waiting| {
            let why = sentence(waiting.reason.as_deref(), waiting.message.as_deref());
            with("cannot start", why.as_deref())
        })
}

fn sentence(reason: Option<&str>, message: Option<&str>) -> Option<String> {
    let texts = [reason, message].into_iter().flatten();
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}

fn with(what: &str, why: Option<&str>) -> String {
    match why.map(str::trim).filter(|why| !why.is_empty()) {
        Some(why) => format!("{what}: {}", printable_line(why)),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
