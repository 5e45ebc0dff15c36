//! How the Modules of a Job are divided among its shards, as a ConfigMap: one pod reads all
//! manifests for it, and the others go by what it wrote.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use crate::in_cluster::manifests::RUN_LABEL;
use crate::in_cluster::merge::Planned;
use crate::in_cluster::reports::{JOB_LABEL, Job, PLAN};
use crate::in_cluster::texts;

/// The shard whose pod divides.
const BY_ANNOTATION: &str = "preflight.kmm/divided-by";

/// The division of a Job, as one of its pods has to do with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division<'a> {
    /// The run.
    pub run: &'a str,
    /// The namespace of its Job.
    pub namespace: &'a str,
    /// The Job.
    pub job: &'a Job,
    /// The shard of this pod.
    pub shard: u32,
}

/// What a pod that comes later sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The Modules with their shards.
    Divided(Vec<Planned>),
    /// Another pod is at it.
    ByAnother,
    /// An earlier pod of the same shard was at it, and is no longer.
    ByThisShard,
    /// It is of another Job, of a pod that could not divide, or nothing that can be read.
    Useless,
}

impl Division<'_> {
    /// The name of the ConfigMap. A CronJob's Jobs each have a name of their own.
    pub(crate) fn name(&self) -> String {
        format!("{}-division", self.job.name)
    }

    /// The ConfigMap of the one that divides: without a plan at first, so that nobody else does
    /// the same.
    pub(crate) fn config_map(&self, plan: Option<&[Planned]>) -> Value {
        let mut map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name(),
                "namespace": self.namespace,
                "labels": {
                    "app.kubernetes.io/name": "kmm-preflight",
                    RUN_LABEL: self.run,
                    JOB_LABEL: self.job.uid,
                },
                "annotations": {BY_ANNOTATION: self.shard.to_string()},
                "ownerReferences": self.job.owner(),
            },
        });
        if let Some(plan) = plan {
            texts::put(&mut map, &[(PLAN, json!(plan).to_string())]);
        }
        map
    }

    /// The ConfigMap of the one that could not divide, so that nobody waits for it.
    pub(crate) fn given_up(&self) -> Value {
        let mut map = self.config_map(None);
        texts::put(&mut map, &[(PLAN, String::new())]);
        map
    }

    /// What the ConfigMap says to this pod.
    pub(crate) fn read(&self, map: &ConfigMap) -> Seen {
        let labels = map.metadata.labels.as_ref();
        let of_job = labels.and_then(|labels| labels.get(JOB_LABEL));
        let annotations = map.metadata.annotations.as_ref();
        let by = annotations.and_then(|annotations| annotations.get(BY_ANNOTATION));
        if of_job != Some(&self.job.uid) {
            return Seen::Useless;
        }
        if map.data.is_none() && map.binary_data.is_none() {
            return match by == Some(&self.shard.to_string()) {
                true => Seen::ByThisShard,
                false => Seen::ByAnother,
            };
        }
        let plan = texts::get(map, PLAN).ok();
        let plan = plan.and_then(|text| serde_json::from_str(&text).ok());
        plan.map_or(Seen::Useless, Seen::Divided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmm::early::ModuleKind;

    fn job(uid: &str) -> Job {
        Job {
            name: "nightly-29000000".into(),
            uid: uid.into(),
        }
    }

    fn of<'a>(job: &'a Job, shard: u32) -> Division<'a> {
        Division {
            run: "nightly",
            namespace: "ns",
            job,
            shard,
        }
    }

    fn map(value: Value) -> ConfigMap {
        serde_json::from_value(value).expect("a ConfigMap")
    }

    #[test]
    fn a_division_comes_back_however_long_it_is() {
        let job = job("u");
        for count in [0, 3, 9000] {
            let planned = |number: u32| Planned {
                kind: ModuleKind::Module,
                namespace: "drivers".into(),
                name: format!("module-{number}"),
                shard: number % 7,
                targets: vec![0, 1],
            };
            let plan: Vec<Planned> = (0..count).map(planned).collect();
            let map = map(of(&job, 2).config_map(Some(&plan)));
            assert_eq!(map.binary_data.is_some(), count == 9000);
            assert_eq!(
                map.metadata.name.as_deref(),
                Some("nightly-29000000-division")
            );
            assert_eq!(of(&job, 5).read(&map), Seen::Divided(plan));
        }
    }

    #[test]
    fn a_pod_knows_whether_to_wait() {
        let (own, other) = (job("u"), job("v"));
        let begun = map(of(&own, 2).config_map(None));
        assert_eq!(of(&own, 5).read(&begun), Seen::ByAnother);
        assert_eq!(of(&own, 2).read(&begun), Seen::ByThisShard);
        assert_eq!(of(&other, 5).read(&begun), Seen::Useless);
        let given_up = map(of(&own, 2).given_up());
        assert_eq!(of(&own, 5).read(&given_up), Seen::Useless);
        assert_eq!(of(&own, 2).read(&given_up), Seen::Useless);
        assert_eq!(of(&own, 5).read(&ConfigMap::default()), Seen::Useless);
    }
}
