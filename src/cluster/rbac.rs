//! The manifests with the least rights of each command.

use serde_json::Value;

use crate::cluster::api::fault::RBAC_FOLDER;
use crate::input::yaml;

/// Each manifest, by the name that errors give it.
const MANIFESTS: [(&str, &str); 7] = [
    ("status", include_str!("../../examples/rbac/status.yaml")),
    ("run", include_str!("../../examples/rbac/run.yaml")),
    (
        "diagnose",
        include_str!("../../examples/rbac/diagnose.yaml"),
    ),
    (
        "cross-check",
        include_str!("../../examples/rbac/cross-check.yaml"),
    ),
    ("targets", include_str!("../../examples/rbac/targets.yaml")),
    (
        "registry",
        include_str!("../../examples/rbac/registry.yaml"),
    ),
    (
        "in-cluster",
        include_str!("../../examples/rbac/in-cluster.yaml"),
    ),
];

/// All of them, as one file, each behind the address that errors give it.
pub(crate) fn manifests() -> String {
    let texts = MANIFESTS.map(|(name, text)| {
        let text = text.trim_start_matches("---\n").trim_end();
        format!("# {RBAC_FOLDER}/{name}.yaml\n{text}")
    });
    format!("{}\n", texts.join("\n---\n"))
}

/// The roles of the manifests.
pub(crate) fn roles() -> Vec<Value> {
    let roles = MANIFESTS.iter().map(|(_, text)| yaml::from_str(text));
    roles.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_printed() {
        let text = manifests();
        let documents = text.split("\n---\n");
        let documents: Vec<Value> = documents
            .map(|document| yaml::from_str(document).expect("YAML"))
            .collect();
        assert_eq!(documents, roles());
        let names: Vec<String> = documents
            .into_iter()
            .map(|role| {
                role["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/rbac");
        for file in std::fs::read_dir(folder).expect("the manifests") {
            let file = file.expect("a manifest").path();
            let manifest = file.file_stem().expect("a name").to_string_lossy();
            let name = format!("kmm-preflight-{manifest}");
            assert!(names.contains(&name), "{name} of {names:?}");
            let address = format!("# {RBAC_FOLDER}/{manifest}.yaml\n");
            assert!(text.contains(&address), "{address}");
        }
    }
}
