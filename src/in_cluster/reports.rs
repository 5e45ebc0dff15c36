//! Each shard's report as a ConfigMap.

use std::num::NonZeroU32;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use crate::in_cluster::manifests::RUN_LABEL;
use crate::in_cluster::merge::Planned;
use crate::in_cluster::shards::Shard;
use crate::in_cluster::texts;
use crate::model::report::Report;
use crate::report::{data, read};

/// Label of a report: the index of its shard.
pub(crate) const SHARD_LABEL: &str = "preflight.kmm/shard";
/// Label of a report: the UID of the Job that made it.
pub(crate) const JOB_LABEL: &str = "preflight.kmm/job-uid";
/// How many shards the run has.
const SHARDS_ANNOTATION: &str = "preflight.kmm/shards";
/// When the shard was done.
const FINISHED_ANNOTATION: &str = "preflight.kmm/finished";
/// The key of a report as it is, which is the one of `-o json`.
const REPORT: &str = "report.json";
/// The key of what belongs to it and has no place in it.
const DETAILS: &str = "details.json";
/// The key of the Modules of the whole run.
pub(crate) const PLAN: &str = "plan.json";

/// The Job of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Job {
    /// What makes Kubernetes remove an object with the Job.
    pub(crate) fn owner(&self) -> Value {
        json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": self.uid,
        }])
    }
}

/// Whose report it is.
#[derive(Debug, Clone)]
pub(crate) struct ReportKey<'a> {
    /// The run.
    pub run: &'a str,
    /// The namespace of its Job.
    pub namespace: &'a str,
    /// Which part of the Modules.
    pub shard: Shard,
    /// The Job; none outside of one.
    pub job: Option<&'a Job>,
}

/// A report that was kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// Which part of the Modules.
    pub shard: Shard,
    /// The UID of the Job that made it.
    pub job: Option<String>,
    /// When the shard was done.
    pub finished: Timestamp,
    /// What it saw.
    pub report: Report,
    /// The Modules of the whole run.
    pub plan: Vec<Planned>,
}

impl ReportKey<'_> {
    /// The name of the ConfigMap.
    pub(crate) fn name(&self) -> String {
        name_of(self.run, self.shard.index)
    }

    /// The ConfigMap. A Job of the run's name owns it, so that it goes with the Job; what a
    /// CronJob's Jobs leave stays until the next one.
    pub(crate) fn config_map(
        &self,
        report: &Report,
        plan: &[Planned],
        finished: Timestamp,
    ) -> Value {
        let mut metadata = json!({
            "name": self.name(),
            "namespace": self.namespace,
            "labels": {
                "app.kubernetes.io/name": "kmm-preflight",
                RUN_LABEL: self.run,
                SHARD_LABEL: self.shard.index.to_string(),
            },
            "annotations": {
                SHARDS_ANNOTATION: self.shard.count.to_string(),
                FINISHED_ANNOTATION: finished.to_string(),
            },
        });
        if let Some(job) = self.job {
            metadata["labels"][JOB_LABEL] = json!(job.uid);
            if job.name == self.run {
                metadata["ownerReferences"] = job.owner();
            }
        }
        let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let texts = [
            (REPORT, data::json(report)),
            (DETAILS, read::details(report).to_string()),
            (PLAN, json!(plan).to_string()),
        ];
        texts::put(&mut map, &texts);
        map
    }
}

/// The name of the ConfigMap of a shard's report.
pub(crate) fn name_of(run: &str, index: u32) -> String {
    format!("{run}-report-{index}")
}

/// The report that a ConfigMap holds.
///
/// # Errors
/// It holds none, a damaged one, or one of another release.
pub(crate) fn kept(map: &ConfigMap) -> Result<Kept, String> {
    let label = |name: &str| map.metadata.labels.as_ref()?.get(name).cloned();
    let annotation = |name: &str| map.metadata.annotations.as_ref()?.get(name).cloned();
    let index = label(SHARD_LABEL).and_then(|text| text.parse().ok());
    let count = annotation(SHARDS_ANNOTATION).and_then(|text| text.parse::<NonZeroU32>().ok());
    let finished = annotation(FINISHED_ANNOTATION).and_then(|text| text.parse().ok());
    let (Some(index), Some(count), Some(finished)) = (index, count, finished) else {
        return Err("its labels and annotations are not those of a report".to_owned());
    };
    let [document, details, plan] = [REPORT, DETAILS, PLAN].map(|key| -> Result<Value, String> {
        serde_json::from_str(&texts::get(map, key)?).map_err(|error| format!("{key}: {error}"))
    });
    Ok(Kept {
        shard: Shard { index, count },
        job: label(JOB_LABEL),
        finished,
        report: read::report(document?, details?)?,
        plan: serde_json::from_value(plan?).map_err(|error| format!("{PLAN}: {error}"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn map_of(report: &Report, job: Option<&Job>) -> ConfigMap {
        let key = ReportKey {
            run: "run",
            namespace: "ns",
            shard: "2/3".parse().expect("a shard"),
            job,
        };
        serde_json::from_value(key.config_map(report, &[], NOW)).expect("a ConfigMap")
    }

    #[test]
    fn a_report_comes_back_however_long_it_is() {
        for rows in [0, 4, 5000] {
            let sample = samples::mixed().modules;
            let modules = sample.into_iter().cycle().take(rows).collect();
            let report = samples::report(modules);
            let map = map_of(&report, None);
            assert_eq!(map.binary_data.is_some(), rows > 1000);
            assert!(serde_json::to_string(&map).expect("JSON").len() < 1 << 20);
            let kept = kept(&map).expect("a report");
            assert_eq!(kept.report, report);
            assert_eq!((kept.shard.to_string(), kept.finished), ("2/3".into(), NOW));
        }
    }

    #[test]
    fn what_holds_no_report_is_refused() {
        assert!(kept(&ConfigMap::default()).is_err());
        let mut map = map_of(&samples::mixed(), None);
        map.data = map.data.map(|mut data| {
            data.insert(REPORT.into(), "{".into());
            data
        });
        assert!(kept(&map).is_err());
        map.data = None;
        assert!(kept(&map).is_err());
    }

    #[test]
    fn a_report_goes_with_its_job_and_outlives_those_of_a_cron_job() {
        let job = |name: &str| Job {
            name: name.into(),
            uid: "u".into(),
        };
        let metadata = map_of(&samples::mixed(), Some(&job("run"))).metadata;
        let labels = metadata.labels.expect("labels");
        assert_eq!(
            (labels[RUN_LABEL].as_str(), labels[SHARD_LABEL].as_str()),
            ("run", "2")
        );
        assert_eq!(metadata.name.as_deref(), Some("run-report-2"));
        assert_eq!(metadata.owner_references.expect("an owner")[0].uid, "u");
        let map = map_of(&samples::mixed(), Some(&job("run-29000000")));
        assert_eq!(map.metadata.owner_references, None);
        assert_eq!(kept(&map).expect("a report").job.as_deref(), Some("u"));
    }
}
