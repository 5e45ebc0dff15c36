//! What nodes have of a kernel's modules, where images of it have more or less.

use serde_json::Value;

use super::run::{Run, codes, row};
use super::setup::Modules;

const ALL: &str = "boot.example.com/all:1";
const FEW: &str = "boot.example.com/few:1";
const BOTH: [&str; 2] = ["tunnel4", "ip_tunnel"];
const BOOT: [&str; 2] = ["--boot", "require"];

/// A Module whose module needs two in-tree ones, and kernel images with both and with one.
fn needs_two() -> Run {
    let modules = Modules::debian("6.12.117+deb12-amd64");
    let run = Run::new(&modules.kernel);
    let mut folder = modules.empty_folder();
    folder.copy_in_tree("kernel/net/ipv4/ipip.ko");
    folder.with_host();
    run.add("needs-more", "ipip", &folder);
    run.put_image(ALL, run.kernel_layer(&BOTH, &[]));
    run.put_image(FEW, run.kernel_layer(&["tunnel4"], &["ip_tunnel"]));
    run
}

#[track_caller]
fn predicts(report: &Value, decided: &str) {
    let seen = row(report, "needs-more");
    assert_eq!(seen["verdict"], decided, "{seen:#}");
}

#[track_caller]
fn kernel_says(report: &Value, decided: &str) {
    predicts(report, decided);
    let seen = row(report, "needs-more");
    let codes = codes(seen);
    assert!(!codes.contains(&"boot-disagrees"), "{seen:#}");
    let asked = codes.contains(&"boot-loaded") || codes.contains(&"boot-refused");
    assert!(asked, "{seen:#}");
}

/// A driver-toolkit image may have `kernel-modules-extra`, which nodes have not, and may lack
/// `kernel-modules`, which they have: the machine-os image decides, and a guest has its modules.
#[test]
fn a_machine_os_image_decides_which_in_tree_modules_nodes_have() {
    let run = needs_two();
    for (toolkit, machine_os, alone, decided) in [
        (ALL, FEW, "verified", "failed"),
        (FEW, ALL, "unknown", "verified"),
    ] {
        predicts(&run.call_of(&["--dtk-image", toolkit]).json(), alone);
        let both = ["--dtk-image", toolkit, "--os-image", machine_os];
        predicts(&run.call_of(&both).json(), decided);
        kernel_says(&run.call_of(&[&both[..], &BOOT].concat()).json(), decided);
    }
    // A toolkit image has the kernel too, if not what kmod needs.
    let alone = [&["--dtk-image", ALL][..], &BOOT].concat();
    kernel_says(&run.call_of(&alone).json(), "verified");
}

/// So does that of a release whose toolkit image has the same kernel, but no `vmlinuz`.
#[test]
fn a_releases_machine_os_image_decides_and_is_booted() {
    let run = needs_two();
    let (all, few) = ("boot.example.com/dtk-all:1", "boot.example.com/dtk-few:1");
    run.put_image(all, run.toolkit_layer(&BOTH, &[]));
    run.put_image(few, run.toolkit_layer(&["tunnel4"], &["ip_tunnel"]));
    for (release, toolkit, machine_os, decided) in [
        ("boot.example.com/release:1", all, FEW, "failed"),
        ("boot.example.com/release:2", few, ALL, "verified"),
    ] {
        run.put_release(release, toolkit, machine_os);
        predicts(&run.call_of_release(release, &[]).json(), decided);
        kernel_says(&run.call_of_release(release, &BOOT).json(), decided);
    }
}

/// What one image lacks of the facts, the other one has.
#[test]
fn a_machine_os_image_without_symbols_is_completed_by_the_toolkit() {
    let run = needs_two();
    let bare = "boot.example.com/bare:1";
    run.put_image(bare, run.layer_without_symbols(&BOTH));
    predicts(&run.call_of(&["--os-image", bare]).json(), "unknown");
    let both = ["--os-image", bare, "--dtk-image", FEW];
    predicts(&run.call_of(&both).json(), "verified");
}
