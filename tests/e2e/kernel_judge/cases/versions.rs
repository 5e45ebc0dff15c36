//! Version magic and symbol versions: modules of other kernels, and edits.

use super::super::case::Case;
use super::super::elf::Elf;
use super::super::forge::Forge;

const FORCED: [(&str, &[&str]); 3] = [
    ("forced", &["-f"]),
    ("force-vermagic", &["--force-vermagic"]),
    ("force-modversion", &["--force-modversion"]),
];

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = neighbours(forge);
    cases.extend(magic(forge));
    if forge.elf("kmm_good").find("__versions").is_some() {
        cases.extend(checksums(forge));
    }
    cases
}

fn neighbours(forge: &Forge) -> Vec<Case> {
    let mut cases = Vec::new();
    for (other, modules) in &forge.neighbours {
        let foreign = |name: &str, module: &str| {
            let folder = forge
                .folder()
                .put(&format!("extra/{module}.ko"), modules[module].clone())
                .depmod();
            forge.case(name, module, &folder)
        };
        cases.push(foreign(&format!("neighbour-{other}"), "kmm_good"));
        cases.push(foreign(&format!("neighbour-gpl-{other}"), "kmm_kernelgpl"));
        cases.push(foreign(&format!("neighbour-forced-{other}"), "kmm_good").args(&["-f"]));
        let ours = Elf::new(&modules["kmm_good"]).info("vermagic", &vermagic(forge));
        cases.push(forge.edited(&format!("neighbour-with-our-vermagic-{other}"), ours.bytes));
        let mixed = forge
            .with(&["kmm_user"])
            .put("extra/kmm_base.ko", modules["kmm_base"].clone())
            .depmod();
        cases.push(forge.case(&format!("neighbour-dependency-{other}"), "kmm_user", &mixed));
    }
    for case in &mut cases {
        case.name = super::kebab(&case.name);
    }
    cases
}

fn vermagic(forge: &Forge) -> String {
    let info = forge.elf("kmm_good").modinfo();
    let entry = info
        .iter()
        .find_map(|entry| entry.strip_prefix("vermagic="));
    entry.expect("modules carry their vermagic").to_owned()
}

fn magic(forge: &Forge) -> Vec<Case> {
    let ours = vermagic(forge);
    let (release, flags) = ours.split_once(' ').expect("a release and flags");
    let elf = || forge.elf("kmm_good");
    let with = |name: &str, value: &str| forge.edited(name, elf().info("vermagic", value).bytes);
    let mut cases = vec![
        with("vermagic-other-release", &format!("9{release} {flags}")),
        with("vermagic-shorter-release", &format!("6.1 {flags}")),
        with("vermagic-no-smp", &ours.replace("SMP ", "")),
        with(
            "vermagic-preempt-added",
            &ours.replace("SMP ", "SMP preempt "),
        ),
        with(
            "vermagic-without-modversions",
            &ours.replace("modversions ", ""),
        ),
        with("vermagic-no-last-space", ours.trim_end()),
        with("vermagic-two-spaces", &ours.replacen(' ', "  ", 1)),
        with("vermagic-release-only", release),
        with("vermagic-empty", ""),
        with("vermagic-flags-only", &format!(" {flags}")),
        with("vermagic-flags-without-blank", flags),
        with("vermagic-upper-case", &ours.to_uppercase()),
        with("vermagic-longer", &format!("{ours}RANDSTRUCT ")),
        forge.edited("vermagic-twice-first-wrong", {
            let mut entries = elf().modinfo();
            entries.insert(0, "vermagic=wrong".to_owned());
            elf().set_modinfo(&entries).bytes
        }),
        forge.edited("vermagic-without-value", {
            let mut entries = elf().modinfo();
            entries.insert(0, "vermagic".to_owned());
            elf().set_modinfo(&entries).bytes
        }),
        forge.edited("vermagic-missing", elf().without_info("vermagic").bytes),
        forge.edited("vermagic-twice-second-wrong", {
            let mut entries = elf().modinfo();
            entries.push("vermagic=wrong".to_owned());
            elf().set_modinfo(&entries).bytes
        }),
    ];
    for (name, args) in FORCED {
        cases.push(with(&format!("vermagic-wrong-{name}"), "wrong").args(args));
        let missing = elf().without_info("vermagic").bytes;
        cases.push(
            forge
                .edited(&format!("vermagic-missing-{name}"), missing)
                .args(args),
        );
    }
    cases
}

fn checksums(forge: &Forge) -> Vec<Case> {
    let elf = || forge.elf("kmm_good");
    let broken = |symbol: &str| {
        let elf = elf();
        let at = elf.version(symbol);
        let byte = elf.bytes[at] ^ 1;
        elf.set(at, &[byte])
    };
    let renamed = |symbol: &str| {
        let elf = elf();
        let at = elf.version(symbol);
        elf.set(at + 8, b"x")
    };
    let versions = || elf().bytes[elf().range("__versions")].to_vec();
    let high = {
        let elf = elf();
        let at = elf.version("_printk");
        elf.set(at + 4, &[1])
    };
    let mut zeroed = versions();
    for entry in zeroed.chunks_mut(64) {
        entry[..8].fill(0);
    }
    let twice = {
        let mut bytes = versions();
        let first = elf().version("_printk") - elf().range("__versions").start;
        let mut entry = bytes[first..first + 64].to_vec();
        entry[0] ^= 1;
        bytes.extend_from_slice(&entry);
        bytes
    };
    let none = elf()
        .replace(".shstrtab", b"__versions", b"__verzions")
        .bytes;
    let mut cases = vec![
        forge.edited("crc-wrong-module-layout", broken("module_layout").bytes),
        forge.edited("crc-wrong-printk", broken("_printk").bytes),
        forge.edited("crc-high-bits", high.bytes),
        forge.edited("crc-entry-missing", renamed("_printk").bytes),
        forge.edited("crc-module-layout-missing", renamed("module_layout").bytes),
        forge.edited("crc-empty-section", elf().contents("__versions", &[]).bytes),
        forge.edited(
            "crc-odd-size",
            elf().contents("__versions", &versions()[..90]).bytes,
        ),
        forge.edited("crc-all-zero", elf().contents("__versions", &zeroed).bytes),
        forge.edited(
            "crc-second-entry-wrong",
            elf().contents("__versions", &twice).bytes,
        ),
        forge.edited("crc-entries-reversed", {
            let bytes = versions();
            let reversed: Vec<u8> = bytes.chunks(64).rev().flatten().copied().collect();
            elf().contents("__versions", &reversed).bytes
        }),
        forge.edited("crc-name-without-end", {
            let mut bytes = versions();
            let first = elf().version("_printk") - elf().range("__versions").start;
            bytes[first + 15..first + 64].fill(b'x');
            elf().contents("__versions", &bytes).bytes
        }),
        forge.edited("crc-unused-entry", {
            let mut bytes = versions();
            let mut entry = [0_u8; 64];
            entry[8..16].copy_from_slice(b"nowhere_");
            bytes.extend_from_slice(&entry);
            elf().contents("__versions", &bytes).bytes
        }),
        forge.edited("crc-not-allocated", elf().flags("__versions", 0, 2).bytes),
        forge.edited("crc-section-removed", none.clone()),
    ];
    for (name, args) in FORCED {
        cases.push(
            forge
                .edited(&format!("crc-wrong-{name}"), broken("_printk").bytes)
                .args(args),
        );
        cases.push(
            forge
                .edited(&format!("crc-section-removed-{name}"), none.clone())
                .args(args),
        );
    }
    cases
}
