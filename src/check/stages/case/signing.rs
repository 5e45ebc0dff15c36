//! One plan on its way through Sign.

use std::sync::Arc;
use std::time::SystemTime;

use crate::check::image::ImageOutcome;
use crate::check::run::Outcome;
use crate::check::stages::case::Case;
use crate::check::stages::case::context::as_context;
use crate::check::stages::inputs::entries;
use crate::check::stages::outcome;
use crate::findings::finding::{Code, Finding};
use crate::images::open::OpenImage;
use crate::images::registry::access::Access;
use crate::kmm::module::{LocalObjectReference, Sign};
use crate::model::verdict::Stage;
use crate::sign::keys::Signer;
use crate::sign::stage::{self as signing, SignRequest};

impl Case<'_> {
    /// Signs what Build made, or else the `unsignedImage`.
    pub(in crate::check::stages) async fn sign(
        &self,
        built: Option<OpenImage>,
        of_image: Vec<Finding>,
        mut findings: Vec<Finding>,
    ) -> Outcome {
        match self.run_sign(built, &mut findings).await {
            Ok((signed, certificate)) => {
                (self.progress)(Stage::Sign, "checking the signed image");
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
            Some(built) => Arc::new(built),
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
        (self.progress)(Stage::Sign, "signing");
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
                .hint("Correct the Secrets in keySecret and certSecret.")
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
                .hint(format!(
                    "Set it to the Secret that has it under the key `{key}`."
                ))
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

    async fn judge_trusting(&self, image: &OpenImage, certificate: Vec<u8>) -> ImageOutcome {
        let check = &self.stages.image;
        let mut trust = check.trust.clone();
        trust.certificates.push(certificate);
        check
            .judge_trusting(image, self.work, &self.plan.target, &trust)
            .await
    }
}

fn nothing_to_sign() -> Finding {
    Finding::new(
        Code::SignFailed,
        "no image to sign: the sign section has no unsignedImage, and the Module has no build \
         section",
    )
    .hint("Set unsignedImage in the sign section, or add a build section.")
}

/// An absent unsigned image fails the Sign stage; one out of reach leaves it undecided.
fn of_unsigned(mut finding: Finding) -> Finding {
    finding.message = format!("unsigned {}", finding.message);
    finding
}
