//! Which file of the folder `modprobe` takes, and whether it is one.

use std::io::Write as _;

use liblzma::stream::Check;

use super::super::case::Case;
use super::super::forge::{Forge, image, layered};
use crate::support::image::Layer;

const KO: &str = "extra/kmm_good.ko";

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes the module");
    encoder.finish().expect("memory takes the module")
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    xz_with(bytes, Check::Crc32)
}

/// Damages the check of the one block, which stands before index and footer.
fn bad_check(mut bytes: Vec<u8>) -> Vec<u8> {
    let footer = bytes.len() - 12;
    let field = bytes[footer + 4..footer + 8]
        .try_into()
        .expect("four bytes");
    let index = (u32::from_le_bytes(field) as usize + 1) * 4;
    bytes[footer - index - 1] ^= 1;
    bytes
}

fn xz_with(bytes: &[u8], check: Check) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).expect("an xz encoder");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("memory takes the module");
    encoder.finish().expect("memory takes the module")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory takes the module")
}

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = forms(forge);
    cases.extend(names(forge));
    cases.extend(links(forge));
    cases.extend(indexes(forge));
    cases.extend(places(forge));
    cases
}

fn forms(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let packed = |name: &str, file: &str, bytes: Vec<u8>| {
        let folder = forge.folder().put(file, bytes).depmod();
        forge.case(name, "kmm_good", &folder)
    };
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let swapped = |name: &str, file: &str, bytes: Vec<u8>| {
        let folder = forge
            .folder()
            .put(file, good.clone())
            .depmod()
            .put(file, bytes);
        forge.case(name, "kmm_good", &folder)
    };
    vec![
        packed("good", KO, good.clone()),
        packed("file-gzip", "extra/kmm_good.ko.gz", gzip(&good)),
        packed("file-xz", "extra/kmm_good.ko.xz", xz(&good)),
        packed("file-zstd", "extra/kmm_good.ko.zst", zstd(&good)),
        swapped("file-gzip-named-plain", KO, gzip(&good)),
        swapped("file-xz-named-plain", KO, xz(&good)),
        swapped("file-zstd-named-plain", KO, zstd(&good)),
        swapped(
            "file-plain-named-gzip",
            "extra/kmm_good.ko.gz",
            good.clone(),
        ),
        swapped("file-plain-named-xz", "extra/kmm_good.ko.xz", good.clone()),
        swapped("file-gzip-cut", "extra/kmm_good.ko.gz", cut(gzip(&good))),
        swapped("file-xz-cut", "extra/kmm_good.ko.xz", cut(xz(&good))),
        swapped("file-zstd-cut", "extra/kmm_good.ko.zst", cut(zstd(&good))),
        swapped(
            "file-gzip-of-text",
            "extra/kmm_good.ko.gz",
            gzip(b"no module at all\n"),
        ),
        packed(
            "file-xz-sha256",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::Sha256),
        ),
        packed(
            "file-xz-crc64",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::Crc64),
        ),
        packed(
            "file-xz-unchecked",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::None),
        ),
        swapped(
            "file-xz-bad-crc32",
            "extra/kmm_good.ko.xz",
            bad_check(xz(&good)),
        ),
        swapped(
            "file-xz-bad-sha256",
            "extra/kmm_good.ko.xz",
            bad_check(xz_with(&good, Check::Sha256)),
        ),
        swapped(
            "file-xz-twice",
            "extra/kmm_good.ko.xz",
            [xz(&good), xz(b"")].concat(),
        ),
        swapped(
            "file-xz-bytes-behind",
            "extra/kmm_good.ko.xz",
            [xz(&good), vec![1; 9]].concat(),
        ),
        swapped(
            "file-xz-padded",
            "extra/kmm_good.ko.xz",
            [xz(&good), vec![0; 8]].concat(),
        ),
        swapped("file-gzip-bad-crc", "extra/kmm_good.ko.gz", {
            let mut bytes = gzip(&good);
            let at = bytes.len() - 8;
            bytes[at] ^= 1;
            bytes
        }),
        swapped(
            "file-gzip-bytes-behind",
            "extra/kmm_good.ko.gz",
            [gzip(&good), vec![1; 9]].concat(),
        ),
        swapped("file-gzip-without-end", "extra/kmm_good.ko.gz", {
            let bytes = gzip(&good);
            bytes[..bytes.len() - 8].to_vec()
        }),
        swapped(
            "file-zstd-twice",
            "extra/kmm_good.ko.zst",
            [zstd(&good), zstd(b"")].concat(),
        ),
        swapped(
            "file-zstd-bytes-behind",
            "extra/kmm_good.ko.zst",
            [zstd(&good), vec![1; 9]].concat(),
        ),
        forge.edited("file-empty", Vec::new()),
        forge.edited("file-of-3-bytes", b"\x7fEL".to_vec()),
        forge.edited(
            "file-text",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
        ),
        forge.edited(
            "file-with-bytes-behind",
            [good.clone(), vec![0; 4096]].concat(),
        ),
    ]
}

