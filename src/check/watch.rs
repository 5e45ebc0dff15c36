//! `--watch`: what is not verified is checked again when its definition changes; what is
//! verified never is.

use std::collections::BTreeMap;

use crate::check::objects::Objects;
use crate::images::registry::digest;
use crate::kmm::planned::Plan;
use crate::model::report::ModuleReport;
use crate::model::target::Target;

/// One Module on one target: kind, namespace, name, kernel, architecture.
type Key = (&'static str, String, String, String, &'static str);

/// What a watched run knows.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    known: BTreeMap<Key, Known>,
}

#[derive(Debug)]
struct Known {
    definition: String,
    row: Option<ModuleReport>,
}

impl Watch {
    /// The plans that have to be checked now: those that are new, and those whose definition
    /// is another than when they were not verified. Modules that are gone are forgotten.
    pub(crate) fn due(&mut self, plans: Vec<(Plan, String)>) -> Vec<Plan> {
        let there: Vec<Key> = plans.iter().map(|(plan, _)| key(plan)).collect();
        self.known.retain(|known, _| there.contains(known));
        let mut due = Vec::new();
        for (plan, definition) in plans {
            let known = self.known.get(&key(&plan));
            let settled = known.is_some_and(|known| {
                let verified = known.row.as_ref().is_some_and(|row| row.verdict.passes());
                verified || known.definition == definition
            });
            if !settled {
                let row = None;
                self.known.insert(key(&plan), Known { definition, row });
                due.push(plan);
            }
        }
        due
    }

    /// Takes the rows of plans that were due.
    pub(crate) fn record(&mut self, rows: Vec<ModuleReport>) {
        for row in rows {
            let key = (
                row.kind,
                row.namespace.clone(),
                row.name.clone(),
                row.kernel_version.clone(),
                row.arch.map_or("", |arch| arch.as_str()),
            );
            if let Some(known) = self.known.get_mut(&key) {
                known.row = Some(row);
            }
        }
    }

    /// The latest row of every module.
    pub(crate) fn rows(&self) -> Vec<ModuleReport> {
        self.known
            .values()
            .filter_map(|known| known.row.clone())
            .collect()
    }

    /// True when nothing is left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        let mut rows = self.known.values().map(|known| &known.row);
        !self.known.is_empty()
            && rows.all(|row| row.as_ref().is_some_and(|row| row.verdict.passes()))
    }
}

fn key(plan: &Plan) -> Key {
    let Target {
        kernel_version,
        arch,
        ..
    } = &plan.target;
    (
        plan.kind.as_str(),
        plan.namespace.clone(),
        plan.name.clone(),
        kernel_version.clone(),
        arch.as_str(),
    )
}

/// Everything that decides a plan besides images, as a digest: the Module's sections in
/// force, and the ConfigMap and the Secrets that they name. An object that cannot be read
/// counts by its reason.
pub(crate) async fn definition(plan: &Plan, objects: &Objects) -> String {
    let mut text = format!("{:?} {:?} {:?}", plan.work, plan.findings, plan.target);
    let Some(work) = &plan.work else {
        return digest::sha256(text.as_bytes());
    };
    let map = work
        .build
        .as_ref()
        .and_then(|build| build.dockerfile_config_map.as_ref());
    if let Some(map) = map {
        match objects.config_map(&plan.namespace, &map.name).await {
            Ok(map) => text.push_str(&format!("{:?}", map.data)),
            Err(finding) => text.push_str(&finding.message),
        }
    }
    let sign = work.sign.as_ref();
    let of_build = work.build.iter().flat_map(|build| &build.secrets);
    let of_sign = sign.and_then(|sign| sign.key_secret.as_ref());
    let of_certificate = sign.and_then(|sign| sign.cert_secret.as_ref());
    let names = of_build
        .chain(of_sign)
        .chain(of_certificate)
        .map(|reference| &reference.name)
        .chain(&work.image_repo_secret);
    for name in names {
        match objects.secret(&plan.namespace, name).await {
            Ok(secret) => text.push_str(&format!("{:?}", secret.data)),
            Err(finding) => text.push_str(&finding.message),
        }
    }
    digest::sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::example::plan;
    use crate::check::run::{Outcome, report_row};
    use crate::findings::finding::{Code, Finding};
    use crate::model::verdict::Stage;
    use std::time::Duration;

    fn row(name: &str, good: bool) -> ModuleReport {
        let failed = Finding::new(Code::BuildFailed, "failed");
        let outcome = Outcome {
            stage: Stage::Build,
            digest: None,
            findings: if good { Vec::new() } else { vec![failed] },
        };
        report_row(&plan(name), outcome, Duration::ZERO)
    }

    fn due(watch: &mut Watch, plans: &[(&str, &str)]) -> Vec<String> {
        let plans = plans
            .iter()
            .map(|(name, definition)| (plan(name), (*definition).to_owned()))
            .collect();
        watch.due(plans).into_iter().map(|plan| plan.name).collect()
    }

    #[test]
    fn only_what_failed_and_changed_is_checked_again() {
        let mut watch = Watch::default();
        assert!(!watch.is_over());
        let plans = [("good", "1"), ("bad", "1")];
        assert_eq!(due(&mut watch, &plans), ["good", "bad"]);
        watch.record(vec![row("good", true), row("bad", false)]);
        assert_eq!(due(&mut watch, &plans), [""; 0]);
        assert!(!watch.is_over());
        assert_eq!(due(&mut watch, &[("good", "2"), ("bad", "2")]), ["bad"]);
        watch.record(vec![row("bad", true)]);
        assert!(watch.is_over());
        assert_eq!(watch.rows().len(), 2);
        assert_eq!(due(&mut watch, &[("good", "3"), ("new", "1")]), ["new"]);
        assert_eq!(watch.rows().len(), 1, "a Module that is gone is forgotten");
    }

    #[tokio::test]
    async fn a_changed_object_changes_the_definition() {
        let mut plan = plan("m");
        let build: crate::kmm::module::Build = serde_json::from_value(serde_json::json!({
            "dockerfileConfigMap": {"name": "d"}, "secrets": [{"name": "s"}],
        }))
        .expect("a build section");
        if let Some(work) = &mut plan.work {
            work.build = Some(build);
        }
        let objects = |text: &str, value: &str| -> Objects {
            let map = serde_json::json!([{
                "metadata": {"name": "d", "namespace": "ns"}, "data": {"dockerfile": text},
            }]);
            let secret = serde_json::json!([{
                "metadata": {"name": "s", "namespace": "ns"}, "data": {"k": value},
            }]);
            Objects {
                config_maps: serde_json::from_value(map).expect("a ConfigMap"),
                secrets: serde_json::from_value(secret).expect("a Secret"),
                ..Objects::default()
            }
        };
        let first = definition(&plan, &objects("FROM a", "MQ==")).await;
        assert_eq!(first, definition(&plan, &objects("FROM a", "MQ==")).await);
        for other in [objects("FROM b", "MQ=="), objects("FROM a", "Mg==")] {
            assert_ne!(first, definition(&plan, &other).await);
        }
        assert_ne!(first, definition(&plan, &Objects::default()).await);
    }
}
