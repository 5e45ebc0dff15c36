//! OpenShift's mirror rules: ImageDigestMirrorSet, ImageTagMirrorSet (config.openshift.io/v1)
//! and the older ImageContentSourcePolicy (operator.openshift.io/v1alpha1).

use serde::Deserialize;
use serde_json::Value;

use crate::images::registry::mirrors::{Mirror, Registry, When};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Set {
    #[serde(default)]
    kind: String,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    image_digest_mirrors: Vec<Source>,
    #[serde(default)]
    image_tag_mirrors: Vec<Source>,
    #[serde(default)]
    repository_digest_mirrors: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    source: String,
    #[serde(default)]
    mirrors: Vec<String>,
    #[serde(default)]
    mirror_source_policy: String,
}

/// The rules of mirror sets, in their order. Sets of another kind have none.
///
/// # Errors
/// A set is not as its CRD says; names it.
pub(crate) fn rules(sets: &[Value]) -> Result<Vec<Registry>, String> {
    let mut rules = Vec::new();
    for set in sets {
        let name = set["metadata"]["name"].as_str().unwrap_or("without a name");
        let kind = set["kind"].as_str().unwrap_or("mirror set");
        let set: Set = serde_json::from_value(set.clone())
            .map_err(|error| format!("{kind} {name}: {error}"))?;
        let Some(spec) = set.spec else { continue };
        let (sources, when) = match set.kind.as_str() {
            "ImageTagMirrorSet" => (spec.image_tag_mirrors, When::ByTag),
            "ImageDigestMirrorSet" => (spec.image_digest_mirrors, When::ByDigest),
            "ImageContentSourcePolicy" => (spec.repository_digest_mirrors, When::ByDigest),
            _ => continue,
        };
        rules.extend(sources.into_iter().map(|source| {
            Registry {
                blocked: source.mirror_source_policy == "NeverContactSource",
                prefix: source.source.trim_end_matches('/').to_owned(),
                mirrors: source
                    .mirrors
                    .into_iter()
                    .map(|mirror| Mirror {
                        location: mirror.trim_end_matches('/').to_owned(),
                        insecure: false,
                        when,
                    })
                    .collect(),
                ..Registry::default()
            }
        }));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_says_when_its_mirrors_are_asked() {
        for (kind, field, when) in [
            ("ImageDigestMirrorSet", "imageDigestMirrors", When::ByDigest),
            ("ImageTagMirrorSet", "imageTagMirrors", When::ByTag),
            (
                "ImageContentSourcePolicy",
                "repositoryDigestMirrors",
                When::ByDigest,
            ),
        ] {
            let mut set = json!({"kind": kind, "metadata": {"name": "s"}, "spec": {}});
            set["spec"][field] = json!([{
                "source": "quay.io/org", "mirrors": ["m.example/org"],
                "mirrorSourcePolicy": "NeverContactSource"
            }]);
            let rules = rules(&[set]).expect("a set");
            assert_eq!(rules[0].prefix, "quay.io/org");
            assert_eq!(rules[0].mirrors[0].location, "m.example/org");
            assert_eq!(rules[0].mirrors[0].when, when, "{kind}");
            assert!(rules[0].blocked);
        }
    }

    #[test]
    fn a_set_that_cannot_be_read_is_named() {
        let set = json!({
            "kind": "ImageTagMirrorSet", "metadata": {"name": "s"},
            "spec": {"imageTagMirrors": [{"mirrors": []}]}
        });
        let error = rules(&[set]).expect_err("no source");
        assert!(error.starts_with("ImageTagMirrorSet s:"), "{error}");
    }
}
