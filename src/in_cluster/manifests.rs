//! The objects that run the validation in the cluster.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use crate::findings::accept::Accept;
use crate::input::yaml;

/// The image of this release, unless `--image` or `$KMM_PREFLIGHT_IMAGE` names another.
pub(crate) const IMAGE: &str = concat!(
    "ghcr.io/kmm-preflight/kubectl-kmm-preflight:v",
    env!("CARGO_PKG_VERSION")
);
/// Label of everything that belongs to a run in the cluster; its value is the run's name.
pub(crate) const RUN_LABEL: &str = "preflight.kmm/run";
/// The variable that holds the number of shards.
pub(crate) const SHARDS_VARIABLE: &str = "KMM_PREFLIGHT_SHARDS";
/// The variable in which Kubernetes puts the index of a pod of an Indexed Job.
pub(crate) const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// The variable that holds the name of the Job.
pub(crate) const JOB_NAME_VARIABLE: &str = "KMM_PREFLIGHT_JOB_NAME";
/// The variable that holds its UID.
pub(crate) const JOB_UID_VARIABLE: &str = "KMM_PREFLIGHT_JOB_UID";

/// Where the pods have what the user accepts.
const CONFIG_FOLDER: &str = "/config";
/// The file there, and the key of the ConfigMap that it is from.
const CONFIG_FILE: &str = "config.yaml";

/// The rights to read what Modules refer to and which kernels the cluster gets, as the
/// repository's manifests grant them.
const RIGHTS: [&str; 2] = [
    include_str!("../../examples/rbac/cross-check.yaml"),
    include_str!("../../examples/rbac/targets.yaml"),
];

/// What runs in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCluster {
    /// Name of every object.
    pub name: String,
    /// Namespace of the Job and of its reports.
    pub namespace: String,
    /// The image of this program.
    pub image: String,
    /// How many shards.
    pub shards: NonZeroU32,
    /// Flags of `run --local`: targets, selection.
    pub flags: Vec<String>,
    /// What the user accepts: the pods' reports and metrics say so too.
    pub accepts: Vec<Accept>,
}

impl InCluster {
    /// A Job with its ServiceAccount and rights, and what is accepted.
    pub fn job(&self) -> Vec<Value> {
        let mut objects = self.surroundings();
        objects.push(self.only_job(false));
        objects
    }

