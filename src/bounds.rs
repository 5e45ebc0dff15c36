//! SECURITY.md lists what is bounded, and by how much: here it is held to the code.

use kernel_loader::depmod::{effort, index};
use kernel_loader::modprobe::{config, steps};
use kernel_loader::module;

use crate::cluster::api::credentials;
use crate::findings::{finding, gathered};
use crate::images::layers::decompress::ZSTD_WINDOW_LOG_MAX;
use crate::images::layers::layer_limits::{
    KEPT_BY_ALL, KEPT_BY_ONE, LayerLimits, UNPACKED_AT_LEAST, UNPACKED_RATIO,
};
use crate::images::layers::toc;
use crate::images::layouts::{files, layout};
use crate::images::registry::{image_config, manifest};
use crate::input::{source, yaml};

/// Bytes as people write them.
fn bytes(bytes: u64) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift))
        .map_or_else(
            || format!("{bytes} bytes"),
            |(shift, unit)| format!("{} {unit}", bytes >> shift),
        )
}

fn rows() -> Vec<(&'static str, String)> {
    let limits = LayerLimits::default();
    vec![
        (
            "Memory for the layers of all images",
            bytes(KEPT_BY_ALL as u64),
        ),
        (
            "Memory for one image that needs more, one at a time",
            bytes(KEPT_BY_ONE as u64),
        ),
        ("Memory for one layer", bytes(limits.kept as u64)),
        ("Entries of a layer", limits.entries.to_string()),
        ("Path in a layer", bytes(limits.path as u64)),
        ("Folders in one path", limits.depth.to_string()),
        ("Folders in all paths of a layer", limits.steps.to_string()),
        (
            "Unpacked layer or archive",
            format!(
                "{} and {UNPACKED_RATIO} times its size",
                bytes(UNPACKED_AT_LEAST)
            ),
        ),
        ("Unpacked layer in all cases", bytes(limits.unpacked)),
        ("Window of a zstd layer", bytes(1 << ZSTD_WINDOW_LOG_MAX)),
        ("Kernel module, unpacked", bytes(module::LARGEST_MODULE)),
        ("Compressed kernel module", bytes(limits.packed_module)),
        ("File of depmod or of kernel facts", bytes(limits.file)),
        ("Files to sign", bytes(limits.wanted as u64)),
        (
            "Manifest or index of a registry",
            bytes(manifest::MAX_MANIFEST),
        ),
        ("Image configuration", bytes(image_config::MAX_CONFIG)),
        ("Layers of an image", manifest::MAX_LAYERS.to_string()),
        ("Manifests of an index", manifest::MAX_MANIFESTS.to_string()),
        ("`index.json` of a layout", bytes(layout::MAX_INDEX)),
        ("Indexes of a layout", bytes(layout::MAX_INDEXES as u64)),
        ("Files of an archive", files::MAX_FILES.to_string()),
        (
            "Names of an archive's files",
            bytes(files::MAX_NAMES as u64),
        ),
        ("Table of contents of a layer", bytes(toc::MAX_TABLE)),
        (
            "Entries of a table of contents",
            toc::MAX_ENTRIES.to_string(),
        ),
        (
            "Values of one key of a depmod index",
            index::MOST_VALUES.to_string(),
        ),
        (
            "Bytes read from indexes for one `modprobe`",
            bytes(effort::MOST_EFFORT),
        ),
        (
            "Modules that one `modprobe` loads",
            steps::MOST_STEPS.to_string(),
        ),
        ("`modules.softdep`", bytes(config::MOST_TEXT as u64)),
        ("One file, URL or stream of `-f`", bytes(source::MAX_BYTES)),
        ("All of `-f`", bytes(source::MAX_TOTAL)),
        (
            "Documents in one YAML text",
            yaml::MAX_DOCUMENTS.to_string(),
        ),
        (
            "Maps, lists and scalars in one YAML text",
            yaml::MAX_NODES.to_string(),
        ),
        ("Depth of a YAML text", yaml::MAX_DEPTH.to_string()),
        (
            "Aliases and merge keys in one document",
            yaml::MAX_ALIASES.to_string(),
        ),
        (
            "Output of a credential plugin",
            bytes(credentials::MAX_OUTPUT),
        ),
        (
            "Findings of one code about one module",
            gathered::MOST_OF_A_KIND.to_string(),
        ),
        ("Message of a finding", bytes(finding::MOST_TEXT as u64)),
    ]
}

#[test]
fn security_md_names_every_bound_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/SECURITY.md");
    let text = std::fs::read_to_string(path).expect("SECURITY.md");
    let (_, table) = text
        .split_once("| Input | At most |\n|---|---|\n")
        .expect("the table");
    let table = table.lines().take_while(|line| line.starts_with('|'));
    let rows = rows();
    let rows: Vec<String> = rows
        .iter()
        .map(|(what, most)| format!("| {what} | {most} |"))
        .collect();
    assert_eq!(table.collect::<Vec<_>>(), rows, "\n{}", rows.join("\n"));
}
