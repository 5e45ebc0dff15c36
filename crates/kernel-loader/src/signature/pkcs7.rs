//! The PKCS#7 message of a signature, as the kernel reads it
//! (`crypto/asymmetric_keys/pkcs7_parser.c`): it takes what no strict parser takes, and does
//! not look into much of what a strict parser refuses.

pub mod algorithms;
mod asn1;
pub mod certificate;
mod grammar;
pub mod keys;
mod steps;
#[cfg(test)]
mod tests;
mod time;

use algorithms::{
    COMMON_NAME, CONTENT_TYPE, Cipher, Crypto, DATA, Hash, MESSAGE_DIGEST, MS_INDIRECT_DATA,
    MS_OPUS_INFO, MS_STATEMENT_TYPE, SIGNED_DATA, SIGNING_TIME, SMIME_CAPABILITIES,
};
use asn1::{Met, decode};
use certificate::Certificate;
use der::oid::ObjectIdentifier;
use grammar::{MESSAGE, Note};

use super::fault::{Malformed, Unsupported};

/// What the kernel answers instead of verifying a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An error that is fatal whether or not the kernel enforces signatures.
    Malformed(Malformed),
    /// `ENOPKG`: as good as no signature.
    Unsupported(Unsupported),
    /// `ENOPKG`, unless a certificate that cannot be verified here made it an error before.
    Unsure,
}

impl From<Malformed> for Refusal {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

/// A message (`struct pkcs7_message`).
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Those who signed, at least one.
    pub signers: Vec<Signer<'a>>,
    /// The certificates beside the signatures.
    pub certificates: Vec<Certificate<'a>>,
    /// Whether the kernel takes every certificate in it cannot be told.
    pub is_doubtful: bool,
}

/// One signature (`struct pkcs7_signed_info`).
#[derive(Debug, Clone)]
pub struct Signer<'a> {
    /// Serial number and issuer, one behind the other, or the subject key identifier.
    pub key_id: Vec<u8>,
    /// The issuer's common name, or whatever names it.
    pub name: String,
    /// The hash algorithm.
    pub hash: Hash,
    /// The signature algorithm.
    pub cipher: Cipher,
    /// It has signed attributes, in the only form in which the kernel minds them.
    pub has_attributes: bool,
    /// When it was made, in seconds since 1970, where an attribute says so.
    pub signed_at: Option<i64>,
    /// The signature.
    pub signature: &'a [u8],
}

/// What was met so far (`struct pkcs7_parse_context`). It is never cleared: a signer without a
/// name has that of the one before.
struct Context<'a, 'c> {
    crypto: &'c Crypto<'c>,
    message: Message<'a>,
    version: u8,
    content: Option<ObjectIdentifier>,
    has_data: bool,
    /// Not in the list yet; what is revoked never gets there.
    certificates: Vec<Certificate<'a>>,
    oid: &'a [u8],
    by_key_id: bool,
    issuer: &'a [u8],
    name: Vec<(bool, String)>,
    serial: &'a [u8],
    key_id: &'a [u8],
    hash: Option<Hash>,
    cipher: Option<Cipher>,
    signature: &'a [u8],
    attributes: Attributes,
}

/// The signed attributes of one signer.
#[derive(Default)]
struct Attributes {
    seen: Vec<ObjectIdentifier>,
    signed_at: Option<i64>,
    are_a_set: bool,
}

impl<'a> Message<'a> {
    /// `pkcs7_parse_message`, and as much of `verify_pkcs7_message_sig` and `pkcs7_verify` as
    /// hangs on the message alone.
    ///
    /// # Errors
    /// What the kernel answers where it is an error, or that it cannot be told.
    pub fn read(bytes: &'a [u8], crypto: &Crypto<'_>) -> Result<Self, Refusal> {
        let mut context = Context::new(crypto);
        let decoded = decode(bytes, &MESSAGE, &mut |note, met| context.act(note, met));
        match decoded.and_then(|()| context.check()) {
            Err(Refusal::Unsupported(_)) if context.message.is_doubtful => Err(Refusal::Unsure),
            checked => checked.map(|()| context.message),
        }
    }
}

impl<'a, 'c> Context<'a, 'c> {
    fn new(crypto: &'c Crypto<'c>) -> Self {
        Self {
            crypto,
            message: Message {
                signers: Vec::new(),
                certificates: Vec::new(),
                is_doubtful: false,
            },
            version: 0,
            content: None,
            has_data: false,
            certificates: Vec::new(),
            oid: &[],
            by_key_id: false,
            issuer: &[],
            name: Vec::new(),
            serial: &[],
            key_id: &[],
            hash: None,
            cipher: None,
            signature: &[],
            attributes: Attributes::default(),
        }
    }

