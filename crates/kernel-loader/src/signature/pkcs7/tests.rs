//! Messages that a strict parser and the kernel's tell apart.

mod forms;

use proptest::collection::vec;
use proptest::prelude::*;

use super::algorithms::{DATA, MS_INDIRECT_DATA, Release};
use super::*;

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SET: u8 = 0x31;
const SEQUENCE: u8 = 0x30;
/// A length that is not known beforehand.
const OPEN: &[u8] = &[0x80];

fn header(tag: u8, length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short @ ..0x80) => vec![tag, short],
        Ok(byte) => vec![tag, 0x81, byte],
        Err(_) => [&[tag, 0x82][..], &(length as u16).to_be_bytes()].concat(),
    }
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [header(tag, content.len()), content].concat()
}

fn open(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag], OPEN, &parts.concat(), &[0, 0]].concat()
}

fn oid(known: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, &[known.as_bytes()])
}

fn algorithm(known: ObjectIdentifier) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(known)])
}

fn name(value: &[u8]) -> Vec<u8> {
    let part = tlv(SEQUENCE, &[&oid(COMMON_NAME), value]);
    tlv(SEQUENCE, &[&tlv(SET, &[&part])])
}

/// The parts of a message with one signer, each of which a case may replace.
#[derive(Clone)]
struct Parts {
    version: Vec<u8>,
    algorithms: Vec<u8>,
    content: Vec<u8>,
    beside: Vec<u8>,
    signer_version: Vec<u8>,
    key: Vec<u8>,
    hash: Vec<u8>,
    attributes: Vec<u8>,
    cipher: Vec<u8>,
    signature: Vec<u8>,
    signers: fn(&[u8]) -> Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: tlv(0x02, &[&[1]]),
            algorithms: tlv(SET, &[&algorithm(SHA256)]),
            content: tlv(SEQUENCE, &[&oid(DATA)]),
            beside: Vec::new(),
            signer_version: tlv(0x02, &[&[1]]),
            key: tlv(SEQUENCE, &[&name(b"\x0c\x02me"), &tlv(0x02, &[&[7]])]),
            hash: algorithm(SHA256),
            attributes: Vec::new(),
            cipher: algorithm(RSA),
            signature: tlv(0x04, &[b"signed"]),
            signers: |signer| tlv(SET, &[signer]),
        }
    }
}

impl Parts {
    fn signer(&self) -> Vec<u8> {
        tlv(
            SEQUENCE,
            &[
                &self.signer_version,
                &self.key,
                &self.hash,
                &self.attributes,
                &self.cipher,
                &self.signature,
            ],
        )
    }

    fn signed(&self) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            &self.version,
            &self.algorithms,
            &self.content,
            &self.beside,
            &(self.signers)(&self.signer()),
        ];
        tlv(SEQUENCE, &parts)
    }

    fn message(&self) -> Vec<u8> {
        let signed = tlv(0xa0, &[&self.signed()]);
        tlv(SEQUENCE, &[&oid(SIGNED_DATA), &signed])
    }
}

fn with(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = Parts::default();
    change(&mut parts);
    parts.message()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Taken,
    Malformed,
    Unsupported,
}
use Answer::{Malformed, Taken, Unsupported};

fn answer(bytes: &[u8], crypto: &Crypto<'_>) -> (Answer, String) {
    match Message::read(bytes, crypto) {
        Ok(_) => (Taken, String::new()),
        Err(Refusal::Malformed(why)) => (Malformed, format!("{why:?}")),
        Err(Refusal::Unsupported(why)) => (Unsupported, format!("{why:?}")),
        Err(Refusal::Unsure) => panic!("no certificate is beside it"),
    }
}

fn assert_answers(cases: &[(&str, Vec<u8>, Answer, &str)]) {
    for (case, bytes, expected, fault) in cases {
        let (answer, why) = answer(bytes, &Crypto::ANY);
        assert_eq!(answer, *expected, "{case}: {why}");
        assert!(why.contains(fault), "{case}: {why}");
    }
}

#[test]
fn an_unknown_algorithm_ends_the_reading() {
    let unknown = |bytes: &[u8]| tlv(SEQUENCE, &[&tlv(0x06, &[bytes])]);
    let garbage = b"\x1f\x1f".to_vec();
    assert_answers(&[
        (
            "hash",
            with(|parts| parts.hash = unknown(&[1])),
            Unsupported,
            "Hash",
        ),
        (
            "hash that is no identifier",
            with(|parts| parts.hash = unknown(&[0x60, 0x86, 0x80])),
            Unsupported,
            "Hash(\"608680\")",
        ),
        (
            "hash without any",
            with(|parts| parts.hash = unknown(&[])),
            Unsupported,
            "Hash",
        ),
        (
            "cipher",
            with(|parts| parts.cipher = unknown(&[0xff])),
            Unsupported,
            "Cipher(\"ff\")",
        ),
        (
            "hash, and garbage behind it",
            with(|parts| {
                parts.hash = unknown(&[1]);
                parts.cipher = garbage.clone();
            }),
            Unsupported,
            "Hash",
        ),
        (
            "garbage before the hash",
            with(|parts| {
                parts.hash = unknown(&[1]);
                parts.key = garbage.clone();
            }),
            Malformed,
            "LongTag",
        ),
    ]);
}

fn attribute(kind: ObjectIdentifier, values: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(kind), &tlv(SET, &[values])])
}

