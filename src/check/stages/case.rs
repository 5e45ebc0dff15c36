//! One plan on its way through Build and Sign.

use std::sync::Arc;
use std::time::SystemTime;

use crate::build::args;
use crate::build::lint::{self, LintCase};
use crate::build::stage::BuildRequest;
use crate::check::image::ImageOutcome;
use crate::check::run::Outcome;
use crate::check::stages::inputs::{args_case, dockerfile_of, entries};
use crate::check::stages::{Progress, Stages, outcome, skipped};
use crate::image::open::OpenImage;
use crate::model::finding::{Code, Effect, Finding};
use crate::model::module::{Build, LocalObjectReference, Sign};
use crate::model::plan::{Plan, Work};
use crate::model::verdict::{Stage, Verdict};
use crate::registry::access::Access;
use crate::sign::keys::Signer;
use crate::sign::stage::{self as signing, SignRequest};

/// One plan on its way through Build and Sign.
pub(super) struct Case<'a> {
    pub(super) stages: &'a Stages,
    pub(super) plan: &'a Plan,
    pub(super) work: &'a Work,
    pub(super) access: &'a Access,
    pub(super) progress: Progress<'a>,
}

impl Case<'_> {
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
        (self.progress)("looking at the image that was built");
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
            let secret = objects.secret(namespace, &reference.name).await?;
            secrets.push((reference.name.clone(), entries(&secret)));
        }
        let request = BuildRequest {
            title: format!(
                "{namespace}/{} for {} on {}",
                self.plan.name, self.plan.target.kernel_version, self.plan.target.arch
            ),
            dockerfile,
            args,
            secrets,
            base_tls: build.base_image_registry_tls,
            access: self.access.clone(),
            arch: self.plan.target.arch,
        };
        (self.progress)("waiting for a builder");
        let built = self.stages.builds.build(&request, self.progress).await?;
        let images = &self.stages.image.images;
        images
            .open_layout(&built.layout, &built.tag, self.plan.target.arch)
            .await
    }

    /// Signs what Build made, or else the `unsignedImage`.
    pub(super) async fn sign(
        &self,
        built: Option<OpenImage>,
        of_image: Vec<Finding>,
        mut findings: Vec<Finding>,
    ) -> Outcome {
        match self.run_sign(built, &mut findings).await {
            Ok((signed, certificate)) => {
                (self.progress)("looking at the image that was signed");
                let judged = self.judge_trusting(&signed, certificate).await;
                self.conclude(Stage::Sign, &signed, judged, &of_image, findings)
                    .await
            }
            Err(faults) => {
                findings.extend(faults);
                findings.extend(as_context(&of_image));
                outcome(Stage::Sign, None, findings)
            }
        }
    }

    async fn run_sign(
        &self,
        built: Option<OpenImage>,
        findings: &mut Vec<Finding>,
    ) -> Result<(OpenImage, Vec<u8>), Vec<Finding>> {
        let Some(sign) = &self.work.sign else {
            return Err(vec![Finding::new(
                Code::Internal,
                "there is no sign section",
            )]);
        };
        let images = &self.stages.image.images;
        let unsigned = match built {
            Some(built) => built,
            None if sign.unsigned_image.is_empty() => return Err(vec![nothing_to_sign()]),
            None => {
                let access = Access {
                    tls: sign.unsigned_image_registry_tls,
                    ..self.access.clone()
                };
                images
                    .open(&sign.unsigned_image, self.plan.target.arch, &access)
                    .await
                    .map_err(|finding| vec![of_unsigned(finding)])?
            }
        };
        (self.progress)("signing");
        let signer = self.signer(sign).await.map_err(|finding| vec![finding])?;
        let certificate = signer.certificate_der().to_vec();
        let request = SignRequest {
            entries: sign.files_to_sign.clone(),
            dir_name: self.work.modprobe.dir_name.clone(),
            release: self.stages.image.release,
            arch: self.plan.target.arch,
        };
        let signed = signing::sign(
            images,
            &self.stages.scratch,
            &unsigned,
            Arc::new(signer),
            &request,
        )
        .await?;
        findings.extend(signed.findings);
        Ok((signed.image, certificate))
    }

    async fn signer(&self, sign: &Sign) -> Result<Signer, Finding> {
        let key = self.secret_value(sign.key_secret.as_ref(), "key").await?;
        let certificate = self.secret_value(sign.cert_secret.as_ref(), "cert").await?;
        Signer::new(&key, &certificate, SystemTime::now()).map_err(|fault| {
            Finding::new(Code::SignFailed, fault.to_string())
                .hint("correct the Secrets that keySecret and certSecret name")
        })
    }

    async fn secret_value(
        &self,
        reference: Option<&LocalObjectReference>,
        key: &str,
    ) -> Result<Vec<u8>, Finding> {
        let namespace = &self.plan.namespace;
        let name = reference
            .map(|reference| reference.name.as_str())
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                Finding::new(
                    Code::SecretMissing,
                    format!("the sign section has no {key}Secret"),
                )
            })?;
        let secret = self.stages.objects.secret(namespace, name).await?;
        entries(&secret).remove(key).ok_or_else(|| {
            Finding::new(
                Code::SecretMissing,
                format!("Secret {namespace}/{name} has no key {key}"),
            )
            .hint(format!(
                "kubectl create secret generic {name} -n {namespace} --from-file={key}=FILE"
            ))
        })
    }

    async fn judge(&self, image: &OpenImage) -> ImageOutcome {
        let check = &self.stages.image;
        check.judge(image, self.work, &self.plan.target).await
    }

    async fn judge_trusting(&self, image: &OpenImage, certificate: Vec<u8>) -> ImageOutcome {
        let check = &self.stages.image;
        let mut trust = check.trust.clone();
        trust.certificates.push(certificate);
        check
            .judge_trusting(image, self.work, &self.plan.target, &trust)
            .await
    }

    /// The outcome of a stage that has made an image.
    async fn conclude(
        &self,
        stage: Stage,
        image: &OpenImage,
        judged: ImageOutcome,
        of_image: &[Finding],
        mut findings: Vec<Finding>,
    ) -> Outcome {
        if Verdict::of_findings(&judged.findings) == Verdict::Failed {
            if stage == Stage::Build {
                findings.push(Finding::new(
                    Code::BuildFailed,
                    "the build ran to its end, and the image has no module that would load",
                ));
            }
            findings.extend(as_context(of_image));
        } else {
            findings.push(self.replaced(stage, of_image));
        }
        findings.extend(judged.findings);
        if self.stages.push {
            findings.extend(self.push(image, &findings).await);
        }
        outcome(stage, judged.digest, findings)
    }

    /// Pushes what is verified, and nothing else.
    async fn push(&self, image: &OpenImage, findings: &[Finding]) -> Option<Finding> {
        let all = [&self.plan.findings, findings].concat();
        if Verdict::of_findings(&all) != Verdict::Verified {
            return None;
        }
        (self.progress)("pushing");
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
                "{} is not usable as it is{why}; {} makes it anew",
                self.work.image,
                stage.as_str()
            ),
        )
    }

    /// What KMM does otherwise between Build and Sign.
    fn handover(&self) -> Finding {
        let release = self.stages.image.release;
        let between = if release.at_least(2, 7) {
            format!("as {} and signs it there", self.work.image)
        } else {
            let intermediate = intermediate_image(
                &self.work.image,
                &self.plan.namespace,
                &self.plan.name,
                release.at_least(2, 4),
            );
            format!("as {intermediate} and signs that")
        };
        Finding::new(
            Code::ImageReplaced,
            format!(
                "the built image was signed without a push between; KMM itself needs \
                 pushBuiltImage for it, pushes the image {between}"
            ),
        )
    }
}

