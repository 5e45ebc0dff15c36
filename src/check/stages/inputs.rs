//! The objects that a plan's build and sign sections name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;

use crate::check::objects::Objects;
use crate::findings::finding::{Code, Finding};
use crate::image_build::args::ArgsCase;
use crate::image_build::lint::{self, LintCase};
use crate::kmm::module::Build;
use crate::kmm::planned::Plan;
use crate::kmm::releases::KmmRelease;

/// What build arguments are made of.
pub(super) fn args_case(plan: &Plan, release: KmmRelease) -> ArgsCase<'_> {
    ArgsCase {
        namespace: &plan.namespace,
        name: &plan.name,
        kernel_version: &plan.target.kernel_version,
        dtk_image: plan.target.dtk_image.as_deref(),
        release,
    }
}

/// The weaknesses of the Dockerfile that a plan's build section names, or why there is none
/// to look at.
pub(crate) async fn lints(objects: &Objects, plan: &Plan, release: KmmRelease) -> Vec<Finding> {
    let Some(work) = &plan.work else {
        return Vec::new();
    };
    let Some(build) = &work.build else {
        return Vec::new();
    };
    match dockerfile_of(objects, &plan.namespace, build).await {
        Ok(dockerfile) => lint::lint(
            &dockerfile,
            &LintCase {
                args: args_case(plan, release),
                own_args: &build.build_args,
                dir_name: &work.modprobe.dir_name,
            },
        ),
        Err(finding) => vec![finding],
    }
}

/// The Dockerfile that a build section names.
///
/// # Errors
/// `configmap-missing`, or what kept the look from being made.
pub(super) async fn dockerfile_of(
    objects: &Objects,
    namespace: &str,
    build: &Build,
) -> Result<String, Finding> {
    let name = build
        .dockerfile_config_map
        .as_ref()
        .map(|reference| reference.name.as_str())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| {
            Finding::new(
                Code::ConfigmapMissing,
                "the build section has no dockerfileConfigMap",
            )
            .hint("Set it to the ConfigMap that has the Dockerfile under the key `dockerfile`.")
        })?;
    let map = objects.config_map(namespace, name).await?;
    map.data
        .and_then(|mut data| data.remove("dockerfile"))
        .ok_or_else(|| {
            Finding::new(
                Code::ConfigmapMissing,
                format!("ConfigMap {namespace}/{name} has no key dockerfile"),
            )
            .hint(format!(
                "kubectl create configmap {name} -n {namespace} --from-file=dockerfile=FILE"
            ))
        })
}

/// Every entry of a Secret. The API server gives `data` only, and so does `-f`.
pub(super) fn entries(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.clone(), value.0.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_without_a_dockerfile_says_what_to_add() {
        let none = dockerfile_of(&Objects::default(), "ns", &Build::default()).await;
        let finding = none.expect_err("nothing names a ConfigMap");
        assert_eq!(finding.code, Code::ConfigmapMissing);
        assert!(
            finding
                .hint
                .is_some_and(|hint| hint.contains("`dockerfile`"))
        );
    }
}
