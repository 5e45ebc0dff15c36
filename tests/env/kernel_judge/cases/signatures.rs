//! Signatures: absent, good, damaged, by a key that the kernel does not know.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::case::Case;
use super::super::forge::Forge;
use super::super::kernel::Kernel;
use super::elf::run;
use super::files::xz;

const MAGIC: &[u8] = b"~Module signature appended~\n";

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    if !forge.kernel.enforces_signatures() {
        return lenient(forge);
    }
    let good = forge.ko("kmm_good");
    let (key, certificate) = forge.kernel.signing_key();
    let signed = sign(&good, &key, &certificate, "sha256");
    let start = good.len();
    let end = signed.len() - MAGIC.len();
    let flip = |at: usize| {
        let mut bytes = signed.clone();
        bytes[at] ^= 1;
        bytes
    };
    let other = own_key();
    let (other_key, other_certificate) = (
        other.path().join("key.pem"),
        other.path().join("certificate.der"),
    );
    let foreign = sign(&good, &other_key, &other_certificate, "sha256");
    let strip = ["strip".to_owned(), "-g".to_owned()];
    let pair = |name: &str, base: Vec<u8>, user: Vec<u8>| {
        let folder = forge
            .with(&["kmm_base", "kmm_user"])
            .depmod()
            .put("extra/kmm_base.ko", base)
            .put("extra/kmm_user.ko", user);
        forge.case(name, "kmm_user", &folder)
    };
    let trusted = |module: &str| sign(&forge.ko(module), &key, &certificate, "sha256");
    let edited = |name: &str, bytes: Vec<u8>| forge.edited(name, bytes);
    let packed = forge
        .with(&["kmm_good"])
        .depmod()
        .without("extra/kmm_good.ko")
        .put("extra/kmm_good.ko.xz", xz(&signed));
    let packed_indexed = forge
        .folder()
        .put("extra/kmm_good.ko.xz", xz(&signed))
        .depmod();
    let mut doubled = signed.clone();
    doubled.extend_from_slice(&signed[start..]);
    vec![
        edited("signed-trusted", signed.clone()),
        edited(
            "signed-trusted-sha512",
            sign(&good, &key, &certificate, "sha512"),
        ),
        edited("signed-other-key", foreign)
            .undecidable("only --signing-cert says which keys a kernel trusts"),
        edited("signed-twice", sign(&signed, &key, &certificate, "sha256")),
        edited("signed-signature-doubled", doubled),
        edited("signed-byte-of-module", flip(start / 2)),
        edited("signed-byte-of-signature", flip(end - 40)),
        edited("signed-byte-of-der", flip(start + 10)),
        edited("signed-id-type", flip(end - 12 + 2)),
        edited("signed-length", flip(end - 1)),
        edited("signed-length-huge", {
            let mut bytes = signed.clone();
            bytes[end - 4] = 0x7f;
            bytes
        }),
        edited("signed-magic-cut", signed[..signed.len() - 1].to_vec()),
        edited(
            "signed-bytes-behind",
            [signed.clone(), vec![b'\n']].concat(),
        ),
        edited("signed-magic-only", [good.clone(), MAGIC.to_vec()].concat()),
        edited("signed-then-stripped", run(&strip, &signed)),
        edited(
            "stripped-then-signed",
            sign(&run(&strip, &good), &key, &certificate, "sha256"),
        ),
        forge.case("signed-xz", "kmm_good", &packed_indexed),
        forge.case("signed-xz-not-indexed", "kmm_good", &packed),
        edited("signed-forced", signed.clone()).args(&["-f"]),
        edited("signed-force-vermagic", signed).args(&["--force-vermagic"]),
        pair("signed-pair", trusted("kmm_base"), trusted("kmm_user")),
        pair(
            "signed-dependency-is-not",
            forge.ko("kmm_base"),
            trusted("kmm_user"),
        ),
    ]
}

/// A kernel that does not insist takes any signature that can be taken apart.
fn lenient(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let other = own_key();
    let signed = sign(
        &good,
        &other.path().join("key.pem"),
        &other.path().join("certificate.der"),
        "sha256",
    );
    let end = signed.len() - MAGIC.len();
    let with = |at: usize, byte: u8| {
        let mut bytes = signed.clone();
        bytes[at] = byte;
        bytes
    };
    vec![
        forge.edited("signed-other-key", signed.clone()),
        forge.edited("signed-byte-of-module", {
            let mut bytes = signed.clone();
            // Within the name of a compiler, which nobody reads.
            let at = forge.elf("kmm_good").range(".comment").start + 4;
            bytes[at] ^= 1;
            bytes
        }),
        forge.edited("signed-byte-of-der", with(good.len() + 10, 0xff)),
        forge.edited("signed-id-type", with(end - 12 + 2, 1)),
        forge.edited("signed-reserved-not-zero", with(end - 12 + 5, 1)),
        forge.edited("signed-length-zero", {
            let mut bytes = signed.clone();
            bytes[end - 4..end].fill(0);
            bytes
        }),
        forge.edited("signed-length-huge", with(end - 4, 0x7f)),
        forge.edited("signed-magic-only", [good, MAGIC.to_vec()].concat()),
        forge.edited("signed-forced", signed).args(&["-f"]),
    ]
}

fn sign(module: &[u8], key: &Path, certificate: &Path, hash: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder to sign in");
    let file = folder.path().join("module.ko");
    std::fs::write(&file, module).expect("the module");
    let output = Command::new(sign_file())
        .arg(hash)
        .args([key, certificate, &file])
        .output()
        .expect("sign-file runs");
    assert!(output.status.success(), "{output:?}");
    std::fs::read(file).expect("the signed module")
}

/// The kernel's own signing program.
fn sign_file() -> PathBuf {
    let path = PathBuf::from("/usr/lib/linux-kbuild-6.1/scripts/sign-file");
    assert!(path.is_file(), "linux-kbuild-6.1 is installed");
    path
}

/// A key and certificate that no kernel trusts.
fn own_key() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for a key");
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
        .expect("a key");
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .expect("a certificate");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("a key file");
    };
    write("key.pem", key.serialize_pem().as_bytes());
    write("certificate.der", certificate.der());
    folder
}

/// The certificate that a kernel trusts, for `--signing-cert`.
pub(crate) fn trusted_certificate(kernel: &Kernel) -> PathBuf {
    kernel.signing_key().1
}
