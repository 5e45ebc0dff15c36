//! Symbols: who exports them, to which licence, in which namespace.

use super::super::case::Case;
use super::super::elf::{Elf, section};
use super::super::forge::Forge;

const ALLOC: u64 = 2;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = unresolved(forge);
    cases.extend(licences(forge));
    cases.extend(namespaces(forge));
    cases.extend(exports(forge));
    cases.extend(information(forge));
    // Where versions are no matter, a kernel follows what is no address, to any end.
    if forge.kernel.name == "rhel" {
        let made_up = forge
            .elf("kmm_good")
            .rename_section(".comment", "__ksymtab_gpl")
            .flags("__ksymtab_gpl", ALLOC, 0);
        cases.push(forge.edited("export-table-made-up", made_up.bytes));
    }
    cases
}

fn plain(forge: &Forge, name: &str, module: &str) -> Case {
    forge.case(name, module, &forge.with(&[module]).depmod())
}

fn unresolved(forge: &Forge) -> Vec<Case> {
    vec![
        plain(forge, "symbol-missing", "kmm_missing"),
        plain(forge, "symbol-missing-forced", "kmm_missing").args(&["-f"]),
        plain(forge, "symbol-missing-weak", "kmm_weak"),
        plain(forge, "symbol-of-absent-module", "kmm_user"),
        plain(forge, "init-finds-no-device", "kmm_initfail")
            .undecidable("its init function returns an error"),
    ]
}

fn licences(forge: &Forge) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, licence) in [
        ("gpl-v2", "GPL v2"),
        ("gpl-and-rights", "GPL and additional rights"),
        ("dual-bsd", "Dual BSD/GPL"),
        ("dual-mit", "Dual MIT/GPL"),
        ("dual-mpl", "Dual MPL/GPL"),
        ("proprietary", "Proprietary"),
        ("bsd", "BSD"),
        ("mit", "MIT"),
        ("gpl-v3", "GPLv3"),
        ("gpl-lower-case", "gpl"),
        ("gpl-with-space", "GPL "),
        ("empty", ""),
    ] {
        let folder = |module: &str| {
            let bytes = forge.elf(module).info("license", licence).bytes;
            let file = format!("extra/{module}.ko");
            forge.with(&[module]).depmod().put(&file, bytes)
        };
        let gpl = folder("kmm_kernelgpl");
        cases.push(forge.case(&format!("licence-{name}-gpl-symbol"), "kmm_kernelgpl", &gpl));
        let open = folder("kmm_good");
        cases.push(forge.case(&format!("licence-{name}-open-symbols"), "kmm_good", &open));
    }
    let with = |name: &str, elf: Elf| {
        let folder = forge
            .with(&["kmm_kernelgpl"])
            .depmod()
            .put("extra/kmm_kernelgpl.ko", elf.bytes);
        forge.case(name, "kmm_kernelgpl", &folder)
    };
    let elf = || forge.elf("kmm_kernelgpl");
    cases.push(with(
        "licence-missing-gpl-symbol",
        elf().without_info("license"),
    ));
    cases.push(with(
        "licence-gpl-of-an-offender",
        elf().replace(
            ".gnu.linkonce.this_module",
            b"kmm_kernelgpl",
            b"lve\0\0\0\0\0\0\0\0\0\0",
        ),
    ));
    cases.push(with("licence-twice-gpl-first", {
        let mut entries = elf().modinfo();
        entries.push("license=Proprietary".to_owned());
        elf().set_modinfo(&entries)
    }));
    cases.push(with("licence-twice-gpl-last", {
        let mut entries = elf().modinfo();
        entries.insert(0, "license=Proprietary".to_owned());
        elf().set_modinfo(&entries)
    }));
    cases
}

