//! The alert before an upgrade.

use serde_json::{Value, json};

use crate::in_cluster::manifests::InCluster;

impl InCluster {
    /// A PrometheusRule on the metrics of `-o prometheus`. `oc adm upgrade recommend` and
    /// OpenShift's console show firing alerts with the label before an upgrade
    /// (openshift/oc, `pkg/cli/admin/upgrade/recommend`).
    pub fn alert(&self) -> Value {
        let labels = json!({"severity": "warning", "openShiftUpdatePrecheck": "true"});
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": self.metadata(true),
            "spec": {"groups": [{
                "name": "kmm-preflight",
                "rules": [
                    {
                        "alert": "KMMModuleWillNotLoad",
                        "expr": "max by (namespace, name, kernel) \
                                 (kmm_preflight_module{verdict=\"failed\"}) > 0",
                        "labels": labels,
                        "annotations": {
                            "summary": "Module {{ $labels.namespace }}/{{ $labels.name }} will not \
                                        load on kernel {{ $labels.kernel }}.",
                            "description": "The last preflight validation found that the kernel \
                                            would refuse the module. Run `kubectl kmm preflight \
                                            status --last` for the reason.",
                        },
                    },
                    {
                        "alert": "KMMPreflightUndecided",
                        "expr": "sum(kmm_preflight_modules{verdict=~\"error|unknown|in-progress\"}) \
                                 > 0",
                        "for": "1h",
                        "labels": labels,
                        "annotations": {
                            "summary": "{{ $value }} Modules could not be validated.",
                            "description": "They may not load after an upgrade. Run `kubectl kmm \
                                            preflight status --last` for the reason.",
                        },
                    },
                    {
                        "alert": "KMMPreflightOutdated",
                        "expr": "time() - min(kmm_preflight_last_run_timestamp_seconds) > 172800",
                        "labels": labels,
                        "annotations": {
                            "summary": "No preflight validation has run for two days.",
                            "description": "Check the CronJob and the pods of its last Job.",
                        },
                    },
                ],
            }]},
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::in_cluster::manifests::IMAGE;

    #[test]
    fn every_alert_is_shown_before_an_upgrade() {
        let rule = InCluster {
            name: "kmm-preflight".into(),
            namespace: "openshift-kmm".into(),
            image: IMAGE.into(),
            shards: NonZeroU32::MIN,
            flags: Vec::new(),
            accepts: Vec::new(),
        }
        .alert();
        let rules = rule["spec"]["groups"][0]["rules"]
            .as_array()
            .expect("rules")
            .clone();
        assert_eq!(rules.len(), 3);
        for rule in rules {
            assert_eq!(rule["labels"]["openShiftUpdatePrecheck"], "true", "{rule}");
        }
    }
}
