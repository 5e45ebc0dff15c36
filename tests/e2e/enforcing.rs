//! The last judge of a signature: a kernel that enforces them, booted in QEMU.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use kmm_preflight::for_tests::{Signer, appended, pkcs7};

use crate::sign_file::Pair;
use crate::stages::run;
use crate::support::server::environment;

const SOURCE: &str = "#include <linux/module.h>\n\
    static int __init begin(void) { return 0; }\n\
    static void __exit end(void) { }\n\
    module_init(begin);\nmodule_exit(end);\nMODULE_LICENSE(\"GPL\");\n";

/// Loads and unloads each module, and says how it went.
const INIT: &str = "#!/bin/busybox sh\n\
    /bin/busybox mount -t proc proc /proc\n\
    for module in /modules/*.ko; do\n\
    /bin/busybox insmod $module; echo \"@$module $?\"\n\
    /bin/busybox rmmod judged 2>/dev/null\n\
    done\n\
    echo @done\n\
    /bin/busybox reboot -f\n";

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
    let root = tempfile::tempdir().expect("a folder");
    let place = |name: &str| root.path().join(name);
    for folder in ["bin", "proc", "modules"] {
        fs::create_dir(place(folder)).expect("a folder");
    }
    fs::copy("/bin/busybox", place("bin/busybox")).expect("busybox");
    fs::write(place("init"), INIT).expect("a file");
    fs::set_permissions(place("init"), fs::Permissions::from_mode(0o755)).expect("its owner");
    for (index, (_, bytes)) in modules.iter().enumerate() {
        fs::write(place(&format!("modules/{index:02}.ko")), bytes).expect("a file");
    }
    let archive = tempfile::NamedTempFile::new().expect("a file");
    let archive: &Path = archive.path();
    let script = format!(
        "cd {} && find . | cpio -o -H newc --quiet | gzip > {}",
        root.path().display(),
        archive.display()
    );
    run(&["sh", "-c", &script]);
    let output = Command::new("timeout")
        .args(["120", "qemu-system-x86_64", "-accel", "tcg", "-m", "256"])
        .args([
            "-nographic",
            "-no-reboot",
            "-append",
            "console=ttyS0 panic=-1 quiet no_timer_check",
        ])
        .arg("-kernel")
        .arg(kernel().join("arch/x86/boot/bzImage"))
        .arg("-initrd")
        .arg(archive)
        .output()
        .expect("QEMU starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("@done"), "the guest came to its end:\n{said}");
    let taken = modules.iter().enumerate().filter(|(index, _)| {
        let mark = format!("@/modules/{index:02}.ko ");
        let at = said.find(&mark).expect("an answer");
        said[at + mark.len()..].starts_with('0')
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
