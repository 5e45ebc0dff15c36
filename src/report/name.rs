//! Names, one per line, as `kubectl get -o name` writes them.

use std::collections::BTreeSet;

use crate::model::report::Report;

/// `module.kmm.sigs.x-k8s.io/NAME` of every Module, each once however many kernels it was
/// checked against. Like kubectl's, the names tell no namespace; `-n` selects one.
pub(crate) fn render(report: &Report) -> String {
    let mut seen = BTreeSet::new();
    report
        .modules
        .iter()
        .filter(|module| seen.insert((module.kind, &module.namespace, &module.name)))
        .map(|module| {
            format!(
                "{}.kmm.sigs.x-k8s.io/{}\n",
                module.kind.to_lowercase(),
                module.name
            )
        })
        .collect()
}
