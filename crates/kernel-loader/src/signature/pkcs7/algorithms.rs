//! The algorithms that a kernel's PKCS#7 and X.509 parsers know by their object identifiers
//! (`include/linux/oid_registry.h`), which it compares byte by byte.

use std::fmt;

use aws_lc_rs::digest;
use der::oid::ObjectIdentifier;

/// A hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// MD4 (RFC 1320).
    Md4,
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180).
    Sha1,
    /// SHA-224 (FIPS 180).
    Sha224,
    /// SHA-256 (FIPS 180).
    Sha256,
    /// SHA-384 (FIPS 180).
    Sha384,
    /// SHA-512 (FIPS 180).
    Sha512,
    /// SM3 (GM/T 0004).
    Sm3,
    /// Streebog with 256 bits (RFC 6986).
    Streebog256,
    /// Streebog with 512 bits (RFC 6986).
    Streebog512,
    /// SHA3-256 (FIPS 202).
    Sha3_256,
    /// SHA3-384 (FIPS 202).
    Sha3_384,
    /// SHA3-512 (FIPS 202).
    Sha3_512,
}

impl Hash {
    /// The kernel's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sm3 => "sm3",
            Self::Streebog256 => "streebog256",
            Self::Streebog512 => "streebog512",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
        }
    }

    /// The options one of which builds it into a kernel, without `CONFIG_`.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Md4 => &["CRYPTO_MD4"],
            Self::Md5 => &["CRYPTO_MD5"],
            Self::Sha1 => &["CRYPTO_SHA1"],
            Self::Sha224 | Self::Sha256 => &["CRYPTO_SHA256"],
            Self::Sha384 | Self::Sha512 => &["CRYPTO_SHA512"],
            Self::Sm3 => &["CRYPTO_SM3", "CRYPTO_SM3_GENERIC"],
            Self::Streebog256 | Self::Streebog512 => &["CRYPTO_STREEBOG"],
            Self::Sha3_256 | Self::Sha3_384 | Self::Sha3_512 => &["CRYPTO_SHA3"],
        }
    }

    /// What makes a digest; `None` for an algorithm that is not computed here.
    pub fn context(self) -> Option<digest::Context> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
            Self::Sha3_256 => &digest::SHA3_256,
            Self::Sha3_384 => &digest::SHA3_384,
            Self::Sha3_512 => &digest::SHA3_512,
            Self::Md4 | Self::Md5 | Self::Sm3 | Self::Streebog256 | Self::Streebog512 => {
                return None;
            }
        };
        Some(digest::Context::new(algorithm))
    }

    /// The digest of some content; `None` for an algorithm that is not computed here.
    pub fn digest(self, content: &[u8]) -> Option<Vec<u8>> {
        let mut context = self.context()?;
        context.update(content);
        Some(context.finish().as_ref().to_vec())
    }
}

/// How a signature was made (`pkey_algo` and `encoding` of `struct public_key_signature`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// RSA with the padding of PKCS#1.
    Rsa,
    /// ECDSA on one of NIST's curves.
    Ecdsa,
    /// `ecrdsa`, GOST's.
    Ecrdsa,
    /// SM2.
    Sm2,
}

/// What a key is for (`pkey_algo` of `struct public_key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA (RFC 8017).
    Rsa,
    /// NIST's curve P-192.
    P192,
    /// NIST's curve P-256.
    P256,
    /// NIST's curve P-384.
    P384,
    /// NIST's curve P-521.
    P521,
    /// GOST's (RFC 7091).
    Ecrdsa,
    /// SM2 (GM/T 0003).
    Sm2,
}

impl KeyKind {
    /// What signs with such a key.
    pub fn cipher(self) -> Cipher {
        match self {
            Self::Rsa => Cipher::Rsa,
            Self::P192 | Self::P256 | Self::P384 | Self::P521 => Cipher::Ecdsa,
            Self::Ecrdsa => Cipher::Ecrdsa,
            Self::Sm2 => Cipher::Sm2,
        }
    }
}

/// Whose algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Those of any kernel.
    Any,
    /// Those that every kernel has.
    Every,
    /// Those of one, by major and minor version.
    One(u16, u16),
}

/// Which algorithms a kernel has.
#[derive(Clone, Copy)]
pub struct Crypto<'a> {
    /// Whose they are.
    pub release: Release,
    /// Whether an option, without `CONFIG_`, is built in or as a module; `None` where no
    /// configuration is known.
    pub built: &'a dyn Fn(&str) -> Option<bool>,
}

impl fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

