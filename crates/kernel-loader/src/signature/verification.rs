//! Who signed a module, and whether the signatures fit (`pkcs7_verify`,
//! `pkcs7_validate_trust`).

use crate::kernel::version::Kernel;
use crate::signature::ModuleSignature;
use crate::signature::pkcs7::algorithms::{Crypto, Release};
use crate::signature::pkcs7::certificate::{Authority, Certificate};
use crate::signature::pkcs7::keys::{Claim, Fit, PublicKey, verify};
use crate::signature::pkcs7::{Message, Refusal, Signer};

/// The keys that the target kernels are said to trust.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Certificates (DER).
    pub certificates: Vec<Vec<u8>>,
    /// The nodes boot with Secure Boot: the kernel is locked down and enforces signatures.
    pub secure_boot: bool,
}

/// What is known about a signature, in the order in which one signer's outweighs another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The kernel lacks an algorithm.
    NoAlgorithm,
    /// A key that nobody named made it.
    OtherKey,
    /// A named key made it, of a kind that the kernel has no algorithm for: its keyring takes
    /// no such certificate (`x509_key_preparse`).
    UnusableKey,
    /// A named key made it, over this content.
    Good,
    /// Something in it is not verified here.
    Unverified,
    /// A named key's, or that of the certificate beside it, over something else, or damaged.
    Bad,
    /// It names no key.
    Nameless,
    /// It has signed attributes, which a module's signature may not have.
    Attributes,
}

/// `verify_pkcs7_signature`: every signer is looked at; one that does not fit spoils the
/// message, and one whose key is trusted is enough. A module that is not `whole` is no longer
/// what was signed.
///
/// # Errors
/// What the kernel answers to a message that it does not read to its end.
pub fn examine(
    signature: &ModuleSignature,
    whole: bool,
    kernel: &Kernel<'_>,
    trust: &Trust,
) -> Result<Known, Refusal> {
    let (major, minor) = kernel.version;
    let crypto = Crypto {
        release: Release::One(major, minor),
        built: &|option| kernel.has_crypto(option),
    };
    let message = Message::read(&signature.pkcs7, &crypto)?;
    if message.signers.iter().any(|signer| signer.has_attributes) {
        return Ok(Known::Attributes);
    }
    let mut named = Vec::new();
    let mut unusable = Vec::new();
    for der in &trust.certificates {
        match Certificate::read(der, &crypto) {
            Ok(certificate) => named.push(certificate),
            Err(_) => unusable.extend(Certificate::read(der, &Crypto::ANY).ok()),
        }
    }
    let examination = Examination {
        signature,
        whole,
        beside: &message.certificates,
        named: &named,
        unusable: &unusable,
        crypto: &crypto,
    };
    let known = message
        .signers
        .iter()
        .map(|signer| examination.signer(signer))
        .max()
        .unwrap_or(Known::Unverified);
    Ok(if message.is_doubtful {
        known.max(Known::Unverified)
    } else {
        known
    })
}

struct Examination<'a> {
    signature: &'a ModuleSignature,
    /// The content reaches the kernel as it was signed.
    whole: bool,
    /// The certificates beside the signature.
    beside: &'a [Certificate<'a>],
    /// Those of the named keys.
    named: &'a [Certificate<'a>],
    /// Those of them that the kernel does not take.
    unusable: &'a [Certificate<'a>],
    crypto: &'a Crypto<'a>,
}

impl<'a> Examination<'a> {
    fn signer(&self, signer: &Signer<'_>) -> Known {
        // `pkcs7_digest`
        if !self.crypto.has_hash(signer.hash) {
            return Known::NoAlgorithm;
        }
        // `asymmetric_key_hex_to_key_id` takes no empty one.
        if signer.key_id.is_empty() {
            return Known::Nameless;
        }
        let Some(beside) = self.beside.iter().find(|known| known.id == signer.key_id) else {
            return self.trusted(&[], signer);
        };
        if signer
            .signed_at
            .is_some_and(|time| time < beside.valid.0 || time > beside.valid.1)
        {
            return Known::Bad;
        }
        let own = self.made_by(signer, &beside.key);
        match self.chain(beside) {
            _ if own == Fit::Bad => Known::Bad,
            (_, Fit::Bad) => Known::Bad,
            (_, Fit::Unknown) => Known::Unverified,
            _ if own == Fit::Unknown => Known::Unverified,
            (chain, Fit::Good) => self.trusted(&chain, signer),
        }
    }

