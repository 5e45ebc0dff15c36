//! The signature at the end of a module file (`kernel/module/signing.c`,
//! `kernel/module_signature.c`).

use std::collections::BTreeSet;
use std::io;

use serde::{Deserialize, Serialize};

pub mod fault;
pub mod pkcs7;
pub mod verification;

use crate::module::content::Content;
use fault::{Malformed, Unsupported};
use pkcs7::algorithms::{Crypto, Hash};
use pkcs7::{Message, Refusal};

/// `MODULE_SIG_STRING`
pub const MAGIC: &[u8] = b"~Module signature appended~\n";
/// `sizeof(struct module_signature)`
pub const TRAILER: usize = 12;
/// `PKEY_ID_PKCS7`
pub const PKEY_ID_PKCS7: u8 = 2;

/// What stands at the end of a module file (`kernel/module/signing.c`, `mod_verify_sig`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SignatureState {
    /// No `~Module signature appended~` at the end.
    Absent,
    /// What stands before the marker breaks `mod_check_sig`'s rules, or is no PKCS#7 message.
    Malformed(Malformed),
    /// Another kind of signature, or an algorithm that no kernel knows.
    Unsupported(Unsupported),
    /// A signature that at least some kernels can take apart.
    Present(Box<ModuleSignature>),
}

/// An appended PKCS#7 signature (`struct module_signature`, `PKEY_ID_PKCS7`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleSignature {
    /// The first signer in words: the issuer's common name, or the key id where there is no
    /// issuer.
    pub signer: String,
    /// Digests of the signed content, by the kernel's name of each signer's hash algorithm;
    /// without those that are not computed here.
    pub digests: Vec<(String, Vec<u8>)>,
    /// The PKCS#7 message (BER).
    pub pkcs7: Vec<u8>,
}

/// Takes the signature off a module: where what is left ends, which the loader looks at, and
/// which was signed (`module_sig_check`, `mod_verify_sig`, `mod_check_sig`).
///
/// # Errors
/// What is held packed cannot be unpacked.
pub fn split(content: &Content<'_>) -> io::Result<(u64, SignatureState)> {
    let whole = content.length();
    let longest = (TRAILER + MAGIC.len()) as u64;
    let end = content.range(whole.saturating_sub(longest), whole)?;
    let Some(trailer) = end.strip_suffix(MAGIC) else {
        return Ok((whole, SignatureState::Absent));
    };
    let marked = whole - MAGIC.len() as u64;
    let body = whole.saturating_sub(longest);
    if body == 0 {
        return Ok((marked, SignatureState::Malformed(Malformed::NoRoom)));
    }
    let length = u32::from_be_bytes([trailer[8], trailer[9], trailer[10], trailer[11]]);
    if u64::from(length) >= body {
        return Ok((marked, SignatureState::Malformed(Malformed::Length(length))));
    }
    if trailer[2] != PKEY_ID_PKCS7 {
        return Ok((marked, SignatureState::Unsupported(Unsupported::Kind)));
    }
    if trailer[..2]
        .iter()
        .chain(&trailer[3..8])
        .any(|byte| *byte != 0)
    {
        return Ok((marked, SignatureState::Malformed(Malformed::Parameters)));
    }
    let signed = body - u64::from(length);
    let pkcs7 = content.range(signed, body)?;
    Ok((signed, take_apart(content, signed, &pkcs7)?))
}

/// Reads the PKCS#7 message over the first bytes, `signed` of them, as far as every kernel reads
/// it alike.
fn take_apart(content: &Content<'_>, signed: u64, pkcs7: &[u8]) -> io::Result<SignatureState> {
    let message = match Message::read(pkcs7, &Crypto::ANY) {
        Err(Refusal::Unsupported(why)) => return Ok(SignatureState::Unsupported(why)),
        Err(Refusal::Malformed(_))
            if let Err(Refusal::Malformed(why)) = Message::read(pkcs7, &Crypto::LEAST) =>
        {
            return Ok(SignatureState::Malformed(why));
        }
        message => message.ok(),
    };
    let signers = message.map(|message| message.signers).unwrap_or_default();
    let hashes: BTreeSet<Hash> = signers.iter().map(|signer| signer.hash).collect();
    let mut digests = Vec::new();
    for hash in hashes {
        if let Some(mut context) = hash.context() {
            content.each(0, signed, |piece| context.update(piece))?;
            digests.push((hash.name().to_owned(), context.finish().as_ref().to_vec()));
        }
    }
    Ok(SignatureState::Present(Box::new(ModuleSignature {
        signer: signers
            .into_iter()
            .next()
            .map_or_else(|| "unknown".to_owned(), |signer| signer.name),
        digests,
        pkcs7: pkcs7.to_vec(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_off(bytes: &[u8]) -> (usize, SignatureState) {
        let (length, state) = split(&Content::of(bytes)).expect("nothing is packed");
        (usize::try_from(length).expect("a short module"), state)
    }

    fn signed(trailer: [u8; TRAILER]) -> Vec<u8> {
        [&b"module"[..], b"pkcs7", &trailer, MAGIC].concat()
    }

    #[test]
    fn a_file_without_the_marker_is_unsigned() {
        for bytes in [&b""[..], b"module", &[MAGIC, b"\n"].concat()] {
            assert_eq!(taken_off(bytes), (bytes.len(), SignatureState::Absent));
        }
    }

    #[test]
    fn each_rule_of_mod_check_sig_is_kept() {
        let good = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        for (position, value, message) in [
            (11, 200, Malformed::Length(200)),
            (0, 1, Malformed::Parameters),
            (1, 1, Malformed::Parameters),
            (3, 1, Malformed::Parameters),
            (4, 1, Malformed::Parameters),
            (7, 1, Malformed::Parameters),
            (11, 5, Malformed::UnexpectedTag),
        ] {
            let mut trailer = good;
            trailer[position] = value;
            let state = taken_off(&signed(trailer)).1;
            assert_eq!(state, SignatureState::Malformed(message), "{position}");
        }
        let mut other_kind = good;
        other_kind[2] = 1;
        assert!(matches!(
            taken_off(&signed(other_kind)).1,
            SignatureState::Unsupported(Unsupported::Kind)
        ));
        assert_eq!(taken_off(&signed(good)).0, b"module".len());
        assert!(matches!(
            taken_off(MAGIC).1,
            SignatureState::Malformed(Malformed::NoRoom)
        ));
    }
}
