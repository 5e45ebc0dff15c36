//! What the loader minds about a signature.

use kernel_loader::answer::{SignatureRefusal, Weight};

use crate::findings::finding::{Code, Finding};
use crate::findings::kernel_words::{malformed, unsupported};

/// What a node with Secure Boot does, whose kernel is locked down.
const SECURE_BOOT: &str = "a node with Secure Boot refuses it";

const SIGN: &str =
    "Sign the module with a key that the kernel trusts (the Module's `sign` section).";

pub(super) fn finding(module: &str, refusal: SignatureRefusal, weight: Weight) -> Finding {
    let is_taken = weight == Weight::Passes;
    let untrusted =
        |message: String| Finding::new(Code::SignatureUntrusted, format!("{module}{message}"));
    match refusal {
        SignatureRefusal::Absent { is_forced } => Finding::new(
            Code::SignatureMissing,
            match (is_taken, is_forced) {
                (true, _) => format!("{module}: the module is not signed; {SECURE_BOOT}"),
                (false, true) => format!(
                    "{module}: loading of unsigned module is rejected: Key was rejected by \
                     service (a forced module counts as unsigned)"
                ),
                (false, false) => format!(
                    "{module}: loading of unsigned module is rejected: Key was rejected by service"
                ),
            },
        )
        .hint(SIGN),
        SignatureRefusal::Unsupported(why) => {
            untrusted(unverifiable(&unsupported(&why), is_taken)).hint(SIGN)
        }
        SignatureRefusal::NoHash => {
            let why = "the kernel supports none of its hash algorithms";
            untrusted(unverifiable(why, is_taken)).hint(SIGN)
        }
        SignatureRefusal::Malformed(why) => untrusted(format!(
            ": the appended signature is malformed: {}",
            malformed(why)
        ))
        .hint("Sign the module again, and do not change the file afterwards."),
        SignatureRefusal::Unverified { signer } => untrusted(format!(
            ": signed by `{signer}`, by an algorithm that this program does not verify"
        )),
        SignatureRefusal::UnusableKey { signer } => untrusted(format!(
            ": signed by `{signer}`, whose certificate was passed, but the kernel cannot use such \
             a key (x509_key_preparse): it lacks the algorithm{}",
            match is_taken {
                true => format!("; {SECURE_BOOT}"),
                false => ": Key was rejected by service".to_owned(),
            }
        ))
        .hint("Sign the module with an RSA key, which every kernel can use."),
        SignatureRefusal::OtherKey { signer } => untrusted(match is_taken {
            true => format!(
                ": signed by `{signer}`, a key that was not passed with --signing-cert; unless \
                 the kernel trusts it, {SECURE_BOOT}"
            ),
            false => format!(
                ": signed by `{signer}`; the kernel enforces signatures, and whether it trusts \
                 that key is not known"
            ),
        })
        .hint("If the kernel trusts that key, pass its certificate with --signing-cert."),
        SignatureRefusal::Damaged { signer } => untrusted(format!(
            ": the signature by `{signer}` does not fit the module: Key was rejected by service"
        ))
        .hint("Sign the module again, and do not change the file afterwards (strip, objcopy)."),
        SignatureRefusal::Attributes => untrusted(
            ": Invalid module sig (has authattrs): Key was rejected by service".to_owned(),
        )
        .hint("Sign the module with the kernel's sign-file, or with `openssl cms -noattr`."),
    }
}

fn unverifiable(why: &str, is_taken: bool) -> String {
    match is_taken {
        true => format!(": the kernel cannot verify the signature: {why}; {SECURE_BOOT}"),
        false => format!(
            ": loading of module with unsupported crypto is rejected: {why} (Key was rejected by \
             service)"
        ),
    }
}
