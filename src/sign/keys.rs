//! The private key and the certificate of a Sign section.

use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::digest::{Digest, SHA256, SHA384, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256,
};
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Sequence};
use x509_cert::Certificate;

use crate::sign::pem;

/// Why a key or certificate cannot sign. Never holds any of their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The private key is protected by a passphrase.
    #[error("the private key is encrypted")]
    Encrypted,
    /// The bytes are no private key in a known form.
    #[error("the private key is not a key in PEM (PKCS#1, PKCS#8 or SEC 1; RSA or EC)")]
    NoKey,
    /// The private key is in DER, which the kernel's sign-file does not read.
    #[error("the private key is in DER; KMM's sign-file only reads private keys in PEM")]
    NotPem,
    /// An RSA key of a size that is not supported.
    #[error("the RSA key does not have 2048 to 8192 bits")]
    KeySize,
    /// The bytes are no certificate.
    #[error("the certificate is not an X.509 certificate in PEM or DER")]
    NoCertificate,
    /// The certificate is for another key.
    #[error("the certificate does not belong to the private key")]
    Mismatch,
    /// The certificate is no longer valid.
    #[error("the certificate expired on {0}")]
    Expired(String),
    /// The cryptographic library refused to sign.
    #[error("signing with this key failed")]
    Signing,
}

/// PKCS#8's `EncryptedPrivateKeyInfo` (RFC 5958 section 3).
#[derive(Sequence)]
struct EncryptedKey<'a> {
    _algorithm: AnyRef<'a>,
    _data: OctetStringRef<'a>,
}

/// A private key that signs modules.
pub enum PrivateKey {
    /// RSA of 2048 to 8192 bits.
    Rsa(Box<RsaKeyPair>),
    /// A key on NIST's curves P-256, P-384 or P-521.
    Ec(Box<EcdsaKeyPair>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "Rsa(hidden)",
            Self::Ec(_) => "Ec(hidden)",
        })
    }
}

impl PrivateKey {
    /// Reads a key as `read_private_key` of the kernel's `scripts/sign-file.c` does: the first
    /// private key among the blocks of a PEM text, in PKCS#8, PKCS#1 or SEC 1.
    ///
    /// # Errors
    /// The key is encrypted, unusable, or none at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        let block = pem::blocks(bytes)
            .into_iter()
            .find(|block| block.label.ends_with("PRIVATE KEY"));
        match block {
            Some(block) if block.encrypted || block.label.starts_with("ENCRYPTED") => {
                Err(KeyFault::Encrypted)
            }
            Some(block) => Self::from_der(&block.content),
            None => Err(match Self::from_der(bytes) {
                Ok(_) => KeyFault::NotPem,
                Err(fault) => fault,
            }),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyFault> {
        if EncryptedKey::from_der(der).is_ok() {
            return Err(KeyFault::Encrypted);
        }
        let curves: [&'static EcdsaSigningAlgorithm; 3] = [
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &ECDSA_P384_SHA384_ASN1_SIGNING,
            &ECDSA_P521_SHA256_ASN1_SIGNING,
        ];
        for curve in curves {
            if let Ok(key) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return Ok(Self::Ec(Box::new(key)));
            }
        }
        let mut fault = KeyFault::NoKey;
        for read in [RsaKeyPair::from_pkcs8, RsaKeyPair::from_der] {
            match read(der) {
                Ok(key) => return Ok(Self::Rsa(Box::new(key))),
                Err(reason) if matches!(&*reason.to_string(), "TooSmall" | "TooLarge") => {
                    fault = KeyFault::KeySize;
                }
                Err(_) => {}
            }
        }
        Err(fault)
    }

    /// True when the certificate's subject public key is this key's.
    fn owns(&self, certificate: &Certificate) -> bool {
        let spki = &certificate.tbs_certificate.subject_public_key_info;
        let certified = spki.subject_public_key.raw_bytes();
        match self {
            Self::Rsa(key) => key.public_key().as_ref() == certified,
            Self::Ec(key) => same_point(key.public_key().as_ref(), certified),
        }
    }

