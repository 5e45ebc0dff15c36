//! Module signatures (`kernel/module/signing.c`, `crypto/asymmetric_keys/`).

use kernel_loader::kernel::version::Kernel;
use kernel_loader::signature::pkcs7::Refusal;
use kernel_loader::signature::verification::{Known, examine};
use kernel_loader::signature::{ModuleSignature, SignatureState};

use crate::findings::finding::{Code, Effect, Finding};
use crate::judge::Trust;

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
    let checked = match trust.secure_boot {
        true => Some(true),
        false => kernel.enabled("MODULE_SIG"),
    };
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
    let enforced = match trust.secure_boot {
        true => Some(true),
        false => kernel.enabled("MODULE_SIG_FORCE").map(|force| {
            force
                || kernel.enabled("LOCK_DOWN_KERNEL_FORCE_INTEGRITY") == Some(true)
                || kernel.enabled("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY") == Some(true)
        }),
    };
    let state = match (state, delivery) {
        (_, Delivery::Flagged) => &SignatureState::Absent,
        (state, _) => state,
    };
    match state {
        SignatureState::Absent => absent(module, delivery, enforced),
        SignatureState::Unsupported(why) => unsupported(module, why, enforced),
        SignatureState::Malformed(why) => vec![certain(malformed(module, why))],
        SignatureState::Present(signature) => {
            let whole = delivery != Delivery::Mangled;
            let finding = match examine(signature, whole, kernel, trust) {
                Ok(Known::Good) => return Vec::new(),
                Ok(Known::NoAlgorithm) => {
                    let why = "the kernel supports none of its hash algorithms";
                    return unsupported(module, why, enforced);
                }
                Err(Refusal::Unsupported(why)) => {
                    return unsupported(module, &why, enforced);
                }
                Ok(known @ (Known::OtherKey | Known::UnusableKey | Known::Unverified)) => {
                    return not_known(module, signature, known, enforced);
                }
                Err(Refusal::Unsure) => {
                    return not_known(module, signature, Known::Unverified, enforced);
                }
                Err(Refusal::Malformed(why)) => malformed(module, &why),
                Ok(Known::Bad) => Finding::new(
                    Code::SignatureUntrusted,
                    format!(
                        "{module}: the signature by `{}` does not fit the module: Key was \
                         rejected by service",
                        signature.signer
                    ),
                )
                .hint(
                    "Sign the module again, and do not change the file afterwards (strip, \
                     objcopy).",
                ),
                Ok(Known::Attributes) => Finding::new(
                    Code::SignatureUntrusted,
                    format!(
                        "{module}: Invalid module sig (has authattrs): Key was rejected by service"
                    ),
                )
                .hint(
                    "Sign the module with the kernel's sign-file, or with `openssl cms \
                    -noattr`.",
                ),
            };
            vec![certain(finding)]
        }
    }
}

/// True where a key that the kernel is said to trust made the signature.
pub(super) fn is_by_a_named_key(
    state: &SignatureState,
    delivery: Delivery,
    kernel: &Kernel<'_>,
    trust: &Trust,
) -> bool {
    match state {
        SignatureState::Present(signature) if delivery == Delivery::Whole => {
            matches!(examine(signature, true, kernel, trust), Ok(Known::Good))
        }
        _ => false,
    }
}

/// What a node with Secure Boot does, whose kernel is locked down.
const SECURE_BOOT: &str = "a node with Secure Boot rejects it";

const SIGN: &str =
    "Sign the module with a key that the kernel trusts (the Module's `sign` section).";

/// `-ENODATA`
fn absent(module: &str, delivery: Delivery, enforced: Option<bool>) -> Vec<Finding> {
    let finding = |message: &str| {
        Finding::new(Code::SignatureMissing, format!("{module}: {message}")).hint(SIGN)
    };
    match (enforced, delivery) {
        (Some(true), Delivery::Flagged) => vec![finding(
            "loading of unsigned module is rejected: Key was rejected by service (a forced \
             module counts as unsigned)",
        )],
        (Some(true), _) => vec![finding(
            "loading of unsigned module is rejected: Key was rejected by service",
        )],
        _ => vec![finding(&format!("the module is not signed; {SECURE_BOOT}")).as_warning()],
    }
}

/// `-ENOPKG`
fn unsupported(module: &str, why: &str, enforced: Option<bool>) -> Vec<Finding> {
    let finding = Finding::new(
        Code::SignatureUntrusted,
        format!(
            "{module}: loading of module with unsupported crypto is rejected: {why} (Key was \
             rejected by service)"
        ),
    )
    .hint(SIGN);
    match enforced {
        Some(true) => vec![finding],
        _ => vec![
            Finding::new(
                Code::SignatureUntrusted,
                format!("{module}: the kernel cannot verify the signature: {why}; {SECURE_BOOT}"),
            )
            .hint(SIGN)
            .as_warning(),
        ],
    }
}

/// Any error that is fatal on every kernel.
fn malformed(module: &str, why: &str) -> Finding {
    Finding::new(
        Code::SignatureUntrusted,
        format!("{module}: the appended signature is malformed: {why}"),
    )
    .hint("Sign the module again, and do not change the file afterwards.")
}

/// A signature by a key that nobody named or that the kernel cannot use, `-ENOKEY` there, or one
/// that cannot be verified here: only an enforcing kernel minds.
fn not_known(
    module: &str,
    signature: &ModuleSignature,
    known: Known,
    enforced: Option<bool>,
) -> Vec<Finding> {
    let finding = |message: &str| {
        Finding::new(
            Code::SignatureUntrusted,
            format!("{module}: signed by `{}`{message}", signature.signer),
        )
    };
    if known == Known::Unverified {
        return vec![
            finding(
                ", by an algorithm that this program does not \
                verify",
            )
            .with_effect(Effect::Doubts),
        ];
    }
    if known == Known::UnusableKey {
        let why = "whose certificate was passed, but the kernel cannot use such a key \
                   (x509_key_preparse): it lacks the algorithm";
        let hint = "Sign the module with an RSA key, which every kernel can use.";
        return vec![match enforced {
            Some(true) => finding(&format!(", {why}: Key was rejected by service")).hint(hint),
            _ => finding(&format!(", {why}; {SECURE_BOOT}"))
                .hint(hint)
                .as_warning(),
        }];
    }
    let hint = "If the kernel trusts that key, pass its certificate with --signing-cert.";
    match enforced {
        Some(true) => vec![
            finding(
                "; the kernel enforces signatures, and whether it trusts that key is not known",
            )
            .hint(hint)
            .with_effect(Effect::Doubts),
        ],
        _ => vec![
            finding(&format!(
                ", a key that was not passed with --signing-cert; unless the kernel trusts it, \
                 {SECURE_BOOT}"
            ))
            .hint(hint)
            .as_warning(),
        ],
    }
}

#[cfg(test)]
mod tests;
