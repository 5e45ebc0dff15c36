use serde_json::json;

use super::*;
use crate::kmm::module::ModuleSpec;
use crate::kmm::plan::plan;
use crate::kmm::releases::KmmRelease;
use crate::model::report::Origin;
use crate::model::target::Scope;

fn node(name: &str, label: &str) -> Node {
    Node::of(
        &json!({"metadata": {"name": name, "labels": {"kind": label}},
        "status": {"nodeInfo": {"architecture": "amd64", "kernelVersion": "5.14.0"}}}),
    )
    .expect("a node")
}

fn module(name: &str, selector: serde_json::Value) -> Module {
    let spec = json!({"selector": selector, "moduleLoader": {"container": {
        "modprobe": {"moduleName": "m"},
        "kernelMappings": [{"regexp": ".", "containerImage": "i:1"}]}}});
    let spec: ModuleSpec = serde_json::from_value(spec).expect("a Module's spec");
    Module {
        namespace: "ns".into(),
        name: name.into(),
        labels: BTreeMap::new(),
        spec,
        written: Default::default(),
        origin: Origin::Cluster,
        kind: crate::kmm::early::ModuleKind::Module,
        owner: None,
    }
}

fn target(kernel: &str, nodes: &[&str]) -> Target {
    let mut target = Target::new(kernel, Arch::Amd64);
    target.scope = std::sync::Arc::new(Scope {
        nodes: Some(nodes.iter().map(|name| (*name).to_owned()).collect()),
        ..Scope::default()
    });
    target
}

/// Each row as `module/kernel/first code`.
fn rows(modules: &[Module], found: &Found) -> Vec<String> {
    let plans = plan(modules, &found.targets, KmmRelease::NEWEST);
    let mut rows: Vec<String> = select(plans, modules, found)
        .iter()
        .map(|plan| {
            let codes: Vec<&str> = plan.findings.iter().map(|f| f.code.as_str()).collect();
            format!(
                "{} {} {}",
                plan.name,
                plan.target.kernel_version,
                codes.join(",")
            )
        })
        .collect();
    rows.sort();
    rows
}

fn modules() -> Vec<Module> {
    vec![
        module("all", json!({})),
        module("gpu", json!({"kind": "gpu"})),
        module("none", json!({"kind": "gone"})),
    ]
}

#[test]
fn a_module_counts_for_the_targets_of_its_nodes() {
    let found = Found {
        targets: vec![target("1.1.1", &["a"]), target("2.2.2", &["b"])],
        nodes: Some(vec![node("a", "gpu"), node("b", "plain")]),
        ..Found::default()
    };
    assert_eq!(
        rows(&modules(), &found),
        [
            "all 1.1.1 ",
            "all 2.2.2 ",
            "gpu 1.1.1 ",
            "none 1.1.1 no-node-selected",
            "none 2.2.2 no-node-selected",
        ]
    );
}

#[test]
fn a_module_whose_nodes_have_no_kernel_is_not_left_out() {
    let unserved = Unserved {
        who: "pool gpu".into(),
        why: "it is gone".into(),
        nodes: Some(["a".to_owned()].into()),
    };
    let found = Found {
        targets: vec![target("2.2.2", &["b"])],
        unserved: vec![unserved],
        nodes: Some(vec![node("a", "gpu"), node("b", "plain")]),
        ..Found::default()
    };
    assert_eq!(
        rows(&modules(), &found),
        [
            "all  target-unknown",
            "all 2.2.2 ",
            "gpu  target-unknown",
            "none  target-unknown",
            "none 2.2.2 no-node-selected",
        ]
    );
}

#[test]
fn without_nodes_every_module_counts_for_every_target() {
    let found = Found {
        targets: vec![target("1.1.1", &["a"]), Target::new("2.2.2", Arch::Amd64)],
        ..Found::default()
    };
    assert_eq!(rows(&modules(), &found).len(), 6);
}
