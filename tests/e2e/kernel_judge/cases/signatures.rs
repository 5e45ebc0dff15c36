//! Signatures: absent, good, damaged, by a key that the kernel does not know.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::case::Case;
use super::super::forge::Forge;
use super::super::kernel::Kernel;
use super::elf::run;
use super::files::xz;

pub(super) const MAGIC: &[u8] = b"~Module signature appended~\n";

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
    let (elliptic, elliptic_certificate) = forge.kernel.elliptic_key();
    let by_curve = |hash: &str| sign(&good, &elliptic, &elliptic_certificate, hash);
    let by_openssl =
        |options: &[&str]| [good.clone(), cms(&good, &key, &certificate, options)].concat();
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
        edited("signed-then-stripped", run(&forge.kernel, &strip, &signed)),
        edited(
            "stripped-then-signed",
            sign(
                &run(&forge.kernel, &strip, &good),
                &key,
                &certificate,
                "sha256",
            ),
        ),
        forge.case("signed-xz", "kmm_good", &packed_indexed),
        forge.case("signed-xz-not-indexed", "kmm_good", &packed),
        edited("signed-forced", signed.clone()).args(&["-f"]),
        edited("signed-force-vermagic", signed).args(&["--force-vermagic"]),
        edited("signed-elliptic", by_curve("sha256")),
        edited("signed-elliptic-sha384", by_curve("sha384")),
        edited("signed-elliptic-sha512", by_curve("sha512")),
        edited("signed-elliptic-byte-of-module", {
            let mut bytes = by_curve("sha256");
            bytes[start / 2] ^= 1;
            bytes
        }),
        edited(
            "signed-plainly-by-openssl",
            by_openssl(&["-noattr", "-nocerts"]),
        ),
        edited("signed-with-attributes", by_openssl(&["-nocerts"])),
        edited("signed-with-certificate", by_openssl(&["-noattr"])),
        edited(
            "signed-with-data",
            by_openssl(&["-noattr", "-nocerts", "-nodetach"]),
        ),
        edited(
            "signed-by-key-identifier",
            by_openssl(&["-noattr", "-nocerts", "-keyid"]),
        ),
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
    let by_openssl = |options: &[&str]| {
        let (key, certificate) = ("key.pem", "certificate.der");
        let (key, certificate) = (other.path().join(key), other.path().join(certificate));
        [good.clone(), cms(&good, &key, &certificate, options)].concat()
    };
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
        forge.edited("signed-with-attributes", by_openssl(&["-nocerts"])),
        forge.edited("signed-with-certificate", by_openssl(&["-noattr"])),
        forge.edited("signed-with-certificate-byte-of-module", {
            let mut bytes = by_openssl(&["-noattr"]);
            let at = forge.elf("kmm_good").range(".comment").start + 4;
            bytes[at] ^= 1;
            bytes
        }),
        forge.edited(
            "signed-with-data",
            by_openssl(&["-noattr", "-nocerts", "-nodetach"]),
        ),
        forge.edited("signed-magic-only", [good.clone(), MAGIC.to_vec()].concat()),
        forge.edited("signed-forced", signed).args(&["-f"]),
    ]
}

/// What the kernel's own program makes of a module.
pub(crate) fn sign(module: &[u8], key: &Path, certificate: &Path, hash: &str) -> Vec<u8> {
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

/// What `openssl cms` makes of a module, with the kernel's trailer.
pub(super) fn cms(module: &[u8], key: &Path, certificate: &Path, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder to sign in");
    let path = |name: &str| folder.path().join(name);
    let openssl = |command: &mut Command| {
        let output = command.output().expect("openssl runs");
        assert!(output.status.success(), "{output:?}");
    };
    std::fs::write(path("module.ko"), module).expect("the module");
    openssl(
        Command::new("openssl")
            .args(["x509", "-inform", "DER", "-in"])
            .arg(certificate)
            .arg("-out")
            .arg(path("certificate.pem")),
    );
    openssl(
        Command::new("openssl")
            .args([
                "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER",
            ])
            .args(options)
            .arg("-signer")
            .arg(path("certificate.pem"))
            .arg("-inkey")
            .arg(key)
            .arg("-in")
            .arg(path("module.ko"))
            .arg("-out")
            .arg(path("message")),
    );
    let mut bytes = std::fs::read(path("message")).expect("the message");
    let length = u32::try_from(bytes.len()).expect("a short message");
    bytes.extend_from_slice(&[0, 0, 2, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(MAGIC);
    bytes
}

/// The kernel's own signing program.
fn sign_file() -> PathBuf {
    let path = PathBuf::from("/usr/lib/linux-kbuild-6.1/scripts/sign-file");
    assert!(path.is_file(), "linux-kbuild-6.1 is installed");
    path
}

/// A key and certificate that no kernel trusts.
pub(super) fn own_key() -> tempfile::TempDir {
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

/// The certificates that an enforcing kernel trusts, for `--signing-cert`.
pub(crate) fn trusted_certificates(kernel: &Kernel) -> [PathBuf; 2] {
    [kernel.signing_key().1, kernel.elliptic_key().1]
}
