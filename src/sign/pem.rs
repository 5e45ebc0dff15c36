//! PEM blocks (RFC 7468) as OpenSSL reads them: text around blocks is ignored, line length
//! does not matter, and the old `Proc-Type` header tells an encrypted key (RFC 1421).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One `-----BEGIN …-----` block.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The words after `BEGIN`, such as `RSA PRIVATE KEY`.
    pub label: String,
    /// True when a header says that the content is encrypted.
    pub encrypted: bool,
    /// The decoded content.
    pub content: Vec<u8>,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("label", &self.label)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

/// The complete blocks of a text, in order; a damaged block is left out. Empty for
/// anything that is no PEM text.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<Block> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut open: Option<(String, bool, String)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(label) = boundary(line, "BEGIN") {
            open = Some((label.to_owned(), false, String::new()));
        } else if let Some(label) = boundary(line, "END") {
            let Some((opened, encrypted, encoded)) = open.take() else {
                continue;
            };
            if let (true, Ok(content)) = (opened == label, STANDARD.decode(encoded)) {
                found.push(Block {
                    label: opened,
                    encrypted,
                    content,
                });
            }
        } else if let Some((_, encrypted, encoded)) = &mut open {
            if line.contains(':') {
                *encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
            } else if !line.contains('-') {
                encoded.push_str(line);
            }
        }
    }
    found
}

fn boundary<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?
        .strip_suffix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, bool, usize)> {
        blocks(text.as_bytes())
            .into_iter()
            .map(|block| (block.label, block.encrypted, block.content.len()))
            .collect()
    }

    #[test]
    fn blocks_are_found_between_other_text() {
        let text = "junk\n-----BEGIN A B-----\nAAAA\nAAA=\n-----END A B-----\ntext\n\
                    -----BEGIN C-----\r\nAAAA\r\n-----END C-----\r\n";
        assert_eq!(
            labels(text),
            [("A B".into(), false, 5), ("C".into(), false, 3)]
        );
    }

    #[test]
    fn the_old_header_tells_an_encrypted_key() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(labels(text), [("RSA PRIVATE KEY".into(), true, 3)]);
    }

    #[test]
    fn damaged_blocks_are_left_out() {
        for text in [
            "",
            "-----BEGIN A-----\nAAAA\n",
            "-----BEGIN A-----\nAAAA\n-----END B-----\n",
            "-----BEGIN A-----\n!!!!\n-----END A-----\n",
            "-----END A-----\n",
        ] {
            assert_eq!(labels(text), [], "{text}");
        }
        assert!(blocks(&[0xff, 0xfe]).is_empty());
    }
}
