//! What the evidence says about modules in progress (pure).

use crate::cluster::kmm::diagnose::builds::of_builds;
use crate::cluster::kmm::diagnose::evidence::{Evidence, IMAGE_OWNER_LABEL};
use crate::cluster::kmm::diagnose::objects::{ImagesConfig, Pod, Why};
use crate::cluster::kmm::preflight::{Preflight, Row};
use crate::findings::finding::{Code, Finding};
use crate::model::verdict::Verdict;

/// Why KMM decides nothing at all for this CR.
pub(crate) fn of_the_whole(preflight: &Preflight, evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(operator) = &evidence.operator {
        let place = format!("{}/{}", operator.namespace, operator.name);
        if operator.is_managed {
            findings.push(
                stuck(format!(
                    "this cluster is a spoke (KMM_MANAGED=true in Deployment {place}); since 2.1 \
                     KMM runs no preflight validation on spokes"
                ))
                .hint("Validate from this machine with `run --local`."),
            );
        } else if !operator.is_available {
            findings.push(
                stuck(format!(
                    "KMM's operator is not running: Deployment {place} has no available replica"
                ))
                .hint(format!(
                    "kubectl -n {} get pods; kubectl -n {} describe deployment {}",
                    operator.namespace, operator.namespace, operator.name
                )),
            );
        }
    }
    // KMM copies the status of the PreflightValidation: a CR that has one was seen too early.
    let is_unheard = preflight
        .rows
        .iter()
        .all(|row| row.verification_status.is_empty());
    if preflight.is_ocp() && evidence.plain == Some(None) && is_unheard {
        findings.push(no_plain(preflight, evidence));
    }
    if is_third_generation(preflight, evidence) {
        let without_loader = evidence
            .modules
            .iter()
            .flatten()
            .filter(|module| module.spec.module_loader.is_none());
        for module in without_loader {
            findings.push(
                stuck(format!(
                    "Module {}/{} has no moduleLoader: KMM 2.4 and later panic on it and give no \
                     module a status",
                    module.namespace, module.name
                ))
                .hint(format!(
                    "Delete it until the preflight is done, or use `run --local`: \
                     kubectl -n {} get module {} -o yaml",
                    module.namespace, module.name
                )),
            );
        }
    }
    let kernel = &preflight.spec.kernel_version;
    if !kernel.is_empty() && kernel.split(['.', ',', '-']).count() < 3 {
        findings.push(
            stuck(format!(
                "kernelVersion `{kernel}` has fewer than three parts: KMM up to 2.3 crashes on \
                 it, later releases give no module a status"
            ))
            .hint(format!(
                "kubectl kmm preflight delete {}, and run again with the whole kernel version",
                preflight.meta.name
            )),
        );
    }
    findings
}

/// A PreflightValidationOCP for which KMM made no PreflightValidation.
fn no_plain(preflight: &Preflight, evidence: &Evidence) -> Finding {
    let log = "oc -n openshift-kmm logs deployment/kmm-operator-controller";
    let name = &preflight.meta.name;
    let image = &preflight.spec.release_image;
    if evidence.is_young && !evidence.pull_secret_missing {
        return waiting(format!(
            "KMM has not created PreflightValidation {name} yet"
        ));
    }
    if image.is_empty() {
        return stuck(format!(
            "KMM did not create PreflightValidation {name} for this PreflightValidationOCP"
        ))
        .hint(log);
    }
    if evidence.pull_secret_missing {
        return stuck(format!(
            "KMM cannot resolve release image {image}: Secret openshift-config/pull-secret does \
             not exist"
        ))
        .hint("oc -n openshift-config get secret pull-secret");
    }
    stuck(format!(
        "KMM did not create PreflightValidation {name}: it has not resolved release image {image}"
    ))
    .hint(format!("kubectl kmm preflight kernel {image}; {log}"))
}

/// Why this row is in progress, or what its failed build says.
pub(crate) fn of_row(row: &Row, preflight: &Preflight, evidence: &Evidence) -> Vec<Finding> {
    match row.verdict() {
        Verdict::InProgress => {}
        Verdict::Failed if row.status_reason.contains("build") => {
            return of_builds(row, evidence, true);
        }
        _ => return Vec::new(),
    }
    let mut findings = Vec::new();
    if is_third_generation(preflight, evidence) {
        findings.extend(of_image_config(row, preflight, evidence));
    } else if row.status_reason.starts_with("Waiting for ") {
        findings.extend(of_builds(row, evidence, false));
    }
    findings
}