    /// The Job alone. Unless it is kept, Kubernetes removes it a day after its end, should
    /// nobody else do so.
    pub fn only_job(&self, is_kept: bool) -> Value {
        let mut spec = self.job_spec();
        if !is_kept {
            spec["ttlSecondsAfterFinished"] = json!(24 * 60 * 60);
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(true),
            "spec": spec,
        })
    }

    /// The same on a schedule. The reports of the last run stay until the next one.
    /// A Job ends after six hours at the latest: one that waits for an image that nobody has
    /// would keep all later ones from starting.
    pub fn cron_job(&self, schedule: &str) -> Vec<Value> {
        let mut objects = self.surroundings();
        let mut spec = self.job_spec();
        spec["activeDeadlineSeconds"] = json!(6 * 60 * 60);
        objects.push(json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": self.metadata(true),
            "spec": {
                "schedule": schedule,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {
                    "metadata": {"labels": self.labels()},
                    "spec": spec,
                },
            },
        }));
        objects
    }

    /// What the pods need to be there: their rights, and what the user accepts.
    pub fn surroundings(&self) -> Vec<Value> {
        let mut objects = self.rights();
        objects.extend(self.config_map());
        objects
    }

    /// What the user accepts as a configuration file, so that reasons and last days count in
    /// the pods too, and can be changed between two runs of a CronJob.
    fn config_map(&self) -> Option<Value> {
        let entries: Vec<Value> = self.accepts.iter().map(Accept::entry).collect();
        let text = yaml::to_string(&json!({"accept": entries})).ok()?;
        (!entries.is_empty()).then(|| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(true),
                "data": {CONFIG_FILE: text},
            })
        })
    }

    /// ServiceAccount, ClusterRole and Role with their bindings: what a local validation reads,
    /// and the ConfigMaps of this namespace for the reports.
    fn rights(&self) -> Vec<Value> {
        let group = "rbac.authorization.k8s.io";
        let api = format!("{group}/v1");
        let rules: Vec<Value> = RIGHTS
            .iter()
            .filter_map(|text| yaml::from_str::<Value>(text).ok())
            .filter_map(|role| role["rules"].as_array().cloned())
            .flatten()
            .collect();
        let subject = json!({
            "kind": "ServiceAccount", "name": self.name, "namespace": self.namespace,
        });
        let role_of =
            |kind: &str, name: &str| json!({"apiGroup": group, "kind": kind, "name": name});
        vec![
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(true),
            }),
            json!({
                "apiVersion": api, "kind": "ClusterRole",
                "metadata": self.metadata(false), "rules": rules,
            }),
            json!({
                "apiVersion": api, "kind": "ClusterRoleBinding",
                "metadata": self.metadata(false),
                "roleRef": role_of("ClusterRole", &self.cluster_wide_name()), "subjects": [subject],
            }),
            json!({
                "apiVersion": api, "kind": "Role", "metadata": self.metadata(true),
                "rules": [{
                    "apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "patch"],
                }],
            }),
            json!({
                "apiVersion": api, "kind": "RoleBinding", "metadata": self.metadata(true),
                "roleRef": role_of("Role", &self.name), "subjects": [subject],
            }),
        ]
    }

    /// The name of the ClusterRole and its binding: runs of one name may be in several
    /// namespaces.
    fn cluster_wide_name(&self) -> String {
        format!("{}:{}", self.namespace, self.name)
    }

    fn labels(&self) -> Value {
        json!({"app.kubernetes.io/name": "kmm-preflight", RUN_LABEL: self.name})
    }

    pub(super) fn metadata(&self, namespaced: bool) -> Value {
        match namespaced {
            true => json!({
                "name": self.name, "namespace": self.namespace, "labels": self.labels(),
            }),
            false => json!({"name": self.cluster_wide_name(), "labels": self.labels()}),
        }
    }

    /// An Indexed Job. A validation that ends with a verdict is not tried again: only evictions
    /// are, and each index for itself (`backoffLimitPerIndex`, Kubernetes ≥1.29).
    fn job_spec(&self) -> Value {
        let of_label = |variable: &str, label: &str| {
            let path = format!("metadata.labels['batch.kubernetes.io/{label}']");
            json!({"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}})
        };
        let environment = [
            json!({"name": SHARDS_VARIABLE, "value": self.shards.to_string()}),
            of_label(JOB_NAME_VARIABLE, "job-name"),
            of_label(JOB_UID_VARIABLE, "controller-uid"),
        ];
        let mut args = vec![
            "run".to_owned(),
            "--local".to_owned(),
            format!("--report-configmap={}", self.name),
            "--cache-dir=/cache".to_owned(),
            "--progress=plain".to_owned(),
        ];
        let mut mounts = vec![
            json!({"name": "cache", "mountPath": "/cache"}),
            json!({"name": "tmp", "mountPath": "/tmp"}),
        ];
        let mut volumes = vec![
            json!({"name": "cache", "emptyDir": {}}),
            json!({"name": "tmp", "emptyDir": {}}),
        ];
        if !self.accepts.is_empty() {
            args.push(format!("--config={CONFIG_FOLDER}/{CONFIG_FILE}"));
            mounts.push(json!({
                "name": "config", "mountPath": CONFIG_FOLDER, "readOnly": true,
            }));
            volumes.push(json!({"name": "config", "configMap": {"name": self.name}}));
        }
        args.extend_from_slice(&self.flags);
        json!({
            "completionMode": "Indexed",
            "completions": self.shards,
            "parallelism": self.shards,
            "backoffLimitPerIndex": 1,
            "podFailurePolicy": {"rules": [
                {
                    "action": "FailIndex",
                    "onExitCodes": {
                        "containerName": "preflight", "operator": "In", "values": [1, 2, 3, 4],
                    },
                },
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]},
            "template": {
                "metadata": {"labels": self.labels()},
                "spec": {
                    "serviceAccountName": self.name,
                    "restartPolicy": "Never",
                    "securityContext": {
                        "runAsNonRoot": true,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [{
                        "name": "preflight",
                        "image": self.image,
                        "args": args,
                        "env": environment,
                        // What ends without a report says why in the pod's status.
                        "terminationMessagePolicy": "FallbackToLogsOnError",
                        "resources": {
                            "requests": {"cpu": "500m", "memory": "128Mi"},
                            "limits": {"memory": "1Gi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "readOnlyRootFilesystem": true,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "volumeMounts": mounts,
                    }],
                    "volumes": volumes,
                },
            },
        })
    }
}

/// True for a schedule that a CronJob takes: five fields, or one of cron's names such as
/// `@daily`. What the fields hold is the API server's to judge.
pub(crate) fn is_schedule(text: &str) -> bool {
    let is_field = |field: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "*/,-?".contains(c);
        !field.is_empty() && field.chars().all(is_allowed)
    };
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    match fields.as_slice() {
        [name] => [
            "@yearly",
            "@annually",
            "@monthly",
            "@weekly",
            "@daily",
            "@midnight",
            "@hourly",
        ]
        .contains(name),
        fields => fields.len() == 5 && fields.iter().all(|field| is_field(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_cluster() -> InCluster {
        InCluster {
            name: "kmm-preflight".into(),
            namespace: "openshift-kmm".into(),
            image: IMAGE.into(),
            shards: NonZeroU32::new(3).expect("not zero"),
            flags: vec!["--kernel-version=6.1".into()],
            accepts: Vec::new(),
        }
    }

    #[test]
    fn a_job_is_indexed_and_may_do_little() {
        let objects = in_cluster().job();
        let kinds: Vec<&str> = objects.iter().filter_map(|o| o["kind"].as_str()).collect();
        assert_eq!(
            kinds,
            [
                "ServiceAccount",
                "ClusterRole",
                "ClusterRoleBinding",
                "Role",
                "RoleBinding",
                "Job"
            ]
        );
        let spec = &objects[5]["spec"];
        assert_eq!(spec["completionMode"], "Indexed");
        assert_eq!(
            (&spec["completions"], &spec["parallelism"]),
            (&json!(3), &json!(3))
        );
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert!(
            container["args"]
                .as_array()
                .expect("args")
                .contains(&json!("--kernel-version=6.1"))
        );
        let verbs = objects[1]["rules"].as_array().expect("rules").iter();
        let verbs: Vec<&Value> = verbs
            .flat_map(|rule| rule["verbs"].as_array())
            .flatten()
            .collect();
        assert!(verbs.len() > 8);
        assert!(
            verbs.iter().all(|verb| **verb == "get" || **verb == "list"),
            "{verbs:?}"
        );
    }

    #[test]
    fn a_cron_job_runs_the_same_and_its_reports_outlive_its_jobs() {
        let objects = in_cluster().cron_job("0 3 * * *");
        let cron = objects.last().expect("objects");
        assert_eq!(
            (&cron["kind"], &cron["spec"]["schedule"]),
            (&json!("CronJob"), &json!("0 3 * * *"))
        );
        let text = cron.to_string();
        assert!(
            text.contains("Indexed") && !text.contains("ttlSecondsAfterFinished"),
            "{text}"
        );
        let job = &cron["spec"]["jobTemplate"]["spec"];
        assert_eq!(job["activeDeadlineSeconds"], 6 * 60 * 60);
    }

    #[test]
    fn schedules_have_five_fields_or_a_name() {
        for text in ["0 3 * * *", "*/5 0-3 1,15 * MON", "@daily"] {
            assert!(is_schedule(text), "{text}");
        }
        for text in [
            "",
            "daily",
            "* * * *",
            "* * * * * *",
            "@often",
            "0 3 * * $(x)",
        ] {
            assert!(!is_schedule(text), "{text}");
        }
    }
}
