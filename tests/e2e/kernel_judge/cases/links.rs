//! Symbolic links in place of modules and of folders.

use super::super::case::Case;
use super::super::forge::{Forge, image, layered};
use super::files::{KO, gzip, xz, zstd};
use crate::support::image::Layer;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
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