/// KMM ≥2.4: its CRs name a kernel, or its internal types are there.
fn is_third_generation(preflight: &Preflight, evidence: &Evidence) -> bool {
    let by_words = preflight.rows.iter().any(|row| {
        matches!(
            row.verification_status.as_str(),
            "Success" | "Failure" | "InProgress"
        )
    });
    let by_objects = evidence
        .image_configs
        .as_ref()
        .is_some_and(|configs| !configs.is_empty());
    by_words || by_objects || (preflight.is_ocp() && !preflight.spec.kernel_version.is_empty())
}

fn of_image_config(row: &Row, preflight: &Preflight, evidence: &Evidence) -> Vec<Finding> {
    let Some(configs) = &evidence.image_configs else {
        return Vec::new();
    };
    let name = format!("{}-preflight", row.name);
    let found = configs
        .iter()
        .find(|config| config.metadata.namespace == row.namespace && config.metadata.name == name);
    let Some(config) = found else {
        if evidence.plain == Some(None) {
            return Vec::new();
        }
        return vec![waiting(format!(
            "KMM has not created ModuleImagesConfig {}/{name} yet",
            row.namespace
        ))];
    };
    if let Some(finding) = left_over(config, preflight, evidence) {
        return vec![finding];
    }
    match config.state() {
        "" => of_pull_pods(config, evidence),
        "NeedsBuilding" => of_build_or_sign("built", row, evidence),
        "NeedsSigning" => of_build_or_sign("signed", row, evidence),
        state => vec![waiting(format!(
            "ModuleImagesConfig {}/{name} has {state}; KMM has not copied it to the CR yet",
            row.namespace
        ))],
    }
}

/// A ModuleImagesConfig that belongs to another preflight: this one cannot own it.
fn left_over(config: &ImagesConfig, preflight: &Preflight, evidence: &Evidence) -> Option<Finding> {
    let ours = match &evidence.plain {
        _ if !preflight.is_ocp() => preflight.meta.uid.as_str(),
        Some(plain) => plain.as_ref().map_or("", |plain| plain.uid.as_str()),
        None => return None,
    };
    let owner = config.metadata.owner_references.first()?;
    if owner.uid == ours {
        return None;
    }
    let place = format!("{}/{}", config.metadata.namespace, config.metadata.name);
    let finding = if owner.name == preflight.meta.name {
        stuck(format!(
            "ModuleImagesConfig {place} is left over from an earlier {} of this name, so its \
             result is outdated",
            owner.kind
        ))
        .hint(format!(
            "kubectl -n {} delete moduleimagesconfig {}",
            config.metadata.namespace, config.metadata.name
        ))
    } else {
        stuck(format!(
            "ModuleImagesConfig {place} belongs to {} {}: KMM 2.4 and later runs one preflight \
             at a time",
            owner.kind, owner.name
        ))
        .hint(format!("kubectl kmm preflight delete {}", owner.name))
    };
    Some(finding)
}

fn of_pull_pods(config: &ImagesConfig, evidence: &Evidence) -> Vec<Finding> {
    let namespace = &config.metadata.namespace;
    let image = config
        .spec
        .images
        .first()
        .map_or("", |spec| spec.image.as_str());
    let mut pods: Vec<&Pod> = evidence
        .pods
        .iter()
        .filter(|pod| {
            pod.metadata.namespace == *namespace
                && pod.metadata.labels.get(IMAGE_OWNER_LABEL) == Some(&config.metadata.name)
        })
        .collect();
    pods.sort_by(|a, b| {
        a.metadata
            .creation_timestamp
            .cmp(&b.metadata.creation_timestamp)
    });
    let Some(pod) = pods.last() else {
        return vec![waiting(format!(
            "KMM has not started a pod to pull {image} yet"
        ))];
    };
    let can_build = config
        .spec
        .images
        .first()
        .is_some_and(|spec| spec.build.is_some() || spec.sign.is_some());
    vec![of_pull_pod(pod, image, can_build)]
}

