//! X.509 certificates as the kernel reads them (`crypto/asymmetric_keys/x509_cert_parser.c`,
//! `x509_public_key.c`): those beside a signature, and those of the keys that it trusts.

use super::Refusal;
use super::algorithms::{
    AUTHORITY_KEY_ID, BASIC_CONSTRAINTS, Cipher, Crypto, EC_PUBLIC_KEY, Hash, KEY_USAGE, KeyKind,
    SUBJECT_KEY_ID,
};
use super::asn1::{Met, decode};
use super::keys::{Claim, Fit, PublicKey, verify};
use super::steps::{Element, Step};
use super::time;
use crate::signature::fault::{Malformed, Unsupported};

/// A certificate (`struct x509_certificate`).
#[derive(Debug, Clone)]
pub struct Certificate<'a> {
    /// Serial number and issuer, one behind the other, as a signature names its key.
    pub id: Vec<u8>,
    /// The subject key identifier.
    pub key_id: Option<&'a [u8]>,
    /// Who is said to have issued it.
    pub authority: Authority<'a>,
    /// The key.
    pub key: PublicKey<'a>,
    /// From and to when it is valid, in seconds since 1970.
    pub valid: (i64, i64),
    /// Its own key signed it; `None` where that cannot be told.
    pub self_signed: Option<bool>,
    /// Whether the kernel takes it at all cannot be told.
    pub is_doubtful: bool,
    signed: &'a [u8],
    cipher: Cipher,
    hash: Hash,
    signature: &'a [u8],
}

/// `authorityKeyIdentifier`
#[derive(Debug, Clone, Default)]
pub struct Authority<'a> {
    /// The `id` of the issuer's certificate.
    pub id: Option<Vec<u8>>,
    /// Its `key_id`.
    pub key_id: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy)]
enum Note {
    Oid,
    Signed,
    Signature,
    Serial,
    SignatureAlgorithm,
    Issuer,
    NotBefore,
    NotAfter,
    Subject,
    Parameters,
    Key,
    Extension,
}

const OID: Element<Note> = Element::opaque(0x06).noted(Note::Oid);
const ALGORITHM: &[Step<Note>] = &[
    Step::Need(OID),
    Step::May(Element::any().noted(Note::Parameters)),
];
const NAME: &[Step<Note>] = &[Step::Need(Element::repeated(
    0x31,
    &[Step::Need(Element::sequence(
        0x30,
        &[Step::Need(OID), Step::Need(Element::any())],
    ))],
))];
const TIME: &[Element<Note>] = &[Element::opaque(0x17), Element::opaque(0x18)];
const VALIDITY: &[Step<Note>] = &[
    Step::one_noted(TIME, Note::NotBefore),
    Step::one_noted(TIME, Note::NotAfter),
];
const EXTENSIONS: &[Step<Note>] = &[Step::Need(Element::repeated(
    0x30,
    &[Step::Need(Element::sequence(
        0x30,
        &[
            Step::Need(OID),
            Step::May(Element::opaque(0x01)),
            Step::Need(Element::opaque(0x04).noted(Note::Extension)),
        ],
    ))],
))];
const SIGNED: &[Step<Note>] = &[
    Step::May(Element::sequence(
        0xa0,
        &[Step::Need(Element::opaque(0x02))],
    )),
    Step::Need(Element::opaque(0x02).noted(Note::Serial)),
    Step::Need(Element::sequence(0x30, ALGORITHM).noted(Note::SignatureAlgorithm)),
    Step::Need(Element::repeated(0x30, NAME).noted(Note::Issuer)),
    Step::Need(Element::sequence(0x30, VALIDITY)),
    Step::Need(Element::repeated(0x30, NAME).noted(Note::Subject)),
    Step::Need(Element::sequence(
        0x30,
        &[
            Step::Need(Element::sequence(0x30, ALGORITHM)),
            Step::Need(Element::opaque(0x03).noted(Note::Key)),
        ],
    )),
    Step::May(Element::opaque(0x81)),
    Step::May(Element::opaque(0x82)),
    Step::May(Element::sequence(0xa3, EXTENSIONS)),
];
/// `x509.asn1`
const CERTIFICATE: Element<Note> = Element::sequence(
    0x30,
    &[
        Step::Need(Element::sequence(0x30, SIGNED).noted(Note::Signed)),
        Step::Need(Element::sequence(0x30, ALGORITHM)),
        Step::Need(Element::opaque(0x03).noted(Note::Signature)),
    ],
);

