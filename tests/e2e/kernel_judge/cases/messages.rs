//! Signatures whose PKCS#7 message is written or damaged in ways that a strict parser and the
//! kernel's tell apart: one row for each class.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::ber::{Length, Node};
use super::super::case::Case;
use super::super::forge::Forge;
use super::signatures::{MAGIC, cms, own_key, sign};

/// `struct module_signature`
const TRAILER: usize = 12;
const ALGORITHMS: &[usize] = &[1, 0, 1];
const CONTENT: &[usize] = &[1, 0, 2];
const SIGNED: &[usize] = &[1, 0];
const SIGNERS: &[usize] = &[1, 0, 3];
const SIGNER: &[usize] = &[1, 0, 3, 0];
const KEY: &[usize] = &[1, 0, 3, 0, 1];
/// Identifier and text of the first part of the issuer's name.
const NAME: &[usize] = &[1, 0, 3, 0, 1, 0, 0, 0];
const HASH: &[usize] = &[1, 0, 3, 0, 2];
const CIPHER: &[usize] = &[1, 0, 3, 0, 3];
const SIGNATURE: &[usize] = &[1, 0, 3, 0, 4];
const OTHER_KEY: &str = "only --signing-cert says which keys a kernel trusts";

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let other = own_key();
    let own = (
        other.path().join("key.pem"),
        other.path().join("certificate.der"),
    );
    // A key that the kernel has no word about where it does not insist on one.
    let enforcing = forge.kernel.enforces_signatures();
    let (key, certificate) = if enforcing {
        forge.kernel.signing_key()
    } else {
        own.clone()
    };
    let by = |hash: &str| sign(&good, &key, &certificate, hash);
    let signed = by("sha256");
    let message = message_of(&good, &signed);
    let edited = |name: &str, edit: &dyn Fn(&mut Node)| {
        let mut message = message.clone();
        edit(&mut message);
        forge.edited(&format!("message-{name}"), append(&good, &message.encode()))
    };
    let renamed = |name: &str, edit: &dyn Fn(&mut Node)| {
        let case = edited(name, edit);
        if enforcing {
            case.undecidable(OTHER_KEY)
        } else {
            case
        }
    };
    let foreign = message_of(&good, &sign(&good, &own.0, &own.1, "sha256"))
        .at(SIGNER)
        .clone();
    let beside = |node: Node| {
        move |message: &mut Node| {
            let certificates = Node::of(0xa0, vec![node.clone()]);
            message.at(SIGNED).nodes().insert(3, certificates);
        }
    };
    let own_certificate = Node::parse(&std::fs::read(&own.1).expect("a certificate"));
    let mut unsigned_certificate = own_certificate.clone();
    *unsigned_certificate
        .at(&[2])
        .bytes()
        .last_mut()
        .expect("its signature") ^= 1;
    let strange_certificate = Node::parse(&of_edwards_curve());
    let chained = |options: &[&str]| {
        let leaf = issue(&key, &certificate);
        let (key, certificate) = (leaf.path().join("key.pem"), leaf.path().join("leaf.der"));
        let message = cms(&good, &key, &certificate, options);
        [good.clone(), message].concat()
    };
    let mut cases = vec![
        edited("untouched", &|_| {}),
        edited("sequences-for-sets", &|message| {
            message.at(ALGORITHMS).tag = 0x30;
            message.at(SIGNERS).tag = 0x30;
        }),
        edited("primitive-sequence", &|message| {
            message.at(HASH).tag = 0x10;
        }),
        edited("sequence-is-a-set", &|message| {
            message.at(HASH).tag = 0x31;
        }),
        edited("hash-unknown", &|message| {
            *message.at(HASH).nodes()[0].bytes() = vec![1];
        }),
        edited("hash-is-no-identifier", &|message| {
            *message.at(HASH).nodes()[0].bytes() = vec![0x60, 0x86, 0x80];
        }),
        edited("hash-empty", &|message| {
            message.at(HASH).nodes()[0].bytes().clear();
        }),
        edited("hash-listed-garbage", &|message| {
            *message.at(ALGORITHMS).nodes()[0].nodes()[0].bytes() = vec![0xff, 0xff];
        }),
        edited("hash-parameters-garbage", &|message| {
            let parameters = Node::leaf(0x01, b"\xff\xfe\xfd");
            message.at(HASH).nodes().truncate(1);
            message.at(HASH).nodes().push(parameters);
        }),
        edited("hash-unknown-then-garbage", &|message| {
            *message.at(HASH).nodes()[0].bytes() = vec![1];
            message.at(CIPHER).tag = 0x1f;
        }),
        edited("garbage-then-hash-unknown", &|message| {
            message.at(KEY).tag = 0x1f;
            *message.at(HASH).nodes()[0].bytes() = vec![1];
        }),
        edited("cipher-unknown", &|message| {
            *message.at(CIPHER).nodes()[0].bytes() = vec![0x2a, 0xff];
        }),
        edited("cipher-of-other-keys", &|message| {
            *message.at(CIPHER).nodes()[0].bytes() = b"\x2a\x86\x48\xce\x3d\x04\x03\x02".to_vec();
        }),
        renamed("name-garbage", &|message| {
            *message.at(NAME).nodes()[1].bytes() = b"\xff\xfe".to_vec();
        }),
        renamed("name-is-a-truth", &|message| {
            message.at(NAME).nodes()[1].tag = 0x01;
        }),
        renamed("name-identifier-garbage", &|message| {
            *message.at(NAME).nodes()[0].bytes() = b"\x80".to_vec();
        }),
        edited("name-empty", &|message| {
            message.at(KEY).nodes()[0].nodes().clear()
        }),
        edited("length-wide", &|message| {
            message.at(HASH).length = Length::Wide(2);
            message.at(SIGNERS).length = Length::Wide(2);
        }),
        edited("length-too-wide", &|message| {
            message.at(SIGNERS).length = Length::Wide(3);
        }),
        edited("lengths-open", &|message| {
            for path in [&[][..], &[1], &[1, 0], SIGNERS, SIGNER, HASH] {
                message.at(path).length = Length::Open;
            }
            // Whatever stands there is taken for parameters, the end too.
            message.at(HASH).nodes().truncate(1);
            message.at(HASH).nodes().push(Node::leaf(0x05, &[]));
        }),
        edited("length-open-without-parameters", &|message| {
            message.at(HASH).length = Length::Open;
            message.at(HASH).nodes().truncate(1);
        }),
        edited("length-open-primitive", &|message| {
            message.at(SIGNATURE).length = Length::Open;
        }),
        forge.edited(
            "message-bytes-behind",
            append(&good, &[message.encode(), b"behind".to_vec()].concat()),
        ),
        edited("bytes-behind-in-signed", &|message| {
            message.at(SIGNED).nodes().push(Node::leaf(0x05, &[]));
        }),
        edited(
            "certificate-garbage",
            &beside(Node::of(0x30, vec![Node::leaf(0x05, &[])])),
        ),
        edited("certificate-is-none", &beside(Node::leaf(0x04, b"none"))),
        edited("certificates-empty", &|message| {
            message
                .at(SIGNED)
                .nodes()
                .insert(3, Node::of(0xa0, Vec::new()));
        }),
        edited("certificate-of-another", &beside(own_certificate.clone())),
        edited("certificate-not-signed", &beside(unsigned_certificate)),
        edited("certificate-strange", &beside(strange_certificate)),
        edited("revoked-garbage", &|message| {
            let list = Node::of(0xa1, vec![Node::leaf(0x30, b"\x05\x00")]);
            message.at(SIGNED).nodes().insert(3, list);
        }),
        edited("no-content", &|message| message.nodes().truncate(1)),
        edited("no-signers", &|message| {
            message.at(SIGNED).nodes().truncate(3)
        }),
        edited("signers-empty", &|message| {
            message.at(SIGNERS).nodes().clear()
        }),
        edited("signer-twice", &|message| {
            let signer = message.at(SIGNER).clone();
            message.at(SIGNERS).nodes().push(signer);
        }),
        edited("signer-of-another-too", &|message| {
            message.at(SIGNERS).nodes().insert(0, foreign.clone());
        }),
        edited("signer-with-unknown-hash-too", &|message| {
            let mut second = message.at(SIGNER).clone();
            *second.nodes()[2].nodes()[0].bytes() = vec![1];
            message.at(SIGNERS).nodes().push(second);
        }),
        edited("versions-of-key-identifiers", &|message| {
            *message.at(&[1, 0, 0]).bytes() = vec![3];
            *message.at(&[1, 0, 3, 0, 0]).bytes() = vec![3];
        }),
        edited("key-identifier-of-version-1", &|message| {
            *message.at(KEY) = Node::leaf(0x80, b"identifier");
        }),
        edited("version-2", &|message| {
            *message.at(&[1, 0, 0]).bytes() = vec![2]
        }),
        edited("version-of-signer-3", &|message| {
            *message.at(&[1, 0, 3, 0, 0]).bytes() = vec![3];
        }),
        edited("attributes-in-a-sequence", &|message| {
            let attribute = Node::of(
                0x30,
                vec![
                    Node::leaf(0x06, b"\x2a"),
                    Node::of(0x31, vec![Node::leaf(0x05, &[])]),
                ],
            );
            let attributes = Node::of(0xa2, vec![Node::of(0x30, vec![attribute])]);
            message.at(SIGNER).nodes().insert(3, attributes);
        }),
        edited("attributes-without-digest", &|message| {
            let attribute = Node::of(
                0x30,
                vec![
                    Node::leaf(0x06, b"\x2a"),
                    Node::of(0x31, vec![Node::leaf(0x05, &[])]),
                ],
            );
            let attributes = Node::of(0xa0, vec![attribute]);
            message.at(SIGNER).nodes().insert(3, attributes);
        }),
        edited("content-of-another-kind", &|message| {
            *message.at(CONTENT).nodes()[0].bytes() =
                b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03".to_vec();
        }),
        forge.edited("message-sha1", by("sha1")),
        forge.edited("message-sha384", by("sha384")),
        forge.edited("message-chain", chained(&["-noattr"])),
        forge.edited("message-chain-byte-of-module", {
            let mut bytes = chained(&["-noattr"]);
            let at = forge.elf("kmm_good").range(".comment").start + 4;
            bytes[at] ^= 1;
            bytes
        }),
    ];
    if enforcing {
        let (key, certificate) = forge.kernel.elliptic_key();
        let signed = sign(&good, &key, &certificate, "sha256");
        let elliptic = message_of(&good, &signed);
        let rewritten = |name: &str, edit: &dyn Fn(&mut Node)| {
            let mut message = elliptic.clone();
            let bytes = message.at(SIGNATURE).bytes().clone();
            let mut numbers = Node::parse(&bytes);
            edit(&mut numbers);
            *message.at(SIGNATURE).bytes() = numbers.encode();
            forge.edited(&format!("message-{name}"), append(&good, &message.encode()))
        };
        cases.extend([
            rewritten("elliptic-length-wide", &|numbers| {
                numbers.at(&[0]).length = Length::Wide(1);
            }),
            rewritten("elliptic-length-open", &|numbers| {
                numbers.length = Length::Open
            }),
            rewritten("elliptic-primitive", &|numbers| numbers.tag = 0x10),
            rewritten("elliptic-zero-in-front", &|numbers| {
                numbers.at(&[1]).bytes().insert(0, 0);
            }),
            rewritten("elliptic-number-empty", &|numbers| {
                numbers.at(&[1]).bytes().clear();
            }),
        ]);
    }
    cases
}

