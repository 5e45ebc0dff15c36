//! The PKCS#7 message that `scripts/sign-file` makes (`CMS_sign` with `CMS_NOCERTS`,
//! `CMS_NOATTR`, `CMS_DETACHED`, `CMS_BINARY`), which the kernel reads in
//! `crypto/asymmetric_keys/pkcs7_parser.c`.

use cms::cert::IssuerAndSerialNumber;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode, Encode};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::sign::keys::{KeyFault, PrivateKey, Signer};

/// `id-signedData` (RFC 5652 section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-data` (RFC 5652 section 4).
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// `id-sha256` (RFC 5754 section 2.2), without parameters.
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// `rsaEncryption` (RFC 3370 section 3.2), with NULL parameters.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `ecdsa-with-SHA256` (RFC 5754 section 3.3), without parameters.
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// The detached signature of some content, DER: version 1, SHA-256, the signer named by
/// issuer and serial number, no signed attributes, no certificates.
///
/// # Errors
/// The key refused to sign, or the certificate's names cannot be written again.
pub fn sign(signer: &Signer, content: &[u8]) -> Result<Vec<u8>, KeyFault> {
    let signature = signer.key().sign(content)?;
    message(signer, &signature).map_err(|_| KeyFault::NoCertificate)
}

fn message(signer: &Signer, signature: &[u8]) -> der::Result<Vec<u8>> {
    let sha256 = AlgorithmIdentifierOwned {
        oid: SHA256,
        parameters: None,
    };
    let signature_algorithm = match signer.key() {
        PrivateKey::Rsa(_) => AlgorithmIdentifierOwned {
            oid: RSA,
            parameters: Some(Any::null()),
        },
        PrivateKey::Ec(_) => AlgorithmIdentifierOwned {
            oid: ECDSA_SHA256,
            parameters: None,
        },
    };
    let certificate = &signer.certificate().tbs_certificate;
    let info = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: certificate.issuer.clone(),
            serial_number: certificate.serial_number.clone(),
        }),
        digest_alg: sha256.clone(),
        signed_attrs: None,
        signature_algorithm,
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![sha256])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: None,
        },
        certificates: None,
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![info])?),
    };
    ContentInfo {
        content_type: SIGNED_DATA,
        content: Any::from_der(&signed.to_der()?)?,
    }
    .to_der()
}
