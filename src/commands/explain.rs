//! `explain`: how each Module's spec is understood; no registry is asked.

pub(crate) mod code;

use std::sync::Arc;

use crate::check::objects::Objects;
use crate::check::stages::lints;
use crate::cli::explain::ExplainArgs;
use crate::cluster::connect;
use crate::commands::run::kmm_release::release;
use crate::console::output::{Console, Done};
use crate::error::{EXIT_FAILED, EXIT_VERIFIED, Error};
use crate::findings::finding::Effect;
use crate::kmm::module::{LocalObjectReference, Module};
use crate::kmm::plan::mapping::{self, Tried};
use crate::kmm::plan::plan;
use crate::kmm::planned::{Plan, Work};
use crate::kmm::releases::KmmRelease;
use crate::report::explain::{Explanation, Explanations, Need};
use crate::report::{self, Screen};
use crate::session::inputs;
use crate::session::named::named_targets;

/// Explains every Module on every kernel that is named.
///
/// # Errors
/// An input that cannot be used, no target, or a format for reports.
pub(crate) async fn run(
    args: &ExplainArgs,
    console: &Console<'_>,
    screen: &Screen,
) -> Result<Done, Error> {
    let cluster = match args.source.is_cluster() {
        true => Some(Arc::new(connect(&args.connection).await?)),
        false => None,
    };
    let ca_file = args.ca_file.as_deref();
    let inputs = inputs::read(&args.source, ca_file, cluster.as_deref(), None).await?;
    let (targets, notes) = named_targets(&args.target, &inputs.preflights)?;
    let release = release(args.kmm_version, cluster.as_deref()).await;
    let objects = Objects {
        secrets: inputs.secrets,
        config_maps: inputs.config_maps,
        service_accounts: inputs.service_accounts,
        cluster,
        ..Objects::default()
    };
    let mut explanations = Vec::new();
    for plan in plan(&inputs.modules, &targets, release) {
        explanations.push(explain(plan, &inputs.modules, &objects, release).await);
    }
    let explanations = Explanations(explanations);
    let stdout = report::print(&explanations, console.format, screen)?;
    let fails = explanations
        .0
        .iter()
        .flat_map(|one| &one.findings)
        .any(|finding| finding.effect == Effect::Fails);
    let mut done = Done {
        stdout,
        stderr: String::new(),
        exit_code: if fails { EXIT_FAILED } else { EXIT_VERIFIED },
    };
    done.note(inputs.notes.iter().chain(&notes));
    Ok(done)
}

async fn explain(
    plan: Plan,
    modules: &[Module],
    objects: &Objects,
    release: KmmRelease,
) -> Explanation {
    let mut findings = plan.findings.clone();
    findings.extend(lints(objects, &plan, release).await);
    let needs = match &plan.work {
        Some(work) => needs(work, &plan.namespace, objects).await,
        None => Vec::new(),
    };
    Explanation {
        mappings: tried(&plan, modules, release),
        needs,
        findings,
        plan,
    }
}

fn tried(plan: &Plan, modules: &[Module], release: KmmRelease) -> Vec<Tried> {
    modules
        .iter()
        .find(|module| {
            (module.kind, &module.namespace, &module.name)
                == (plan.kind, &plan.namespace, &plan.name)
        })
        .and_then(|module| module.spec.module_loader.as_ref())
        .map(|loader| {
            let mappings = &loader.container.kernel_mappings;
            mapping::trace(mappings, &plan.target.kernel_version, release)
        })
        .unwrap_or_default()
}

/// The objects that the sections in force refer to.
async fn needs(work: &Work, namespace: &str, objects: &Objects) -> Vec<Need> {
    let name = |reference: &Option<LocalObjectReference>| {
        reference
            .as_ref()
            .map(|reference| reference.name.clone())
            .filter(|name| !name.is_empty())
    };
    let mut wanted: Vec<(&'static str, Option<String>, &'static str)> = vec![(
        "Secret",
        work.image_repo_secret.clone(),
        "to pull the image",
    )];
    if let Some(build) = &work.build {
        let dockerfile = name(&build.dockerfile_config_map);
        wanted.push(("ConfigMap", dockerfile, "the Dockerfile"));
        for secret in &build.secrets {
            wanted.push(("Secret", Some(secret.name.clone()), "for the build"));
        }
    }
    if let Some(sign) = &work.sign {
        wanted.push(("Secret", name(&sign.key_secret), "the key to sign with"));
        wanted.push((
            "Secret",
            name(&sign.cert_secret),
            "the certificate to sign with",
        ));
    }
    let mut needs: Vec<Need> = Vec::new();
    for (kind, name, purpose) in wanted {
        let Some(name) = name else { continue };
        let same = |need: &Need| (need.kind, &need.name, need.purpose) == (kind, &name, purpose);
        if needs.iter().any(same) {
            continue;
        }
        let present = match kind {
            "ConfigMap" => objects.config_map(namespace, &name).await.is_ok(),
            _ => objects.secret(namespace, &name).await.is_ok(),
        };
        needs.push(Need {
            kind,
            name,
            purpose,
            present,
        });
    }
    needs
}
