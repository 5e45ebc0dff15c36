//! Whether a key made a signature (`crypto/asymmetric_keys/public_key.c`).

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};

use super::algorithms::{Cipher, Crypto, Hash, KeyKind};
use super::asn1::{Met, decode};
use super::steps::{Element, Step};
use crate::signature::fault::Malformed;

/// A public key of a certificate.
#[derive(Debug, Clone, Copy)]
pub struct PublicKey<'a> {
    /// What it is for.
    pub kind: KeyKind,
    /// The content of `subjectPublicKey`.
    pub bytes: &'a [u8],
}

/// A signature, and what it is said to be over.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// How it was made.
    pub cipher: Cipher,
    /// The hash algorithm.
    pub hash: Hash,
    /// The digest by it; `None` where it is not computed here.
    pub digest: Option<&'a [u8]>,
    /// The signature.
    pub signature: &'a [u8],
}

/// What `public_key_verify_signature` makes of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The key made it.
    Good,
    /// An error other than `ENOPKG`.
    Bad,
    /// It is not computed here.
    Unknown,
}

/// `public_key_verify_signature`
pub fn verify(key: &PublicKey<'_>, claim: &Claim<'_>, crypto: &Crypto<'_>) -> Fit {
    if key.kind.cipher() != claim.cipher || !crypto.has_key(key.kind) {
        return Fit::Bad;
    }
    match claim.cipher {
        Cipher::Rsa => rsa(key.bytes, claim),
        Cipher::Ecdsa => ecdsa(key, claim),
        Cipher::Ecrdsa | Cipher::Sm2 => Fit::Unknown,
    }
}

/// `rsa_check_key_length` and `pkcs1pad_verify`.
fn rsa(key: &[u8], claim: &Claim<'_>) -> Fit {
    let Some([modulus, _]) = integers(key) else {
        return Fit::Bad;
    };
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    // In whole words of the kernel's big numbers.
    let size = (modulus.len() - leading).next_multiple_of(size_of::<u64>());
    if ![64, 128, 192, 256, 384, 512].contains(&size) || claim.signature.len() != size {
        return Fit::Bad;
    }
    let (hash, algorithm): (_, &'static dyn VerificationAlgorithm) = match (claim.hash, size) {
        (Hash::Sha1, 128..) => (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        ),
        (Hash::Sha256, 128..) => (
            &digest::SHA256,
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        ),
        (Hash::Sha384, 256..) => (&digest::SHA384, &signature::RSA_PKCS1_2048_8192_SHA384),
        (Hash::Sha512, 128..) => (
            &digest::SHA512,
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        ),
        _ => return Fit::Unknown,
    };
    let Some(digest) = claim.digest else {
        return Fit::Unknown;
    };
    checked(algorithm, key, digest, hash, claim.signature)
}

/// `software_key_determine_akcipher` and `ecdsa_verify`.
fn ecdsa(key: &PublicKey<'_>, claim: &Claim<'_>) -> Fit {
    use Hash::{Sha1, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    let hashes = [
        Sha1, Sha224, Sha256, Sha384, Sha512, Sha3_256, Sha3_384, Sha3_512,
    ];
    // Only the uncompressed form is taken.
    if !hashes.contains(&claim.hash) || key.bytes.first() != Some(&4) {
        return Fit::Bad;
    }
    let (size, hash, algorithm): (_, _, &'static dyn VerificationAlgorithm) = match key.kind {
        KeyKind::P256 => (32, &digest::SHA256, &signature::ECDSA_P256_SHA256_ASN1),
        KeyKind::P384 => (48, &digest::SHA384, &signature::ECDSA_P384_SHA384_ASN1),
        _ => return Fit::Unknown,
    };
    let Some([r, s]) = integers(claim.signature) else {
        return Fit::Bad;
    };
    let (Some(r), Some(s)) = (coordinate(r, size), coordinate(s, size)) else {
        return Fit::Bad;
    };
    let Some(digest) = claim.digest else {
        return Fit::Unknown;
    };
    // A curve signs as much of a digest as it is wide, and a short one as a number.
    let mut number = vec![0; size.saturating_sub(digest.len())];
    number.extend_from_slice(&digest[..digest.len().min(size)]);
    checked(algorithm, key.bytes, &number, hash, &sequence(r, s))
}

/// `ecdsa_get_signature_rs`: a number without leading zeros; `None` where the kernel refuses it.
fn coordinate(value: &[u8], size: usize) -> Option<&[u8]> {
    let value = match value {
        [0, rest @ ..] if value.len() > size => rest,
        _ => value,
    };
    if value.is_empty() || value.len() > size {
        return None;
    }
    let leading = value.iter().take_while(|byte| **byte == 0).count();
    Some(&value[leading..])
}

/// Two numbers as DER wants them; they are shorter than 128 bytes together.
fn sequence(r: &[u8], s: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for number in [r, s] {
        let sign = usize::from(number.first().is_none_or(|byte| byte & 0x80 != 0));
        content.extend([0x02, (number.len() + sign) as u8]);
        content.extend(std::iter::repeat_n(0, sign));
        content.extend(number);
    }
    let mut whole = vec![0x30, content.len() as u8];
    whole.extend(content);
    whole
}

fn checked(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    digest: &[u8],
    hash: &'static digest::Algorithm,
    signature: &[u8],
) -> Fit {
    let (Ok(key), Ok(digest)) = (
        ParsedPublicKey::new(algorithm, key),
        Digest::import_less_safe(digest, hash),
    ) else {
        return Fit::Unknown;
    };
    match key.verify_digest_sig(&digest, signature) {
        Ok(()) => Fit::Good,
        Err(_) => Fit::Bad,
    }
}

/// The two numbers of `RsaPubKey` and `ECDSASignature`.
fn integers<'a>(bytes: &'a [u8]) -> Option<[&'a [u8]; 2]> {
    #[derive(Clone, Copy)]
    struct Number;
    const GRAMMAR: Element<Number> = Element::sequence(
        0x30,
        &[
            Step::Need(Element::opaque(0x02).noted(Number)),
            Step::Need(Element::opaque(0x02).noted(Number)),
        ],
    );
    let mut found = Vec::new();
    let act = &mut |_: Number, met: Met<'a>| {
        found.push(met.value);
        Ok::<(), Malformed>(())
    };
    decode(bytes, &GRAMMAR, act).ok()?;
    found.try_into().ok()
}
