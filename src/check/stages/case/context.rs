//! What is said of the images between two stages.

use crate::findings::finding::{Code, Effect, Finding};

/// The tag under which KMM up to 2.6 keeps what it has built and not signed
/// (`IntermediateImageName`).
pub(super) fn intermediate_image(
    image: &str,
    namespace: &str,
    name: &str,
    preflight: bool,
) -> String {
    let separator = if image.contains(':') { '_' } else { ':' };
    let suffix = if preflight { "-preflight" } else { "" };
    format!("{image}{separator}{namespace}_{name}{suffix}_kmm_unsigned")
}

/// Findings about an image that another stage was to replace.
pub(super) fn as_context(findings: &[Finding]) -> Vec<Finding> {
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

pub(super) fn without_signature(findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    findings.retain(|finding| !is_about_signatures(finding));
    findings
}

pub(super) fn signatures_as_context(findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .into_iter()
        .map(|finding| match is_about_signatures(&finding) {
            true => finding.as_info(),
            false => finding,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::stages::outcome;
    use crate::model::verdict::Stage;

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
        let warning = Finding::new(Code::FirmwareMissing, "no firmware");
        let context = as_context(&[failed.clone(), warning.clone()]);
        assert_eq!(context, [failed.as_info()]);
        let told = outcome(Stage::Build, None, vec![warning.clone(), warning.clone()]);
        assert_eq!(told.findings, [warning]);
    }
}