impl Crypto<'_> {
    /// All that any kernel has.
    pub const ANY: Crypto<'static> = Crypto {
        release: Release::Any,
        built: &|_| None,
    };
    /// What every kernel has, and nothing of it is built.
    pub const LEAST: Crypto<'static> = Crypto {
        release: Release::Every,
        built: &|_| Some(false),
    };

    /// What this version is compared with, where that tells anything: Red Hat's kernels take
    /// over what later ones know, and keep their version.
    fn holds(&self, rule: impl Fn((u16, u16)) -> bool) -> bool {
        match self.release {
            Release::Any | Release::One(4, 18) | Release::One(5, 14) => true,
            Release::Every => false,
            Release::One(major, minor) => rule((major, minor)),
        }
    }

    fn since(&self, major: u16, minor: u16) -> bool {
        self.holds(|version| version >= (major, minor))
    }

    fn before(&self, major: u16, minor: u16) -> bool {
        self.holds(|version| version < (major, minor))
    }

    /// False where `crypto_alloc_shash` finds no such algorithm.
    pub fn has_hash(&self, hash: Hash) -> bool {
        self.has_one_of(hash.options())
    }

    /// False where `crypto_alloc_akcipher` finds no such algorithm.
    pub fn has_key(&self, kind: KeyKind) -> bool {
        self.has_one_of(match kind.cipher() {
            Cipher::Rsa => &["CRYPTO_RSA"],
            Cipher::Ecdsa => &["CRYPTO_ECDSA"],
            Cipher::Ecrdsa => &["CRYPTO_ECRDSA"],
            Cipher::Sm2 => &["CRYPTO_SM2"],
        })
    }

    fn has_one_of(&self, options: &[&str]) -> bool {
        options
            .iter()
            .any(|option| (self.built)(option) != Some(false))
    }

    /// `pkcs7_sig_note_digest_algo`; `None` where the answer is `ENOPKG`.
    pub(super) fn hash(&self, oid: &[u8]) -> Option<Hash> {
        let (_, hash) = HASHES.iter().find(|(known, _)| known.as_bytes() == oid)?;
        let known = match hash {
            Hash::Md4 | Hash::Md5 => self.before(6, 7),
            Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512 => self.since(6, 7),
            Hash::Sm3 | Hash::Streebog256 | Hash::Streebog512 => self.since(6, 0),
            _ => true,
        };
        known.then_some(*hash)
    }

    /// `pkcs7_sig_note_pkey_algo`; `None` where the answer is `ENOPKG`.
    pub(super) fn cipher(&self, oid: &[u8]) -> Option<Cipher> {
        if RSA.as_bytes() == oid {
            return Some(Cipher::Rsa);
        }
        if GOST_KEYS.iter().any(|known| known.as_bytes() == oid) {
            return self.since(6, 0).then_some(Cipher::Ecrdsa);
        }
        let (cipher, _) = self.signature(oid)?;
        let known = match cipher {
            Cipher::Ecdsa => self.since(5, 14),
            Cipher::Sm2 => self.since(6, 0),
            Cipher::Rsa | Cipher::Ecrdsa => false,
        };
        known.then_some(cipher)
    }

    /// Whether an algorithm is ML-DSA (FIPS 204), and the kernel may verify it
    /// (`pkcs7_sig_note_pkey_algo`, Linux 7.0, `CONFIG_CRYPTO_MLDSA`). It is not verified here.
    pub(super) fn may_have_ml_dsa(&self, oid: &[u8]) -> bool {
        let may_have = || match (self.built)("CRYPTO_MLDSA") {
            Some(built) => built,
            None => self.since(7, 0),
        };
        ML_DSA.iter().any(|known| known.as_bytes() == oid) && may_have()
    }

    /// `x509_note_sig_algo`; `None` where the answer is `ENOPKG`.
    pub(super) fn signature(&self, oid: &[u8]) -> Option<(Cipher, Hash)> {
        let (_, cipher, hash) = SIGNATURES
            .iter()
            .find(|(known, ..)| known.as_bytes() == oid)?;
        let known = match (cipher, hash) {
            (_, Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512) => self.since(6, 7),
            (_, Hash::Md4) => self.before(6, 7),
            (Cipher::Sm2, _) => self.since(5, 10) && self.before(6, 10),
            (Cipher::Ecrdsa, _) => self.since(5, 2),
            (Cipher::Ecdsa, _) => self.since(5, 13),
            _ => true,
        };
        known.then_some((*cipher, *hash))
    }

    /// `x509_extract_key_data`; `None` where the answer is `ENOPKG`.
    pub(super) fn key(&self, oid: &[u8]) -> Option<KeyKind> {
        if RSA.as_bytes() == oid {
            return Some(KeyKind::Rsa);
        }
        if GOST_KEYS.iter().any(|known| known.as_bytes() == oid) {
            return self.since(5, 2).then_some(KeyKind::Ecrdsa);
        }
        let is_sm2 = SM2.as_bytes() == oid;
        (is_sm2 && self.since(5, 17) && self.before(6, 10)).then_some(KeyKind::Sm2)
    }

    /// The curve of a key on one; `None` where the answer is `ENOPKG`.
    pub(super) fn curve(&self, oid: &[u8]) -> Option<KeyKind> {
        let (_, kind) = CURVES.iter().find(|(known, _)| known.as_bytes() == oid)?;
        let known = match kind {
            KeyKind::P521 => self.since(6, 10),
            KeyKind::Sm2 => self.before(6, 10),
            _ => self.since(5, 13),
        };
        known.then_some(*kind)
    }

    /// Whether `x509_process_extension` looks into `keyUsage` and `basicConstraints`;
    /// `None` where that is not known.
    pub(super) fn checks_constraints(&self) -> Option<bool> {
        let (since, before) = (self.since(6, 4), self.before(6, 4));
        (since != before).then_some(since)
    }
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(super) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
pub(super) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
pub(super) const MS_INDIRECT_DATA: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.4");
pub(super) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
pub(super) const SIGNING_TIME: ObjectIdentifier = oid("1.2.840.113549.1.9.5");
pub(super) const SMIME_CAPABILITIES: ObjectIdentifier = oid("1.2.840.113549.1.9.15");
pub(super) const MS_STATEMENT_TYPE: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.11");
pub(super) const MS_OPUS_INFO: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.12");
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(super) const SUBJECT_KEY_ID: ObjectIdentifier = oid("2.5.29.14");
pub(super) const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
pub(super) const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
pub(super) const AUTHORITY_KEY_ID: ObjectIdentifier = oid("2.5.29.35");
pub(super) const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");

