//! The alert before an upgrade.

use serde_json::{Value, json};

use crate::in_cluster::manifests::InCluster;

impl InCluster {
    /// A PrometheusRule on the metrics of `-o prometheus`. `oc adm upgrade recommend` and
    /// OpenShift's console show firing alerts with the label before an upgrade
    /// (openshift/oc, `pkg/cli/admin/upgrade/recommend`). A CronJob's schedule says how old the
    /// last validation may be; without one it is taken to be daily.
    pub fn alert(&self, schedule: Option<&str>) -> Value {
        let labels = json!({"severity": "warning", "openShiftUpdatePrecheck": "true"});
        let days = schedule.map_or(DAILY, oldest);
        let outdated = json!({
            "summary": format!("No preflight validation has run for {days} days."),
            "description": "Check the CronJob, the pods of its last Job, and how their metrics \
                            reach Prometheus.",
        });
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
                        "expr": format!(
                            "time() - min(kmm_preflight_last_run_timestamp_seconds) > {}",
                            days * 24 * 60 * 60
                        ),
                        "labels": labels,
                        "annotations": outdated,
                    },
                    {
                        "alert": "KMMPreflightOutdated",
                        "expr": "absent(kmm_preflight_last_run_timestamp_seconds)",
                        "for": format!("{days}d"),
                        "labels": labels,
                        "annotations": outdated,
                    },
                ],
            }]},
        })
    }
}

/// Days after which a daily validation is overdue: one may fail.
const DAILY: u32 = 2;

/// The age in days that the last validation may have: two periods of the schedule and some.
/// `schedule` is one that [`crate::in_cluster::manifests::is_schedule`] takes; its fields are
/// minute, hour, day of the month, month and day of the week.
fn oldest(schedule: &str) -> u32 {
    let is_any = |field: &str| ["*", "?"].contains(&field);
    let fields: Vec<&str> = schedule.split_ascii_whitespace().collect();
    match fields.as_slice() {
        ["@yearly" | "@annually"] => 740,
        ["@monthly"] => 63,
        ["@weekly"] => 15,
        [_, _, day, month, weekday] => match (is_any(month), is_any(day), is_any(weekday)) {
            (false, ..) => 740,
            (true, false, true) => 63,
            (true, _, false) => 15,
            (true, true, true) => DAILY,
        },
        _ => DAILY,
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
        .alert(None);
        let rules = rule["spec"]["groups"][0]["rules"]
            .as_array()
            .expect("rules")
            .clone();
        assert_eq!(rules.len(), 4);
        for rule in rules {
            assert_eq!(rule["labels"]["openShiftUpdatePrecheck"], "true", "{rule}");
        }
    }

    #[test]
    fn a_validation_is_overdue_after_two_periods_of_its_schedule() {
        for (schedule, days) in [
            ("@hourly", 2),
            ("*/5 * * * *", 2),
            ("0 3 * * ?", 2),
            ("0 3 * * 1", 15),
            ("@weekly", 15),
            ("0 3 1,15 * MON", 15),
            ("0 3 1 * *", 63),
            ("@monthly", 63),
            ("0 3 1 1,7 *", 740),
            ("@yearly", 740),
        ] {
            assert_eq!(oldest(schedule), days, "{schedule}");
        }
    }
}