    /// Signs content with SHA-256, as `sign-file sha256` does for every kind of key:
    /// PKCS#1 v1.5, or ECDSA as a DER sequence.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, content, &mut signature)
                    .map_err(|_| KeyFault::Signing)?;
                Ok(signature)
            }
            Self::Ec(key) if key.algorithm() == &ECDSA_P384_SHA384_ASN1_SIGNING => {
                let digest = widened(content).ok_or(KeyFault::Signing)?;
                let signature = key.sign_digest(&digest).map_err(|_| KeyFault::Signing)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ec(key) => {
                let signature = key.sign(&random, content).map_err(|_| KeyFault::Signing)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// The SHA-256 digest, with leading zeros to P-384's width. ECDSA takes a digest that is
/// not longer than the curve's order as a big-endian number (SEC 1 section 4.1.3, step 5),
/// so this signs the same number as the digest itself, which the library does not offer
/// for this curve.
fn widened(content: &[u8]) -> Option<Digest> {
    let narrow = digest(&SHA256, content);
    let mut wide = [0; 48];
    wide[16..].copy_from_slice(narrow.as_ref());
    Digest::import_less_safe(&wide, &SHA384).ok()
}

/// True for the same point of a curve; `certified` may be compressed (SEC 1 section 2.3.3).
fn same_point(uncompressed: &[u8], certified: &[u8]) -> bool {
    if uncompressed == certified {
        return true;
    }
    let (Some((&form, x)), Some(last)) = (certified.split_first(), uncompressed.last()) else {
        return false;
    };
    matches!(form, 2 | 3) && uncompressed.get(1..=x.len()) == Some(x) && last & 1 == form & 1
}

/// A certificate in DER form: the first one of a PEM text, and anything else as it is.
pub(crate) fn certificate_der(bytes: Vec<u8>) -> Vec<u8> {
    pem::blocks(&bytes)
        .into_iter()
        .find(|block| block.label.ends_with("CERTIFICATE"))
        .map_or(bytes, |block| block.content)
}

/// A key with its certificate.
#[derive(Debug)]
pub struct Signer {
    key: PrivateKey,
    certificate: Certificate,
    certificate_der: Vec<u8>,
}

impl Signer {
    /// Puts a key and its certificate together; `now` decides whether it has expired.
    ///
    /// # Errors
    /// Why they cannot sign.
    pub fn new(key: &[u8], certificate: &[u8], now: SystemTime) -> Result<Self, KeyFault> {
        let key = PrivateKey::parse(key)?;
        let certificate_der = certificate_der(certificate.to_vec());
        let certificate =
            Certificate::from_der(&certificate_der).map_err(|_| KeyFault::NoCertificate)?;
        if !key.owns(&certificate) {
            return Err(KeyFault::Mismatch);
        }
        let end = certificate.tbs_certificate.validity.not_after;
        if end.to_system_time() < now {
            return Err(KeyFault::Expired(end.to_string()));
        }
        Ok(Self {
            key,
            certificate,
            certificate_der,
        })
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate, DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

    use super::*;

    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (KeyPair, rcgen::Certificate) {
        let key = KeyPair::generate_for(algorithm).expect("a new key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&key).expect("a certificate");
        (key, certificate)
    }

    fn in_year(year: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600 + 86_400)
    }

    #[test]
    fn keys_are_read_in_pem_and_certificates_in_der_too() {
        for algorithm in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256] {
            let (key, certificate) = pair(algorithm);
            let pem = key.serialize_pem();
            for certificate in [certificate.pem().into_bytes(), certificate.der().to_vec()] {
                let signer = Signer::new(pem.as_bytes(), &certificate, in_year(2025));
                assert!(signer.is_ok(), "{signer:?}");
                let der = Signer::new(&key.serialize_der(), &certificate, in_year(2025));
                assert_eq!(der.err(), Some(KeyFault::NotPem));
            }
        }
    }

    #[test]
    fn each_fault_has_its_words() {
        let (key, certificate) = pair(&PKCS_ECDSA_P256_SHA256);
        let (_, other) = pair(&PKCS_ECDSA_P256_SHA256);
        let key = key.serialize_pem();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n\
                         -----END ENCRYPTED PRIVATE KEY-----\n";
        let old = key.replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\n\nM");
        for (key, certificate, year, fault) in [
            (
                "no key",
                certificate.pem(),
                2025,
                "the private key is not a key in PEM (PKCS#1, PKCS#8 or SEC 1; RSA or EC)",
            ),
            (
                encrypted,
                certificate.pem(),
                2025,
                "the private key is encrypted",
            ),
            (
                &old,
                certificate.pem(),
                2025,
                "the private key is encrypted",
            ),
            (
                &key,
                "none".to_owned(),
                2025,
                "the certificate is not an X.509 certificate in PEM or DER",
            ),
            (
                &key,
                other.pem(),
                2025,
                "the certificate does not belong to the private key",
            ),
            (
                &key,
                certificate.pem(),
                2031,
                "the certificate expired on 2030-01-01T00:00:00Z",
            ),
        ] {
            let result = Signer::new(key.as_bytes(), certificate.as_bytes(), in_year(year));
            assert_eq!(
                result.map(|_| ()).map_err(|fault| fault.to_string()),
                Err(fault.to_owned())
            );
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let (key, certificate) = pair(&PKCS_ECDSA_P256_SHA256);
        let signer = Signer::new(
            key.serialize_pem().as_bytes(),
            certificate.der(),
            in_year(2025),
        );
        let signer = signer.expect("a sound pair");
        assert!(format!("{signer:?}").contains("Ec(hidden)"));
    }
}
