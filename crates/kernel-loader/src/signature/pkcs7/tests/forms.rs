//! What is taken in which form, and what is not.

use super::*;

#[test]
fn what_strict_parsers_refuse_is_taken() {
    let plain = Parts::default();
    assert_answers(&[
        ("plain", plain.message(), Taken, ""),
        (
            "sequences for sets",
            with(|parts| {
                parts.algorithms = tlv(SEQUENCE, &[&algorithm(SHA256)]);
                parts.signers = |signer| tlv(SEQUENCE, &[signer]);
            }),
            Taken,
            "",
        ),
        (
            "a sequence that is said to be primitive",
            with(|parts| parts.hash[0] = 0x10),
            Taken,
            "",
        ),
        (
            "garbage for a name",
            with(|parts| {
                parts.key = tlv(SEQUENCE, &[&name(b"\x01\x03\xff\xfe\xfd"), b"\x02\x01\x07"]);
            }),
            Taken,
            "",
        ),
        (
            "garbage for a hash that the signer does not name",
            with(|parts| parts.algorithms = tlv(SET, &[b"\x30\x04\x06\x02\xff\xff"])),
            Taken,
            "",
        ),
        (
            "a longer length than needed",
            with(|parts| parts.signature = b"\x04\x82\x00\x01s".to_vec()),
            Taken,
            "",
        ),
        (
            "open lengths",
            open(
                SEQUENCE,
                &[&oid(SIGNED_DATA), &open(0xa0, &[&plain.signed()])],
            ),
            Taken,
            "",
        ),
        (
            "an open length in a list",
            with(|parts| parts.signers = |signer| open(SET, &[signer, signer])),
            Taken,
            "",
        ),
        (
            "bytes behind",
            [plain.message(), b"behind".to_vec()].concat(),
            Taken,
            "",
        ),
        (
            "no certificates beside",
            with(|parts| parts.beside = vec![0xa0, 0]),
            Taken,
            "",
        ),
        (
            "attributes in a sequence",
            with(|parts| {
                parts.attributes = b"\xa2\x09\x30\x07\x30\x05\x06\x01\x01\x31\x00".to_vec()
            }),
            Malformed,
            "Overrun",
        ),
        (
            "attributes in a sequence, each with a value",
            with(|parts| {
                parts.attributes = b"\xa2\x0b\x30\x09\x30\x07\x06\x01\x01\x31\x02\x05\x00".to_vec();
            }),
            Taken,
            "",
        ),
    ]);
}

#[test]
fn what_the_kernel_refuses_is_malformed() {
    let plain = Parts::default().message();
    let outer = |kind: ObjectIdentifier| tlv(SEQUENCE, &[&oid(kind)]);
    assert_answers(&[
        ("nothing", Vec::new(), Malformed, "Overrun"),
        (
            "cut",
            plain[..plain.len() - 1].to_vec(),
            Malformed,
            "Overrun",
        ),
        ("long", vec![SEQUENCE; 65_536], Malformed, "MessageLength"),
        ("no signed data", outer(DATA), Malformed, "NotSignedData"),
        ("no content", outer(SIGNED_DATA), Malformed, "NoSigner"),
        (
            "no signer",
            with(|parts| parts.signers = |_| Vec::new()),
            Malformed,
            "NoSigner",
        ),
        (
            "an empty list of signers",
            with(|parts| parts.signers = |_| vec![SET, 0]),
            Malformed,
            "Overrun",
        ),
        (
            "a version",
            with(|parts| parts.version[2] = 2),
            Malformed,
            "SignedDataVersion",
        ),
        (
            "a signer's version",
            with(|parts| parts.signer_version[2] = 3),
            Malformed,
            "SignerVersionMismatch",
        ),
        (
            "another signer's version",
            with(|parts| parts.signer_version[2] = 2),
            Malformed,
            "SignerVersion",
        ),
        (
            "data",
            with(|parts| parts.content = tlv(SEQUENCE, &[&oid(DATA), b"\xa0\x02\x04\x00"])),
            Malformed,
            "Attached",
        ),
        (
            "a kind of content",
            with(|parts| parts.content = tlv(SEQUENCE, &[&oid(SIGNED_DATA)])),
            Malformed,
            "ContentType",
        ),
        (
            "Authenticode",
            with(|parts| parts.content = tlv(SEQUENCE, &[&oid(MS_INDIRECT_DATA)])),
            Malformed,
            "AuthenticodeWithoutAttributes",
        ),
        (
            "a long tag",
            with(|parts| parts.cipher = tlv(SEQUENCE, &[&oid(RSA), b"\x1f\x01\x00"])),
            Malformed,
            "LongTag",
        ),
        (
            "a length in three bytes",
            with(|parts| parts.signature = b"\x04\x83\x00\x00\x01s".to_vec()),
            Malformed,
            "LongLength",
        ),
        (
            "an open length without content",
            with(|parts| parts.signature = b"\x04\x80s\x00\x00".to_vec()),
            Malformed,
            "OpenPrimitive",
        ),
        (
            "something more in a sequence",
            with(|parts| parts.hash = tlv(SEQUENCE, &[&oid(SHA256), b"\x05\x00\x05\x00"])),
            Malformed,
            "ConstructedLength",
        ),
        (
            "certificates that are none",
            with(|parts| parts.beside = b"\xa0\x03\x04\x01\x00".to_vec()),
            Malformed,
            "NoCertificate",
        ),
        (
            "certificates that are damaged",
            with(|parts| parts.beside = b"\xa0\x04\x30\x02\x05\x00".to_vec()),
            Malformed,
            "UnexpectedTag",
        ),
    ]);
}

#[test]
fn ml_dsa_is_left_to_kernels_that_may_have_it() {
    let ml_dsa = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
    let message = with(|parts| parts.cipher = algorithm(ml_dsa));
    for (release, built, may_have) in [
        (Release::One(6, 18), None, false),
        (Release::One(6, 18), Some(false), false),
        (Release::One(7, 0), None, true),
        (Release::One(7, 0), Some(false), false),
        (Release::One(7, 0), Some(true), true),
        (Release::One(5, 14), Some(false), false),
    ] {
        let crypto = Crypto {
            release,
            built: &|_| built,
        };
        let refusal = Message::read(&message, &crypto).expect_err("it is not verified here");
        let is_unsure = matches!(refusal, Refusal::Unsure);
        assert_eq!(is_unsure, may_have, "{release:?} {built:?}: {refusal:?}");
    }
}
