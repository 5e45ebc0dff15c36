//! Signatures, judged by the kernel's own `sign-file` and by OpenSSL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfos};
use der::Decode;
use der::asn1::OctetString;
use kernel_loader::module::compression::Compression;
use kmm_preflight::for_tests::{KeyFault, Signer, appended, pkcs7};
use tempfile::TempDir;

use crate::support::server::succeed;

/// Debian's linux-kbuild has the kernel's own program.
const SIGN_FILE: &str = "/usr/lib/linux-kbuild-6.1/scripts/sign-file";
/// Bytes behind the PKCS#7 message: `struct module_signature` and the magic.
const TRAILER: usize = 40;

/// What OpenSSL needs to know to sign a certificate with dates.
const CA: &str = "[ca]\ndefault_ca = c\n[c]\ndatabase = index\nserial = serial\n\
    new_certs_dir = .\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n";

/// A key and its certificate, made by OpenSSL.
pub(crate) struct Pair {
    folder: TempDir,
}

impl Pair {
    fn new(key: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = Self { folder };
        pair.openssl(key);
        pair.openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "30",
            "-subj",
            "/C=DE/O=Tests and sons/CN=module signer",
        ]);
        pair.openssl(&[
            "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der",
        ]);
        pair
    }

    /// An RSA key of so many bits.
    pub(crate) fn rsa(bits: &str) -> Self {
        Self::new(&["genrsa", "-out", "key.pem", bits])
    }

    fn ec(curve: &str) -> Self {
        Self::new(&["ecparam", "-name", curve, "-genkey", "-out", "key.pem"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that OpenSSL wrote: `key.pem`, `cert.pem` or `cert.der`.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("a file that OpenSSL wrote")
    }

    /// The key, protected by a passphrase.
    pub(crate) fn locked_key(&self) -> Vec<u8> {
        let to = ["-in", "key.pem", "-out", "locked.pem"];
        self.openssl(&[&["pkcs8", "-topk8", "-passout", "pass:x"], &to[..]].concat());
        self.read("locked.pem")
    }

    /// A certificate of the key that was valid in the year 2000.
    pub(crate) fn expired(&self) -> Vec<u8> {
        for (file, text) in [("index", ""), ("serial", "01\n"), ("ca.conf", CA)] {
            fs::write(self.path(file), text).expect("a file");
        }
        let subject = ["-subj", "/CN=module signer", "-out", "request.pem"];
        self.openssl(&[&["req", "-new", "-key", "key.pem"], &subject[..]].concat());
        self.openssl(&[
            "ca",
            "-config",
            "ca.conf",
            "-batch",
            "-notext",
            "-selfsign",
            "-keyfile",
            "key.pem",
            "-in",
            "request.pem",
            "-out",
            "expired.pem",
            "-startdate",
            "20000101000000Z",
            "-enddate",
            "20010101000000Z",
        ]);
        self.read("expired.pem")
    }

    fn openssl(&self, args: &[&str]) {
        succeed(
            Command::new("openssl")
                .args(args)
                .current_dir(self.folder.path()),
        );
    }

    fn signer(&self, key: &str, certificate: &str) -> Result<Signer, KeyFault> {
        Signer::new(&self.read(key), &self.read(certificate), SystemTime::now())
    }

    fn sign(&self, content: &[u8]) -> Vec<u8> {
        let signer = self.signer("key.pem", "cert.pem").expect("a sound pair");
        pkcs7::sign(&signer, content).expect("a signature")
    }

    /// The module with a signature behind it.
    pub(crate) fn sign_module(&self, content: &[u8]) -> Vec<u8> {
        appended::with_signature(content, &self.sign(content))
    }

    /// OpenSSL's judgement of a detached signature.
    fn verify(&self, content: &[u8], signature: &[u8]) {
        fs::write(self.path("content"), content).expect("a file");
        fs::write(self.path("signature"), signature).expect("a file");
        self.openssl(&[
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            "signature",
            "-content",
            "content",
            "-certfile",
            "cert.pem",
            "-CAfile",
            "cert.pem",
            "-purpose",
            "any",
            "-out",
            "/dev/null",
        ]);
    }
}

fn content() -> Vec<u8> {
    (0..70_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn signed_by_sign_file(pair: &Pair, file: &Path) -> Vec<u8> {
    succeed(
        Command::new(SIGN_FILE)
            .arg("sha256")
            .args([pair.path("key.pem"), pair.path("cert.pem")])
            .arg(file),
    );
    fs::read(file).expect("the signed file")
}

#[test]
fn rsa_signatures_are_sign_files_own_bytes() {
    for bits in ["2048", "3072", "4096"] {
        let pair = Pair::rsa(bits);
        let content = content();
        let file = pair.path("module.ko");
        fs::write(&file, &content).expect("a file");
        let theirs = signed_by_sign_file(&pair, &file);
        let ours = pair.sign_module(&content);
        assert!(ours == theirs, "RSA of {bits} bits: the bytes differ");
    }
}

/// kmod and the kernel decompress a module before they look for its signature; the judges are
/// the compressors' own programs, and what sign-file makes of the plain module.
#[test]
fn a_compressed_module_holds_sign_files_own_bytes() {
    let pair = Pair::rsa("2048");
    let file = pair.path("module.ko");
    fs::write(&file, content()).expect("a file");
    let theirs = signed_by_sign_file(&pair, &file);
    for (compression, program) in [
        (Compression::Gzip, "gzip"),
        (Compression::Xz, "xz"),
        (Compression::Zstd, "zstd"),
    ] {
        let packed = compression.compress(&pair.sign_module(&content()));
        let path = pair.path("packed");
        fs::write(&path, packed.expect("memory enough")).expect("a file");
        let packed = fs::File::open(&path).expect("the file");
        let output = succeed(Command::new(program).arg("-dc").stdin(packed));
        assert!(output.stdout == theirs, "{program}: the bytes differ");
    }
}

#[test]
fn ec_signatures_have_sign_files_structure_and_openssl_takes_them() {
    for curve in ["prime256v1", "secp384r1", "secp521r1"] {
        let pair = Pair::ec(curve);
        let content = content();
        let ours = pair.sign(&content);
        pair.verify(&content, &ours);
        let file = pair.path("module.ko");
        fs::write(&file, &content).expect("a file");
        let theirs = signed_by_sign_file(&pair, &file);
        let end = theirs.len() - TRAILER;
        let theirs = without_value(&theirs[content.len()..end]);
        assert_eq!(without_value(&ours), theirs, "{curve}");
    }
}

/// A message without the bytes of its signature, which are random for EC keys.
fn without_value(message: &[u8]) -> SignedData {
    let info = ContentInfo::from_der(message).expect("a PKCS#7 message");
    let mut signed: SignedData = info.content.decode_as().expect("signed data");
    let mut infos = signed.signer_infos.0.into_vec();
    infos[0].signature = OctetString::new(Vec::new()).expect("an empty value");
    signed.signer_infos = SignerInfos(infos.try_into().expect("one signer"));
    signed
}

#[test]
fn openssl_takes_rsa_signatures() {
    let pair = Pair::rsa("2048");
    let content = content();
    pair.verify(&content, &pair.sign(&content));
}

#[test]
fn every_form_of_key_and_certificate_is_read() {
    let rsa = Pair::rsa("2048");
    rsa.openssl(&["rsa", "-in", "key.pem", "-traditional", "-out", "pkcs1.pem"]);
    rsa.openssl(&[
        "rsa",
        "-in",
        "key.pem",
        "-traditional",
        "-outform",
        "DER",
        "-out",
        "pkcs1.der",
    ]);
    let ec = Pair::ec("prime256v1");
    ec.openssl(&["ec", "-in", "key.pem", "-out", "sec1.pem"]);
    ec.openssl(&[
        "ec", "-in", "key.pem", "-outform", "DER", "-out", "sec1.der",
    ]);
    for pair in [&rsa, &ec] {
        pair.openssl(&[
            "pkcs8",
            "-topk8",
            "-nocrypt",
            "-in",
            "key.pem",
            "-out",
            "pkcs8.pem",
        ]);
        pair.openssl(&[
            "pkcs8",
            "-topk8",
            "-nocrypt",
            "-in",
            "key.pem",
            "-outform",
            "DER",
            "-out",
            "pkcs8.der",
        ]);
        let both = [pair.read("cert.pem"), pair.read("key.pem")].concat();
        fs::write(pair.path("both.pem"), both).expect("a file");
    }
    for (pair, keys) in [
        (
            &rsa,
            [
                "pkcs1.pem",
                "pkcs1.der",
                "pkcs8.pem",
                "pkcs8.der",
                "both.pem",
            ],
        ),
        (
            &ec,
            ["sec1.pem", "sec1.der", "pkcs8.pem", "pkcs8.der", "both.pem"],
        ),
    ] {
        for key in keys {
            for certificate in ["cert.pem", "cert.der", "both.pem"] {
                let signer = pair.signer(key, certificate);
                let wanted = key.ends_with(".der").then_some(KeyFault::NotPem);
                assert_eq!(signer.err(), wanted, "{key} with {certificate}");
            }
        }
    }
}

#[test]
fn keys_that_cannot_sign_are_told_apart() {
    let pair = Pair::rsa("2048");
    let locked = ["pkcs8", "-topk8", "-passout", "pass:x", "-in", "key.pem"];
    for (form, key) in [("PEM", "locked.pem"), ("DER", "locked.der")] {
        pair.openssl(&[&locked[..], &["-outform", form, "-out", key]].concat());
    }
    pair.openssl(&[
        "rsa",
        "-in",
        "key.pem",
        "-traditional",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        "old.pem",
    ]);
    for key in ["locked.pem", "locked.der", "old.pem"] {
        assert_eq!(
            pair.signer(key, "cert.pem").err(),
            Some(KeyFault::Encrypted),
            "{key}"
        );
    }
    pair.openssl(&["genrsa", "-out", "small.pem", "1024"]);
    pair.openssl(&["genpkey", "-algorithm", "ed25519", "-out", "other.pem"]);
    pair.openssl(&["genrsa", "-out", "stranger.pem", "2048"]);
    for (key, fault) in [
        ("small.pem", KeyFault::KeySize),
        ("other.pem", KeyFault::NoKey),
        ("cert.der", KeyFault::NoKey),
        ("stranger.pem", KeyFault::Mismatch),
    ] {
        assert_eq!(pair.signer(key, "cert.pem").err(), Some(fault), "{key}");
    }
}