fn names(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let at = |name: &str, module: &str, file: &str| {
        let folder = forge.folder().put(file, good.clone()).depmod();
        forge.case(name, module, &folder)
    };
    let both = forge
        .with(&["kmm_good"])
        .put("updates/kmm_good.ko", b"broken".to_vec())
        .depmod();
    vec![
        at("name-dash-for-underscore", "kmm-good", KO),
        at("name-file-with-dash", "kmm_good", "extra/kmm-good.ko"),
        at("name-both-with-dash", "kmm-good", "extra/kmm-good.ko"),
        at("name-file-renamed", "other", "extra/other.ko"),
        at(
            "name-of-the-elf-but-not-the-file",
            "kmm_good",
            "extra/other.ko",
        ),
        at("name-with-extension", "kmm_good.ko", KO),
        at("name-capital", "KMM_good", KO),
        at("name-by-alias", "kmm-alias-of-good", KO),
        at("name-unknown", "kmm_absent", KO),
        at("place-top", "kmm_good", "kmm_good.ko"),
        at("place-deep", "kmm_good", "updates/a/b/kmm_good.ko"),
        at("place-build", "kmm_good", "build/kmm_good.ko"),
        at("file-backup-extension", "kmm_good", "extra/kmm_good.ko.bak"),
        forge.case("file-twice-updates-broken", "kmm_good", &both),
    ]
}

fn links(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let release = &forge.kernel.release;
    let indexed = || forge.with(&["kmm_good"]).depmod();
    let within = indexed().put("store/real.ko", good.clone()).without(KO);
    let folder = forge
        .folder()
        .put("store/kmm_good.ko", good.clone())
        .link("extra", "store")
        .depmod();
    let outside = Layer::new().file("opt/real.ko", &good);
    let away = |target: &str| {
        let folder = indexed().without(KO).link(KO, target);
        layered([outside.clone(), folder.layer()])
    };
    let opt = |name: &str| {
        let real = format!("opt/lib/modules/{name}");
        (real, indexed())
    };
    let (sibling, _) = opt("store");
    let as_sibling = indexed().of("store").layer();
    let kernel_link = |target: &str| {
        let path = format!("opt/lib/modules/{release}");
        layered([as_sibling.clone(), Layer::new().symlink(&path, target)])
    };
    let elsewhere = |link: &str, target: &str| {
        layered([
            indexed().below("data").layer(),
            Layer::new().symlink(link, target),
        ])
    };
    let case = |name: &str, image| Case::new(name, "kmm_good", image);
    // The file behind the link has a name that tells nothing.
    let renamed = |link: &str, bytes: Vec<u8>| {
        let folder = forge
            .folder()
            .put(link, good.clone())
            .depmod()
            .without(link)
            .put("store/driver.bin", bytes)
            .link(link, "../store/driver.bin");
        image(&folder)
    };
    vec![
        case(
            "link-file-within",
            image(&within.clone().link(KO, "../store/real.ko")),
        ),
        case(
            "link-file-dangling",
            image(&within.clone().link(KO, "../store/gone.ko")),
        ),
        case("link-file-loop", image(&within.link(KO, "kmm_good.ko"))),
        case("link-folder-within", image(&folder)),
        case("link-file-outside-absolute", away("/opt/real.ko")),
        case("link-file-outside-relative", away("../../../../real.ko")),
        case(
            "link-file-to-the-copy",
            away(&format!("/tmp/opt/lib/modules/{release}/modules.dep")),
        ),
        case("link-kernel-folder-to-sibling", kernel_link("store")),
        case(
            "link-kernel-folder-absolute",
            kernel_link(&format!("/{sibling}")),
        ),
        case(
            "link-lib-modules",
            elsewhere("opt/lib/modules", "/data/lib/modules"),
        ),
        case("link-lib", elsewhere("opt/lib", "../data/lib")),
        case("link-dir-name", elsewhere("opt", "/data")),
        case("link-dir-name-relative", elsewhere("opt", "data")),
        case(
            "link-xz-of-other-name",
            renamed("extra/kmm_good.ko.xz", xz(&good)),
        ),
        case(
            "link-gzip-of-other-name",
            renamed("extra/kmm_good.ko.gz", gzip(&good)),
        ),
        case("link-zstd-of-other-name", renamed(KO, zstd(&good))),
        case("link-plain-of-other-name", renamed(KO, good.clone())),
        case(
            "link-to-text",
            renamed(KO, b"no module at all, but long enough\n".to_vec()),
        ),
        case(
            "link-to-gzip-of-text",
            renamed(KO, gzip(b"no module at all\n")),
        ),
        case(
            "link-to-folder",
            image(&indexed().without(KO).link(KO, ".")),
        ),
        case(
            "link-weak-updates",
            image(
                &indexed()
                    .without(KO)
                    .link(KO, "/lib/modules/6.1.0-1-amd64/extra/kmm_good.ko"),
            ),
        ),
    ]
}

