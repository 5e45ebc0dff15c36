//! Module signatures (`kernel/module/signing.c`, `crypto/asymmetric_keys/`).

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use cms::cert::IssuerAndSerialNumber;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::judge::Trust;
use crate::judge::release::Kernel;
use crate::kmod::module_file::{ModuleSignature, SignatureState};
use crate::model::finding::{Code, Effect, Finding};

/// What is known about a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// A named key made it, over this content.
    Good,
    /// A named key's, over something else, or damaged.
    Bad,
    /// A key that nobody named made it.
    OtherKey,
    /// `verify_pkcs7_signature` cannot read it.
    Unreadable,
}

/// How the file reaches the kernel, which decides whether its signature is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As it is.
    Whole,
    /// With `MODULE_INIT_IGNORE_…`: `module_sig_check` looks at no signature.
    Flagged,
    /// kmod unpacked it and cut versions out of it: what was signed is no more.
    Mangled,
}

/// `module_sig_check`: the findings for one module, none when the kernel goes on.
pub(super) fn check(
    module: &str,
    state: &SignatureState,
    delivery: Delivery,
    kernel: &Kernel<'_>,
    trust: &Trust,
) -> Vec<Finding> {
    let checked = kernel.enabled("MODULE_SIG");
    if checked == Some(false) {
        return Vec::new();
    }
    let certain = |finding: Finding| {
        if checked.is_none() {
            finding.with_effect(Effect::Doubts)
        } else {
            finding
        }
    };
    let enforced = kernel.enabled("MODULE_SIG_FORCE").map(|force| {
        force
            || kernel.enabled("LOCK_DOWN_KERNEL_FORCE_INTEGRITY") == Some(true)
            || kernel.enabled("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY") == Some(true)
    });
    let sign = "sign the module with a key that the kernel trusts (the Module's `sign` section)";
    let state = match (state, delivery) {
        (_, Delivery::Flagged) => &SignatureState::Absent,
        (state, _) => state,
    };
    match state {
        SignatureState::Absent => match enforced {
            Some(true) => vec![
                Finding::new(
                    Code::SignatureMissing,
                    format!(
                        "{module}: loading of unsigned module is rejected: Key was rejected by \
                         service{}",
                        if delivery == Delivery::Flagged {
                            " (a forced module counts as unsigned)"
                        } else {
                            ""
                        }
                    ),
                )
                .hint(sign),
            ],
            _ if trust.certificates.is_empty() => Vec::new(),
            _ => vec![
                Finding::new(
                    Code::SignatureMissing,
                    format!(
                        "{module}: the module is not signed; nodes that enforce signatures \
                         (Secure Boot) refuse it"
                    ),
                )
                .hint(sign)
                .as_warning(),
            ],
        },
        SignatureState::Unsupported(why) => {
            let finding = Finding::new(
                Code::SignatureUntrusted,
                format!(
                    "{module}: loading of module with unsupported crypto is rejected: {why} (Key \
                     was rejected by service)"
                ),
            )
            .hint(sign);
            match enforced {
                Some(true) => vec![finding],
                _ if trust.certificates.is_empty() => Vec::new(),
                _ => vec![finding.as_warning()],
            }
        }
        SignatureState::Malformed(why) => vec![certain(
            Finding::new(
                Code::SignatureUntrusted,
                format!("{module}: the appended signature is malformed: {why} (Bad message)"),
            )
            .hint("sign the module again; nothing may be done to the file after that"),
        )],
        SignatureState::Present(signature) => {
            let known = match examine(signature, trust) {
                Known::Good if delivery == Delivery::Mangled => Known::Bad,
                known => known,
            };
            match known {
                Known::Good => Vec::new(),
                Known::Bad => vec![certain(
                    Finding::new(
                        Code::SignatureUntrusted,
                        format!(
                            "{module}: the signature by `{}` does not fit the module: Key was \
                             rejected by service",
                            signature.signer
                        ),
                    )
                    .hint(
                        "sign the module again; nothing (strip, objcopy) may be done to the file \
                         after that",
                    ),
                )],
                Known::Unreadable => vec![certain(
                    Finding::new(
                        Code::SignatureUntrusted,
                        format!(
                            "{module}: the appended signature is no PKCS#7 message (Bad message)"
                        ),
                    )
                    .hint(sign),
                )],
                Known::OtherKey => other_key(module, signature, enforced, trust),
            }
        }
    }
}

