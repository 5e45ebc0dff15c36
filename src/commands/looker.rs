//! One look at the image of a Module of the cluster, as a local run would make it.

use crate::check::image::{ImageCheck, ImageOutcome};
use crate::check::objects::Objects;
use crate::model::finding::Finding;
use crate::model::module::Module;
use crate::model::plan::{KmmRelease, Plan};
use crate::model::target::Target;

/// What a look needs.
#[derive(Debug)]
pub struct Looker {
    /// The Image stage.
    pub check: ImageCheck,
    /// The cluster's Secrets and the credentials in them.
    pub objects: Objects,
    /// Makes the plan of a Module for a target.
    pub plan: fn(&Module, &Target, KmmRelease) -> Option<Plan>,
}

impl Looker {
    /// Judges the Module's image for the target.
    pub async fn look(&self, module: &Module, target: &Target) -> ImageOutcome {
        let only = |findings: Vec<Finding>| ImageOutcome {
            digest: None,
            findings,
        };
        let Some(plan) = (self.plan)(module, target, self.check.release) else {
            return only(Vec::new());
        };
        let mut findings = plan.findings;
        let Some(work) = plan.work else {
            return only(findings);
        };
        let access = self.objects.access(&module.namespace, &work).await;
        let seen = self.check.check(&work, target, &access).await;
        findings.extend(seen.findings);
        ImageOutcome {
            digest: seen.digest,
            findings,
        }
    }
}