/// The message at the end of a signed module.
fn message_of(module: &[u8], signed: &[u8]) -> Node {
    Node::parse(&signed[module.len()..signed.len() - MAGIC.len() - TRAILER])
}

/// A module with a message, and the trailer that belongs to it.
fn append(module: &[u8], message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [
        module,
        message,
        &[0, 0, 2, 0, 0, 0, 0, 0],
        &length.to_be_bytes(),
        MAGIC,
    ]
    .concat()
}

/// A certificate of a kind that no kernel knows.
fn of_edwards_curve() -> Vec<u8> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .expect("a certificate");
    certificate.der().to_vec()
}

/// A key, and a certificate for it that another key issued.
fn issue(key: &Path, certificate: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for a key");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let extensions = "authorityKeyIdentifier=keyid,issuer\nsubjectKeyIdentifier=hash\n\
                      keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n";
    std::fs::write(path("extensions"), extensions).expect("a file");
    let openssl = |command: &mut Command| {
        let output = command.output().expect("openssl runs");
        assert!(output.status.success(), "{output:?}");
    };
    openssl(
        Command::new("openssl")
            .args(["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=leaf"])
            .arg("-keyout")
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("request")),
    );
    openssl(
        Command::new("openssl")
            .args(["x509", "-inform", "DER", "-in"])
            .arg(certificate)
            .arg("-out")
            .arg(path("issuer.pem")),
    );
    openssl(
        Command::new("openssl")
            .args(["x509", "-req", "-set_serial", "7", "-days", "100", "-in"])
            .arg(path("request"))
            .arg("-CA")
            .arg(path("issuer.pem"))
            .arg("-CAkey")
            .arg(key)
            .arg("-extfile")
            .arg(path("extensions"))
            .args(["-outform", "DER", "-out"])
            .arg(path("leaf.der")),
    );
    folder
}
