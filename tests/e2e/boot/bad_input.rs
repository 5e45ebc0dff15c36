//! Kernels that do not boot, modules that end the guest, and runs that are ended.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::message;
use super::run::{Run, codes, row};
use super::setup::Modules;
use crate::support::preflight::Running;

/// One module that loads, on a copy of a kernel's folder that `change` may change.
fn with_kernel(change: impl Fn(&Path, &str)) -> Run {
    let modules = Modules::compiled("rhel");
    let mut run = Run::new(&modules.kernel);
    let root = run.copy_of_kernel();
    change(&root, &modules.kernel.release);
    run.add("loads", "bt_good", &modules.folder("bt_good"));
    run
}

#[test]
fn modules_that_end_the_guest_fail_and_delay_no_other() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    for module in ["bt_good", "bt_panic", "bt_flood", "bt_wait", "bt_good2"] {
        run.add(&module.replace('_', "-"), module, &modules.folder(module));
    }
    // A module that waits is given a hundred seconds, of which a test needs some.
    let call = run.prepared(&["--boot", "require", "-j", "1"]);
    let ended = call.env("KMM_TEST_BOOT_SECONDS", "20").run().code(1);
    let report = ended.json();
    for name in ["bt-good", "bt-good2"] {
        let good = row(&report, name);
        assert_eq!(good["verdict"], "verified", "{good:#}");
    }
    for (name, words) in [
        ("bt-panic", "told to panic"),
        ("bt-flood", "flooded the log"),
        ("bt-wait", "did not return"),
    ] {
        assert_eq!(row(&report, name)["verdict"], "failed");
        let said = message(&report, name, "boot-refused");
        assert!(said.contains(words), "{name}: {said}");
        assert!(said.contains("but its init function"), "{name}: {said}");
        assert!(!codes(row(&report, name)).contains(&"boot-disagrees"));
    }
}

/// Each of them would take a boot of its own; but what has the name of one that stays would not be
/// loaded.
#[test]
fn modules_that_cannot_be_unloaded_share_a_boot() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    for (name, module) in [
        ("again", "bt_stay"),
        ("bt-good", "bt_good"),
        ("bt-stay", "bt_stay"),
        ("bt-stay2", "bt_stay2"),
    ] {
        run.add(name, module, &modules.folder(module));
    }
    let programs = tempfile::tempdir().expect("a folder");
    let (qemu, started) = ("qemu-system-x86_64", programs.path().join("started"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{}\nexec /usr/bin/{qemu} \"$@\"\n",
        started.display()
    );
    let qemu = programs.path().join(qemu);
    fs::write(&qemu, script).expect("a program");
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).expect("its mode");
    let path = std::env::var("PATH").expect("folders of programs");
    let path = format!("{}:{path}", programs.path().display());
    let call = run.prepared(&["--boot", "require", "-j", "1"]);
    let report = call.env("PATH", path).run().code(0).json();
    for row in report["modules"].as_array().expect("rows") {
        assert!(codes(row).contains(&"boot-loaded"), "{row:#}");
    }
    let started = fs::read_to_string(started).expect("boots");
    // Where this machine's processor does not run guests, the first one finds that out.
    let boots = match started.matches("-accel tcg").count() {
        0 => started.matches("-accel kvm").count(),
        emulated => emulated,
    };
    assert_eq!(boots, 2);
}

/// A terminal would take its words for commands, and so would a CI system.
#[test]
fn what_a_module_writes_to_the_console_is_only_text() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    run.add("bt-words", "bt_words", &modules.folder("bt_words"));
    for format in ["wide", "github"] {
        let ended = run.prepared_as(format, &["--boot", "require"]).run();
        let text = format!("{}\n{}", ended.stdout, ended.stderr);
        for words in ["written_by_a_module", "began_a_line"] {
            assert!(text.contains(words), "{words} in {text}");
        }
        let hostile = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("::error::") || line.contains("##[error]")
        };
        assert_eq!(text.lines().find(hostile), None, "{format}");
        let control = |c: &char| c.is_control() && *c != '\n';
        assert_eq!(text.chars().find(control), None, "{format}: {text:?}");
    }
}

#[test]
fn a_machine_without_qemu_is_told_once_or_is_an_error() {
    let run = with_kernel(|_, _| ());
    let folder = tempfile::tempdir().expect("an empty folder");
    let call = |mode: &str| {
        run.prepared(&["--boot", mode])
            .env("PATH", folder.path())
            .run()
    };
    let ended = call("require").code(3);
    let report = ended.json();
    assert_eq!(row(&report, "loads")["verdict"], "error");
    let said = message(&report, "loads", "boot-unavailable");
    assert!(
        said.contains("qemu-system-x86_64 is not installed"),
        "{said}"
    );
    let ended = call("auto").code(0);
    assert_eq!(row(&ended.json(), "loads")["verdict"], "verified");
    let told = ended.stderr.matches("was not booted").count();
    assert_eq!(told, 1, "{}", ended.stderr);
}

