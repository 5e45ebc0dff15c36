//! The signature at the end of a module file (`kernel/module/signing.c`,
//! `kernel/module_signature.c`).

use aws_lc_rs::digest;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};

use crate::hex::hex;
use crate::kmod::module_file::{ModuleSignature, SignatureState};

/// `MODULE_SIG_STRING`
pub const MAGIC: &[u8] = b"~Module signature appended~\n";
/// `sizeof(struct module_signature)`
pub const TRAILER: usize = 12;
/// `PKEY_ID_PKCS7`
pub const PKEY_ID_PKCS7: u8 = 2;
/// `pkcs7_signedData`
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `pkcs7_data`
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// `OID_msIndirectData`
const MS_INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// Takes the signature off a module: what is left is what the loader looks at, and what
/// was signed (`module_sig_check`, `mod_verify_sig`, `mod_check_sig`).
pub fn split(bytes: &[u8]) -> (&[u8], SignatureState) {
    let Some(marked) = bytes.strip_suffix(MAGIC) else {
        return (bytes, SignatureState::Absent);
    };
    let Some((body, trailer)) = marked
        .len()
        .checked_sub(TRAILER)
        .filter(|body| *body > 0)
        .map(|body| marked.split_at(body))
    else {
        return (
            marked,
            SignatureState::Malformed("no room for a signature before the marker".into()),
        );
    };
    let length = u32::from_be_bytes([trailer[8], trailer[9], trailer[10], trailer[11]]) as usize;
    if length >= body.len() {
        return (
            marked,
            SignatureState::Malformed(format!(
                "the signature's length of {length} bytes is more than the file holds"
            )),
        );
    }
    if trailer[2] != PKEY_ID_PKCS7 {
        return (
            marked,
            SignatureState::Unsupported("not signed with expected PKCS#7 message".into()),
        );
    }
    if trailer[..2]
        .iter()
        .chain(&trailer[3..8])
        .any(|byte| *byte != 0)
    {
        return (
            marked,
            SignatureState::Malformed(
                "PKCS#7 signature info has unexpected non-zero params".into(),
            ),
        );
    }
    let (content, pkcs7) = body.split_at(body.len() - length);
    (content, take_apart(content, pkcs7))
}

/// Reads the PKCS#7 message as `pkcs7_parse_message` does, as far as the rules need it.
fn take_apart(content: &[u8], pkcs7: &[u8]) -> SignatureState {
    let message = match signed_data(pkcs7) {
        Ok(message) => message,
        Err(error) => {
            return SignatureState::Malformed(format!("the PKCS#7 message is unreadable: {error}"));
        }
    };
    let Some(signer) = message.signer_infos.0.get(0) else {
        return SignatureState::Malformed("the PKCS#7 message has no signer".into());
    };
    let (name, key_id) = match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(key) => {
            (common_name(&key.issuer), key.to_der().unwrap_or_default())
        }
        SignerIdentifier::SubjectKeyIdentifier(key) => {
            (hex(key.0.as_bytes()), key.0.as_bytes().to_vec())
        }
    };
    let Some((hash_algorithm, digest)) = hash(&signer.digest_alg.oid) else {
        return SignatureState::Unsupported(format!(
            "the signature's hash algorithm {} is not supported",
            signer.digest_alg.oid
        ));
    };
    if !is_known_algorithm(&signer.signature_algorithm.oid) {
        return SignatureState::Unsupported(format!(
            "the signature's algorithm {} is not supported",
            signer.signature_algorithm.oid
        ));
    }
    SignatureState::Present(Box::new(ModuleSignature {
        signer: name,
        key_id,
        hash_algorithm: hash_algorithm.to_owned(),
        content_digest: digest::digest(digest, content).as_ref().to_vec(),
        pkcs7: pkcs7.to_vec(),
    }))
}