fn namespaces(forge: &Forge) -> Vec<Case> {
    let elf = || forge.elf("kmm_nsuser");
    let with = |name: &str, edited: Elf| {
        let folder = forge
            .with(&["kmm_base", "kmm_nsuser"])
            .depmod()
            .put("extra/kmm_nsuser.ko", edited.bytes);
        forge.case(name, "kmm_nsuser", &folder)
    };
    let spaced = |name: &str, edit: fn(Elf) -> Elf| {
        let folder = forge.with(&["kmm_base", "kmm_nsuser"]).depmod();
        let base = edit(forge.elf("kmm_base")).bytes;
        forge.case(name, "kmm_nsuser", &folder.put("extra/kmm_base.ko", base))
    };
    vec![
        with("namespace-imported", elf()),
        with("namespace-not-imported", elf().without_info("import_ns")),
        with(
            "namespace-other-imported",
            elf().info("import_ns", "KMM_OTHER"),
        ),
        with(
            "namespace-longer-imported",
            elf().info("import_ns", "KMM_SPACE_2"),
        ),
        spaced("namespace-of-odd-bytes", |elf| {
            elf.replace("__ksymtab_strings", b"KMM_SPACE", b"KMM\xff\xfe\xffACE")
        }),
        // Refused since 6.16.
        with("namespace-of-modules-imported", {
            let mut entries = elf().modinfo();
            entries.push("import_ns=module:kmm".to_owned());
            elf().set_modinfo(&entries)
        }),
        with("namespace-imported-twice", {
            let mut entries = elf().modinfo();
            entries.insert(0, "import_ns=KMM_OTHER".to_owned());
            elf().set_modinfo(&entries)
        }),
    ]
}

fn exports(forge: &Forge) -> Vec<Case> {
    let twins = forge.with(&["kmm_base", "kmm_twin"]).depmod();
    let proprietary = |module: &str| forge.elf(module).info("license", "Proprietary").bytes;
    let chain = |name: &str, user: &str, base: Option<Vec<u8>>, user_bytes: Option<Vec<u8>>| {
        let mut folder = forge.with(&["kmm_base", user]).depmod();
        if let Some(bytes) = base {
            folder = folder.put("extra/kmm_base.ko", bytes);
        }
        if let Some(bytes) = user_bytes {
            folder = folder.put(&format!("extra/{user}.ko"), bytes);
        }
        forge.case(name, user, &folder)
    };
    let named = |case: &str, name: &[u8]| {
        let good = forge.elf("kmm_good");
        let renamed = good.replace(".gnu.linkonce.this_module", b"kmm_good", name);
        forge.edited(case, renamed.bytes)
    };
    let mut cases = vec![
        forge.case("export-alone", "kmm_twin", &twins),
        forge
            .case("export-twice", "kmm_twin", &twins)
            .order(&["kmm_twin", "kmm_base"]),
        plain(forge, "name-of-a-built-in-part", "printk"),
        plain(forge, "name-of-an-in-tree-module", "dummy"),
        named("name-of-a-built-in-file", b"tree\0\0\0\0"),
        named("name-of-a-built-in-prefix", b"rcutree\0"),
        chain("export-gpl-to-gpl", "kmm_gpluser", None, None),
        chain(
            "exports-not-sorted",
            "kmm_gpluser",
            Some(
                forge
                    .elf("kmm_base")
                    .replace("__ksymtab_strings", b"kmm_spaced", b"aaa_spaced")
                    .bytes,
            ),
            None,
        ),
        chain(
            "export-gpl-to-proprietary",
            "kmm_gpluser",
            None,
            Some(proprietary("kmm_gpluser")),
        ),
        chain(
            "export-open-to-proprietary",
            "kmm_user",
            None,
            Some(proprietary("kmm_user")),
        ),
        chain(
            "export-of-proprietary-to-gpl",
            "kmm_user",
            Some(proprietary("kmm_base")),
            None,
        ),
        chain(
            "export-gpl-of-proprietary-to-gpl",
            "kmm_gpluser",
            Some(proprietary("kmm_base")),
            None,
        ),
        chain(
            "export-of-proprietary-to-user-of-gpl",
            "kmm_user",
            Some(proprietary("kmm_base")),
            Some(proprietary("kmm_user")),
        ),
    ];
    let user = forge.elf("kmm_user");
    if user.find("__versions").is_some() {
        let at = user.version("kmm_open");
        let byte = user.bytes[at] ^ 1;
        cases.push(chain(
            "export-crc-differs",
            "kmm_user",
            None,
            Some(user.set(at, &[byte]).bytes),
        ));
        let user = forge.elf("kmm_user");
        let at = user.version("kmm_open");
        cases.push(chain(
            "export-crc-not-named",
            "kmm_user",
            None,
            Some(user.set(at + 8, b"x").bytes),
        ));
        let base = forge.elf("kmm_base");
        let table = ["__kcrctab", "__kcrctab_gpl"]
            .into_iter()
            .find(|name| base.find(name).is_some())
            .expect("exports have checksums");
        let zeros = base.clone().set_header(table, section::TYPE, &[8]);
        cases.push(chain(
            "export-crc-table-of-zeros",
            "kmm_user",
            Some(zeros.bytes),
            None,
        ));
        let range = base.range(table);
        let flipped: Vec<u8> = base.bytes[range].iter().map(|byte| byte ^ 1).collect();
        cases.push(chain(
            "export-crc-table-differs",
            "kmm_user",
            Some(base.contents(table, &flipped).bytes),
            None,
        ));
        for section in ["__kcrctab", "__ksymtab_strings", "__ksymtab"] {
            let edited = forge.elf("kmm_base");
            if edited.find(section).is_none() {
                continue;
            }
            let name = format!(
                "export-section-renamed-{}",
                section.trim_matches('_').replace('_', "-")
            );
            cases.push(chain(
                &name,
                "kmm_user",
                Some(edited.rename_section(section, "__other").bytes),
                None,
            ));
        }
    }
    cases
}

