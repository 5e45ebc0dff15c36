//! One plan per Module and target.

use crate::findings::finding::{Code, Effect, Finding};
use crate::kmm::early::ModuleKind;
use crate::kmm::module::{Module, ModuleLoader, Sign};
use crate::kmm::plan::admission::{self, Reported};
use crate::kmm::plan::mapping::{self, NoMapping};
use crate::kmm::plan::merge;
use crate::kmm::plan::template::{self, TemplateError};
use crate::kmm::plan::variables::{BadKernelVersion, TemplateField, variables};
use crate::kmm::planned::{MappingMatch, Plan, Work};
use crate::kmm::releases::KmmRelease;
use crate::model::target::Target;

/// Plans every Module on every target, sorted by namespace, name, kernel and architecture.
pub(crate) fn plan(modules: &[Module], targets: &[Target], release: KmmRelease) -> Vec<Plan> {
    let mut plans: Vec<Plan> = modules
        .iter()
        .flat_map(|module| {
            targets
                .iter()
                .map(|target| plan_one(module, target, release))
        })
        .collect();
    plans.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    plans
}

fn sort_key(plan: &Plan) -> (&str, &str, &str, &str) {
    (
        &plan.namespace,
        &plan.name,
        &plan.target.kernel_version,
        plan.target.arch.as_str(),
    )
}

fn plan_one(module: &Module, target: &Target, release: KmmRelease) -> Plan {
    let mut plan = Plan {
        namespace: module.namespace.clone(),
        name: module.name.clone(),
        origin: module.origin.clone(),
        kind: module.kind,
        owner: module.owner.clone(),
        target: target.clone(),
        findings: Vec::new(),
        mapping: None,
        work: None,
    };
    let Some(loader) = &module.spec.module_loader else {
        plan.findings = admission::findings(module, release, None);
        plan.findings.push(
            Finding::new(
                Code::NoModuleLoader,
                "the Module has no moduleLoader: it loads no kernel module, so there is nothing \
                 to check",
            )
            .hint(
                "No action needed if the Module only runs a device plugin; the preflight of \
                KMM 2.4 and later stops at such a Module.",
            ),
        );
        return plan;
    };
    let mappings = &loader.container.kernel_mappings;
    let found = mapping::find(mappings, &target.kernel_version, release);
    // The same fault seen by admission and by the search is reported once.
    let reported = match &found {
        Ok(found) => Some(Reported::Image(found.index)),
        Err(error) => error.regexp_at().map(Reported::Regexp),
    };
    if module.kind == ModuleKind::Module {
        plan.findings = admission::findings(module, release, reported);
        plan.findings.extend(unknown_fields(module, release));
    }
    match found {
        Ok(found) => match resolve(module, loader, &found, target, release) {
            Ok(work) => {
                plan.mapping = Some(found);
                plan.work = Some(work);
            }
            Err(finding) => {
                plan.mapping = Some(found);
                plan.findings.push(finding);
            }
        },
        Err(error) => {
            let finding = no_mapping(&error, loader);
            plan.findings.push(match (&module.owner, &error) {
                (Some(owner), NoMapping::NotFound(_)) => {
                    owner.awaits(finding, &module.namespace, &module.name)
                }
                _ => finding,
            });
        }
    }
    if plan
        .findings
        .iter()
        .any(|finding| finding.effect == Effect::Fails)
    {
        plan.work = None;
    }
    plan
}

/// Fields below the container that may decide about loading and are not looked at: the API server
/// of this release drops those of a newer one, and a newer KMM may heed them.
fn unknown_fields(module: &Module, release: KmmRelease) -> Option<Finding> {
    let fields: Vec<&str> = module
        .written
        .new_fields
        .iter()
        .filter(|field| !field.since.is_some_and(|(x, y)| release.at_least(x, y)))
        .map(|field| field.path.as_str())
        .collect();
    (!fields.is_empty()).then(|| {
        Finding::new(
            Code::FieldUnknown,
            format!("{release} does not have {}", fields.join(", ")),
        )
        .hint("Correct the field's name, or pass --kmm-version with the release that has it.")
    })
}