/// The message, as far as the kernel's parser has the same conditions
/// (`pkcs7_check_content_type`, `pkcs7_note_signeddata_version`,
/// `pkcs7_note_signerinfo_version`, `pkcs7_note_content`; `verify_pkcs7_message_sig`).
fn signed_data(pkcs7: &[u8]) -> Result<SignedData, String> {
    let text = |error: der::Error| error.to_string();
    let info = ContentInfo::from_der(pkcs7).map_err(text)?;
    if info.content_type != SIGNED_DATA {
        return Err("Only support pkcs7_signedData type".to_owned());
    }
    let message: SignedData = info.content.decode_as().map_err(text)?;
    if !matches!(message.version, CmsVersion::V1 | CmsVersion::V3) {
        return Err("Unsupported SignedData version".to_owned());
    }
    for signer in message.signer_infos.0.iter() {
        let fits = match signer.version {
            CmsVersion::V1 => message.version == CmsVersion::V1,
            CmsVersion::V3 => message.version == CmsVersion::V3,
            _ => false,
        };
        if !fits {
            return Err("SignedData-SignerInfo version mismatch".to_owned());
        }
    }
    if message.encap_content_info.econtent.is_some() {
        return Err("PKCS#7 signature with non-detached data".to_owned());
    }
    if ![DATA, MS_INDIRECT_DATA].contains(&message.encap_content_info.econtent_type) {
        return Err("Unsupported data type".to_owned());
    }
    Ok(message)
}

/// The hash algorithms that the kernel's PKCS#7 parser knows (`pkcs7_sig_note_digest_algo`)
/// and signatures are made with.
fn hash(oid: &ObjectIdentifier) -> Option<(&'static str, &'static digest::Algorithm)> {
    match oid.to_string().as_str() {
        "1.3.14.3.2.26" => Some(("sha1", &digest::SHA1_FOR_LEGACY_USE_ONLY)),
        "2.16.840.1.101.3.4.2.4" => Some(("sha224", &digest::SHA224)),
        "2.16.840.1.101.3.4.2.1" => Some(("sha256", &digest::SHA256)),
        "2.16.840.1.101.3.4.2.2" => Some(("sha384", &digest::SHA384)),
        "2.16.840.1.101.3.4.2.3" => Some(("sha512", &digest::SHA512)),
        _ => None,
    }
}

/// The signature algorithms that the kernel's PKCS#7 parser knows
/// (`pkcs7_sig_note_pkey_algo`): RSA, ECDSA with a hash, SM2, GOST.
fn is_known_algorithm(oid: &ObjectIdentifier) -> bool {
    let oid = oid.to_string();
    oid.starts_with("1.2.840.10045.4.")
        || matches!(
            oid.as_str(),
            "1.2.840.113549.1.1.1"
                | "1.2.156.10197.1.501"
                | "1.2.643.7.1.1.1.1"
                | "1.2.643.7.1.1.1.2"
        )
}

/// The common name in an issuer, or the whole issuer where it has none.
fn common_name(issuer: &x509_cert::name::Name) -> String {
    let whole = issuer.to_string();
    issuer
        .0
        .iter()
        .flat_map(|part| part.0.iter())
        .find(|attribute| attribute.oid.to_string() == "2.5.4.3")
        .and_then(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .map_or(whole, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(trailer: [u8; TRAILER]) -> Vec<u8> {
        [&b"module"[..], b"pkcs7", &trailer, MAGIC].concat()
    }

    #[test]
    fn a_file_without_the_marker_is_unsigned() {
        for bytes in [&b""[..], b"module", &[MAGIC, b"\n"].concat()] {
            assert_eq!(split(bytes), (bytes, SignatureState::Absent));
        }
    }

    #[test]
    fn each_rule_of_mod_check_sig_is_kept() {
        let good = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        for (position, value, message) in [
            (11, 200, "length of 200"),
            (0, 1, "non-zero params"),
            (1, 1, "non-zero params"),
            (3, 1, "non-zero params"),
            (4, 1, "non-zero params"),
            (7, 1, "non-zero params"),
            (11, 5, "unreadable"),
        ] {
            let mut trailer = good;
            trailer[position] = value;
            match split(&signed(trailer)).1 {
                SignatureState::Malformed(text) => assert!(text.contains(message), "{text}"),
                other => panic!("{position}: {other:?}"),
            }
        }
        let mut other_kind = good;
        other_kind[2] = 1;
        assert!(matches!(
            split(&signed(other_kind)).1,
            SignatureState::Unsupported(_)
        ));
        assert_eq!(split(&signed(good)).0, b"module");
        assert!(matches!(split(MAGIC).1, SignatureState::Malformed(_)));
    }
}