/// What a pull pod shows (`internal/pod/imagepuller.go`): KMM only understands Succeeded,
/// ErrImagePull and ImagePullBackOff, and waits for ever on everything else.
fn of_pull_pod(pod: &Pod, image: &str, can_build: bool) -> Finding {
    let place = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
    let describe = format!(
        "kubectl -n {} describe pod {}",
        pod.metadata.namespace, pod.metadata.name
    );
    let state = pod
        .status
        .container_statuses
        .first()
        .map(|container| container.state.clone())
        .unwrap_or_default();
    if pod.status.phase == "Failed" {
        let why = state.terminated.unwrap_or_default();
        return stuck(format!(
            "pull pod {place} of {image} failed{}: KMM runs `/bin/sh -c \"exit 0\"` in the \
             image, and neither finishes nor retries when that fails",
            in_parentheses(&why)
        ))
        .hint(format!(
            "Add a shell for the nodes' architecture to the image, then: kubectl -n {} delete \
             pod {}",
            pod.metadata.namespace, pod.metadata.name
        ));
    }
    if let Some(why) = state.waiting {
        return match why.reason.as_str() {
            "ErrImagePull" | "ImagePullBackOff" if can_build => waiting(format!(
                "{image} cannot be pulled ({}); KMM will build or sign it",
                why.reason
            )),
            "ErrImagePull" | "ImagePullBackOff" => stuck(format!(
                "{image} cannot be pulled{}: without a build section KMM waits forever",
                in_parentheses(&why)
            ))
            .hint(format!(
                "Push the image, or correct its name or the pull secret; {describe}"
            )),
            "ContainerCreating" | "PodInitializing" | "" => {
                waiting(format!("pull pod {place} is pulling {image}"))
            }
            _ => stuck(format!(
                "pull pod {place} of {image} cannot start{}; KMM ignores this and keeps waiting",
                in_parentheses(&why)
            ))
            .hint(describe),
        };
    }
    let unscheduled = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return stuck(format!(
            "no node fits pull pod {place}: {}",
            condition.message
        ))
        .hint(describe);
    }
    waiting(format!(
        "pull pod {place} of {image} is {}",
        if pod.status.phase.is_empty() {
            "not scheduled yet"
        } else {
            &pod.status.phase
        }
    ))
}

fn of_build_or_sign(doing: &str, row: &Row, evidence: &Evidence) -> Vec<Finding> {
    let key = (row.namespace.clone(), row.name.clone());
    let mut findings: Vec<Finding> = evidence
        .missing
        .get(&key)
        .into_iter()
        .flatten()
        .map(|what| {
            stuck(format!(
                "the image must be {doing}, but {what}; KMM waits for it and reports nothing"
            ))
            .hint("Create it; the preflight then continues by itself.")
        })
        .collect();
    findings.extend(of_builds(row, evidence, false));
    let name = format!("{}-preflight", row.name);
    let config = evidence
        .build_sign_configs
        .iter()
        .find(|config| config.metadata.namespace == row.namespace && config.metadata.name == name);
    if findings.is_empty() {
        let progress = match config {
            None => "KMM has not created a ModuleBuildSignConfig for it yet".to_owned(),
            Some(config) => match config.status.images.first() {
                Some(image) => format!("{} ended with {}", image.action, image.status),
                None => "there is neither a Build nor a result yet; KMM's log may have the \
                     reason"
                    .to_owned(),
            },
        };
        findings.push(waiting(format!("the image must be {doing}: {progress}")));
    }
    findings
}

/// ` (reason: message)` as far as there is any.
fn in_parentheses(why: &Why) -> String {
    let exit = if why.exit_code == 0 {
        String::new()
    } else {
        format!("exit code {}", why.exit_code)
    };
    let parts: Vec<&str> = [why.reason.as_str(), why.message.as_str(), &exit]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(": "))
    }
}

pub(super) fn stuck(message: String) -> Finding {
    Finding::new(Code::KmmStuck, message)
}

pub(super) fn waiting(message: String) -> Finding {
    Finding::new(Code::KmmWaiting, message)
}
