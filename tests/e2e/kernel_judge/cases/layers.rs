//! The forms of layers: what is left when one lies on another.

use serde_json::json;
use tar::EntryType;

use super::super::case::Case;
use super::super::forge::{Forge, image, layered};
use crate::support::image::{Dialect, Image, Layer, Packing};

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = overlays(forge);
    cases.extend(archives(forge));
    cases.extend(tools(forge));
    cases
}

fn overlays(forge: &Forge) -> Vec<Case> {
    let full = forge.with(&["kmm_good"]).depmod();
    let path = full.path();
    let ko = format!("{path}/extra/kmm_good.ko");
    let base = full.layer();
    let good = forge.ko("kmm_good");
    let over = |name: &str, top: Layer| Case::new(name, "kmm_good", layered([base.clone(), top]));
    let under = Layer::new()
        .file(&ko, b"broken")
        .file(&format!("{path}/modules.dep.bin"), b"broken");
    let three = |name: &str, middle: Layer, top: Layer| {
        Case::new(name, "kmm_good", layered([base.clone(), middle, top]))
    };
    vec![
        over("layer-whiteout-module", Layer::new().whiteout(&ko)),
        over(
            "layer-whiteout-index",
            Layer::new().whiteout(&format!("{path}/modules.dep.bin")),
        ),
        over("layer-whiteout-folder", Layer::new().whiteout(&path)),
        over("layer-whiteout-parent", Layer::new().whiteout("opt")),
        over(
            "layer-whiteout-unrelated",
            Layer::new().whiteout("opt/lib/modules.txt"),
        ),
        over(
            "layer-whiteout-dot-slash",
            Layer::new().whiteout(&format!("./{ko}")),
        ),
        over(
            "layer-opaque-extra",
            Layer::new()
                .dir(&format!("{path}/extra"))
                .opaque(&format!("{path}/extra")),
        ),
        over("layer-opaque-opt", Layer::new().dir("opt").opaque("opt")),
        over(
            "layer-opaque-then-again",
            full.add_to(Layer::new().dir("opt").opaque("opt"), ""),
        ),
        over("layer-opaque-after-its-files", full.layer().opaque("opt")),
        three(
            "layer-whiteout-then-again",
            Layer::new().whiteout(&ko),
            Layer::new().file(&ko, &good),
        ),
        over(
            "layer-module-and-its-whiteout",
            Layer::new().file(&ko, &good).whiteout(&ko),
        ),
        over(
            "layer-replaced-by-broken",
            Layer::new().file(&ko, b"broken"),
        ),
        Case::new(
            "layer-repairs-lower",
            "kmm_good",
            layered([under, base.clone()]),
        ),
        over(
            "layer-whiteout-twice",
            Layer::new().whiteout(&ko).whiteout(&ko),
        ),
        over(
            "layer-whiteout-folder-with-slash",
            Layer::new()
                .whiteout(&format!("{path}/extra"))
                .dir(&format!("{path}/extra")),
        ),
        over(
            "layer-whiteout-then-file-in-folder",
            Layer::new().whiteout(&path).file(&ko, &good),
        ),
        over(
            "layer-opaque-dot-slash",
            Layer::new().dir("./opt/").opaque("./opt"),
        ),
        over(
            "layer-opaque-folder-and-module",
            Layer::new()
                .dir(&format!("{path}/extra"))
                .opaque(&format!("{path}/extra"))
                .file(&ko, &good),
        ),
        three(
            "layer-opaque-in-the-middle",
            Layer::new().dir(&path).opaque(&path),
            full.layer(),
        ),
        three(
            "layer-link-replaced-by-folder",
            Layer::new().symlink(&format!("{path}/extra"), "/gone"),
            Layer::new().dir(&format!("{path}/extra")).file(&ko, &good),
        ),
        three(
            "layer-hard-link-replaces-module",
            Layer::new().file("opt/broken.ko", b"broken, and long enough for a module"),
            Layer::new().hard_link(&ko, "opt/broken.ko"),
        ),
        over("layer-file-becomes-folder", Layer::new().dir(&ko)),
        over(
            "layer-folder-becomes-file",
            Layer::new().file(&format!("{path}/extra"), b""),
        ),
        over(
            "layer-folder-becomes-link",
            Layer::new().symlink(&format!("{path}/extra"), "gone"),
        ),
        over("layer-mode-only", Layer::new().dir("opt/lib").dir(&path)),
        over(
            "layer-hard-link-to-lower",
            Layer::new().hard_link(&format!("{path}/extra/copy.ko"), &ko),
        ),
        three(
            "layer-hard-link-outlives-its-target",
            Layer::new().hard_link("opt/kept.ko", &ko).whiteout(&ko),
            Layer::new(),
        ),
    ]
}

