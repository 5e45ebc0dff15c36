//! Module signatures (`kernel/module/signing.c`, `crypto/asymmetric_keys/`).

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// A named key made it, over this content.
    Good,
    /// A named key's, or that of the certificate beside it, over something else, or damaged.
    Bad,
    /// It has signed attributes, which a module's signature may not have.
    Attributes,
    /// A key that nobody named made it.
    OtherKey,
    /// A named key made it by an algorithm that is not verified here.
    Unverified,
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
            let (message, hint) = match known {
                Known::Good => return Vec::new(),
                Known::OtherKey | Known::Unverified => {
                    return not_known(module, signature, known, enforced, trust);
                }
                Known::Bad => (
                    format!(
                        "the signature by `{}` does not fit the module: Key was rejected by \
                         service",
                        signature.signer
                    ),
                    "sign the module again; nothing (strip, objcopy) may be done to the file \
                     after that",
                ),
                Known::Attributes => (
                    "Invalid module sig (has authattrs): Key was rejected by service".to_owned(),
                    "sign the module with the kernel's sign-file, or with `openssl cms -noattr`",
                ),
                Known::Unreadable => (
                    "the appended signature is no PKCS#7 message (Bad message)".to_owned(),
                    sign,
                ),
            };
            vec![certain(
                Finding::new(Code::SignatureUntrusted, format!("{module}: {message}")).hint(hint),
            )]
        }
    }
}

/// A signature by a key that nobody named, `-ENOKEY` where the kernel has no such key, or one
/// that cannot be verified here: only an enforcing kernel minds.
fn not_known(
    module: &str,
    signature: &ModuleSignature,
    known: Known,
    enforced: Option<bool>,
    trust: &Trust,
) -> Vec<Finding> {
    let finding = |message: &str| {
        Finding::new(
            Code::SignatureUntrusted,
            format!("{module}: signed by `{}`{message}", signature.signer),
        )
    };
    if known == Known::Unverified {
        return vec![
            finding(", by an algorithm that is not verified here").with_effect(Effect::Doubts),
        ];
    }
    let hint = "name the certificate of that key with --signing-cert if the kernel trusts it";
    match enforced {
        Some(true) => vec![
            finding(
                ", and the kernel enforces signatures: whether it trusts that key is not known",
            )
            .hint(hint)
            .with_effect(Effect::Doubts),
        ],
        _ if trust.certificates.is_empty() => Vec::new(),
        _ => vec![
            finding(", which is none of the named keys")
                .hint(hint)
                .as_warning(),
        ],
    }
}

/// `pkcs7_verify` and `pkcs7_validate_trust`: every signer is looked at; one that does not fit
/// spoils the message, and one whose key is trusted is enough.
fn examine(signature: &ModuleSignature, trust: &Trust) -> Known {
    let Some(message) = message_of(&signature.pkcs7) else {
        return Known::Unreadable;
    };
    let signers = message.signer_infos.0.as_slice();
    if signers.iter().any(|signer| signer.signed_attrs.is_some()) {
        return Known::Attributes;
    }
    let beside: Vec<&Certificate> = message
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    let named: Vec<Certificate> = trust
        .certificates
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect();
    let mut known = Known::OtherKey;
    for signer in signers {
        let mut seen = Known::OtherKey;
        if let Some(beside) = beside.iter().find(|known| is_signer(known, signer))
            && verifies(signature, signer, beside) == Known::Bad
        {
            return Known::Bad;
        }
        if let Some(named) = named.iter().find(|known| is_signer(known, signer)) {
            seen = verifies(signature, signer, named);
        }
        match seen {
            Known::Bad => return Known::Bad,
            Known::OtherKey => {}
            seen if known != Known::Good => known = seen,
            _ => {}
        }
    }
    known
}

fn message_of(pkcs7: &[u8]) -> Option<SignedData> {
    const DATA: &str = "1.2.840.113549.1.7.1";
    const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
    let content = ContentInfo::from_der(pkcs7).ok()?;
    // `pkcs7_check_content_type`, and `pkcs7_verify` for modules.
    if content.content_type.to_string() != SIGNED_DATA {
        return None;
    }
    let signed: SignedData = content.content.decode_as().ok()?;
    let is_data = signed.encap_content_info.econtent_type.to_string() == DATA;
    is_data.then_some(signed)
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

/// `pkcs7_verify_one`: without signed attributes the signature is over the content's digest.
fn verifies(signature: &ModuleSignature, signer: &SignerInfo, certificate: &Certificate) -> Known {
    let Some((hash, algorithm)) = algorithms(&signature.hash_algorithm, certificate) else {
        return Known::Unverified;
    };
    // An elliptic curve signs as much of a digest as its order is long.
    let digest = &signature.content_digest;
    let digest = &digest[..digest.len().min(hash.output_len())];
    let key = &certificate
        .tbs_certificate
        .subject_public_key_info
        .subject_public_key;
    let verified = Digest::import_less_safe(digest, hash)
        .ok()
        .zip(key.as_bytes())
        .is_some_and(|(digest, key)| {
            UnparsedPublicKey::new(algorithm, key)
                .verify_digest(&digest, signer.signature.as_bytes())
                .is_ok()
        });
    if verified { Known::Good } else { Known::Bad }
}

/// How a key verifies a digest, and the hash that it is taken for.
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
    Some(
        match (info.oid.to_string().as_str(), curve.as_deref(), hash) {
            (RSA, _, "sha256") => (&digest::SHA256, &signature::RSA_PKCS1_2048_8192_SHA256),
            (RSA, _, "sha384") => (&digest::SHA384, &signature::RSA_PKCS1_2048_8192_SHA384),
            (RSA, _, "sha512") => (&digest::SHA512, &signature::RSA_PKCS1_2048_8192_SHA512),
            (EC, Some(P256), "sha256" | "sha384" | "sha512") => {
                (&digest::SHA256, &signature::ECDSA_P256_SHA256_ASN1)
            }
            (EC, Some(P384), "sha256") => (&digest::SHA256, &signature::ECDSA_P384_SHA256_ASN1),
            (EC, Some(P384), "sha384" | "sha512") => {
                (&digest::SHA384, &signature::ECDSA_P384_SHA384_ASN1)
            }
            _ => return None,
        },
    )
}
