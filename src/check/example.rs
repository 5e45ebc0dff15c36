//! The plan that tests of this folder start from.

use crate::kmm::early::ModuleKind;
use crate::kmm::module::{Modprobe, TlsOptions};
use crate::kmm::planned::{Plan, Work};
use crate::model::report::Origin;
use crate::model::target::{Arch, Target};

/// A Module with an image and nothing to build or sign, on one kernel.
pub(super) fn plan(name: &str) -> Plan {
    Plan {
        namespace: "ns".into(),
        name: name.into(),
        origin: Origin::Cluster,
        kind: ModuleKind::Module,
        owner: None,
        target: Target::new("5.14.0", Arch::Amd64),
        findings: Vec::new(),
        mapping: None,
        work: Some(Work {
            image: format!("registry.example/{name}:1"),
            registry_tls: TlsOptions::default(),
            image_repo_secret: None,
            modprobe: Modprobe::default(),
            in_tree_modules_to_remove: Vec::new(),
            build: None,
            sign: None,
        }),
    }
}
