//! Which Modules count for which targets: by the nodes that a Module selects (pure).

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::pools::needs::Unserved;
use crate::cluster::pools::objects::Node;
use crate::findings::finding::{Code, Finding};
use crate::kmm::early::ModuleKind;
use crate::kmm::module::Module;
use crate::kmm::planned::Plan;
use crate::model::target::{Arch, Target};
use crate::session::outcome::Reach;
use crate::session::request::Found;

/// Leaves the plans whose target is for a node that the Module selects, and adds one for each
/// Module whose nodes have no known kernel. A Module that selects no node keeps every plan,
/// and is told so.
pub(crate) fn select(plans: Vec<Plan>, modules: &[Module], found: &Found) -> Vec<Plan> {
    let nodes = found.nodes.as_deref();
    let selected: BTreeMap<(ModuleKind, &str, &str), Option<BTreeSet<&str>>> = modules
        .iter()
        .map(|module| {
            let key = (module.kind, module.namespace.as_str(), module.name.as_str());
            (
                key,
                nodes.map(|nodes| nodes_of(&module.spec.selector, nodes)),
            )
        })
        .collect();
    let of = |plan: &Plan| {
        let key = (plan.kind, plan.namespace.as_str(), plan.name.as_str());
        selected.get(&key).cloned().flatten()
    };
    let mut kept: Vec<Plan> = plans
        .into_iter()
        .filter_map(|mut plan| match of(&plan) {
            Some(selected) if selected.is_empty() => {
                plan.findings.push(no_node());
                Some(plan)
            }
            Some(selected) => {
                let nodes = plan.target.scope.nodes.as_ref();
                let takes = nodes.is_none_or(|nodes| meets(nodes, &selected));
                takes.then_some(plan)
            }
            None => Some(plan),
        })
        .collect();
    for module in modules
        .iter()
        .filter(|module| module.spec.module_loader.is_some())
    {
        let key = (module.kind, module.namespace.as_str(), module.name.as_str());
        let selected = selected.get(&key).cloned().flatten();
        let concerns = |one: &&Unserved| match (&one.nodes, &selected) {
            (Some(nodes), Some(selected)) => selected.is_empty() || meets(nodes, selected),
            _ => true,
        };
        let findings: Vec<Finding> = found
            .unserved
            .iter()
            .filter(concerns)
            .map(no_kernel)
            .collect();
        if !findings.is_empty() {
            kept.push(Plan {
                namespace: module.namespace.clone(),
                name: module.name.clone(),
                origin: module.origin.clone(),
                kind: module.kind,
                owner: module.owner.clone(),
                target: Target::new("", Arch::Amd64),
                findings,
                mapping: None,
                work: None,
            });
        }
    }
    kept
}

/// The nodes that each Module selects, with their pools.
pub(crate) fn reach(modules: &[Module], found: &Found) -> Reach {
    let mut reach = Reach::default();
    for module in modules {
        let nodes = nodes_of(
            &module.spec.selector,
            found.nodes.as_deref().unwrap_or_default(),
        );
        let with_pool = nodes
            .into_iter()
            .map(|node| (node.to_owned(), found.pools.get(node).cloned()));
        let kind = module.kind.as_str();
        reach.add(kind, &module.namespace, &module.name, with_pool.collect());
    }
    reach
}

/// The nodes that a selector takes: all of its labels, as the kubelet's `nodeSelector`.
fn nodes_of<'a>(selector: &BTreeMap<String, String>, nodes: &'a [Node]) -> BTreeSet<&'a str> {
    let takes = |node: &&Node| {
        let mut labels = selector.iter();
        labels.all(|(key, value)| node.labels.get(key) == Some(value))
    };
    let taken = nodes.iter().filter(takes);
    taken.map(|node| node.name.as_str()).collect()
}

fn meets(nodes: &BTreeSet<String>, selected: &BTreeSet<&str>) -> bool {
    nodes.iter().any(|node| selected.contains(node.as_str()))
}

fn no_node() -> Finding {
    Finding::new(
        Code::NoNodeSelected,
        "the Module's selector matches no node of the cluster; all kernels were checked",
    )
    .hint("Check the labels in spec.selector with `kubectl get nodes --show-labels`.")
}

fn no_kernel(unserved: &Unserved) -> Finding {
    Finding::new(Code::TargetUnknown, unserved.to_string())
        .hint("Pass the kernel of these nodes with --kernel-version.")
}

#[cfg(test)]
mod tests;
