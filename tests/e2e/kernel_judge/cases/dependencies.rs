//! What else `modprobe` loads first: modules.dep, the `host` link, soft
//! dependencies, `modulesLoadingOrder`.

use super::super::case::Case;
use super::super::folder::Folder;
use super::super::forge::{Forge, image, layered};
use super::files::{gzip, xz, zstd};
use crate::support::image::Layer;

const BASE: &str = "extra/kmm_base.ko";

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = hard(forge);
    cases.extend(host(forge));
    cases.extend(soft(forge));
    cases.extend(order(forge));
    cases
}

fn hard(forge: &Forge) -> Vec<Case> {
    let pair = || forge.with(&["kmm_base", "kmm_user"]).depmod();
    let user = |name: &str, folder: &Folder| forge.case(name, "kmm_user", folder);
    let chain = || forge.with(&["kmm_base", "kmm_user", "kmm_top"]).depmod();
    let base = forge.ko("kmm_base");
    let packed = |file: &str, bytes: Vec<u8>| {
        forge
            .with(&["kmm_user"])
            .put(&format!("{BASE}.{file}"), bytes)
            .depmod()
    };
    let unnamed = forge.with(&["kmm_user"]).depmod().put(BASE, base.clone());
    let base_itself_broken = |bytes: &[u8]| pair().put(BASE, bytes);
    let wrong_magic = forge.elf("kmm_base").info("vermagic", "wrong").bytes;
    let full = pair();
    vec![
        user("dep-present", &pair()),
        user("dep-file-missing", &pair().without(BASE)),
        user("dep-not-named-by-depmod", &unnamed),
        user("dep-empty-file", &base_itself_broken(b"")),
        user("dep-wrong-vermagic", &base_itself_broken(&wrong_magic)),
        user(
            "dep-wrong-vermagic-forced",
            &base_itself_broken(&wrong_magic),
        )
        .args(&["-f"]),
        user("dep-gzip", &packed("gz", gzip(&base))),
        user("dep-xz", &packed("xz", xz(&base))),
        user("dep-zstd", &packed("zst", zstd(&base))),
        user(
            "dep-replaced-by-other",
            &pair().put(BASE, forge.ko("kmm_twin")),
        ),
        user(
            "dep-replaced-by-stranger",
            &pair().put(BASE, forge.ko("kmm_weak")),
        ),
        forge.case("dep-chain", "kmm_top", &chain()),
        forge.case("dep-chain-last-missing", "kmm_top", &chain().without(BASE)),
        forge.case(
            "dep-chain-middle-missing",
            "kmm_top",
            &chain().without("extra/kmm_user.ko"),
        ),
        forge.case(
            "dep-of-dep-unresolved",
            "kmm_top",
            &chain().put(BASE, forge.ko("kmm_good")),
        ),
        Case::new(
            "dep-in-other-layer",
            "kmm_user",
            layered([
                Layer::new().file(&format!("{}/{BASE}", full.path()), &base),
                full.clone().without(BASE).layer(),
            ]),
        ),
        Case::new(
            "dep-whiteout",
            "kmm_user",
            layered([
                full.layer(),
                Layer::new().whiteout(&format!("{}/{BASE}", full.path())),
            ]),
        ),
    ]
}

fn host(forge: &Forge) -> Vec<Case> {
    let linked = |names: &[&str]| forge.with(names).depmod_on_host(&forge.host());
    let host = forge.host();
    let crc7 = in_tree(&host, "crc7");
    let crc = |name: &str, folder: &Folder| forge.case(name, "kmm_crc", folder);
    let copied = |folder: &str| {
        let (file, bytes) = &crc7;
        forge
            .with(&["kmm_crc"])
            .put(&format!("{folder}/{file}"), bytes.clone())
    };
    // A host that has a module at build time which the node does not have.
    let richer = tempfile::tempdir().expect("a folder for another host");
    let extra = richer.path().join("kernel");
    std::fs::create_dir_all(&extra).expect("a folder");
    std::fs::write(extra.join("kmm_base.ko"), forge.ko("kmm_base")).expect("a module");
    let vanished = forge.with(&["kmm_user"]).depmod_on_host(richer.path());
    let dangling = linked(&["kmm_crc"])
        .without("host")
        .link("host", "/lib/modules/6.1.0-1-amd64");
    vec![
        crc("host-linked", &linked(&["kmm_crc"])),
        crc("host-not-linked", &forge.with(&["kmm_crc"]).depmod()),
        crc(
            "host-linked-after-depmod",
            &forge
                .with(&["kmm_crc"])
                .depmod()
                .link("host", &format!("/lib/modules/{}", forge.kernel.release)),
        ),
        crc("host-link-to-other-kernel", &dangling),
        crc(
            "host-link-missing-after-depmod",
            &linked(&["kmm_crc"]).without("host"),
        ),
        crc(
            "host-module-copied-into-image",
            &copied("kernel/lib").depmod(),
        ),
        crc("host-module-copied-not-indexed", &{
            let (file, bytes) = &crc7;
            forge
                .with(&["kmm_crc"])
                .depmod()
                .put(&format!("kernel/lib/{file}"), bytes.clone())
        }),
        forge.case("host-module-vanished", "kmm_user", &vanished),
        forge.case("host-module-itself", "crc7", &linked(&["kmm_good"])),
        forge.case(
            "host-module-with-dependencies",
            "ipip",
            &linked(&["kmm_good"]),
        ),
        forge.case(
            "host-linked-needs-nothing",
            "kmm_good",
            &linked(&["kmm_good"]),
        ),
        // Of two files with one name depmod lists that of `updates`, and among equals the one that
        // it reads last, which is the file system's to say: here it saw the node's alone.
        forge
            .case(
                "in-tree-listed-by-depmod",
                "dummy",
                &linked(&[]).put("extra/dummy.ko", forge.ko("dummy")),
            )
            .loads("/host/kernel/drivers/net/dummy.ko")
            .doubted("in-tree-module"),
        forge
            .case(
                "in-tree-behind-updates",
                "dummy",
                &forge
                    .folder()
                    .put("updates/dummy.ko", forge.ko("dummy"))
                    .depmod_on_host(&host),
            )
            .loads("/updates/dummy.ko"),
        forge
            .case(
                "in-tree-removed-first",
                "dummy",
                &forge.with(&["dummy"]).depmod(),
            )
            .remove(&["dummy"]),
        forge
            .case(
                "in-tree-to-remove-is-absent",
                "kmm_good",
                &forge.with(&["kmm_good"]).depmod(),
            )
            .remove(&["no_such_module"]),
    ]
}