fn indexes(forge: &Forge) -> Vec<Case> {
    let bare = || forge.with(&["kmm_good"]);
    let full = || bare().depmod();
    let foreign = forge.with(&["kmm_base"]).depmod();
    let other = foreign.bytes("modules.dep.bin");
    let dep = full().bytes("modules.dep.bin");
    let swap = |name: &str, bytes: Vec<u8>| {
        forge.case(name, "kmm_good", &full().put("modules.dep.bin", bytes))
    };
    let flipped = |at: usize| {
        let mut bytes = dep.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let text_only = [
        "modules.alias.bin",
        "modules.symbols.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
    ]
    .iter()
    .fold(full().without("modules.dep.bin"), |folder, name| {
        folder.without(name)
    });
    vec![
        forge.case("depmod-never-ran", "kmm_good", &bare()),
        forge.case("depmod-text-only", "kmm_good", &text_only),
        forge.case(
            "depmod-dep-bin-missing",
            "kmm_good",
            &full().without("modules.dep.bin"),
        ),
        forge.case(
            "depmod-alias-bin-missing",
            "kmm_good",
            &full().without("modules.alias.bin"),
        ),
        forge.case(
            "depmod-symbols-bin-missing",
            "kmm_good",
            &full().without("modules.symbols.bin"),
        ),
        forge.case(
            "depmod-builtin-bin-missing",
            "kmm_good",
            &full().without("modules.builtin.bin"),
        ),
        forge.case(
            "depmod-text-missing",
            "kmm_good",
            &full().without("modules.dep"),
        ),
        forge.case(
            "depmod-softdep-missing",
            "kmm_good",
            &full().without("modules.softdep"),
        ),
        forge.case(
            "depmod-text-of-other-modules",
            "kmm_good",
            &full().put("modules.dep", foreign.bytes("modules.dep")),
        ),
        forge.case(
            "depmod-text-broken",
            "kmm_good",
            &full().put("modules.dep", b"\0\xff:::\n".to_vec()),
        ),
        forge.case(
            "depmod-lists-it-as-built-in",
            "kmm_good",
            &bare()
                .put("modules.builtin", b"kernel/extra/kmm_good.ko\n".to_vec())
                .depmod(),
        ),
        forge.case(
            "depmod-built-in-text-only",
            "kmm_good",
            &full().put("modules.builtin", b"kernel/extra/kmm_good.ko\n".to_vec()),
        ),
        forge
            .case(
                "depmod-built-in-first-time",
                "kmm_good",
                &bare()
                    .put("modules.builtin", b"kernel/extra/kmm_good.ko\n".to_vec())
                    .depmod(),
            )
            .args(&["--first-time"]),
        forge.case(
            "depmod-index-is-a-link",
            "kmm_good",
            &full()
                .put("indexes/dep", dep.clone())
                .without("modules.dep.bin")
                .link("modules.dep.bin", "indexes/dep"),
        ),
        forge.case(
            "depmod-index-link-dangles",
            "kmm_good",
            &full()
                .without("modules.dep.bin")
                .link("modules.dep.bin", "indexes/dep"),
        ),
        swap("depmod-of-other-modules", other),
        swap("depmod-empty-index", Vec::new()),
        swap("depmod-index-of-text", b"extra/kmm_good.ko:\n".to_vec()),
        swap("depmod-bad-magic", flipped(0)),
        swap("depmod-bad-version", flipped(5)),
        swap("depmod-minor-version", flipped(7)),
        swap("depmod-cut-index", dep[..dep.len() - 6].to_vec()),
        swap("depmod-cut-header", dep[..10].to_vec()),
        forge.case(
            "depmod-names-a-moved-file",
            "kmm_good",
            &full().without(KO).put("kmm_good.ko", forge.ko("kmm_good")),
        ),
        forge.case(
            "module-deleted-after-depmod",
            "kmm_good",
            &full().without(KO),
        ),
    ]
}

fn places(forge: &Forge) -> Vec<Case> {
    let full = || forge.with(&["kmm_good"]).depmod();
    vec![
        forge
            .case("dir-name-other", "kmm_good", &full().below("srv/kmod"))
            .below("srv/kmod"),
        forge.case("dir-name-wrong", "kmm_good", &full().below("lib")),
        forge.case("kernel-other", "kmm_good", &full().of("6.1.0-1-amd64")),
        forge.case(
            "kernel-prefix",
            "kmm_good",
            &full().of(&format!("{}.1", forge.kernel.release)),
        ),
        Case::new(
            "folder-is-a-file",
            "kmm_good",
            layered([Layer::new().file(&full().path(), b"")]),
        ),
        Case::new(
            "folder-empty",
            "kmm_good",
            layered([Layer::new().dir(&full().path())]),
        ),
        Case::new(
            "folder-without-entries-for-parents",
            "kmm_good",
            layered([bare_files(forge)]),
        ),
    ]
}

/// The files alone: a tar archive need not list their folders.
fn bare_files(forge: &Forge) -> Layer {
    let full = forge.with(&["kmm_good"]).depmod();
    [
        KO,
        "modules.dep.bin",
        "modules.alias.bin",
        "modules.symbols.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
    ]
    .iter()
    .fold(Layer::new(), |layer, name| {
        layer.file(&format!("{}/{name}", full.path()), &full.bytes(name))
    })
}
