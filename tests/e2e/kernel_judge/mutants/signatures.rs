//! Edits of a signature: bytes of its PKCS#7 message by what they are, and its trailer.

use std::ops::Range;

use super::random::Random;

const MAGIC: &[u8] = b"~Module signature appended~\n";
/// `struct module_signature`.
const TRAILER: usize = 12;
/// Its fields: name and offset.
const FIELDS: [(&str, usize); 8] = [
    ("algo", 0),
    ("hash", 1),
    ("id_type", 2),
    ("signer_len", 3),
    ("key_id_len", 4),
    ("pad", 5),
    ("sig_len, highest byte", 8),
    ("sig_len, lowest byte", 11),
];

const CONSTRUCTED: u8 = 0x20;

/// One value of the message: where its tag, its length and its content stand.
struct Node {
    tag: usize,
    length: Range<usize>,
    content: Range<usize>,
}

#[derive(Clone, Copy)]
enum Edit {
    Tag,
    Length,
    Content,
    Identifier,
    Trailer,
    Gone,
    Doubled,
    Magic,
    Behind,
}

/// Edits a signed file; the file, and what was done in words.
pub(super) fn edit(random: &mut Random, signed: &[u8]) -> Option<(Vec<u8>, String)> {
    let trailer = signed.len().checked_sub(MAGIC.len() + TRAILER)?;
    let length = signed.get(trailer + 8..trailer + TRAILER)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let start = trailer.checked_sub(usize::try_from(length).ok()?)?;
    let mut nodes = Vec::new();
    collect(signed, start..trailer, &mut nodes);
    let node = random.pick(&nodes);
    let shown = format!(
        "tag {:#04x} at {} of the signature",
        signed[node.tag],
        node.tag - start
    );
    let mut bytes = signed.to_vec();
    let edit = random.weighted(&[
        (4, Edit::Tag),
        (4, Edit::Length),
        (5, Edit::Content),
        (5, Edit::Identifier),
        (5, Edit::Trailer),
        (2, Edit::Gone),
        (1, Edit::Doubled),
        (1, Edit::Magic),
        (2, Edit::Behind),
    ]);
    let words = match edit {
        Edit::Tag => {
            let tag = *random.pick(&[0x02, 0x04, 0x05, 0x06, 0x17, 0x30, 0x31, 0xa0, 0xa1, 0x00]);
            bytes[node.tag] = tag;
            format!("{shown} now {tag:#04x}")
        }
        Edit::Length => {
            let at = random.within(&node.length);
            bytes[at] = match random.below(5) {
                0 => bytes[at].wrapping_add(1),
                1 => bytes[at].wrapping_sub(1),
                2 => 0x80,
                3 => 0,
                _ => 0xff,
            };
            format!(
                "{shown}: a byte of its length {:#04x} -> {:#04x}",
                signed[at], bytes[at]
            )
        }
        Edit::Content | Edit::Identifier => {
            const OBJECT_IDENTIFIER: u8 = 6;
            let wanted: Vec<&Node> = nodes
                .iter()
                .filter(|node| signed[node.tag] & CONSTRUCTED == 0 && !node.content.is_empty())
                .filter(|node| {
                    matches!(edit, Edit::Content) || signed[node.tag] == OBJECT_IDENTIFIER
                })
                .collect();
            if wanted.is_empty() {
                return None;
            }
            let node = random.pick(&wanted);
            let at = random.within(&node.content);
            bytes[at] ^= 1 << random.below(8);
            format!(
                "tag {:#04x} at {} of the signature: byte {} of its content {:#04x} -> {:#04x}",
                signed[node.tag],
                node.tag - start,
                at - node.content.start,
                signed[at],
                bytes[at]
            )
        }
        Edit::Trailer => {
            let &(field, at) = random.pick(&FIELDS);
            let at = trailer + at;
            bytes[at] = *random.pick(&[0, 1, 2, 3, 0xff]);
            format!("{field} of the trailer {} -> {}", signed[at], bytes[at])
        }
        Edit::Gone => {
            let until = *random.pick(&[start, trailer, trailer + TRAILER]);
            bytes.truncate(until);
            format!(
                "signature cut {} bytes before its end",
                signed.len() - until
            )
        }
        Edit::Doubled => {
            bytes.extend_from_slice(&signed[start..]);
            "signature once more behind".to_owned()
        }
        Edit::Magic => {
            let at = signed.len() - MAGIC.len() + random.below(MAGIC.len());
            bytes[at] ^= 1;
            "a byte of the signature's mark".to_owned()
        }
        Edit::Behind => {
            let (at, where_to) = *random.pick(&[
                (signed.len(), "the signature"),
                (start, "the module"),
                (trailer, "the message"),
            ]);
            let byte = *random.pick(&[0, b'\n']);
            bytes.insert(at, byte);
            if at == trailer {
                let at = trailer + 1 + 8;
                bytes[at..at + 4].copy_from_slice(&(length + 1).to_be_bytes());
            }
            format!("a byte of {byte} behind {where_to}")
        }
    };
    (bytes != signed).then_some((bytes, words))
}

/// All values of a message that OpenSSL wrote, outer ones first.
fn collect(bytes: &[u8], range: Range<usize>, nodes: &mut Vec<Node>) {
    let mut at = range.start;
    while at < range.end {
        let first = usize::from(bytes[at + 1]);
        let more = first.saturating_sub(0x80);
        let number = &bytes[at + 2..at + 2 + more];
        let length = match more {
            0 => first,
            _ => number
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        };
        let content = at + 2 + more..at + 2 + more + length;
        nodes.push(Node {
            tag: at,
            length: at + 1..content.start,
            content: content.clone(),
        });
        at = content.end;
        if bytes[nodes[nodes.len() - 1].tag] & CONSTRUCTED != 0 {
            collect(bytes, content, nodes);
        }
    }
}
