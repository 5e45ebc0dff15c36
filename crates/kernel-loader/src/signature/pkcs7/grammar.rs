//! What a message is made of (`crypto/asymmetric_keys/pkcs7.asn1`; RFC 2315, RFC 5652).

use super::steps::{Element, Step};

/// What is to be done with an element.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    Oid,
    OuterType,
    Version,
    ContentType,
    Data,
    Certificate,
    Certificates,
    SignerVersion,
    Issuer,
    NamePart,
    Serial,
    KeyId,
    Hash,
    Attribute,
    Attributes,
    Cipher,
    Signature,
    Signer,
}

const OID: Element<Note> = Element::opaque(0x06).noted(Note::Oid);
const ALGORITHM: Element<Note> =
    Element::sequence(0x30, &[Step::Need(OID), Step::May(Element::any())]);
const CERTIFICATE: Element<Note> = Element::any().noted(Note::Certificate);
const REVOKED: &[Step<Note>] = &[Step::Need(Element::repeated(
    0x30,
    &[Step::Need(CERTIFICATE)],
))];
const ISSUER: &[Step<Note>] = &[Step::Need(Element::repeated(
    0x31,
    &[Step::Need(Element::sequence(
        0x30,
        &[
            Step::Need(OID),
            Step::Need(Element::any().noted(Note::NamePart)),
        ],
    ))],
))];
const ATTRIBUTE: &[Step<Note>] = &[Step::Need(Element::sequence(
    0x30,
    &[
        Step::Need(OID),
        Step::Need(Element::repeated(
            0x31,
            &[Step::Need(Element::any().noted(Note::Attribute))],
        )),
    ],
))];
const OTHER_ATTRIBUTE: &[Step<Note>] = &[Step::Need(Element::sequence(
    0x30,
    &[
        Step::Need(Element::opaque(0x06)),
        Step::Need(Element::repeated(0x31, &[Step::Need(Element::any())])),
    ],
))];
const KEY: &[Element<Note>] = &[
    Element::sequence(
        0x30,
        &[
            Step::Need(Element::repeated(0x30, ISSUER).noted(Note::Issuer)),
            Step::Need(Element::opaque(0x02).noted(Note::Serial)),
        ],
    ),
    Element::opaque(0x80).noted(Note::KeyId),
];
const SIGNER: &[Step<Note>] = &[
    Step::Need(Element::opaque(0x02).noted(Note::SignerVersion)),
    Step::one(KEY),
    Step::Need(ALGORITHM.noted(Note::Hash)),
    Step::may_one(&[
        Element::repeated(0xa0, ATTRIBUTE).noted(Note::Attributes),
        Element::sequence(0xa2, &[Step::Need(Element::repeated(0x30, ATTRIBUTE))]),
    ]),
    Step::Need(ALGORITHM.noted(Note::Cipher)),
    Step::Need(Element::opaque(0x04).noted(Note::Signature)),
    Step::may_one(&[
        Element::repeated(0xa1, OTHER_ATTRIBUTE),
        Element::repeated(0xa3, OTHER_ATTRIBUTE),
    ]),
];
const SIGNERS: &[Step<Note>] = &[Step::Need(
    Element::sequence(0x30, SIGNER).noted(Note::Signer),
)];
const CONTENT: &[Step<Note>] = &[
    Step::Need(OID),
    Step::May(Element::sequence(
        0xa0,
        &[Step::Need(Element::any().noted(Note::Data))],
    )),
];
const SIGNED: &[Step<Note>] = &[
    Step::Need(Element::opaque(0x02).noted(Note::Version)),
    Step::one(&[
        Element::repeated(0x31, &[Step::Need(ALGORITHM)]),
        Element::repeated(0x30, &[Step::Need(ALGORITHM)]),
    ]),
    Step::Need(Element::sequence(0x30, CONTENT).noted(Note::ContentType)),
    Step::may_one(&[
        Element::repeated(0xa0, &[Step::May(CERTIFICATE)]).noted(Note::Certificates),
        Element::repeated(0xa2, &[Step::Need(CERTIFICATE)]).noted(Note::Certificates),
    ]),
    Step::may_one(&[
        Element::repeated(0xa1, REVOKED),
        Element::repeated(0xa3, REVOKED),
    ]),
    Step::one(&[
        Element::repeated(0x31, SIGNERS),
        Element::repeated(0x30, SIGNERS),
    ]),
];

/// `PKCS7ContentInfo`
pub(super) const MESSAGE: Element<Note> = Element::sequence(
    0x30,
    &[
        Step::Need(Element::opaque(0x06).noted(Note::OuterType)),
        Step::May(Element::sequence(
            0xa0,
            &[Step::Need(Element::sequence(0x30, SIGNED))],
        )),
    ],
);
