//! Rules about the pods beside the loader: tolerations, device plugins, resource drivers.

use std::collections::BTreeSet;

use super::Rules;
use crate::kmm::module::{Dra, ModuleSpec, Toleration, Volume};
use crate::kmm::names::{is_label_value, is_qualified_name, is_subdomain};
use crate::kmm::releases::Feature;

impl Rules {
    pub(super) fn pods(&mut self, spec: &ModuleSpec) {
        if self.release.has(Feature::Tolerations) {
            for (index, toleration) in spec.tolerations.iter().enumerate() {
                self.toleration(index, toleration);
            }
        }
        if self.release.has(Feature::Dra)
            && let Some(dra) = &spec.dra
        {
            if spec.device_plugin.is_some() {
                self.refuse("dra and devicePlugin cannot both be set");
            }
            self.dra(dra);
            self.volumes("dra", &dra.volumes);
        }
        if self.release.has(Feature::HostPaths)
            && let Some(plugin) = &spec.device_plugin
        {
            self.volumes("devicePlugin", &plugin.volumes);
        }
    }

    /// KMM ≥2.3, `validateTolerations`.
    fn toleration(&mut self, index: usize, toleration: &Toleration) {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let (key, operator) = (text(&toleration.key), text(&toleration.operator));
        let (value, effect) = (text(&toleration.value), text(&toleration.effect));
        let mut refuse = |what: String| self.refuse(format!("tolerations[{index}]: {what}"));
        if !key.is_empty() && !is_qualified_name(&key) {
            refuse(format!("key {key} is not a valid label key"));
        }
        if key.is_empty() && operator != "Exists" {
            refuse("operator must be Exists when key is empty".to_owned());
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            refuse("effect must be NoExecute when tolerationSeconds is set".to_owned());
        }
        match operator.as_str() {
            "Equal" | "" if !is_label_value(&value) => {
                refuse(format!("value {value} is not a valid label value"));
            }
            "Exists" if !value.is_empty() => {
                refuse("value must be empty when operator is Exists".to_owned());
            }
            "Equal" | "" | "Exists" => {}
            _ => refuse(format!("operator {operator} is neither Equal nor Exists")),
        }
        if !matches!(
            effect.as_str(),
            "" | "NoSchedule" | "PreferNoSchedule" | "NoExecute"
        ) {
            refuse(format!(
                "effect {effect} is not NoSchedule, PreferNoSchedule or NoExecute"
            ));
        }
    }

    /// KMM ≥2.7, `validateDRA`.
    fn dra(&mut self, dra: &Dra) {
        let driver = &dra.driver_name;
        if driver.is_empty() {
            self.refuse("dra.driverName is required");
        } else if !is_subdomain(driver) {
            self.refuse(format!("dra.driverName {driver} is not a DNS subdomain"));
        }
        let mut known = BTreeSet::new();
        for (index, class) in dra.device_classes.iter().enumerate() {
            let place = format!("dra.deviceClasses[{index}].name");
            if class.name.is_empty() {
                self.refuse(format!("{place} is required"));
            } else if !is_subdomain(&class.name) {
                self.refuse(format!("{place} {} is not a DNS subdomain", class.name));
            } else if !known.insert(&class.name) {
                self.refuse(format!("{place} {} is a duplicate", class.name));
            }
        }
    }

    /// KMM ≥2.5, `validateHostPathVolumes`; `/run` since 2.7.
    fn volumes(&mut self, section: &str, volumes: &[Volume]) {
        let mut allowed = vec!["/dev", "/sys", "/var", "/opt"];
        if self.release.has(Feature::Dra) {
            allowed.push("/run");
        }
        for (index, volume) in volumes.iter().enumerate() {
            let Some(host_path) = &volume.host_path else {
                continue;
            };
            let path = clean(&host_path.path);
            let below = |prefix: &&str| {
                let rest = path.strip_prefix(*prefix);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !allowed.iter().any(below) {
                self.refuse(format!(
                    "{section}.volumes[{index}]: hostPath {} is not below {}",
                    host_path.path,
                    allowed.join(", ")
                ));
            }
        }
    }
}

/// Go, `filepath.Clean`, of what decides here: `.` and `..` are resolved by their text.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", _) if rooted => {}
            _ => parts.push(part),
        }
    }
    let root = if rooted { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}