const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const SM2: ObjectIdentifier = oid("1.2.156.10197.1.301");
const GOST_KEYS: [ObjectIdentifier; 2] = [oid("1.2.643.7.1.1.1.1"), oid("1.2.643.7.1.1.1.2")];

/// ML-DSA-44, -65 and -87.
const ML_DSA: [ObjectIdentifier; 3] = [
    oid("2.16.840.1.101.3.4.3.17"),
    oid("2.16.840.1.101.3.4.3.18"),
    oid("2.16.840.1.101.3.4.3.19"),
];

const HASHES: [(ObjectIdentifier, Hash); 13] = [
    (oid("1.2.840.113549.2.4"), Hash::Md4),
    (oid("1.2.840.113549.2.5"), Hash::Md5),
    (oid("1.3.14.3.2.26"), Hash::Sha1),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
    (oid("1.2.156.10197.1.401"), Hash::Sm3),
    (oid("1.2.643.7.1.1.2.2"), Hash::Streebog256),
    (oid("1.2.643.7.1.1.2.3"), Hash::Streebog512),
    (oid("2.16.840.1.101.3.4.2.8"), Hash::Sha3_256),
    (oid("2.16.840.1.101.3.4.2.9"), Hash::Sha3_384),
    (oid("2.16.840.1.101.3.4.2.10"), Hash::Sha3_512),
];

const SIGNATURES: [(ObjectIdentifier, Cipher, Hash); 20] = [
    // Its name in the kernel; it is MD5's in RFC 3279.
    (oid("1.2.840.113549.1.1.4"), Cipher::Rsa, Hash::Md4),
    (oid("1.2.840.113549.1.1.5"), Cipher::Rsa, Hash::Sha1),
    (oid("1.2.840.113549.1.1.14"), Cipher::Rsa, Hash::Sha224),
    (oid("1.2.840.113549.1.1.11"), Cipher::Rsa, Hash::Sha256),
    (oid("1.2.840.113549.1.1.12"), Cipher::Rsa, Hash::Sha384),
    (oid("1.2.840.113549.1.1.13"), Cipher::Rsa, Hash::Sha512),
    (oid("2.16.840.1.101.3.4.3.14"), Cipher::Rsa, Hash::Sha3_256),
    (oid("2.16.840.1.101.3.4.3.15"), Cipher::Rsa, Hash::Sha3_384),
    (oid("2.16.840.1.101.3.4.3.16"), Cipher::Rsa, Hash::Sha3_512),
    (oid("1.2.840.10045.4.1"), Cipher::Ecdsa, Hash::Sha1),
    (oid("1.2.840.10045.4.3.1"), Cipher::Ecdsa, Hash::Sha224),
    (oid("1.2.840.10045.4.3.2"), Cipher::Ecdsa, Hash::Sha256),
    (oid("1.2.840.10045.4.3.3"), Cipher::Ecdsa, Hash::Sha384),
    (oid("1.2.840.10045.4.3.4"), Cipher::Ecdsa, Hash::Sha512),
    (
        oid("2.16.840.1.101.3.4.3.10"),
        Cipher::Ecdsa,
        Hash::Sha3_256,
    ),
    (
        oid("2.16.840.1.101.3.4.3.11"),
        Cipher::Ecdsa,
        Hash::Sha3_384,
    ),
    (
        oid("2.16.840.1.101.3.4.3.12"),
        Cipher::Ecdsa,
        Hash::Sha3_512,
    ),
    (oid("1.2.643.7.1.1.3.2"), Cipher::Ecrdsa, Hash::Streebog256),
    (oid("1.2.643.7.1.1.3.3"), Cipher::Ecrdsa, Hash::Streebog512),
    (oid("1.2.156.10197.1.501"), Cipher::Sm2, Hash::Sm3),
];

const CURVES: [(ObjectIdentifier, KeyKind); 5] = [
    (oid("1.2.840.10045.3.1.1"), KeyKind::P192),
    (oid("1.2.840.10045.3.1.7"), KeyKind::P256),
    (oid("1.3.132.0.34"), KeyKind::P384),
    (oid("1.3.132.0.35"), KeyKind::P521),
    (SM2, KeyKind::Sm2),
];