/// File name and bytes of an in-tree module.
fn in_tree(host: &std::path::Path, name: &str) -> (String, Vec<u8>) {
    let mut folders = vec![host.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the in-tree modules") {
            let path = entry.expect("a file").path();
            let file = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if file.split('.').next() == Some(name) && file.contains(".ko") {
                return (file, std::fs::read(&path).expect("an in-tree module"));
            }
        }
    }
    panic!("the node has {name}")
}

fn soft(forge: &Forge) -> Vec<Case> {
    let all = || forge.with(&["kmm_soft", "kmm_base", "kmm_good"]).depmod();
    let case = |name: &str, folder: &Folder| forge.case(name, "kmm_soft", folder);
    let config = |text: &str| {
        let top = Layer::new().file("etc/modprobe.d/kmm.conf", text.as_bytes());
        layered([forge.with(&["kmm_good"]).depmod().layer(), top])
    };
    vec![
        case("soft-all-there", &all()),
        case("soft-none-there", &forge.with(&["kmm_soft"]).depmod()),
        case("soft-index-missing", &all().without("modules.softdep")),
        case("soft-pre-file-missing", &all().without(BASE)),
        case("soft-pre-broken", &all().put(BASE, b"broken".to_vec())),
        case(
            "soft-pre-wrong-vermagic",
            &all().put(BASE, forge.elf("kmm_base").info("vermagic", "wrong").bytes),
        ),
        case(
            "soft-post-broken",
            &all().put("extra/kmm_good.ko", b"broken".to_vec()),
        ),
        case(
            "soft-post-file-missing",
            &all().without("extra/kmm_good.ko"),
        ),
        case(
            "soft-index-of-text",
            &all().put(
                "modules.softdep",
                b"softdep kmm_soft pre: kmm_absent\n".to_vec(),
            ),
        ),
        Case::new(
            "image-blacklists-module",
            "kmm_good",
            config("blacklist kmm_good\n"),
        ),
        Case::new(
            "image-installs-false",
            "kmm_good",
            config("install kmm_good /bin/false\n"),
        ),
    ]
}

fn order(forge: &Forge) -> Vec<Case> {
    let two = || forge.with(&["kmm_good", "kmm_base"]).depmod();
    let case = |name: &str, folder: &Folder, order: &[&str]| {
        forge.case(name, order[0], folder).order(order)
    };
    let unnamed = forge
        .with(&["kmm_user"])
        .depmod()
        .put(BASE, forge.ko("kmm_base"));
    let split = forge.with(&["kmm_user"]).depmod();
    let with_base = forge.with(&["kmm_base"]).depmod();
    vec![
        case("order-two", &two(), &["kmm_good", "kmm_base"]),
        case(
            "order-three",
            &forge.with(&["kmm_good", "kmm_base", "kmm_soft"]).depmod(),
            &["kmm_good", "kmm_base", "kmm_soft"],
        ),
        case("order-second-unknown", &two(), &["kmm_good", "kmm_absent"]),
        case(
            "order-second-missing-file",
            &two().without(BASE),
            &["kmm_good", "kmm_base"],
        ),
        case(
            "order-second-broken",
            &two().put(BASE, b"broken".to_vec()),
            &["kmm_good", "kmm_base"],
        ),
        case(
            "order-second-unresolved",
            &forge.with(&["kmm_good", "kmm_missing"]).depmod(),
            &["kmm_good", "kmm_missing"],
        ),
        case("order-first-unknown", &two(), &["kmm_absent", "kmm_good"]),
        case(
            "order-third-broken",
            &forge
                .with(&["kmm_good", "kmm_base", "kmm_missing"])
                .depmod(),
            &["kmm_good", "kmm_base", "kmm_missing"],
        ),
        case(
            "order-brings-the-symbol",
            &unnamed,
            &["kmm_user", "kmm_base"],
        ),
        case(
            "order-named-and-needed",
            &forge.with(&["kmm_user", "kmm_base"]).depmod(),
            &["kmm_user", "kmm_base"],
        ),
        case(
            "order-wrong-way-round",
            &forge.with(&["kmm_user", "kmm_base"]).depmod(),
            &["kmm_base", "kmm_user"],
        ),
        case("order-dashes", &two(), &["kmm-good", "kmm-base"]),
        case(
            "order-in-tree-on-host",
            &forge.with(&["kmm_good"]).depmod_on_host(&forge.host()),
            &["kmm_good", "crc7"],
        ),
        case(
            "order-in-tree-not-linked",
            &forge.with(&["kmm_good"]).depmod(),
            &["kmm_good", "crc7"],
        ),
        Case::new(
            "order-other-folder",
            "kmm_user",
            image(&split).layer(with_base.below("srv").layer()),
        )
        .order(&["kmm_user", "kmm_base"]),
    ]
}