/// `.modinfo` in other forms than the compiler gives it.
fn information(forge: &Forge) -> Vec<Case> {
    let elf = || forge.elf("kmm_good");
    let info = |name: &str, key: &str, value: &str| {
        forge.edited(&format!("info-{name}"), elf().info(key, value).bytes)
    };
    let entries = elf().modinfo();
    vec![
        info("livepatch", "livepatch", "Y"),
        info("staging", "staging", "Y"),
        info("intree", "intree", "Y"),
        info("test", "test", "Y"),
        info("depends-on-nobody", "depends", "kmm_absent"),
        info("name-other", "name", "kmm_other"),
        info("version", "version", "1.0"),
        forge.edited(
            "info-retpoline-missing",
            elf().without_info("retpoline").bytes,
        ),
        forge.edited("info-name-missing", elf().without_info("name").bytes),
        forge.edited("info-depends-missing", elf().without_info("depends").bytes),
        forge.edited("info-reversed", {
            let reversed: Vec<String> = entries.iter().rev().cloned().collect();
            elf().set_modinfo(&reversed).bytes
        }),
        forge.edited(
            "info-padded",
            elf()
                .contents(".modinfo", (entries.join("\0\0\0") + "\0").as_bytes())
                .bytes,
        ),
        forge
            .edited(
                "info-without-last-end",
                elf()
                    .contents(".modinfo", entries.join("\0").as_bytes())
                    .bytes,
            )
            .undecidable("what is in memory behind the file decides"),
        forge.edited("info-vermagic-runs-on", {
            let (magic, mut last): (Vec<_>, Vec<_>) = entries
                .iter()
                .cloned()
                .partition(|entry| entry.starts_with("vermagic="));
            last.extend(magic);
            let text = last.join("\0");
            let size = (text.len() as u64).to_le_bytes();
            elf()
                .contents(".modinfo", format!("{text}and on\0").as_bytes())
                .set_header(".modinfo", section::SIZE, &size)
                .bytes
        }),
        forge.edited("info-empty", elf().contents(".modinfo", &[]).bytes),
        forge.edited(
            "info-of-text",
            elf().contents(".modinfo", b"no information here\0").bytes,
        ),
    ]
}