    fn act(&mut self, note: Note, met: Met<'a>) -> Result<(), Refusal> {
        match note {
            Note::Oid => self.oid = met.value,
            Note::OuterType if SIGNED_DATA.as_bytes() != met.value => {
                return Err(Malformed::NotSignedData.into());
            }
            Note::OuterType => {}
            Note::Version => match met.value {
                [version @ (1 | 3)] => self.version = *version,
                _ => return Err(Malformed::SignedDataVersion.into()),
            },
            Note::ContentType => {
                let known = [DATA, MS_INDIRECT_DATA];
                self.content = known.into_iter().find(|oid| oid.as_bytes() == self.oid);
                if self.content.is_none() {
                    return Err(Malformed::ContentType.into());
                }
            }
            Note::Data => self.has_data = true,
            Note::Certificate => self.certificate(met)?,
            Note::Certificates => {
                let certificates = std::mem::take(&mut self.certificates);
                self.message.certificates = certificates;
            }
            Note::SignerVersion => match (met.value, self.version) {
                ([1], 1) => self.by_key_id = false,
                ([3], 3) => self.by_key_id = true,
                ([1 | 3], _) => {
                    return Err(Malformed::SignerVersionMismatch.into());
                }
                _ => return Err(Malformed::SignerVersion.into()),
            },
            Note::Issuer => self.issuer = met.value,
            Note::NamePart => {
                let text = String::from_utf8_lossy(met.value).into_owned();
                self.name.push((COMMON_NAME.as_bytes() == self.oid, text));
            }
            Note::Serial => self.serial = met.value,
            Note::KeyId => self.key_id = met.value,
            Note::Hash => {
                self.hash = self.crypto.hash(self.oid);
                if self.hash.is_none() {
                    return Err(Refusal::Unsupported(Unsupported::Hash(self.oid())));
                }
            }
            Note::Attribute => self.attribute(met)?,
            Note::Attributes => {
                let has = |oid| self.attributes.seen.contains(&oid);
                if !has(CONTENT_TYPE) || !has(MESSAGE_DIGEST) {
                    return Err(Malformed::MissingAttribute.into());
                }
                self.attributes.are_a_set = true;
            }
            Note::Cipher => {
                if self.crypto.may_have_ml_dsa(self.oid) {
                    return Err(Refusal::Unsure);
                }
                self.cipher = self.crypto.cipher(self.oid);
                if self.cipher.is_none() {
                    return Err(Refusal::Unsupported(Unsupported::Cipher(self.oid())));
                }
            }
            Note::Signature => self.signature = met.value,
            Note::Signer => self.signer()?,
        }
        Ok(())
    }

    /// The object identifier that was met last, in words.
    fn oid(&self) -> String {
        let oid = ObjectIdentifier::from_bytes(self.oid);
        oid.map_or_else(|_| hex(self.oid), |oid| oid.to_string())
    }

    /// `pkcs7_extract_cert`
    fn certificate(&mut self, met: Met<'a>) -> Result<(), Refusal> {
        if met.tag != 0x30 {
            return Err(Malformed::NoCertificate.into());
        }
        let certificate = Certificate::read(met.whole, self.crypto)?;
        self.message.is_doubtful |= certificate.is_doubtful;
        self.certificates.push(certificate);
        Ok(())
    }

    /// `pkcs7_sig_note_authenticated_attr`
    fn attribute(&mut self, met: Met<'a>) -> Result<(), Refusal> {
        const KNOWN: [ObjectIdentifier; 6] = [
            CONTENT_TYPE,
            SIGNING_TIME,
            MESSAGE_DIGEST,
            SMIME_CAPABILITIES,
            MS_OPUS_INFO,
            MS_STATEMENT_TYPE,
        ];
        let Some(kind) = KNOWN.into_iter().find(|oid| oid.as_bytes() == self.oid) else {
            return Ok(());
        };
        if self.attributes.seen.contains(&kind) {
            return Err(Malformed::RepeatedAttribute.into());
        }
        self.attributes.seen.push(kind);
        match kind {
            CONTENT_TYPE if self.content.is_none_or(|oid| oid.as_bytes() != met.value) => {
                Err(Malformed::ContentTypeMismatch.into())
            }
            MESSAGE_DIGEST if met.tag != 0x04 => Err(Malformed::MessageDigest.into()),
            SIGNING_TIME => {
                self.attributes.signed_at = Some(time::decode(met.tag, met.value)?);
                Ok(())
            }
            SMIME_CAPABILITIES | MS_OPUS_INFO | MS_STATEMENT_TYPE
                if self.content != Some(MS_INDIRECT_DATA) =>
            {
                Err(Malformed::AuthenticodeAttribute.into())
            }
            _ => Ok(()),
        }
    }

    /// `pkcs7_note_signed_info`
    fn signer(&mut self) -> Result<(), Refusal> {
        let attributes = std::mem::take(&mut self.attributes);
        if self.content == Some(MS_INDIRECT_DATA) && !attributes.are_a_set {
            return Err(Malformed::AuthenticodeWithoutAttributes.into());
        }
        let key_id = if self.by_key_id {
            self.key_id.to_vec()
        } else {
            [self.serial, self.issuer].concat()
        };
        // The grammar has no signer without them.
        let (Some(hash), Some(cipher)) = (self.hash, self.cipher) else {
            return Err(Malformed::NoAlgorithm.into());
        };
        self.message.signers.push(Signer {
            name: in_words(std::mem::take(&mut self.name)).unwrap_or_else(|| hex(&key_id)),
            key_id,
            hash,
            cipher,
            has_attributes: attributes.are_a_set,
            signed_at: attributes.signed_at,
            signature: self.signature,
        });
        Ok(())
    }

    /// `pkcs7_check_authattrs`, `verify_pkcs7_message_sig`, `pkcs7_verify`
    fn check(&self) -> Result<(), Refusal> {
        let signers = &self.message.signers;
        let Some(first) = signers.first() else {
            return Err(Malformed::NoSigner.into());
        };
        let differs = |signer: &Signer<'_>| signer.has_attributes != first.has_attributes;
        if signers.iter().any(differs) {
            return Err(Malformed::InconsistentAttributes.into());
        }
        if self.has_data {
            return Err(Malformed::Attached.into());
        }
        if self.content != Some(DATA) {
            return Err(Malformed::NotData.into());
        }
        Ok(())
    }
}

/// The common name among the parts of a name, or all of them.
fn in_words(parts: Vec<(bool, String)>) -> Option<String> {
    if let Some((_, name)) = parts.iter().find(|(is_common, _)| *is_common) {
        return Some(name.clone());
    }
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Two lower-case digits for each byte.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
