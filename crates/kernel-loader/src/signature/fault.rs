//! What is wrong with a signature that the kernel cannot take apart.

use serde::{Deserialize, Serialize};

/// A rule that the signature, its message or a certificate in it breaks. No kernel with
/// `CONFIG_MODULE_SIG` takes such a module, whether or not it enforces signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Malformed {
    /// There are no bytes between the module and the marker (`mod_check_sig`).
    NoRoom,
    /// The signature claims more bytes than the file has (`mod_check_sig`).
    Length(u32),
    /// Fields of the trailer that have to be zero are not (`mod_check_sig`).
    Parameters,
    /// An element ends behind what holds it (`asn1_ber_decoder`, as all up to
    /// [`Self::MessageLength`]).
    Overrun,
    /// A content of open length goes on where it has to end.
    NoEnd,
    /// The mark that ends a content of open length is damaged.
    BadEnd,
    /// The grammar has no such element here.
    UnexpectedTag,
    /// A tag has more than one byte.
    LongTag,
    /// A length has more than two bytes.
    LongLength,
    /// An element without parts has an open length.
    OpenPrimitive,
    /// The parts of an element are not as long as the element.
    ConstructedLength,
    /// The message has more than 65,535 bytes.
    MessageLength,
    /// The message is no signed data (`pkcs7_check_content_type`).
    NotSignedData,
    /// The signed data has a version that is not known (`pkcs7_note_signeddata_version`).
    SignedDataVersion,
    /// The content has a type that is not known (`pkcs7_note_content`).
    ContentType,
    /// A signer has a version that is not known (`pkcs7_note_signerinfo_version`).
    SignerVersion,
    /// A signer's version is not that of the signed data (`pkcs7_note_signerinfo_version`).
    SignerVersionMismatch,
    /// A certificate in the message is none (`pkcs7_extract_cert`).
    NoCertificate,
    /// A signed attribute is missing (`pkcs7_sig_note_set_of_authattrs`).
    MissingAttribute,
    /// A signed attribute is there twice (`pkcs7_sig_note_authenticated_attr`).
    RepeatedAttribute,
    /// A signer's attribute names another type of content than the message
    /// (`pkcs7_sig_note_authenticated_attr`).
    ContentTypeMismatch,
    /// A signer's digest is no octet string (`pkcs7_sig_note_authenticated_attr`).
    MessageDigest,
    /// An attribute that only Authenticode has (`pkcs7_sig_note_authenticated_attr`).
    AuthenticodeAttribute,
    /// Authenticode without signed attributes (`pkcs7_note_signed_info`).
    AuthenticodeWithoutAttributes,
    /// A signer without an algorithm.
    NoAlgorithm,
    /// A signer names no key (`asymmetric_key_hex_to_key_id`).
    NamelessSigner,
    /// The message has no signer (`verify_pkcs7_message_sig`).
    NoSigner,
    /// Some signers have attributes and others have none (`pkcs7_check_authattrs`).
    InconsistentAttributes,
    /// The message holds what it signs (`verify_pkcs7_message_sig`).
    Attached,
    /// The message signs something else than data (`pkcs7_verify`).
    NotData,
    /// A time that the kernel does not read (`x509_decode_time`).
    Time,
    /// The certificate names two algorithms for its signature (`x509_note_signature`).
    CertificateAlgorithms,
    /// The certificate's key lacks its curve (`x509_extract_key_data`).
    Curve,
    /// The certificate's subject key identifier is damaged (`x509_process_extension`).
    SubjectKeyId,
    /// The certificate's key usage or basic constraints are damaged (`x509_process_extension`).
    Constraints,
    /// A bit string has bits that are not in use (`x509_extract_key_data`, `x509_note_signature`).
    BitString,
    /// The certificate has no key.
    NoKey,
    /// The certificate names two issuers (`x509_check_for_self_signed`).
    TwoIssuers,
    /// The certificate vouches for itself and its key did not sign it
    /// (`x509_check_for_self_signed`).
    SelfSignature,
}

/// `ENOPKG`: what no kernel, or this one, has code for. The signature is as good as none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unsupported {
    /// It is no PKCS#7 message (`mod_check_sig`).
    Kind,
    /// The hash algorithm with this object identifier (`pkcs7_sig_note_digest_algo`).
    Hash(String),
    /// The signature algorithm with this object identifier (`pkcs7_sig_note_pkey_algo`).
    Cipher(String),
    /// The algorithm by which a certificate is signed (`x509_note_sig_algo`).
    CertificateAlgorithm,
    /// The type of a certificate's key (`x509_extract_key_data`).
    CertificateKey,
}
