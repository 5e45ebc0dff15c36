//! Module signatures (`kernel/module/signing.c`, `crypto/asymmetric_keys/`).

use crate::answer::{Refusal, Remark, SignatureRefusal, Weight};
use crate::kernel::version::Kernel;
use crate::signature::SignatureState;
use crate::signature::fault::Malformed;
use crate::signature::pkcs7;
use crate::signature::verification::{Known, Trust, examine};

/// How the file reaches the kernel, which decides whether its signature is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As it is.
    Whole,
    /// With `MODULE_INIT_IGNORE_…`: `module_sig_check` looks at no signature.
    Flagged,
    /// kmod unpacked it and cut versions out of it: what was signed is no more.
    Mangled,
}

/// `module_sig_check`: what the kernel minds about a signature, `None` when it goes on.
pub fn check(
    state: &SignatureState,
    delivery: Delivery,
    kernel: &Kernel<'_>,
    trust: &Trust,
) -> Option<Remark> {
    let checked = match trust.secure_boot {
        true => Some(true),
        false => kernel.enabled("MODULE_SIG"),
    };
    if checked == Some(false) {
        return None;
    }
    let refusal = match state {
        _ if delivery == Delivery::Flagged => SignatureRefusal::Absent { is_forced: true },
        SignatureState::Absent => SignatureRefusal::Absent { is_forced: false },
        SignatureState::Unsupported(why) => SignatureRefusal::Unsupported(why.clone()),
        SignatureState::Malformed(why) => SignatureRefusal::Malformed(*why),
        SignatureState::Present(signature) => {
            let signer = || signature.signer.clone();
            match examine(signature, delivery == Delivery::Whole, kernel, trust) {
                Ok(Known::Good) => return None,
                Ok(Known::NoAlgorithm) => SignatureRefusal::NoHash,
                Ok(Known::OtherKey) => SignatureRefusal::OtherKey { signer: signer() },
                Ok(Known::UnusableKey) => SignatureRefusal::UnusableKey { signer: signer() },
                Ok(Known::Unverified) | Err(pkcs7::Refusal::Unsure) => {
                    SignatureRefusal::Unverified { signer: signer() }
                }
                Ok(Known::Bad) => SignatureRefusal::Damaged { signer: signer() },
                Ok(Known::Nameless) => SignatureRefusal::Malformed(Malformed::NamelessSigner),
                Ok(Known::Attributes) => SignatureRefusal::Attributes,
                Err(pkcs7::Refusal::Unsupported(why)) => SignatureRefusal::Unsupported(why),
                Err(pkcs7::Refusal::Malformed(why)) => SignatureRefusal::Malformed(why),
            }
        }
    };
    let is_enforced = trust.secure_boot || is_enforced(kernel) == Some(true);
    let weight = match refusal {
        // Minded only where signatures are enforced.
        SignatureRefusal::Absent { .. }
        | SignatureRefusal::Unsupported(_)
        | SignatureRefusal::NoHash
        | SignatureRefusal::UnusableKey { .. } => match is_enforced {
            true => Weight::Refuses,
            false => Weight::Passes,
        },
        // The kernel may trust that key.
        SignatureRefusal::OtherKey { .. } => match is_enforced {
            true => Weight::MayRefuse,
            false => Weight::Passes,
        },
        SignatureRefusal::Unverified { .. } => Weight::MayRefuse,
        SignatureRefusal::Malformed(_)
        | SignatureRefusal::Damaged { .. }
        | SignatureRefusal::Attributes => Weight::certain(checked.is_some()),
    };
    Some(Refusal::Signature(refusal).weighs(weight))
}

/// Whether the kernel enforces signatures by its configuration; `None` where that is not known.
fn is_enforced(kernel: &Kernel<'_>) -> Option<bool> {
    Some(kernel.enabled("MODULE_SIG_FORCE")? || locks_itself_down(kernel))
}

fn locks_itself_down(kernel: &Kernel<'_>) -> bool {
    let is_set = |option| kernel.enabled(option) == Some(true);
    is_set("LOCK_DOWN_KERNEL_FORCE_INTEGRITY") || is_set("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY")
}

/// How what a locked down kernel refuses weighs; `None` where it is not locked down. Mainline has
/// lockdown since 5.4, and distributions had patches for it before.
pub(super) fn lockdown(kernel: &Kernel<'_>, trust: &Trust) -> Option<Weight> {
    let lacks_it = kernel.enabled("SECURITY_LOCKDOWN_LSM") == Some(false);
    let is_locked = trust.secure_boot || locks_itself_down(kernel);
    let of_mainline = kernel.since(5, 4) == Some(true);
    (is_locked && !(lacks_it && of_mainline)).then(|| Weight::certain(of_mainline))
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