fn no_mapping(error: &NoMapping, loader: &ModuleLoader) -> Finding {
    let mappings = &loader.container.kernel_mappings;
    match error {
        NoMapping::NotFound(kernel) => {
            let rules: Vec<String> = mappings
                .iter()
                .enumerate()
                .map(|(index, mapping)| format!("[{index}] {}", mapping::rule(mapping)))
                .collect();
            let have = if rules.is_empty() {
                "the Module has none".to_owned()
            } else {
                format!("it has {}", rules.join(", "))
            };
            Finding::new(Code::MappingNotFound, error.to_string()).hint(format!(
                "Add a kernel mapping for {kernel} to the Module; {have}."
            ))
        }
        NoMapping::BadRegexp { .. } => Finding::new(Code::MappingInvalid, error.to_string())
            .hint("Use Go's regular expression syntax: https://pkg.go.dev/regexp/syntax"),
        NoMapping::Unclear { .. } => Finding::new(Code::MappingInvalid, error.to_string())
            .with_effect(Effect::Doubts)
            .hint("Use only syntax that all Go releases interpret the same way, or use literal."),
    }
}

/// The sections in force for a mapping, templates resolved.
fn resolve(
    module: &Module,
    loader: &ModuleLoader,
    found: &MappingMatch,
    target: &Target,
    release: KmmRelease,
) -> Result<Work, Finding> {
    let container = &loader.container;
    let mapping = &container.kernel_mappings[found.index];
    let field = TemplateField::ContainerImage {
        name: &module.name,
        namespace: &module.namespace,
    };
    let kernel = &target.kernel_version;
    let image_variables = variables(kernel, field, release).map_err(|e| bad_kernel(&e))?;
    let sign_variables =
        variables(kernel, TemplateField::Sign, release).map_err(|e| bad_kernel(&e))?;
    let template = merge::container_image(container, mapping, release);
    if template.is_empty() {
        return Err(
            Finding::new(Code::ModuleInvalid, admission::missing_image(found.index))
                .hint("Set containerImage in the kernel mapping or beside kernelMappings."),
        );
    }
    if is_placeholder(template) {
        return Err(Finding::new(
            Code::ImagePlaceholder,
            format!("containerImage is `{template}`, which another tool replaces"),
        )
        .hint("Pass the kustomization with -k, or the finished manifests with -f."));
    }
    let image = match module.kind {
        ModuleKind::Module => template::substitute(template, &image_variables)
            .map_err(|error| bad_template("containerImage", &error))?,
        early => early.image(template, kernel)?,
    };
    let mut sign = merge::sign(container.sign.as_ref(), mapping.sign.as_ref());
    if let Some(sign) = &mut sign {
        substitute_sign(sign, &sign_variables).map_err(|error| bad_template("sign", &error))?;
    }
    Ok(Work {
        image,
        registry_tls: mapping
            .registry_tls
            .or(container.registry_tls)
            .unwrap_or_default(),
        image_repo_secret: module
            .spec
            .image_repo_secret
            .as_ref()
            .map(|secret| secret.name.clone())
            .filter(|name| !name.is_empty()),
        modprobe: container.modprobe.clone(),
        in_tree_modules_to_remove: merge::in_tree_modules(container, mapping),
        build: merge::build(container.build.as_ref(), mapping.build.as_ref(), release),
        sign,
    })
}

/// What manifests have in the place of an image until kustomize or Helm writes it.
fn is_placeholder(template: &str) -> bool {
    let name = template.split([':', '@']).next().unwrap_or_default();
    [
        "placeholder",
        "image-placeholder",
        "replaceme",
        "replace-me",
    ]
    .iter()
    .any(|word| name.eq_ignore_ascii_case(word))
}

fn substitute_sign(
    sign: &mut Sign,
    variables: &[(&'static str, String)],
) -> Result<(), TemplateError> {
    sign.unsigned_image = template::substitute(&sign.unsigned_image, variables)?;
    for file in &mut sign.files_to_sign {
        *file = template::substitute(file, variables)?;
    }
    Ok(())
}

fn bad_template(field: &str, error: &TemplateError) -> Finding {
    Finding::new(Code::MappingInvalid, format!("{field}: {error}"))
        .hint("Close every ${ with } on the same line; write $$ for a dollar sign.")
}

fn bad_kernel(error: &BadKernelVersion) -> Finding {
    Finding::new(Code::MappingInvalid, error.to_string())
        .hint("Pass the kernel as `uname -r` prints it on a node, such as 5.14.0-427.el9.x86_64.")
}

#[cfg(test)]
mod tests;