#[derive(Debug, Clone, Copy)]
enum AuthorityNote {
    KeyId,
    Name,
    Serial,
    /// A form of name that kernels read in more than one way.
    OtherName,
}

/// `x509_akid.asn1`
const AUTHORITY: Element<AuthorityNote> = Element::sequence(
    0x30,
    &[
        Step::May(Element::opaque(0x80).noted(AuthorityNote::KeyId)),
        Step::May(Element::repeated(
            0xa1,
            &[Step::one(&[
                Element::sequence(0xa4, AUTHORITY_NAME),
                Element::any().noted(AuthorityNote::OtherName),
            ])],
        )),
        Step::May(Element::opaque(0x82).noted(AuthorityNote::Serial)),
    ],
);
const AUTHORITY_NAME: &[Step<AuthorityNote>] = &[Step::Need(
    Element::repeated(
        0x30,
        &[Step::Need(Element::repeated(
            0x31,
            &[Step::Need(Element::sequence(
                0x30,
                &[
                    Step::Need(Element::opaque(0x06)),
                    Step::Need(Element::any()),
                ],
            ))],
        ))],
    )
    .noted(AuthorityNote::Name),
)];

/// What was met so far (`struct x509_parse_context`).
#[derive(Default)]
struct Context<'a> {
    oid: &'a [u8],
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: Option<&'a [u8]>,
    valid: (i64, i64),
    parameters: &'a [u8],
    key: Option<PublicKey<'a>>,
    key_id: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    algorithm: Option<(&'a [u8], Cipher, Hash)>,
    signature: &'a [u8],
    signed: &'a [u8],
    unsure: bool,
}

impl<'a> Context<'a> {
    fn act(&mut self, note: Note, met: Met<'a>, crypto: &Crypto<'_>) -> Result<(), Refusal> {
        match note {
            Note::Oid => self.oid = met.value,
            Note::Signed => self.signed = met.whole,
            Note::Serial => self.serial = met.value,
            Note::Issuer => self.issuer = met.value,
            Note::Subject => self.subject = Some(met.value),
            Note::NotBefore => self.valid.0 = time::decode(met.tag, met.value)?,
            Note::NotAfter => self.valid.1 = time::decode(met.tag, met.value)?,
            Note::Parameters => {
                if self.subject.is_some() && self.key.is_none() {
                    self.parameters = met.whole;
                }
            }
            Note::SignatureAlgorithm => {
                let (cipher, hash) = crypto
                    .signature(self.oid)
                    .ok_or(Refusal::Unsupported(Unsupported::CertificateAlgorithm))?;
                self.algorithm = Some((self.oid, cipher, hash));
            }
            Note::Key => {
                let kind = self.key_kind(crypto)?;
                let bytes = bits(met.value)?;
                self.key = Some(PublicKey { kind, bytes });
            }
            Note::Signature => {
                if self.algorithm.is_none_or(|(oid, ..)| oid != self.oid) {
                    return Err(Malformed::CertificateAlgorithms.into());
                }
                self.signature = bits(met.value)?;
            }
            Note::Extension => self.extension(met.value, crypto)?,
        }
        Ok(())
    }

    /// `x509_extract_key_data`
    fn key_kind(&self, crypto: &Crypto<'_>) -> Result<KeyKind, Refusal> {
        let unknown = || Refusal::Unsupported(Unsupported::CertificateKey);
        if EC_PUBLIC_KEY.as_bytes() != self.oid {
            return crypto.key(self.oid).ok_or_else(unknown);
        }
        match self.parameters {
            [0x06, length, curve @ ..]
                if !curve.is_empty() && usize::from(*length) == curve.len() =>
            {
                crypto.curve(curve).ok_or_else(unknown)
            }
            _ => Err(Malformed::Curve.into()),
        }
    }

    /// `x509_process_extension`
    fn extension(&mut self, value: &'a [u8], crypto: &Crypto<'_>) -> Result<(), Refusal> {
        let is = |oid: der::oid::ObjectIdentifier| oid.as_bytes() == self.oid;
        if is(SUBJECT_KEY_ID) {
            match value {
                [0x04, length, id @ ..]
                    if !id.is_empty()
                        && usize::from(*length) == id.len()
                        && self.key_id.is_none() =>
                {
                    self.key_id = Some(id);
                }
                _ => return Err(Malformed::SubjectKeyId.into()),
            }
        } else if is(AUTHORITY_KEY_ID) {
            self.authority = Some(value);
        } else if is(KEY_USAGE) {
            let sound = matches!(value, [0x03, _, unused, _, ..] if *unused < 8);
            self.constrained(sound, crypto)?;
        } else if is(BASIC_CONSTRAINTS) {
            let sound = matches!(
                value,
                [0x30, length, rest @ ..] if usize::from(*length) == rest.len()
            );
            self.constrained(sound, crypto)?;
            // Later fixes of 6.12 and others look further.
            self.unsure |= !matches!(value, [0x30, 0] | [0x30, _, 0x01, 0x01, 0xff, ..])
                && crypto.checks_constraints() != Some(false);
        }
        Ok(())
    }

