//! Content digests (OCI image spec, descriptor.md, "Digests").

use aws_lc_rs::digest::{Context, SHA256, SHA512};

/// A digest of a registered algorithm: `sha256:` or `sha512:` and as many hexadecimal digits as
/// it has. Nothing else becomes part of a request's path or of a file's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        Verifier::new(text).map(|_| Self(text.to_owned()))
    }

    /// The sha256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }
}

impl std::ops::Deref for Digest {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let start: String = text.chars().take(100).collect();
            serde::de::Error::custom(format!("{start:?} is not a digest"))
        })
    }
}

/// Hashes content as it passes and compares it with the digest that was promised.
pub(crate) struct Verifier {
    context: Context,
    expected: String,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier for a digest such as `sha256:…`; `None` when it is malformed or of an
    /// algorithm other than the two registered ones, sha256 and sha512.
    pub(crate) fn new(digest: &str) -> Option<Self> {
        let (algorithm, hex) = digest.split_once(':')?;
        let (algorithm, length) = match algorithm {
            "sha256" => (&SHA256, 64),
            "sha512" => (&SHA512, 128),
            _ => return None,
        };
        let well_formed = hex.len() == length
            && hex
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        well_formed.then(|| Self {
            context: Context::new(algorithm),
            expected: hex.to_owned(),
        })
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// True when the bytes were those that the digest stands for.
    pub(crate) fn matches(self) -> bool {
        hex(self.context.finish().as_ref()) == self.expected
    }
}

/// `sha256:…` of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!(
        "sha256:{}",
        hex(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref())
    )
}

/// `sha256:…` of what a context has seen.
pub(crate) fn text(sha256: Context) -> String {
    format!("sha256:{}", hex(sha256.finish().as_ref()))
}

/// True when the digest is well-formed and stands for these bytes.
pub(crate) fn verify(digest: &str, bytes: &[u8]) -> bool {
    Verifier::new(digest).is_some_and(|mut verifier| {
        verifier.update(bytes);
        verifier.matches()
    })
}

/// Two lower-case digits a byte.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_compared_with_its_digest() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        assert!(verify(abc, b"abc"));
        assert!(!verify(abc, b"abd"));
    }

    #[test]
    fn malformed_digests_verify_nothing() {
        for digest in [
            "",
            "sha256",
            "sha256:",
            "sha256:zz",
            "md5:0123",
            "sha256:BA7816BF",
            "../../admin",
            "sha256:../../admin",
        ] {
            assert!(Verifier::new(digest).is_none(), "{digest}");
            assert_eq!(Digest::parse(digest), None, "{digest}");
        }
    }
}
