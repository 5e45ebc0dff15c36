//! depmod's files: absent, damaged, of other modules.

use super::super::case::Case;
use super::super::forge::Forge;
use super::files::KO;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
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