    fn constrained(&mut self, sound: bool, crypto: &Crypto<'_>) -> Result<(), Refusal> {
        match crypto.checks_constraints() {
            Some(true) if !sound => Err(Malformed::Constraints.into()),
            None if !sound => {
                self.unsure = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The content of a bit string whose bits are all in use.
fn bits(value: &[u8]) -> Result<&[u8], Refusal> {
    match value {
        [0, rest @ ..] => Ok(rest),
        _ => Err(Malformed::BitString.into()),
    }
}

impl<'a> Certificate<'a> {
    /// `x509_cert_parse`
    ///
    /// # Errors
    /// What the kernel answers; never [`Refusal::Unsure`].
    pub fn read(bytes: &'a [u8], crypto: &Crypto<'_>) -> Result<Self, Refusal> {
        let mut context = Context::default();
        decode(bytes, &CERTIFICATE, &mut |note, met| {
            context.act(note, met, crypto)
        })?;
        let authority = authority(&mut context)?;
        // The grammar has no certificate without them.
        let (Some(key), Some((_, cipher, hash)), Some(subject)) =
            (context.key, context.algorithm, context.subject)
        else {
            return Err(Malformed::NoKey.into());
        };
        let mut certificate = Self {
            id: [context.serial, context.issuer].concat(),
            key_id: context.key_id,
            authority,
            key,
            valid: context.valid,
            self_signed: Some(false),
            is_doubtful: context.unsure,
            signed: context.signed,
            cipher,
            hash,
            signature: context.signature,
        };
        if subject == context.issuer {
            certificate.self_signed = certificate.signs_itself(crypto)?;
            certificate.is_doubtful |= certificate.self_signed.is_none();
        }
        Ok(certificate)
    }

    /// `x509_check_for_self_signed`, for a certificate whose issuer is its subject.
    fn signs_itself(&self, crypto: &Crypto<'_>) -> Result<Option<bool>, Refusal> {
        let Authority { id, key_id } = &self.authority;
        if id.is_some() || key_id.is_some() {
            let by_key_id = key_id.is_some() && *key_id == self.key_id;
            let by_id = id.as_ref() == Some(&self.id);
            if !by_key_id && !by_id {
                return Ok(Some(false));
            }
            if by_key_id != by_id && id.is_some() && key_id.is_some() {
                return Err(Malformed::TwoIssuers.into());
            }
        }
        if !crypto.has_hash(self.hash) {
            return Ok(Some(false));
        }
        match self.is_signed_by(&self.key, crypto) {
            Fit::Good => Ok(Some(true)),
            // The error is that of whatever does not fit.
            Fit::Bad => Err(Malformed::SelfSignature.into()),
            Fit::Unknown => Ok(None),
        }
    }

    /// Whether a key signed the certificate.
    pub fn is_signed_by(&self, key: &PublicKey<'_>, crypto: &Crypto<'_>) -> Fit {
        if !crypto.has_hash(self.hash) {
            return Fit::Bad;
        }
        let digest = self.hash.digest(self.signed);
        let claim = Claim {
            cipher: self.cipher,
            hash: self.hash,
            digest: digest.as_deref(),
            signature: self.signature,
        };
        verify(key, &claim, crypto)
    }
}

fn authority<'a>(context: &mut Context<'a>) -> Result<Authority<'a>, Refusal> {
    let mut authority = Authority::default();
    let (mut name, mut other) = (None, false);
    if let Some(bytes) = context.authority {
        decode(bytes, &AUTHORITY, &mut |note, met| {
            match note {
                AuthorityNote::KeyId => authority.key_id = Some(met.value),
                AuthorityNote::Name => name = Some(met.value),
                AuthorityNote::Serial => {
                    authority.id = name.map(|name: &[u8]| [met.value, name].concat());
                }
                AuthorityNote::OtherName => other = true,
            }
            Ok::<(), Refusal>(())
        })?;
    }
    context.unsure |= other;
    Ok(authority)
}
