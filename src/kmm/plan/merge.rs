//! A kernel mapping's sections over the container's (KMM, `internal/module/kernelmapper.go`,
//! `prepareModuleLoaderData`, `getRelevantBuild`, `getRelevantSign`).

use crate::kmm::module::{Build, BuildArg, Container, KernelMapping, Sign};
use crate::kmm::releases::{Feature, KmmRelease};

/// The image template in force; empty where neither level has one. KMM 1.0's preflight looks
/// at the mapping only.
pub(crate) fn container_image<'a>(
    container: &'a Container,
    mapping: &'a KernelMapping,
    release: KmmRelease,
) -> &'a str {
    if mapping.container_image.is_empty() && release.has(Feature::ContainerImage) {
        &container.container_image
    } else {
        &mapping.container_image
    }
}

/// The build section in force. Where both levels have one it is the container's, with the
/// mapping's ConfigMap, build arguments and Secrets; its other fields are ignored.
pub(crate) fn build(
    container: Option<&Build>,
    mapping: Option<&Build>,
    release: KmmRelease,
) -> Option<Build> {
    let (base, over) = match (container, mapping) {
        (Some(base), Some(over)) => (base, over),
        (one, other) => return one.or(other).cloned(),
    };
    let mut build = base.clone();
    if over.dockerfile_config_map.is_some() {
        build.dockerfile_config_map = over.dockerfile_config_map.clone();
    }
    build.build_args = build_args(&base.build_args, &over.build_args, release);
    build.secrets.extend(over.secrets.iter().cloned());
    Some(build)
}

/// Arguments of the same name are replaced where they stand; new ones follow, sorted by name
/// in 1.0 and ≥2.4.
fn build_args(base: &[BuildArg], over: &[BuildArg], release: KmmRelease) -> Vec<BuildArg> {
    let mut latest: Vec<&BuildArg> = Vec::new();
    for arg in over {
        match latest.iter_mut().find(|known| known.name == arg.name) {
            Some(known) => *known = arg,
            None => latest.push(arg),
        }
    }
    let mut args: Vec<BuildArg> = base
        .iter()
        .map(|arg| {
            let replaced = latest.iter().find(|new| new.name == arg.name);
            replaced.map_or_else(|| arg.clone(), |new| (*new).clone())
        })
        .collect();
    latest.retain(|new| !base.iter().any(|arg| arg.name == new.name));
    if release.has(Feature::PullPods) || !release.has(Feature::ContainerImage) {
        latest.sort_by(|a, b| a.name.cmp(&b.name));
    }
    args.extend(latest.into_iter().cloned());
    args
}

/// The sign section in force, its templates untouched. Where both levels have one it is the
/// container's with the mapping's unsigned image and Secrets, and the files of both.
pub(crate) fn sign(container: Option<&Sign>, mapping: Option<&Sign>) -> Option<Sign> {
    let (base, over) = match (container, mapping) {
        (Some(base), Some(over)) => (base, over),
        (one, other) => return one.or(other).cloned(),
    };
    let mut sign = base.clone();
    if !over.unsigned_image.is_empty() {
        sign.unsigned_image.clone_from(&over.unsigned_image);
    }
    if over.key_secret.is_some() {
        sign.key_secret.clone_from(&over.key_secret);
    }
    if over.cert_secret.is_some() {
        sign.cert_secret.clone_from(&over.cert_secret);
    }
    sign.files_to_sign
        .extend(over.files_to_sign.iter().cloned());
    Some(sign)
}

