//! The signature that follows a module: `struct module_signature` and its magic
//! (`include/linux/module_signature.h`, `kernel/module_signature.c`).

/// What the last bytes of a signed module are (`MODULE_SIG_STRING`).
const MAGIC: &[u8] = b"~Module signature appended~\n";
/// Bytes of `struct module_signature`.
const TRAILER: usize = 12;
/// `PKEY_ID_PKCS7`
const PKCS7: u8 = 2;

/// The module without its signatures: every one that stands at its end is taken away, so
/// that a module is never signed over an older signature.
pub fn without_signature(module: &[u8]) -> &[u8] {
    let mut content = module;
    while let Some(shorter) = without_last_signature(content) {
        content = shorter;
    }
    content
}

/// `mod_check_sig` refuses a length beyond the file; such a file has no signature to take
/// away.
fn without_last_signature(module: &[u8]) -> Option<&[u8]> {
    let rest = module.strip_suffix(MAGIC)?;
    let (rest, trailer) = rest.split_at_checked(rest.len().checked_sub(TRAILER)?)?;
    let length = u32::from_be_bytes(trailer.get(8..)?.try_into().ok()?);
    let end = rest.len().checked_sub(usize::try_from(length).ok()?)?;
    rest.get(..end)
}

/// The content with a PKCS#7 message, the trailer and the magic behind it.
pub fn with_signature(content: &[u8], pkcs7: &[u8]) -> Vec<u8> {
    let mut module = Vec::with_capacity(content.len() + pkcs7.len() + TRAILER + MAGIC.len());
    module.extend_from_slice(content);
    module.extend_from_slice(pkcs7);
    // algo, hash, id_type, signer_len, key_id_len and three bytes of padding: all but the
    // type are zero for PKCS#7.
    module.extend_from_slice(&[0, 0, PKCS7, 0, 0, 0, 0, 0]);
    let length = u32::try_from(pkcs7.len()).unwrap_or(u32::MAX);
    module.extend_from_slice(&length.to_be_bytes());
    module.extend_from_slice(MAGIC);
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_added_and_taken_away() {
        let content = b"\x7fELF and so on";
        let once = with_signature(content, b"a signature");
        assert!(once.ends_with(b"\0\0\x02\0\0\0\0\0\0\0\0\x0b~Module signature appended~\n"));
        let twice = with_signature(&once, b"another");
        for module in [&content[..], &once, &twice] {
            assert_eq!(without_signature(module), content);
        }
    }

    #[test]
    fn what_is_no_signature_stays() {
        let mut beyond = with_signature(b"x", b"abc");
        let length = beyond.len() - MAGIC.len() - 4;
        beyond[length..length + 4].copy_from_slice(&[0xff; 4]);
        for module in [
            &beyond[..],
            MAGIC,
            b"short~Module signature appended~\n",
            b"",
        ] {
            assert_eq!(without_signature(module), module);
        }
    }
}
