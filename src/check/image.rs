//! The Image stage: would the target's kernel take the module of this image?

use std::sync::Arc;

use kernel_loader::kernel::facts::KernelFacts;

use crate::check::facts::{FactsStore, TargetFacts};
use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::kernel_facts;
use crate::images::layers::layer_reader::Purpose;
use crate::images::layers::overlay::Overlay;
use crate::images::open::{Images, OpenImage};
use crate::images::registry::access::Access;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::judge::{self, Judged, LoadCase, Trust};
use crate::kmm::planned::Work;
use crate::kmm::releases::KmmRelease;
use crate::model::budget::Budget;
use crate::model::target::Target;

/// So many layers are read one by one, each before the next judgement; then as many again.
const ONE_BY_ONE: usize = 16;

/// What every Image check of a run shares.
#[derive(Debug)]
pub struct ImageCheck {
    /// Registries, layouts and what was learnt of their layers.
    pub images: Arc<Images>,
    /// The facts about the target kernels.
    pub facts: FactsStore,
    /// The keys that the kernels are said to trust.
    pub trust: Trust,
    /// The KMM release whose worker loads the modules.
    pub release: KmmRelease,
    /// That its operator is OpenShift's was not said by anybody.
    pub flavor_is_assumed: bool,
}

/// A pull secret that is not there keeps nobody from an image that everybody may pull.
fn of_missing_secret(access: &Access, outcome: &ImageOutcome) -> Option<Finding> {
    let missing = access.missing_secret.clone()?;
    let refused = outcome
        .findings
        .iter()
        .any(|finding| finding.code == Code::ImageUnauthorized);
    Some(if refused {
        missing
    } else {
        missing.as_warning()
    })
}

/// What the Image stage saw.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageOutcome {
    /// The digest of the manifest, where one was read.
    pub digest: Option<String>,
    /// What was seen.
    pub findings: Vec<Finding>,
}

impl ImageCheck {
    /// Opens the plan's image and judges it. The facts about the kernel are read meanwhile,
    /// and so is the top layer, which every judgement starts with.
    pub async fn check(&self, work: &Work, target: &Target, access: &Access) -> ImageOutcome {
        self.check_trusting(work, target, access, &self.trust).await
    }

    /// The same where the kernel trusts other keys than the run's.
    pub async fn check_trusting(
        &self,
        work: &Work,
        target: &Target,
        access: &Access,
        trust: &Trust,
    ) -> ImageOutcome {
        let opening = async {
            let image = self.images.open(&work.image, target.arch, access).await?;
            if !image.layers.is_empty() {
                // Why it cannot be read is said when the judge asks for it.
                drop(self.images.layer(&image, 0, Purpose::Modules).await);
            }
            Ok(image)
        };
        let (opened, _) = tokio::join!(opening, self.facts.of(target));
        let mut outcome = match opened {
            Ok(image) => self.judge_trusting(&image, work, target, trust).await,
            Err(finding) => ImageOutcome {
                digest: None,
                findings: vec![finding],
            },
        };
        outcome.findings.extend(of_missing_secret(access, &outcome));
        outcome
    }

    /// Judges an image that is open, reading its layers from the top until the answer can
    /// no longer change.
    pub async fn judge(&self, image: &OpenImage, work: &Work, target: &Target) -> ImageOutcome {
        self.judge_trusting(image, work, target, &self.trust).await
    }

    /// The same where the kernel trusts other keys than the run's: a key that the Sign stage
    /// signed with is one that the nodes know.
    pub async fn judge_trusting(
        &self,
        image: &OpenImage,
        work: &Work,
        target: &Target,
        trust: &Trust,
    ) -> ImageOutcome {
        let mut known = self.facts.of(target).await;
        let case = LoadCase {
            work,
            target,
            release: self.release,
            flavor_is_assumed: self.flavor_is_assumed,
        };
        let mut findings = image.notes.clone();
        let look = |known: &TargetFacts| Look {
            image,
            case,
            facts: known.facts.clone(),
            trust,
        };
        let mut judged = self.look(&look(&known)).await;
        if judged.asks_node && target.nodes_image.is_some() {
            known = self.facts.of_nodes(target).await;
            judged = self.look(&look(&known)).await;
        }
        let seen = judged.findings;
        // What is missing of the facts is told with what that leaves unchecked, where it
        // leaves anything.
        let is_doubted = seen
            .iter()
            .any(|finding| finding.code == Code::KernelFactsMissing);
        let of_facts = known.findings.iter().cloned();
        findings.extend(of_facts.filter(|finding| !is_doubted || finding.effect != Effect::None));
        if known.facts.is_none() && known.findings.is_empty() && !is_doubted {
            findings.push(kernel_facts::no_facts(&target.kernel_version).as_warning());
        }
        findings.extend(seen);
        ImageOutcome {
            digest: Some(image.digest.clone()),
            findings,
        }
    }

    /// Looks at the image, and begins anew, alone, where others have the memory, or it takes more
    /// than there is for all of them.
    async fn look(&self, look: &Look<'_>) -> Judged {
        let layers = &self.images.layers;
        let mut judged = self.look_within(look, layers.common()).await;
        if judged
            .as_ref()
            .is_err_and(|fault| fault.kind == FaultKind::Busy)
        {
            let alone = layers.alone().await;
            judged = self.look_within(look, &alone).await;
        }
        judged.unwrap_or_else(|fault| only(fault.into_finding(&look.image.reference)))
    }

    /// Reads layers from the top until the judge has an answer, and counts them in a budget.
    async fn look_within(&self, look: &Look<'_>, budget: &Arc<Budget>) -> Result<Judged, Fault> {
        let image = look.image;
        let mut overlay = Overlay::new(image.layers.len());
        let mut unread = image.layers.iter();
        loop {
            let facts = look.facts.as_deref();
            let judged = judge::judge(&look.case, &overlay, &image.config, facts, look.trust);
            if let Ok(judged) = judged {
                return Ok(judged);
            }
            let read = image.layers.len() - unread.len();
            // Each judgement begins anew, and an image may have a thousand layers.
            let next = if read < ONE_BY_ONE { 1 } else { read };
            if unread.len() == 0 {
                return Ok(only(Finding::new(
                    Code::Internal,
                    "internal error: every layer was read and the check needs another one",
                )));
            }
            for layer in unread.by_ref().take(next) {
                overlay.push(self.images.layer_within(image, layer, budget).await?);
            }
        }
    }
}

/// Nothing else was seen.
fn only(finding: Finding) -> Judged {
    Judged {
        findings: vec![finding],
        asks_node: false,
    }
}

/// What one look at an image is about.
struct Look<'a> {
    image: &'a OpenImage,
    case: LoadCase<'a>,
    facts: Option<Arc<KernelFacts>>,
    trust: &'a Trust,
}