#[test]
fn signed_attributes_are_checked() {
    let content = attribute(CONTENT_TYPE, &oid(DATA));
    let digest = attribute(MESSAGE_DIGEST, b"\x04\x01d");
    let all = |attributes: &[&[u8]]| {
        let attributes = tlv(0xa0, attributes);
        with(|parts| parts.attributes = attributes)
    };
    let time = |text: &[u8]| attribute(SIGNING_TIME, &tlv(0x17, &[text]));
    let mixed = |signer: &[u8]| {
        let plain = Parts::default().signer();
        tlv(SET, &[signer, &plain])
    };
    assert_answers(&[
        ("both", all(&[&content, &digest]), Taken, ""),
        ("one", all(&[&digest]), Malformed, "MissingAttribute"),
        (
            "repeated",
            all(&[&content, &digest, &digest]),
            Malformed,
            "RepeatedAttribute",
        ),
        (
            "two values",
            all(&[&content, &attribute(MESSAGE_DIGEST, b"\x04\x01d\x04\x01d")]),
            Malformed,
            "RepeatedAttribute",
        ),
        (
            "another content type",
            all(&[&attribute(CONTENT_TYPE, &oid(SHA256)), &digest]),
            Malformed,
            "ContentTypeMismatch",
        ),
        (
            "a digest that is a number",
            all(&[&content, &attribute(MESSAGE_DIGEST, b"\x02\x01d")]),
            Malformed,
            "MessageDigest",
        ),
        (
            "a time",
            all(&[&content, &digest, &time(b"260101000000Z")]),
            Taken,
            "",
        ),
        (
            "no time",
            all(&[&content, &digest, &time(b"261301000000Z")]),
            Malformed,
            "Time",
        ),
        (
            "what only mails have",
            all(&[
                &content,
                &digest,
                &attribute(SMIME_CAPABILITIES, b"\x05\x00"),
            ]),
            Malformed,
            "AuthenticodeAttribute",
        ),
        (
            "one signer has them",
            with(|parts| {
                parts.attributes = tlv(0xa0, &[&content, &digest]);
                parts.signers = mixed;
            }),
            Malformed,
            "InconsistentAttributes",
        ),
    ]);
    let both = all(&[&content, &digest]);
    let message = Message::read(&both, &Crypto::ANY).expect("a message");
    assert!(message.signers[0].has_attributes);
}

#[test]
fn a_signer_names_its_key() {
    let plain = Parts::default().message();
    let message = Message::read(&plain, &Crypto::ANY).expect("a message");
    let [signer] = &message.signers[..] else {
        panic!("one signer: {message:?}");
    };
    let issuer = &name(b"\x0c\x02me")[2..];
    assert_eq!(signer.key_id, [b"\x07", issuer].concat());
    assert_eq!(signer.name, "me");
    assert_eq!((signer.hash, signer.cipher), (Hash::Sha256, Cipher::Rsa));
    assert_eq!(signer.signature, b"signed");
    let by_id = with(|parts| {
        parts.version[2] = 3;
        parts.signer_version[2] = 3;
        parts.key = tlv(0x80, &[b"\xab\xcd"]);
    });
    let message = Message::read(&by_id, &Crypto::ANY).expect("a message");
    assert_eq!(message.signers[0].key_id, b"\xab\xcd");
    assert_eq!(message.signers[0].name, "abcd");
}

#[test]
fn kernels_know_different_algorithms() {
    let of = |release| Crypto {
        release,
        built: &|_| None,
    };
    let by = |text: &str| {
        let hash = ObjectIdentifier::new_unwrap(text);
        with(|parts| parts.hash = algorithm(hash))
    };
    let (md5, sha3) = (by("1.2.840.113549.2.5"), by("2.16.840.1.101.3.4.2.8"));
    for (release, knows_md5, knows_sha3) in [
        (Release::Any, Taken, Taken),
        (Release::Every, Unsupported, Unsupported),
        (Release::One(6, 1), Taken, Unsupported),
        (Release::One(6, 12), Unsupported, Taken),
        (Release::One(5, 14), Taken, Taken),
    ] {
        let crypto = of(release);
        assert_eq!(answer(&md5, &crypto).0, knows_md5, "{release:?}");
        assert_eq!(answer(&sha3, &crypto).0, knows_sha3, "{release:?}");
    }
}

fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
    let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .expect("a certificate");
    certificate.der().to_vec()
}

#[test]
fn certificates_beside_are_read() {
    let beside = |certificate: &[u8]| {
        let certificates = tlv(0xa0, &[certificate]);
        with(|parts| parts.beside = certificates)
    };
    let sound = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut damaged = sound.clone();
    *damaged.last_mut().expect("its signature") ^= 1;
    assert_answers(&[
        ("sound", beside(&sound), Taken, ""),
        ("damaged", beside(&damaged), Malformed, "SelfSignature"),
        (
            "unknown algorithm",
            beside(&certificate(&rcgen::PKCS_ED25519)),
            Unsupported,
            "Certificate",
        ),
    ]);
    let bytes = beside(&sound);
    let message = Message::read(&bytes, &Crypto::ANY).expect("a message");
    assert_eq!(message.certificates[0].self_signed, Some(true));
    assert!(!message.is_doubtful);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..512)) {
        for crypto in [Crypto::ANY, Crypto::LEAST] {
            let _ = Message::read(&bytes, &crypto);
            let _ = Certificate::read(&bytes, &crypto);
        }
    }

    #[test]
    fn no_damage_panics(
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        kept in any::<prop::sample::Index>(),
    ) {
        let certificates = tlv(0xa0, &[CERTIFICATE]);
        let mut bytes = with(|parts| parts.beside = certificates);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for bytes in [&bytes, &bytes[..kept.index(bytes.len())]] {
            let _ = Message::read(bytes, &Crypto::ANY);
            let _ = Message::read(bytes, &Crypto::LEAST);
        }
    }
}

/// The key that signed the seeds of the fuzz target `signature`.
const CERTIFICATE: &[u8] = include_bytes!("../../../../../tests/fuzz/seeds/certificate.der");
