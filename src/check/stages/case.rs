//! One plan on its way through Build and Sign.

mod context;
mod signing;

use std::sync::Arc;

use crate::check::image::ImageOutcome;
use crate::check::run::{Outcome, Slot};
use crate::check::stages::case::context::{
    as_context, intermediate_image, signatures_as_context, without_signature,
};
use crate::check::stages::inputs::{args_case, dockerfile_of, entries};
use crate::check::stages::{Progress, Stages, outcome, skipped};
use crate::findings::finding::{Code, Effect, Finding};
use crate::image_build::args;
use crate::image_build::bases::Base;
use crate::image_build::dockerfile::Dockerfile;
use crate::image_build::lint::{self, LintCase};
use crate::image_build::request::BuildRequest;
use crate::images::open::OpenImage;
use crate::images::registry::access::Access;
use crate::images::registry::fault::NamedBy;
use crate::kmm::module::Build;
use crate::kmm::planned::{Plan, Work};
use crate::kmm::releases::Feature;
use crate::model::verdict::{Stage, Verdict};

/// One plan on its way through Build and Sign.
pub(super) struct Case<'a> {
    pub(super) stages: &'a Stages,
    pub(super) plan: &'a Plan,
    pub(super) work: &'a Work,
    pub(super) access: &'a Access,
    pub(super) slot: &'a Slot,
    pub(super) progress: Progress<'a>,
}