/// A signature by a key that nobody named: `-ENOKEY` where the kernel has no such key, which
/// only an enforcing kernel minds.
fn other_key(
    module: &str,
    signature: &ModuleSignature,
    enforced: Option<bool>,
    trust: &Trust,
) -> Vec<Finding> {
    let hint = "name the certificate of that key with --signing-cert if the kernel trusts it";
    match enforced {
        Some(true) => vec![
            Finding::new(
                Code::SignatureUntrusted,
                format!(
                    "{module}: signed by `{}`, and the kernel enforces signatures: whether it \
                     trusts that key is not known",
                    signature.signer
                ),
            )
            .hint(hint)
            .with_effect(Effect::Doubts),
        ],
        _ if trust.certificates.is_empty() => Vec::new(),
        _ => vec![
            Finding::new(
                Code::SignatureUntrusted,
                format!(
                    "{module}: signed by `{}`, which is none of the named keys",
                    signature.signer
                ),
            )
            .hint(hint)
            .as_warning(),
        ],
    }
}

fn examine(signature: &ModuleSignature, trust: &Trust) -> Known {
    let Some(signer) = signer_of(&signature.pkcs7) else {
        return Known::Unreadable;
    };
    let named = trust
        .certificates
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .find(|certificate| is_signer(certificate, &signer));
    match named {
        Some(certificate) if verifies(signature, &signer, &certificate).is_some() => Known::Good,
        Some(_) => Known::Bad,
        None => Known::OtherKey,
    }
}

fn signer_of(pkcs7: &[u8]) -> Option<SignerInfo> {
    const DATA: &str = "1.2.840.113549.1.7.1";
    const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
    let content = ContentInfo::from_der(pkcs7).ok()?;
    // `pkcs7_check_content_type`, and `verify_pkcs7_signature` for modules.
    if content.content_type.to_string() != SIGNED_DATA {
        return None;
    }
    let signed: SignedData = content.content.decode_as().ok()?;
    if signed.encap_content_info.econtent_type.to_string() != DATA {
        return None;
    }
    signed.signer_infos.0.into_vec().into_iter().next()
}

/// `find_asymmetric_key`: by issuer and serial number, or by subject key identifier.
fn is_signer(certificate: &Certificate, signer: &SignerInfo) -> bool {
    let known = &certificate.tbs_certificate;
    match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer,
            serial_number,
        }) => {
            known.issuer.to_der().ok() == issuer.to_der().ok()
                && known.serial_number.as_bytes() == serial_number.as_bytes()
        }
        SignerIdentifier::SubjectKeyIdentifier(wanted) => known
            .get::<SubjectKeyIdentifier>()
            .ok()
            .flatten()
            .is_some_and(|(_, id)| id == *wanted),
    }
}

/// `pkcs7_verify_one`: without signed attributes the signature is over the content's digest,
/// with them over the attributes, which hold that digest.
fn verifies(
    signature: &ModuleSignature,
    signer: &SignerInfo,
    certificate: &Certificate,
) -> Option<()> {
    const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
    let (hash, algorithm) = algorithms(&signature.hash_algorithm, certificate)?;
    let digest = match &signer.signed_attrs {
        None => Digest::import_less_safe(&signature.content_digest, hash).ok()?,
        Some(attributes) => {
            let stated = attributes
                .iter()
                .find(|attribute| attribute.oid.to_string() == MESSAGE_DIGEST)?
                .values
                .iter()
                .next()?;
            if stated.value() != signature.content_digest {
                return None;
            }
            digest::digest(hash, &attributes.to_der().ok()?)
        }
    };
    let key = certificate
        .tbs_certificate
        .subject_public_key_info
        .subject_public_key
        .as_bytes()?;
    UnparsedPublicKey::new(algorithm, key)
        .verify_digest(&digest, signer.signature.as_bytes())
        .ok()
}

fn algorithms(
    hash: &str,
    certificate: &Certificate,
) -> Option<(
    &'static digest::Algorithm,
    &'static dyn VerificationAlgorithm,
)> {
    const RSA: &str = "1.2.840.113549.1.1.1";
    const EC: &str = "1.2.840.10045.2.1";
    const P256: &str = "1.2.840.10045.3.1.7";
    const P384: &str = "1.3.132.0.34";
    let info = &certificate
        .tbs_certificate
        .subject_public_key_info
        .algorithm;
    let curve = info
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.decode_as::<der::asn1::ObjectIdentifier>().ok())
        .map(|curve| curve.to_string());
    let algorithm: &'static dyn VerificationAlgorithm =
        match (info.oid.to_string().as_str(), curve.as_deref(), hash) {
            (RSA, _, "sha256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (RSA, _, "sha384") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (RSA, _, "sha512") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (EC, Some(P256), "sha256") => &signature::ECDSA_P256_SHA256_ASN1,
            (EC, Some(P256), "sha384") => &signature::ECDSA_P256_SHA384_ASN1,
            (EC, Some(P384), "sha256") => &signature::ECDSA_P384_SHA256_ASN1,
            (EC, Some(P384), "sha384") => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return None,
        };
    let hash = match hash {
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        _ => &digest::SHA512,
    };
    Some((hash, algorithm))
}
