//! Signatures by keys that are named, by others, and by those that a named key vouches for.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{CertificateSet, SignedData};
use der::asn1::{Any, SetOfVec};
use der::{Decode, Encode};
use kernel_loader::kernel::facts::{FileTree, KernelFacts};
use kernel_loader::module::content::Content;
use kernel_loader::signature::SignatureState;
use kernel_loader::signature::split;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use kernel_loader::answer::Weight;
use kernel_loader::kernel::version::Kernel;
use kernel_loader::load::signature::{Delivery, check};
use kernel_loader::signature::verification::{Known, Trust, examine};

use crate::model::target::Arch;
use crate::sign::keys::Signer as Pair;
use crate::sign::{appended, pkcs7};

const RELEASE: &str = "6.1.0";

struct Config(&'static str);

impl FileTree for Config {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        (path == ".config").then_some(Cow::Borrowed(self.0.as_bytes()))
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn is_file(&self, path: &str) -> bool {
        path == ".config"
    }

    fn module(&self, _: &str) -> Option<Arc<kernel_loader::module::ModuleFile>> {
        None
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key")
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn signed_by(key: &KeyPair, certificate: &[u8], content: &[u8]) -> Vec<u8> {
    let pair = Pair::new(
        key.serialize_pem().as_bytes(),
        certificate,
        SystemTime::UNIX_EPOCH,
    );
    pkcs7::sign(&pair.expect("a sound pair"), content).expect("a signature")
}

fn edited(message: &[u8], edit: impl FnOnce(&mut SignedData)) -> Vec<u8> {
    let info = ContentInfo::from_der(message).expect("a message");
    let mut signed: SignedData = info.content.decode_as().expect("signed data");
    edit(&mut signed);
    let content = signed.to_der().and_then(|der| Any::from_der(&der));
    ContentInfo {
        content: content.expect("signed data"),
        ..info
    }
    .to_der()
    .expect("a message")
}

/// The message with certificates beside its signature.
fn beside(message: &[u8], certificates: &[&[u8]]) -> Vec<u8> {
    let certificates: Vec<CertificateChoices> = certificates
        .iter()
        .map(|der| CertificateChoices::from_der(der).expect("a certificate"))
        .collect();
    let certificates = SetOfVec::try_from(certificates).expect("a set");
    edited(message, |signed| {
        signed.certificates = Some(CertificateSet(certificates));
    })
}

/// The first message with the second's signer as well.
fn both(first: &[u8], second: &[u8]) -> Vec<u8> {
    let info = ContentInfo::from_der(second).expect("a message");
    let second: SignedData = info.content.decode_as().expect("signed data");
    edited(first, |signed| {
        for signer in second.signer_infos.0.into_vec() {
            let signers = &mut signed.signer_infos.0;
            signers.insert(signer).expect("another signer");
        }
    })
}

fn known(content: &[u8], message: &[u8], named: &[&[u8]], config: &'static str) -> Known {
    let module = appended::with_signature(content, message);
    let SignatureState::Present(signature) = state_of(&module) else {
        panic!("a signature");
    };
    let trust = Trust {
        certificates: named.iter().map(|der| der.to_vec()).collect(),
        secure_boot: false,
    };
    let facts =
        KernelFacts::gather(RELEASE, Arch::Amd64, &Config(config)).expect("a kernel's facts");
    let kernel = Kernel::new(RELEASE, Some(&facts));
    examine(&signature, true, &kernel, &trust).expect("a message that the kernel reads")
}

const EVERYTHING: &str = "CONFIG_MODULE_SIG=y\nCONFIG_CRYPTO=y\nCONFIG_CRYPTO_SHA256=y\n\
                          CONFIG_CRYPTO_ECDSA=m\n";

fn state_of(file: &[u8]) -> SignatureState {
    split(&Content::of(file)).expect("nothing is packed").1
}

#[test]
fn a_named_key_is_known_by_its_certificate() {
    let (own, other) = (key(), key());
    let certificate = params("own").self_signed(&own).expect("a certificate");
    let foreign = params("other").self_signed(&other).expect("a certificate");
    let message = signed_by(&own, certificate.der(), b"module");
    for (content, named, config, expected) in [
        (&b"module"[..], &certificate, EVERYTHING, Known::Good),
        (b"modulo", &certificate, EVERYTHING, Known::Bad),
        (b"module", &foreign, EVERYTHING, Known::OtherKey),
        (b"modulo", &foreign, EVERYTHING, Known::OtherKey),
        (
            b"module",
            &certificate,
            "CONFIG_MODULE_SIG=y\nCONFIG_CRYPTO=y\nCONFIG_CRYPTO_ECDSA=y\n",
            Known::NoAlgorithm,
        ),
        (
            b"module",
            &certificate,
            "CONFIG_MODULE_SIG=y\n",
            Known::Good,
        ),
    ] {
        let known = known(content, &message, &[named.der()], config);
        assert_eq!(known, expected, "{content:?} {config}");
    }
}

#[test]
fn a_certificate_beside_it_spoils_a_signature_and_vouches_for_it() {
    let (root_key, leaf_key) = (key(), key());
    let root = params("root").self_signed(&root_key).expect("the root");
    let mut leaf = params("leaf");
    leaf.is_ca = IsCa::NoCa;
    let issuer = Issuer::new(params("root"), &root_key);
    let leaf = leaf.signed_by(&leaf_key, &issuer).expect("the leaf");
    let stranger = params("root").self_signed(&key()).expect("a namesake");
    let bare = signed_by(&leaf_key, leaf.der(), b"module");
    let with_leaf = beside(&bare, &[leaf.der()]);
    let with_both = beside(&bare, &[leaf.der(), root.der()]);
    for (what, content, message, named, expected) in [
        (
            "no certificate",
            &b"module"[..],
            &bare,
            &root,
            Known::OtherKey,
        ),
        ("the leaf's", b"module", &with_leaf, &root, Known::Good),
        ("both", b"module", &with_both, &root, Known::Good),
        ("a named leaf", b"module", &with_both, &leaf, Known::Good),
        (
            "a namesake",
            b"module",
            &with_both,
            &stranger,
            Known::OtherKey,
        ),
        ("damage", b"modulo", &with_leaf, &stranger, Known::Bad),
        (
            "damage, no certificate",
            b"modulo",
            &bare,
            &root,
            Known::OtherKey,
        ),
    ] {
        let known = known(content, message, &[named.der()], EVERYTHING);
        assert_eq!(known, expected, "{what}");
    }
    let without_curves = "CONFIG_CRYPTO=y\nCONFIG_CRYPTO_SHA256=y\n";
    let named = known(b"module", &bare, &[root.der()], without_curves);
    assert_eq!(named, Known::OtherKey, "a root that is not the signer's");
    let own = params("leaf").self_signed(&leaf_key).expect("its own");
    let message = signed_by(&leaf_key, own.der(), b"module");
    let named = known(b"module", &message, &[own.der()], without_curves);
    assert_eq!(
        named,
        Known::UnusableKey,
        "a kernel without elliptic curves"
    );
    let known = known(b"module", &with_leaf, &[], without_curves);
    assert_eq!(known, Known::Bad, "a kernel without elliptic curves");
}

#[test]
fn one_signer_that_does_not_fit_outweighs_the_others() {
    let (own, other) = (key(), key());
    let certificate = params("own").self_signed(&own).expect("a certificate");
    let foreign = params("other").self_signed(&other).expect("a certificate");
    let good = signed_by(&own, certificate.der(), b"module");
    let strange = signed_by(&other, foreign.der(), b"module");
    let bad = signed_by(&own, certificate.der(), b"modulo");
    for (message, expected) in [
        (both(&good, &strange), Known::Good),
        (both(&good, &bad), Known::Bad),
        (both(&strange, &bad), Known::Bad),
    ] {
        let known = known(b"module", &message, &[certificate.der()], EVERYTHING);
        assert_eq!(known, expected);
    }
}

/// With Secure Boot the kernel is locked down whatever its configuration says
/// (`security/lockdown`, `set_module_sig_enforced`).
#[test]
fn secure_boot_enforces_signatures_whatever_the_configuration_says() {
    let (own, other) = (key(), key());
    let certificate = params("own").self_signed(&own).expect("a certificate");
    let foreign = params("other").self_signed(&other).expect("a certificate");
    let signed =
        appended::with_signature(b"module", &signed_by(&own, certificate.der(), b"module"));
    const OFF: &str = "CONFIG_MODULES=y\n";
    let enforcing: &'static str = "CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n\
         CONFIG_CRYPTO=y\nCONFIG_CRYPTO_SHA256=y\nCONFIG_CRYPTO_ECDSA=m\n";
    let (fails, doubts, none) = (Weight::Refuses, Weight::MayRefuse, Weight::Passes);
    for (file, named, config, secure_boot, expected) in [
        (&b"module"[..], &certificate, OFF, false, None),
        (b"module", &certificate, EVERYTHING, false, Some(none)),
        (b"module", &certificate, enforcing, false, Some(fails)),
        (b"module", &certificate, OFF, true, Some(fails)),
        (b"module", &certificate, EVERYTHING, true, Some(fails)),
        (&signed, &certificate, EVERYTHING, false, None),
        (&signed, &certificate, enforcing, false, None),
        (&signed, &certificate, EVERYTHING, true, None),
        (&signed, &foreign, OFF, false, None),
        (&signed, &foreign, EVERYTHING, false, Some(none)),
        (&signed, &foreign, enforcing, false, Some(doubts)),
        (&signed, &foreign, EVERYTHING, true, Some(doubts)),
    ] {
        let state = state_of(file);
        let trust = Trust {
            certificates: vec![named.der().to_vec()],
            secure_boot,
        };
        let facts =
            KernelFacts::gather(RELEASE, Arch::Amd64, &Config(config)).expect("a kernel's facts");
        let kernel = Kernel::new(RELEASE, Some(&facts));
        let remark = check(&state, Delivery::Whole, &kernel, &trust);
        let found = remark.as_ref().map(|remark| remark.weight);
        assert_eq!(found, expected, "{config} {secure_boot}: {remark:?}");
    }
}