#[test]
fn a_kernel_that_cannot_tell_is_not_booted() {
    for (option, words) in [
        ("SERIAL_8250_CONSOLE", "a serial console"),
        ("BLK_DEV_INITRD", "an initramfs"),
    ] {
        let run = with_kernel(|root, kernel| {
            for place in [
                format!("usr/src/kernels/{kernel}/.config"),
                format!("boot/config-{kernel}"),
                format!("lib/modules/{kernel}/config"),
            ] {
                let place = root.join(place);
                if let Ok(text) = fs::read_to_string(&place) {
                    let set = format!("CONFIG_{option}=y");
                    let unset = format!("# CONFIG_{option} is not set");
                    fs::write(place, text.replace(&set, &unset)).expect("a configuration");
                }
            }
        });
        let report = run.call(&["--boot", "require"]).code(3).json();
        let said = message(&report, "loads", "boot-unavailable");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_is_no_kernel_of_the_target_is_told() {
    let arm64 = {
        let mut image = vec![0; 4096];
        image[56..60].copy_from_slice(b"ARM\x64");
        image
    };
    let crashes = {
        // A boot sector of that form whose kernel is empty.
        let mut image = vec![0; 64 << 10];
        image[0x1f1] = 1;
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image
    };
    for (bytes, words) in [
        (Some(&b"text"[..]), "QEMU cannot boot"),
        (Some(&arm64), "for arm64"),
        (Some(&crashes), "the virtual machine"),
        (None, "no kernel image"),
    ] {
        let run = with_kernel(|root, kernel| {
            let place = root.join(format!("boot/vmlinuz-{kernel}"));
            fs::remove_file(&place).expect("the kernel");
            if let Some(bytes) = bytes {
                fs::write(place, bytes).expect("another one");
            }
        });
        let report = run.call(&["--boot", "require"]).code(3).json();
        let said = message(&report, "loads", "boot-unavailable");
        assert!(said.contains(words), "{said}");
    }
}

/// A folder that was copied without what its links lead to.
#[test]
fn links_that_lead_out_of_the_folder_are_named() {
    let run = with_kernel(|root, kernel| {
        let place = root.join(format!("boot/vmlinuz-{kernel}"));
        fs::remove_file(&place).expect("the kernel");
        symlink("/srv/kernels/vmlinuz", place).expect("a link");
    });
    let report = run.call(&["--boot", "require"]).code(3).json();
    let said = message(&report, "loads", "boot-unavailable");
    let link = "leads to /srv/kernels/vmlinuz, which is not in that folder";
    assert!(
        said.contains("no kernel image") && said.contains(link),
        "{said}"
    );

    let modules = Modules::debian("6.12.117+deb12-amd64");
    let mut run = Run::new(&modules.kernel);
    let root = run.copy_of_kernel();
    let in_tree = format!(
        "lib/modules/{}/kernel/net/ipv4/ip_tunnel.ko.xz",
        modules.kernel.release
    );
    fs::remove_file(root.join(&in_tree)).expect("an in-tree module");
    symlink("/srv/ip_tunnel.ko.xz", root.join(&in_tree)).expect("a link");
    let mut folder = modules.empty_folder();
    folder.with_host();
    run.add("lost", "ipip", &folder);
    run.add("there", "ifb", &folder);
    let report = run.call(&["--boot", "require"]).code(3).json();
    let said = message(&report, "lost", "boot-unavailable");
    for words in [
        "does not have in-tree module kernel/net/ipv4/ip_tunnel.ko.xz",
        "leads to /srv/ip_tunnel.ko.xz",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(row(&report, "there")["verdict"], "verified", "{report:#}");
}

#[test]
fn a_kernel_that_panics_at_start_is_told_with_its_last_lines() {
    let run = with_kernel(|_, _| ());
    // A first program that ends is the end of the kernel.
    let ended = run.call_with_machine_os("/bin/true", &["--boot", "require"]);
    let said = message(&ended.code(3).json(), "loads", "boot-unavailable");
    assert!(said.contains("Attempted to kill init"), "{said}");
}

#[test]
fn an_interruption_a_timeout_or_a_kill_ends_the_guest() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    run.add("bt-wait", "bt_wait", &modules.folder("bt_wait"));
    let temporary = tempfile::tempdir().expect("a folder");
    let call = run
        .prepared(&["--boot", "require"])
        .env("TMPDIR", temporary.path());
    let running = Running::start(call);
    wait_for(|| guests(temporary.path()).iter().any(is_filtered));
    running.signal("INT");
    running.end().code(130);
    wait_for(|| guests(temporary.path()).is_empty());
    assert_eq!(left_in(temporary.path()), 0);

    let start = Instant::now();
    let call = run.prepared(&["--boot", "require", "--timeout", "20s"]);
    let ended = call.env("TMPDIR", temporary.path()).run().code(3);
    assert!(codes(row(&ended.json(), "bt-wait")).contains(&"not-decided"));
    assert!(start.elapsed() < Duration::from_secs(80));
    wait_for(|| guests(temporary.path()).is_empty());
    assert_eq!(left_in(temporary.path()), 0);

    // No guest outlives a program that has no time to end it.
    let call = run
        .prepared(&["--boot", "require"])
        .env("TMPDIR", temporary.path());
    let running = Running::start(call);
    wait_for(|| guests(temporary.path()).len() == 1);
    running.signal("KILL");
    wait_for(|| guests(temporary.path()).is_empty());
    running.end();
}

/// The processes of guests whose files are in this folder.
fn guests(folder: &Path) -> Vec<String> {
    let output = Command::new("pgrep")
        .args([
            "-f",
            &format!("^[^ ]*qemu-system.* -initrd {}", folder.display()),
        ])
        .output()
        .expect("pgrep runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

/// True where the kernel filters the system calls of a process (`SECCOMP_MODE_FILTER`).
fn is_filtered(process: &String) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    status.is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}

fn left_in(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

fn wait_for(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(120), "it never came");
        std::thread::sleep(Duration::from_millis(200));
    }
}