/// The in-tree modules to unload: the mapping's list where it has one, else the container's;
/// the older singular field, which admission keeps apart from the list, replaces both.
pub(crate) fn in_tree_modules(container: &Container, mapping: &KernelMapping) -> Vec<String> {
    let singular = [
        &mapping.in_tree_module_to_remove,
        &container.in_tree_module_to_remove,
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.is_empty());
    if let Some(name) = singular {
        return vec![name.clone()];
    }
    mapping
        .in_tree_modules_to_remove
        .as_ref()
        .or(container.in_tree_modules_to_remove.as_ref())
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmm::module::{LocalObjectReference, TlsOptions};

    const NEWEST: KmmRelease = KmmRelease::NEWEST;

    fn named(name: &str) -> Option<LocalObjectReference> {
        Some(LocalObjectReference {
            name: name.to_owned(),
        })
    }

    fn args(names: &[(&str, &str)]) -> Vec<BuildArg> {
        names
            .iter()
            .map(|(name, value)| BuildArg {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect()
    }

    #[test]
    fn the_mappings_image_wins_and_falls_back() {
        let release = |minor| KmmRelease {
            major: 1,
            minor,
            upstream: false,
        };
        for (over, at, expected) in [
            ("m", NEWEST, "m"),
            ("", NEWEST, "c"),
            ("", release(1), "c"),
            ("", release(0), ""),
        ] {
            let container = Container {
                container_image: "c".into(),
                ..Container::default()
            };
            let mapping = KernelMapping {
                container_image: over.into(),
                ..KernelMapping::default()
            };
            assert_eq!(container_image(&container, &mapping, at), expected);
        }
    }

    #[test]
    fn build_sections_are_merged_field_by_field() {
        let base = Build {
            dockerfile_config_map: named("base"),
            build_args: args(&[("A", "1"), ("B", "2")]),
            secrets: vec![LocalObjectReference { name: "s1".into() }],
            ..Build::default()
        };
        let over = Build {
            dockerfile_config_map: named("over"),
            build_args: args(&[("Z", "9"), ("B", "3"), ("C", "4")]),
            secrets: vec![LocalObjectReference { name: "s2".into() }],
            base_image_registry_tls: TlsOptions {
                insecure: true,
                insecure_skip_tls_verify: true,
            },
            selector: [("a".to_owned(), "b".to_owned())].into(),
            ..Build::default()
        };
        let merged = build(Some(&base), Some(&over), NEWEST).expect("a section");
        assert_eq!(merged.dockerfile_config_map, named("over"));
        assert_eq!(
            merged.build_args,
            args(&[("A", "1"), ("B", "3"), ("C", "4"), ("Z", "9")])
        );
        assert_eq!(merged.secrets.len(), 2);
        assert_eq!(merged.base_image_registry_tls, TlsOptions::default());
        assert!(merged.selector.is_empty());
        let older = KmmRelease {
            major: 2,
            minor: 3,
            upstream: false,
        };
        let merged = build(Some(&base), Some(&over), older).expect("a section");
        assert_eq!(
            merged.build_args,
            args(&[("A", "1"), ("B", "3"), ("Z", "9"), ("C", "4")])
        );
        assert_eq!(build(None, Some(&over), NEWEST), Some(over.clone()));
        assert_eq!(build(Some(&base), None, NEWEST), Some(base));
        assert_eq!(build(None, None, NEWEST), None);
    }

    #[test]
    fn sign_sections_are_merged_field_by_field() {
        let base = Sign {
            cert_secret: named("cert"),
            key_secret: named("key"),
            unsigned_image: "base:1".into(),
            files_to_sign: vec!["/opt/a".into()],
            ..Sign::default()
        };
        let over = Sign {
            key_secret: named("key2"),
            files_to_sign: vec!["/opt/b".into()],
            ..Sign::default()
        };
        let merged = sign(Some(&base), Some(&over)).expect("a section");
        assert_eq!(merged.cert_secret, named("cert"));
        assert_eq!(merged.key_secret, named("key2"));
        assert_eq!(merged.unsigned_image, "base:1");
        assert_eq!(merged.files_to_sign, ["/opt/a", "/opt/b"]);
    }

    #[test]
    fn the_mappings_in_tree_modules_replace_the_containers() {
        let list = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        for (container, mapping, expected) in [
            ((None, list(&["a"])), (None, None), vec!["a"]),
            ((None, list(&["a"])), (None, list(&["b"])), vec!["b"]),
            ((None, list(&["a"])), (None, list(&[])), vec![]),
            ((Some("a"), None), (None, None), vec!["a"]),
            ((Some("a"), None), (Some("b"), None), vec!["b"]),
            ((Some(""), None), (None, list(&["b"])), vec!["b"]),
            ((None, None), (None, None), vec![]),
        ] {
            let container = Container {
                in_tree_module_to_remove: container.0.map(str::to_owned),
                in_tree_modules_to_remove: container.1,
                ..Container::default()
            };
            let mapping = KernelMapping {
                in_tree_module_to_remove: mapping.0.map(str::to_owned),
                in_tree_modules_to_remove: mapping.1,
                ..KernelMapping::default()
            };
            assert_eq!(in_tree_modules(&container, &mapping), expected);
        }
    }
}
