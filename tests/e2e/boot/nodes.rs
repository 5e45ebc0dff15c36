//! What nodes have of a kernel's modules, where images of it have more or less.

use super::run::{Run, codes, row};
use super::setup::Modules;

const ALL: &str = "boot.example.com/all:1";
const FEW: &str = "boot.example.com/few:1";

/// A driver-toolkit image may have `kernel-modules-extra`, which nodes have not, and may lack
/// `kernel-modules`, which they have: the machine-os image decides, and a guest has its modules.
#[test]
fn a_machine_os_image_decides_which_in_tree_modules_nodes_have() {
    let modules = Modules::debian("6.12.117+deb12-amd64");
    let run = Run::new(&modules.kernel);
    let mut folder = modules.empty_folder();
    folder.copy_in_tree("kernel/net/ipv4/ipip.ko");
    folder.with_host();
    run.add("needs-more", "ipip", &folder);
    run.put_image(ALL, run.kernel_layer(&["tunnel4", "ip_tunnel"], &[]));
    run.put_image(FEW, run.kernel_layer(&["tunnel4"], &["ip_tunnel"]));
    let boot = ["--boot", "require"];
    let verdict = |words: &[&str]| {
        let report = run.call_of(words).json();
        let seen = row(&report, "needs-more");
        assert!(!codes(seen).contains(&"boot-disagrees"), "{seen:#}");
        let verdict = seen["verdict"].as_str().unwrap_or_default().to_owned();
        (verdict, seen.to_string())
    };
    for (toolkit, machine_os, alone, decided) in [
        (ALL, FEW, "verified", "failed"),
        (FEW, ALL, "unknown", "verified"),
    ] {
        let (seen, findings) = verdict(&["--dtk-image", toolkit]);
        assert_eq!(seen, alone, "{findings}");
        let both = ["--dtk-image", toolkit, "--os-image", machine_os];
        let (seen, findings) = verdict(&both);
        assert_eq!(seen, decided, "{findings}");
        let (seen, findings) = verdict(&[&both[..], &boot].concat());
        assert_eq!(seen, decided, "{findings}");
        let asked = findings.contains("boot-loaded") || findings.contains("boot-refused");
        assert!(asked, "{findings}");
    }
    // A toolkit image has the kernel too, if not what kmod needs.
    let (seen, findings) = verdict(&[&["--dtk-image", ALL][..], &boot].concat());
    assert_eq!(seen, "verified", "{findings}");
    assert!(findings.contains("boot-loaded"), "{findings}");
}
