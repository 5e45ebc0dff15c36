//! The last judge of a signature: a kernel that enforces them, booted in QEMU.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use kmm_preflight::for_tests::{Arch, Guest, Signer, appended, pkcs7};

use crate::kernel_judge::guest::pack;
use crate::sign_file::Pair;
use crate::stages::run;
use crate::support::server::environment;

const SOURCE: &str = "#include <linux/module.h>\n\
    static int __init begin(void) { return 0; }\n\
    static void __exit end(void) { }\n\
    module_init(begin);\nmodule_exit(end);\nMODULE_LICENSE(\"GPL\");\n";

/// What the guest does with each module.
const RUN: &str = "/bin/busybox insmod /kmm/cases/$case/judged.ko\n";

fn kernel() -> PathBuf {
    environment().join("built/sigforce")
}

/// The module, compiled for that kernel and not signed.
fn module() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("judged.c"), SOURCE).expect("a source file");
    fs::write(folder.path().join("Makefile"), "obj-m := judged.o\n").expect("a Makefile");
    let kernel = kernel().display().to_string();
    let place = format!("M={}", folder.path().display());
    run(&["make", "-C", &kernel, &place, "modules"]);
    fs::read(folder.path().join("judged.ko")).expect("the module")
}

/// The names of the modules that the kernel took.
fn boot<'a>(modules: &[(&'a str, Vec<u8>)]) -> Vec<&'a str> {
    let root = tempfile::tempdir().expect("a folder for the guest's files");
    let work = tempfile::tempdir().expect("a folder for the guest");
    let archive = work.path().join("files.cpio");
    fs::create_dir(root.path().join("bin")).expect("a folder");
    fs::copy("/bin/busybox", root.path().join("bin/busybox")).expect("busybox");
    for (number, (_, bytes)) in modules.iter().enumerate() {
        let case = root.path().join(format!("kmm/cases/{number}"));
        fs::create_dir_all(case.join("tmp")).expect("a folder");
        for (name, bytes) in [
            ("judged.ko", bytes.as_slice()),
            ("run", RUN.as_bytes()),
            ("softdep.conf", b""),
        ] {
            fs::write(case.join(name), bytes).expect("a file");
        }
    }
    pack(root.path(), &archive);
    let guest = Guest {
        arch: Arch::Amd64,
        kernel: &kernel().join("arch/x86/boot/bzImage"),
        programs: ["sh", "mount", "modprobe"].map(|name| (name, "/bin/busybox".into())),
        folder: work.path(),
    };
    let cases: Vec<usize> = (0..modules.len()).collect();
    let answers = guest.answers(&archive, &cases).expect("a guest");
    let numbered = modules.iter().enumerate();
    let taken = numbered.filter(|(number, _)| {
        let answer = answers.get(number).expect("an answer");
        answer.exit == Some(0)
    });
    taken.map(|(_, (name, _))| *name).collect()
}

#[test]
fn the_kernel_takes_what_we_signed_with_its_key_and_nothing_else() {
    let key = fs::read(kernel().join("certs/signing_key.pem")).expect("the kernel's key");
    let certificate = fs::read(kernel().join("certs/signing_key.x509")).expect("its certificate");
    let signer = Signer::new(&key, &certificate, SystemTime::now()).expect("a sound pair");
    let sign = |content: &[u8]| {
        let plain = appended::without_signature(content);
        let message = pkcs7::sign(&signer, plain).expect("a signature");
        appended::with_signature(plain, &message)
    };
    let stranger = Pair::rsa("2048");
    let unsigned = module();
    let signed = sign(&unsigned);
    let strange = stranger.sign_module(&unsigned);
    let anew = sign(&strange);
    assert_eq!(anew, signed, "an older signature leaves no trace");
    let mut damaged = signed.clone();
    damaged[1000] ^= 1;
    let modules = [
        ("unsigned", unsigned),
        ("signed by us", signed),
        ("signed by a stranger", strange),
        ("changed after it was signed", damaged),
    ];
    assert_eq!(boot(&modules), ["signed by us"]);
}
