//! Where the module folder stands: `dirName`, the kernel's name, the working directory.

use serde_json::json;

use super::super::case::Case;
use super::super::forge::{Forge, layered};
use super::files::KO;
use crate::support::image::Layer;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let full = || forge.with(&["kmm_good"]).depmod();
    let mut cases = dir_names(forge);
    cases.extend([
        forge
            .case("dir-name-other", "kmm_good", &full().below("srv/kmod"))
            .below("/srv/kmod"),
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
    ]);
    cases
}

/// `dirName` as people write it, and the image's working directory, in which the init
/// container's `cp` runs.
fn dir_names(forge: &Forge) -> Vec<Case> {
    let at = |dir: &str| forge.with(&["kmm_good"]).depmod().below(dir);
    let case = |name: &str, stands_in: &str, dir_name: &str| {
        forge
            .case(&format!("dir-name-{name}"), "kmm_good", &at(stands_in))
            .below(dir_name)
    };
    let working = |name: &str, directory: &str, stands_in: &str, dir_name: &str| {
        let mut case = case(&format!("working-{name}"), stands_in, dir_name);
        case.image = case.image.config(json!({"WorkingDir": directory}));
        case
    };
    let linked = |name: &str, link: &str, target: &str, stands_in: &str, dir_name: &str| {
        let mut case = case(&format!("link-{name}"), stands_in, dir_name);
        case.image = case.image.layer(Layer::new().symlink(link, target));
        case
    };
    let mut cases = vec![
        case("relative", "opt", "opt"),
        case("trailing-slash", "opt", "/opt/"),
        case("double-slashes", "srv/kmod", "//srv//kmod//"),
        case("dots", "srv/kmod", "/srv/./kmod/."),
        case("up", "srv/kmod", "/srv/other/../kmod"),
        case("up-past-the-root", "opt", "/../opt"),
        case("up-relative", "opt", "../opt"),
        case("up-and-down", "opt", "/opt/../opt"),
        case("root", "", "/"),
        case("dot", "", "."),
        case("empty", "opt", ""),
        case("tmp", "tmp/kmod", "/tmp/kmod"),
        case("like-tmp", "tmpfiles", "/tmpfiles"),
        case("option", "-opt", "-opt"),
        case("option-absolute", "-opt", "/-opt"),
        working("relative", "/srv", "srv/opt", "opt"),
        working("relative-elsewhere", "/srv", "opt", "opt"),
        working("absolute", "/srv", "opt", "/opt"),
        working("missing", "/not/there", "opt", "opt"),
        working("up", "/srv/a", "srv/opt", "../opt"),
        working("up-to-tmp", "/srv/a", "tmp/opt", "../tmp/opt"),
        working("of-tmp", "/tmp", "tmp/opt", "opt"),
        linked("absolute", "short", "/srv/kmod", "srv/kmod", "/short"),
        linked("relative", "short", "srv/kmod", "srv/kmod", "short"),
        linked("into-tmp", "short", "/tmp/kmod", "tmp/kmod", "/short"),
        linked(
            "then-up",
            "srv/short",
            "/opt/a",
            "srv/kmod",
            "/srv/short/../kmod",
        ),
    ];
    cases.push({
        let mut case = working("by-a-link", "/here", "srv/a/opt", "opt");
        case.image = case.image.layer(Layer::new().symlink("here", "srv/a"));
        case
    });
    cases.push({
        let mut case = working("up-from-a-link", "/here", "srv/opt", "../opt");
        let layer = Layer::new().dir("srv/a").symlink("here", "srv/a");
        case.image = case.image.layer(layer);
        case
    });
    cases
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
