//! `--boot`: the target's own kernel in QEMU, asked through the command line.

mod bad_input;
mod nodes;
mod real_modules;
mod run;
mod setup;

use serde_json::{Value, json};

use run::{Run, codes, row};
use setup::Modules;

/// Compiled modules and what kernel and prediction must both say of them.
#[test]
fn the_kernel_agrees_with_what_was_predicted() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    for (name, module, damage) in [
        ("loads", "bt_good", Damage::None),
        ("loads-gzip", "bt_good", Damage::Gzip),
        ("symbol-missing", "bt_missing", Damage::None),
        ("no-module", "bt_good", Damage::Gone),
        ("no-device", "bt_nodev", Damage::None),
        ("other-machine", "bt_good", Damage::Machine),
        ("other-image", "bt_good", Damage::Architecture),
    ] {
        let mut folder = modules.folder(module);
        match damage {
            Damage::None => {}
            Damage::Gzip => folder.gzip(module),
            Damage::Gone => folder.remove(module),
            Damage::Machine => folder.change_machine(module),
            Damage::Architecture => {
                folder.change_machine(module);
                folder.change_architecture("arm64");
            }
        }
        run.add(name, module, &folder);
    }
    run.add_with(
        "parameters",
        "bt_good",
        &modules.folder("bt_good"),
        |module| {
            module["spec"]["moduleLoader"]["container"]["modprobe"]["parameters"] =
                json!(["count=3", "text=it's a \"word\""]);
        },
    );
    let predicted = run.call(&[]).code(1).json();
    let report = run.call(&["--boot", "require"]).code(1).json();
    for (name, verdict, code) in [
        ("loads", "verified", "boot-loaded"),
        ("loads-gzip", "verified", "boot-loaded"),
        ("parameters", "verified", "boot-loaded"),
        ("no-device", "verified", "boot-loaded"),
        ("symbol-missing", "failed", "boot-refused"),
        ("no-module", "failed", "boot-refused"),
        ("other-machine", "failed", "boot-refused"),
        ("other-image", "failed", "boot-refused"),
    ] {
        let booted = row(&report, name);
        assert_eq!(booted["verdict"], verdict, "{booted:#}");
        assert_eq!(row(&predicted, name)["verdict"], verdict);
        let codes = codes(booted);
        assert!(codes.contains(&code), "{name}: {codes:?}");
        assert!(!codes.contains(&"boot-disagrees"), "{name}: {booted:#}");
    }
    let severity = |name: &str| finding(row(&report, name), "boot-loaded")["severity"].clone();
    assert_eq!(severity("loads"), "info");
    assert_eq!(severity("no-device"), "warning");
    let words = message(&report, "symbol-missing", "boot-refused");
    assert!(words.contains("Unknown symbol"), "{words}");
}

#[derive(Clone, Copy)]
enum Damage {
    None,
    Gzip,
    Gone,
    Machine,
    Architecture,
}

fn message(report: &Value, name: &str, code: &str) -> String {
    let message = &finding(row(report, name), code)["message"];
    message.as_str().unwrap_or_default().to_owned()
}

fn finding<'a>(row: &'a Value, code: &str) -> &'a Value {
    let findings = row["findings"].as_array().expect("a list of findings");
    let mut found = findings.iter().filter(|finding| finding["code"] == code);
    found.next().unwrap_or_else(|| panic!("{code} in {row:#}"))
}

/// The keys that a kernel was built with decide where nobody named one.
#[test]
fn an_enforcing_kernel_decides_about_its_own_key() {
    let modules = Modules::compiled("sigforce");
    let run = Run::new(&modules.kernel);
    let mut signed = modules.folder("bt_good");
    signed.sign("bt_good", &modules);
    run.add("signed", "bt_good", &signed);
    run.add("unsigned", "bt_good", &modules.folder("bt_good"));
    let predicted = run.call(&[]).code(1).json();
    assert_eq!(row(&predicted, "signed")["verdict"], "unknown");
    let report = run.call(&["--boot", "require"]).code(1).json();
    assert_eq!(row(&report, "signed")["verdict"], "verified");
    let unsigned = row(&report, "unsigned");
    assert_eq!(unsigned["verdict"], "failed", "{unsigned:#}");
    assert!(codes(unsigned).contains(&"boot-refused"));
}