    /// `pkcs7_verify_one`: without signed attributes the signature is over the content's digest.
    fn made_by(&self, signer: &Signer<'_>, key: &PublicKey<'_>) -> Fit {
        let digest = self
            .signature
            .digests
            .iter()
            .find(|(name, _)| name == signer.hash.name());
        let claim = Claim {
            cipher: signer.cipher,
            hash: signer.hash,
            digest: digest.map(|(_, digest)| digest.as_slice()),
            signature: signer.signature,
        };
        match verify(key, &claim, self.crypto) {
            Fit::Good if !self.whole => Fit::Bad,
            fit => fit,
        }
    }

    /// `pkcs7_verify_sig_chain`: a certificate and those beside it that vouch for it, each for
    /// the one before.
    fn chain(&self, first: &'a Certificate<'a>) -> (Vec<&'a Certificate<'a>>, Fit) {
        let mut chain = vec![first];
        let mut last = first;
        while last.self_signed == Some(false) {
            let Authority { id, key_id } = &last.authority;
            let issuer = match (id, key_id) {
                (Some(id), _) => self.beside.iter().find(|known| known.id == *id),
                (None, Some(_)) => self.beside.iter().find(|known| known.key_id == *key_id),
                (None, None) => None,
            };
            let Some(issuer) = issuer else { break };
            if key_id.is_some() && issuer.key_id != *key_id {
                return (chain, Fit::Bad);
            }
            if chain.iter().any(|seen| std::ptr::eq(*seen, issuer)) {
                break;
            }
            match last.is_signed_by(&issuer.key, self.crypto) {
                Fit::Good => {}
                unfit => return (chain, unfit),
            }
            chain.push(issuer);
            last = issuer;
        }
        (chain, Fit::Good)
    }

    /// `pkcs7_validate_trust_one`
    fn trusted(&self, chain: &[&Certificate<'_>], signer: &Signer<'_>) -> Known {
        for (index, certificate) in chain.iter().enumerate() {
            let found = self.named(Some(&certificate.id), certificate.key_id);
            if let Some(Ok(named)) = found {
                return known(match index.checked_sub(1) {
                    Some(before) => chain[before].is_signed_by(&named.key, self.crypto),
                    None => self.made_by(signer, &named.key),
                });
            }
        }
        match chain.last() {
            Some(root) if root.self_signed == Some(true) && !self.is_unusable(signer) => {
                return Known::OtherKey;
            }
            Some(root) => {
                let Authority { id, key_id } = &root.authority;
                match self.named(id.as_deref(), *key_id) {
                    Some(Ok(named)) => return known(root.is_signed_by(&named.key, self.crypto)),
                    Some(Err(Mismatch)) => return Known::Bad,
                    None => {}
                }
            }
            None => {}
        }
        match self.named(Some(&signer.key_id), None) {
            Some(Ok(named)) => known(self.made_by(signer, &named.key)),
            _ if self.is_unusable(signer) => Known::UnusableKey,
            _ => Known::OtherKey,
        }
    }

    fn is_unusable(&self, signer: &Signer<'_>) -> bool {
        let is_signers = |it: &Certificate<'_>| {
            it.id == signer.key_id || it.key_id == Some(signer.key_id.as_slice())
        };
        self.unusable.iter().any(is_signers)
    }

    /// `find_asymmetric_key`: by issuer and serial number, or by subject key identifier.
    fn named(
        &self,
        id: Option<&[u8]>,
        key_id: Option<&[u8]>,
    ) -> Option<Result<&Certificate<'a>, Mismatch>> {
        let wanted = id.or(key_id)?;
        let found = self
            .named
            .iter()
            .find(|known| known.id == wanted || known.key_id == Some(wanted))?;
        let differs = id.is_some() && key_id.is_some() && found.key_id != key_id;
        Some(if differs { Err(Mismatch) } else { Ok(found) })
    }
}

/// A key by the first name, and not by the second: `EKEYREJECTED`.
struct Mismatch;

fn known(fit: Fit) -> Known {
    match fit {
        Fit::Good => Known::Good,
        Fit::Bad => Known::Bad,
        Fit::Unknown => Known::Unverified,
    }
}