fn archives(forge: &Forge) -> Vec<Case> {
    let full = forge.with(&["kmm_good"]).depmod();
    let good = forge.ko("kmm_good");
    let path = full.path();
    let ko = format!("{path}/extra/kmm_good.ko");
    let rest = full.clone().without("extra/kmm_good.ko");
    let alone = |name: &str, layer: Layer| Case::new(name, "kmm_good", layered([layer]));
    let linked = |target: &str| {
        rest.add_to(Layer::new().dir("opt").file("opt/first.ko", &good), "")
            .dir(&format!("{path}/extra"))
            .hard_link(&ko, target)
    };
    let long_dir = format!("{}deep", "deep/".repeat(30));
    let long = full.clone().below(&long_dir);
    vec![
        alone("tar-dot-slash", full.layer_with_prefix("./")),
        alone("tar-slash", full.layer_with_prefix("/")),
        alone("tar-dot-slash-twice", full.layer_with_prefix("././")),
        alone("tar-up-and-down", full.layer_with_prefix("srv/../")),
        alone("tar-hard-link", linked("opt/first.ko")),
        alone("tar-hard-link-dot-slash", linked("./opt/first.ko")),
        alone("tar-hard-link-slash", linked("/opt/first.ko")),
        alone(
            "tar-entry-twice",
            full.add_to(Layer::new().file(&ko, b"broken"), ""),
        ),
        alone(
            "tar-entry-twice-broken-last",
            full.layer().file(&ko, b"broken"),
        ),
        alone(
            "tar-fifo-for-module",
            rest.layer()
                .dir(&format!("{path}/extra"))
                .entry(&ko, EntryType::Fifo, "", &[], 0o644),
        ),
        alone(
            "tar-mode-000",
            rest.layer()
                .dir(&format!("{path}/extra"))
                .entry(&ko, EntryType::Regular, "", &good, 0),
        ),
        Case::new("tar-long-names", "kmm_good", image(&long)).below(&format!("/{long_dir}")),
        alone("packing-plain", full.layer().packed(Packing::Plain)),
        alone("packing-zstd", full.layer().packed(Packing::Zstd)),
        Case::new(
            "manifest-docker",
            "kmm_good",
            image(&full).dialect(Dialect::Docker),
        ),
        Case::new(
            "manifest-without-media-type",
            "kmm_good",
            image(&full).without_media_type(),
        ),
    ]
}

fn tools(forge: &Forge) -> Vec<Case> {
    let full = forge.with(&["kmm_good"]).depmod();
    let with = |names: &[&str]| {
        let tools = names.iter().fold(Layer::new().dir("bin"), |layer, name| {
            layer.program(&format!("bin/{name}"), b"#!/bin/false\n")
        });
        Image::new().layer(tools).layer(full.layer())
    };
    let case = |name: &str, image| Case::new(name, "kmm_good", image);
    let merged = ["sh", "mkdir", "cp"]
        .iter()
        .fold(Layer::new().symlink("bin", "usr/bin"), |layer, name| {
            layer.program(&format!("usr/bin/{name}"), b"#!/bin/false\n")
        });
    vec![
        case("tools-none", Image::new().layer(full.layer())),
        case("tools-no-shell", with(&["mkdir", "cp"])),
        case("tools-no-cp", with(&["sh", "mkdir"])),
        case("tools-no-mkdir", with(&["sh", "cp"])),
        case(
            "tools-merged-usr",
            Image::new().layer(merged).layer(full.layer()),
        ),
        case(
            "tools-shell-deleted",
            image(&full).layer(Layer::new().whiteout("bin/sh")),
        ),
        case(
            "tools-shell-link-dangling",
            with(&["mkdir", "cp"]).layer(Layer::new().symlink("bin/sh", "dash")),
        ),
        case(
            "tools-with-entrypoint",
            image(&full).config(json!({"Entrypoint": ["/pause"]})),
        ),
    ]
}