/// With Secure Boot the kernel takes no addresses of hardware (`module_param_hw`).
#[test]
fn a_kernel_that_is_locked_down_takes_no_addresses_of_hardware() {
    let modules = Modules::debian("6.12.117+deb12-amd64");
    let run = Run::new(&modules.kernel);
    let mut folder = modules.empty_folder();
    folder.copy_in_tree("kernel/drivers/parport/parport_pc.ko");
    folder.with_host();
    for (name, parameters) in [
        ("without", json!([])),
        ("of-software", json!(["init_mode=spp"])),
        ("of-hardware", json!(["io=0x378", "irq=none"])),
    ] {
        run.add_with(name, "parport_pc", &folder, |module| {
            module["spec"]["moduleLoader"]["container"]["modprobe"]["parameters"] =
                parameters.clone();
        });
    }
    for (words, refused) in [
        (&["--boot", "require"][..], None),
        (&["--boot", "require", "--secure-boot"], Some("of-hardware")),
    ] {
        let report = run.call(words).json();
        for name in ["without", "of-software", "of-hardware"] {
            let seen = row(&report, name);
            assert!(!codes(seen).contains(&"boot-disagrees"), "{seen:#}");
            let code = match refused == Some(name) {
                true => "boot-refused",
                false => "boot-loaded",
            };
            finding(seen, code);
        }
        let Some(name) = refused else { continue };
        let predicted = message(&report, name, "modprobe-args-invalid");
        let told = message(&report, name, "boot-refused");
        for words in [
            "`0x378' invalid for parameter `io'",
            "Operation not permitted",
        ] {
            assert!(predicted.contains(words), "{predicted}");
            assert!(told.contains(words), "{told}");
        }
    }
}

/// A distribution's kernel, with a module that needs in-tree ones of the node.
#[test]
fn a_distributions_kernel_loads_in_tree_modules_of_the_node() {
    let modules = Modules::debian("6.12.117+deb12-amd64");
    let run = Run::new(&modules.kernel);
    let mut folder = modules.empty_folder();
    folder.copy_in_tree("kernel/drivers/net/ifb.ko");
    folder.with_host();
    run.add("own", "ifb", &folder);
    run.add("in-tree", "ipip", &folder);
    let report = run.call(&["--boot", "require"]).json();
    let own = row(&report, "own");
    assert_eq!(own["verdict"], "verified", "{own:#}");
    let in_tree = message(&report, "in-tree", "boot-loaded");
    for name in ["/tunnel4.ko", "/ip_tunnel.ko", "/ipip.ko"] {
        assert!(in_tree.contains(name), "{in_tree}");
    }
}

#[test]
fn a_machine_os_image_has_the_kernel_and_the_guests_programs() {
    let modules = Modules::compiled("rhel");
    let run = Run::new(&modules.kernel);
    run.add("loads", "bt_good", &modules.folder("bt_good"));
    run.add("missing", "bt_missing", &modules.folder("bt_missing"));
    let ended = run
        .call_with_machine_os("/bin/bash", &["--boot", "require"])
        .code(1);
    assert!(
        !ended.stderr.contains("kmod of this machine"),
        "{}",
        ended.stderr
    );
    let report = ended.json();
    assert_eq!(row(&report, "loads")["verdict"], "verified");
    assert!(codes(row(&report, "loads")).contains(&"boot-loaded"));
    assert!(codes(row(&report, "missing")).contains(&"boot-refused"));
    let ended = run.call(&["--boot", "auto"]).code(1);
    assert!(
        ended.stderr.contains("kmod of this machine"),
        "{}",
        ended.stderr
    );
}
