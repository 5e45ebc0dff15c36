//! The manifests with the least rights of each command.

use crate::cluster::api::fault::RBAC_FOLDER;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_printed() {
        let text = manifests();
        let roles = text.split("\n---\n").map(|document| {
            crate::input::yaml::from_str::<serde_json::Value>(document).expect("YAML")
        });
        let names: Vec<String> = roles
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
