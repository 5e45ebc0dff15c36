//! `generate --image-list`: what a disconnected cluster has to mirror before its upgrade.

use std::collections::BTreeSet;

use serde_json::json;

use crate::cli::cluster::{GenerateArgs, ImageList};
use crate::commands::run::kmm_release::release;
use crate::commands::run::local::{cluster_of, planned};
use crate::console::output::Done;
use crate::error::{EXIT_UNDECIDED, EXIT_VERIFIED, Error};
use crate::findings::finding::Effect;
use crate::input::yaml;
use crate::kmm::planned::Plan;
use crate::model::target::Target;

/// Prints the images that the Modules need on the target kernels.
///
/// # Errors
/// Inputs, targets or images that cannot be used.
pub(crate) async fn run(args: &GenerateArgs, form: ImageList) -> Result<Done, Error> {
    let cluster = cluster_of(&args.source, &args.target, &args.connection).await?;
    let release = release(args.kmm_version, cluster.as_deref()).await;
    let source = &args.source;
    let planned = planned(
        source,
        &args.registry,
        &args.target,
        cluster.as_ref(),
        release,
        None,
    )
    .await?;
    let images = images(&planned.plans, &planned.found.targets);
    let stdout = match form {
        ImageList::Plain => images.iter().map(|image| format!("{image}\n")).collect(),
        ImageList::OcMirror => {
            let images: Vec<_> = images.iter().map(|image| json!({"name": image})).collect();
            let document = json!({
                "kind": "ImageSetConfiguration",
                "apiVersion": "mirror.openshift.io/v2alpha1",
                "mirror": {"additionalImages": images},
            });
            yaml::to_string(&document).unwrap_or_default()
        }
    };
    let mut done = Done {
        stdout,
        stderr: String::new(),
        exit_code: EXIT_VERIFIED,
    };
    for note in &planned.notes {
        done.stderr.push_str(&format!("note: {note}\n"));
    }
    // What no image is known for is missing from the list.
    let missing: Vec<String> = planned
        .plans
        .iter()
        .filter(|plan| plan.work.is_none())
        .flat_map(|plan| {
            let about = plan.findings.iter();
            let about = about.filter(|finding| finding.effect != Effect::None);
            about.map(move |finding| {
                format!("{}/{}: {}", plan.namespace, plan.name, finding.message)
            })
        })
        .collect();
    if !missing.is_empty() {
        done.exit_code = EXIT_UNDECIDED;
        done.warn(&missing);
    }
    Ok(done)
}

/// Module images, unsigned images and the images with the kernels' facts, each once.
fn images<'a>(plans: &'a [Plan], targets: &'a [Target]) -> BTreeSet<&'a str> {
    let works = plans.iter().filter_map(|plan| plan.work.as_ref());
    let of_modules = works.flat_map(|work| {
        let unsigned = work.sign.iter().map(|sign| sign.unsigned_image.as_str());
        unsigned.chain([work.image.as_str()])
    });
    let of_targets = targets.iter().flat_map(|target| {
        let toolkit = target.dtk_image.as_deref();
        toolkit.into_iter().chain(target.machine_os())
    });
    of_modules
        .chain(of_targets)
        .filter(|image| !image.is_empty())
        .collect()
}
