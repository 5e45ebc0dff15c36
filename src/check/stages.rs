//! The stages in KMM's order: Image; Build where that fails and a build section applies;
//! Sign where it fails, a sign section applies, and Build, if any, succeeded.

mod case;
mod inputs;

use std::sync::Arc;

use crate::boot::queue::Boots;
use crate::check::image::{ImageCheck, ImageOutcome};
use crate::check::objects::Objects;
use crate::check::run::{Outcome, Slot};
use crate::check::stages::case::Case;
use crate::check::stages::inputs::entries;
pub(crate) use crate::check::stages::inputs::lints;
use crate::findings::finding::{Code, Finding};
use crate::findings::gathered::Gathered;
use crate::image_build::stage::Builds;
use crate::judge::Trust;
use crate::kmm::planned::{Plan, Work};
use crate::model::verdict::{Stage, StageSet, Verdict};
use crate::own_files::workspace::Scratch;
use crate::sign::keys::certificate_der;

/// Hears what a module's check is doing, and in which stage.
pub(crate) type Progress<'a> = &'a (dyn Fn(Stage, &str) + Send + Sync);

/// What the stages of all modules share.
#[derive(Debug)]
pub struct Stages {
    /// The Image stage.
    pub image: Arc<ImageCheck>,
    /// Secrets and ConfigMaps.
    pub objects: Arc<Objects>,
    /// Builds.
    pub builds: Builds,
    /// Where results are kept while the run lasts.
    pub scratch: Arc<Scratch>,
    /// `--stages`
    pub allowed: StageSet,
    /// `--push-built-image`
    pub push: bool,
    /// `--boot`, where it is not off.
    pub boots: Option<Boots>,
}

/// What follows from the Image stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Decided,
    Build,
    Sign,
    Skipped(Stage),
}

fn after_image(verdict: Verdict, work: &Work, allowed: StageSet) -> Next {
    match (verdict, &work.build, &work.sign) {
        (Verdict::Failed, Some(_), _) if allowed.build => Next::Build,
        (Verdict::Failed, Some(_), _) => Next::Skipped(Stage::Build),
        (Verdict::Failed, None, Some(_)) if allowed.sign => Next::Sign,
        (Verdict::Failed, None, Some(_)) => Next::Skipped(Stage::Sign),
        _ => Next::Decided,
    }
}

impl Stages {
    /// Ends what the stages have started and removes what they have left on disk; blocks for
    /// less than two seconds beside the time that removing takes. Nothing runs afterwards.
    pub fn end(&self) {
        if let Some(boots) = &self.boots {
            boots.end();
        }
        self.builds.end();
    }

    /// Puts a plan through the stages. Builds and guests have limits of their own, so that the
    /// plan's slot is given back before them.
    pub async fn check(&self, plan: &Plan, slot: &Slot, progress: Progress<'_>) -> Outcome {
        let Some(work) = &plan.work else {
            return outcome(Stage::Image, None, Vec::new());
        };
        let access = self.objects.access(&plan.namespace, work).await;
        let case = Case {
            stages: self,
            plan,
            work,
            access: &access,
            slot,
            progress,
        };
        let seen = if self.allowed.image {
            progress(Stage::Image, "checking the image");
            case.look().await
        } else {
            ImageOutcome {
                digest: None,
                findings: vec![skipped(Stage::Image).as_info()],
            }
        };
        let verdict = match self.allowed.image {
            true => Verdict::of_findings(&seen.findings),
            false => Verdict::Failed,
        };
        match after_image(verdict, work, self.allowed) {
            Next::Decided if verdict == Verdict::Failed && !self.allowed.image => {
                outcome(Stage::Image, None, vec![skipped(Stage::Image)])
            }
            Next::Decided => outcome(Stage::Image, seen.digest, seen.findings),
            Next::Skipped(stage) => {
                let mut findings = seen.findings;
                findings.push(skipped(stage));
                outcome(Stage::Image, seen.digest, findings)
            }
            Next::Build => {
                slot.give_back();
                case.build(&seen.findings).await
            }
            Next::Sign => case.sign(None, seen.findings, Vec::new()).await,
        }
    }

    /// The run's keys, and that of the Module's sign section: its certificate names the key
    /// that the nodes are to trust, whether the image was signed with it earlier or is now.
    /// A certificate that cannot be had matters when the Sign stage needs it.
    async fn trust(&self, namespace: &str, work: &Work) -> Trust {
        let mut trust = self.image.trust.clone();
        let secret = work
            .sign
            .as_ref()
            .and_then(|sign| sign.cert_secret.as_ref());
        let Some(secret) = secret.filter(|secret| !secret.name.is_empty()) else {
            return trust;
        };
        if let Ok(secret) = self.objects.secret(namespace, &secret.name).await
            && let Some(certificate) = entries(&secret).remove("cert")
        {
            trust.certificates.push(certificate_der(certificate));
        }
        trust
    }
}

fn outcome(stage: Stage, digest: Option<String>, findings: Vec<Finding>) -> Outcome {
    let mut gathered = Gathered::default();
    gathered.extend(findings);
    Outcome {
        stage,
        digest,
        findings: gathered.into_findings(),
    }
}

fn skipped(stage: Stage) -> Finding {
    Finding::new(
        Code::StageSkipped,
        format!("stage {} is skipped because of --stages", stage.as_str()),
    )
    .hint("Run again without --stages.")
}

#[cfg(test)]
mod tests;