impl Case<'_> {
    /// The Image stage.
    pub(super) async fn look(&self) -> ImageOutcome {
        let (check, target) = (&self.stages.image, &self.plan.target);
        let trust = self.stages.trust(&self.plan.namespace, self.work).await;
        let mut seen = check
            .check_trusting(self.work, target, self.access, &trust)
            .await;
        if self.stages.boots.is_some() && seen.digest.is_some() {
            // It was opened just now.
            let images = &check.images;
            let opened = images.open(&self.work.image, target.arch, self.access);
            if let Ok(image) = opened.await {
                seen.findings = self.ask_kernel(Stage::Image, &image, seen.findings).await;
            }
        }
        seen
    }

    /// What was seen of an image, with the answer of the target's own kernel where that is
    /// asked (`--boot`).
    async fn ask_kernel(
        &self,
        stage: Stage,
        image: &OpenImage,
        seen: Vec<Finding>,
    ) -> Vec<Finding> {
        let Some(boots) = &self.stages.boots else {
            return seen;
        };
        (self.progress)(stage, "testing in a virtual machine");
        self.slot.give_back();
        let trust = self.stages.trust(&self.plan.namespace, self.work).await;
        boots
            .ask(image, self.work, &self.plan.target, &trust, seen)
            .await
    }

    /// Build, and what follows from it.
    pub(super) async fn build(&self, of_image: &[Finding]) -> Outcome {
        let Some(build) = &self.work.build else {
            return outcome(Stage::Build, None, of_image.to_vec());
        };
        let mut findings = Vec::new();
        let built = match self.run_build(build, &mut findings).await {
            Ok(built) => built,
            Err(fault) => {
                findings.push(fault);
                findings.extend(as_context(of_image));
                return outcome(Stage::Build, None, findings);
            }
        };
        (self.progress)(Stage::Build, "checking the built image");
        let mut judged = self.judge(&built).await;
        if self.work.sign.is_some() && self.stages.allowed.sign {
            // Sign repairs what a signature lacks; nothing else.
            if Verdict::of_findings(&without_signature(&judged.findings)) == Verdict::Verified {
                findings.push(self.handover());
                return self.sign(Some(built), of_image.to_vec(), findings).await;
            }
        } else if self.work.sign.is_some() {
            judged.findings = signatures_as_context(judged.findings);
            judged.findings.push(skipped(Stage::Sign));
        }
        self.conclude(Stage::Build, &built, judged, of_image, findings)
            .await
    }

    /// The image that a build section makes.
    async fn run_build(
        &self,
        build: &Build,
        findings: &mut Vec<Finding>,
    ) -> Result<OpenImage, Finding> {
        let objects = &self.stages.objects;
        let namespace = &self.plan.namespace;
        let dockerfile = dockerfile_of(objects, namespace, build).await?;
        let args_case = args_case(self.plan, self.stages.image.release);
        findings.extend(lint::lint(
            &dockerfile,
            &LintCase {
                args: args_case,
                own_args: &build.build_args,
                dir_name: &self.work.modprobe.dir_name,
            },
        ));
        let args = args::build_args(&build.build_args, &dockerfile, &args_case)
            .map_err(|_| no_driver_toolkit(&self.plan.target.kernel_version))?;
        let mut secrets = Vec::new();
        for reference in &build.secrets {
            // Container and mapping may name the same one.
            if secrets.iter().any(|(name, _)| *name == reference.name) {
                continue;
            }
            let secret = objects.secret(namespace, &reference.name).await?;
            secrets.push((reference.name.clone(), entries(&secret)));
        }
        let request = BuildRequest {
            title: format!(
                "{namespace}/{} for {} on {}",
                self.plan.name, self.plan.target.kernel_version, self.plan.target.arch
            ),
            secrets,
            base_tls: build.base_image_registry_tls,
            bases: self.bases(&dockerfile, &args).await?,
            access: self.access.clone(),
            arch: self.plan.target.arch,
            dockerfile,
            args,
        };
        (self.progress)(Stage::Build, "waiting for a builder");
        let built = self
            .stages
            .builds
            .build(&request, &|step| (self.progress)(Stage::Build, step))
            .await?;
        findings.extend(built.findings);
        let images = &self.stages.image.images;
        images
            .open_layout(&built.place, &built.tag, self.plan.target.arch)
            .await
    }

    /// The base images that are in the cluster's own registry.
    async fn bases(
        &self,
        dockerfile: &str,
        args: &[(String, String)],
    ) -> Result<Vec<Base>, Finding> {
        let images = &self.stages.image.images;
        // One that does not parse is left to the builder.
        let parsed = Dockerfile::parse(dockerfile);
        let named = parsed.map(|dockerfile| dockerfile.images(args));
        let mut bases = Vec::new();
        for name in named.unwrap_or_default() {
            if !images.registries().is_in_cluster(&name) {
                continue;
            }
            let opened = images.open(&name, self.plan.target.arch, self.access);
            let image = opened.await.map_err(|fault| Finding {
                code: Code::BuildFailed,
                message: format!("base {}", fault.message),
                ..NamedBy::Dockerfile.hint(fault)
            })?;
            bases.push(Base {
                image,
                images: Arc::clone(images),
            });
        }
        Ok(bases)
    }

    async fn judge(&self, image: &OpenImage) -> ImageOutcome {
        let check = &self.stages.image;
        check.judge(image, self.work, &self.plan.target).await
    }

    /// The outcome of a stage that has made an image.
    async fn conclude(
        &self,
        stage: Stage,
        image: &OpenImage,
        mut judged: ImageOutcome,
        of_image: &[Finding],
        mut findings: Vec<Finding>,
    ) -> Outcome {
        judged.findings = self.ask_kernel(stage, image, judged.findings).await;
        if Verdict::of_findings(&judged.findings) == Verdict::Failed {
            if stage == Stage::Build {
                findings.push(Finding::new(
                    Code::BuildFailed,
                    "the build succeeded, but the image has no module that would load",
                ));
            }
            findings.extend(as_context(of_image));
        } else {
            findings.push(self.replaced(stage, of_image));
        }
        findings.extend(judged.findings);
        if self.stages.push {
            findings.extend(self.push(stage, image, &findings).await);
        }
        outcome(stage, judged.digest, findings)
    }

    /// Pushes what is verified, and nothing else.
    async fn push(&self, stage: Stage, image: &OpenImage, findings: &[Finding]) -> Option<Finding> {
        let all = [&self.plan.findings, findings].concat();
        if Verdict::of_findings(&all) != Verdict::Verified {
            return None;
        }
        (self.progress)(stage, "pushing");
        let images = &self.stages.image.images;
        let reference = &self.work.image;
        Some(match images.push(image, reference, self.access).await {
            Ok(()) => Finding::new(
                Code::ImageReplaced,
                format!("{reference} was pushed as {}", image.digest),
            ),
            Err(fault) => fault,
        })
    }

    /// Why the image of the Image stage does not count.
    fn replaced(&self, stage: Stage, of_image: &[Finding]) -> Finding {
        let why = of_image
            .iter()
            .find(|finding| finding.effect == Effect::Fails)
            .map_or_else(String::new, |finding| {
                format!(" ({}: {})", finding.code, finding.message)
            });
        Finding::new(
            Code::ImageReplaced,
            format!(
                "{} is unusable{why}; {} replaces it",
                self.work.image,
                stage.as_str()
            ),
        )
    }

    /// What KMM does otherwise between Build and Sign.
    fn handover(&self) -> Finding {
        let release = self.stages.image.release;
        let between = if release.has(Feature::NoIntermediateImage) {
            format!("as {} and signs it there", self.work.image)
        } else {
            let intermediate = intermediate_image(
                &self.work.image,
                &self.plan.namespace,
                &self.plan.name,
                release.has(Feature::PullPods),
            );
            format!("as {intermediate} and signs that")
        };
        Finding::new(
            Code::ImageReplaced,
            format!(
                "the built image was signed without pushing it first; KMM itself needs \
                 pushBuiltImage for this and pushes the image {between}"
            ),
        )
    }
}

fn no_driver_toolkit(kernel_version: &str) -> Finding {
    Finding::new(
        Code::BuildFailed,
        format!(
            "the Dockerfile uses DTK_AUTO, but no driver-toolkit image for kernel \
             {kernel_version} is known"
        ),
    )
    .with_effect(Effect::Blocks)
    .hint("Pass --dtk-image or --release-image.")
}
