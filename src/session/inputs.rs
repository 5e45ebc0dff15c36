//! The Modules of a run: from `-f` and `-k`, or from the cluster, selected by `-n` and `-l`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::cli::run::SourceArgs;
use crate::cluster::Cluster;
use crate::cluster::api::fault::{Fault, RBAC_FOLDER};
use crate::cluster::api::objects::ModuleQuery;
use crate::error::Error;
use crate::input::selector::Selector;
use crate::input::{self, Inputs, kustomize, source};
use crate::kmm::early::ModuleKind;
use crate::kmm::module::{KernelMapping, Module, ModuleKey};
use crate::session::open;

/// What to check and what it refers to: from `-f`, or the cluster's Modules, selected; with
/// `own` none of the cluster's but these, if any is left. The authorities of `ca_file` are
/// trusted where `-f` names a URL.
///
/// # Errors
/// An input cannot be used, or the selection is empty.
pub(crate) async fn read(
    args: &SourceArgs,
    ca_file: Option<&Path>,
    cluster: Option<&Cluster>,
    own: Option<&HashSet<ModuleKey>>,
) -> Result<Inputs, Error> {
    let authorities = ca_file.map(open::authorities).transpose()?;
    let selector = args.selector.as_deref().map(Selector::parse).transpose()?;
    let mut inputs = match cluster {
        Some(cluster) if args.is_cluster() => {
            let query = ModuleQuery {
                namespace: args.namespace.as_deref(),
                selector: args.selector.as_deref(),
                own,
            };
            let modules = cluster
                .modules(query)
                .await
                .map_err(|fault| fault.into_error("reading the cluster's Modules", "run"))?;
            let mut inputs = Inputs {
                modules,
                ..Inputs::default()
            };
            match cluster.early_modules(query).await {
                Ok(early) => inputs.modules.extend(early),
                Err(Fault::Forbidden(why)) => inputs.notes.push(format!(
                    "BootModuleConfigs and InitramfsModules are not checked: {why} \
                     ({RBAC_FOLDER}/targets.yaml grants it)."
                )),
                Err(fault) => {
                    return Err(fault.into_error("reading the cluster's Modules", "run"));
                }
            }
            cluster.find_owners_above(&mut inputs.modules).await;
            inputs
        }
        _ => {
            let namespace = args.namespace.as_deref().unwrap_or("default");
            let mut texts = source::read(&args.files, &authorities.unwrap_or_default()).await?;
            texts.extend(kustomize::read(&args.kustomize).await?);
            let namespace = namespace.to_owned();
            source::aside("decoding -f", move || input::parse(texts, &namespace)).await?
        }
    };
    let found = inputs.modules.len();
    inputs.modules.retain(|module| {
        args.namespace
            .as_ref()
            .is_none_or(|namespace| *namespace == module.namespace)
            && selector
                .as_ref()
                .is_none_or(|selector| selector.matches(&module.labels))
    });
    if inputs.modules.is_empty() && own.is_none() {
        return Err(nothing(args, cluster, found, &inputs));
    }
    keep_the_last(&mut inputs);
    assume_images(args, &mut inputs, own.is_none());
    Ok(inputs)
}

fn nothing(args: &SourceArgs, cluster: Option<&Cluster>, found: usize, inputs: &Inputs) -> Error {
    let place = match cluster {
        Some(cluster) if args.is_cluster() => format!("the cluster {}", cluster.server()),
        _ => {
            let names = args.files.iter().chain(&args.kustomize);
            let names = names.map(|name| name.to_string_lossy());
            names.collect::<Vec<_>>().join(", ")
        }
    };
    let (message, hint) = if let (0, [first, ..]) = (found, inputs.strangers.as_slice()) {
        (
            format!("nothing to check: no Modules in {place}; {first}"),
            "Use the apiVersion of KMM's Modules: kmm.sigs.x-k8s.io/v1beta1.",
        )
    } else if found == 0 {
        (
            match inputs.notes.as_slice() {
                [] => format!("nothing to check: no Modules in {place}"),
                [one] => format!("nothing to check: no Modules in {place}; {one}"),
                [first, more @ ..] => format!(
                    "nothing to check: no Modules in {place}; {first}; and {} more such notes",
                    more.len()
                ),
            },
            "Pass files or folders with KMM Modules to -f, or another cluster with --context.",
        )
    } else {
        (
            format!("nothing to check: -n and -l select none of the {found} Modules in {place}"),
            "Change -n and -l, or remove them.",
        )
    };
    Error::Nothing {
        message,
        hint: hint.to_owned(),
    }
}

/// Adds what `--assume-image` says behind the Modules' own mappings. Where not all Modules of the
/// run are there, the one that it names may be another shard's.
fn assume_images(args: &SourceArgs, inputs: &mut Inputs, are_all: bool) {
    for assumed in &args.assume_image {
        let (namespace, name) = (&assumed.namespace, &assumed.name);
        let is_it = |module: &&mut Module| {
            module.namespace == *namespace
                && module.name == *name
                && module.kind == ModuleKind::Module
        };
        let module = inputs.modules.iter_mut().find(is_it);
        let loader = module.and_then(|module| module.spec.module_loader.as_mut());
        match loader {
            Some(loader) => loader.container.kernel_mappings.push(KernelMapping {
                regexp: ".*".to_owned(),
                container_image: assumed.template.clone(),
                is_assumed: true,
                ..KernelMapping::default()
            }),
            None if !are_all => {}
            None => inputs.notes.push(format!(
                "--assume-image {namespace}/{name} matched no Module; remove it."
            )),
        }
    }
}

/// Of Modules that are given twice the last one counts, as with `kubectl apply`.
fn keep_the_last(inputs: &mut Inputs) {
    let mut kept: Vec<Module> = Vec::with_capacity(inputs.modules.len());
    let mut places = HashMap::new();
    for module in std::mem::take(&mut inputs.modules) {
        let key = (module.kind, module.namespace.clone(), module.name.clone());
        match places.entry(key) {
            Entry::Occupied(place) => {
                inputs.notes.push(format!(
                    "Module {}/{} is defined twice; the last definition is checked.",
                    module.namespace, module.name
                ));
                kept[*place.get()] = module;
            }
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(module);
            }
        }
    }
    inputs.modules = kept;
}