/// The tag under which KMM up to 2.6 keeps what it has built and not signed
/// (`IntermediateImageName`).
fn intermediate_image(image: &str, namespace: &str, name: &str, preflight: bool) -> String {
    let separator = if image.contains(':') { '_' } else { ':' };
    let suffix = if preflight { "-preflight" } else { "" };
    format!("{image}{separator}{namespace}_{name}{suffix}_kmm_unsigned")
}

/// Findings about an image that another stage was to replace.
fn as_context(findings: &[Finding]) -> Vec<Finding> {
    let acting = |finding: &&Finding| finding.effect != Effect::None;
    findings
        .iter()
        .filter(acting)
        .map(|finding| finding.clone().as_info())
        .collect()
}

fn is_about_signatures(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::SignatureMissing | Code::SignatureUntrusted
    )
}

fn without_signature(findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    findings.retain(|finding| !is_about_signatures(finding));
    findings
}

fn signatures_as_context(findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .into_iter()
        .map(|finding| match is_about_signatures(&finding) {
            true => finding.as_info(),
            false => finding,
        })
        .collect()
}

fn no_driver_toolkit(kernel_version: &str) -> Finding {
    Finding::new(
        Code::BuildFailed,
        format!(
            "the Dockerfile uses DTK_AUTO, and the driver-toolkit image for kernel \
             {kernel_version} is not known"
        ),
    )
    .with_effect(Effect::Blocks)
    .hint("name it with --dtk-image, or the release with --release-image")
}

fn nothing_to_sign() -> Finding {
    Finding::new(
        Code::SignFailed,
        "no image to sign given: the sign section has no unsignedImage, and there is no build \
         section",
    )
    .hint("set unsignedImage in the sign section, or add a build section")
}

/// An absent unsigned image fails the Sign stage; one out of reach leaves it undecided.
fn of_unsigned(mut finding: Finding) -> Finding {
    finding.message = format!("unsigned {}", finding.message);
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intermediate_image_is_named_as_kmm_names_it() {
        for (image, preflight, name) in [
            (
                "quay.io/o/i:5.14",
                false,
                "quay.io/o/i:5.14_ns1_m1_kmm_unsigned",
            ),
            (
                "quay.io/o/i",
                true,
                "quay.io/o/i:ns1_m1-preflight_kmm_unsigned",
            ),
        ] {
            assert_eq!(intermediate_image(image, "ns1", "m1", preflight), name);
        }
    }

    #[test]
    fn what_led_on_is_context_and_told_once() {
        let failed = Finding::new(Code::ImageNotFound, "no such image");
        let warning = Finding::new(Code::KernelFactsMissing, "no facts");
        let context = as_context(&[failed.clone(), warning.clone()]);
        assert_eq!(context, [failed.as_info()]);
        let told = outcome(Stage::Build, None, vec![warning.clone(), warning.clone()]);
        assert_eq!(told.findings, [warning]);
    }
}
