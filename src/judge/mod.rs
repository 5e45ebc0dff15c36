//! Would this kernel take this module? The rules of KMM's worker, and what `modprobe` and the
//! kernel's loader then do, over facts that others read (pure).
//!
//! # Module index
//! - `indexes`: depmod's files as `modprobe` meets them in KMM's worker; what it loads, and in
//!   which order, is for [`kernel_loader::modprobe`] to say.
//! - `load`: what `modprobe` loads, put to the kernel ([`kernel_loader::load`]).
//! - `node`: what the node itself brings. `not_found`, `exporters`: what there is instead.

mod exporters;
mod indexes;
mod load;
mod node;
mod not_found;
#[cfg(test)]
mod tests;

use kernel_loader::kernel::facts::KernelFacts;

use crate::findings::finding::Finding;
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::open::ImageConfig;
use crate::kmm::planned::Work;
use crate::kmm::releases::KmmRelease;
use crate::kmm::worker::{firmware, tools};
use crate::model::target::Target;

/// What is to be loaded, and on which kernel.
#[derive(Debug, Clone, Copy)]
pub struct LoadCase<'a> {
    /// The Module's sections in force.
    pub work: &'a Work,
    /// The kernel.
    pub target: &'a Target,
    /// The KMM release whose worker loads the modules.
    pub release: KmmRelease,
    /// That its operator is OpenShift's was not said by anybody.
    pub flavor_is_assumed: bool,
}

/// What a look at one load gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// What was seen.
    pub findings: Vec<Finding>,
    /// It hangs on which in-tree modules nodes have.
    pub asks_node: bool,
}

pub(crate) use load::in_tree::in_tree_files;

pub(crate) use kernel_loader::signature::verification::Trust;

/// Judges one load: what KMM's worker, `modprobe` and the kernel would make of it, on a node
/// on which nothing is loaded that `modprobe` would not load.
///
/// # Errors
/// The answer hangs on a layer that was not read yet.
pub fn judge(
    case: &LoadCase<'_>,
    overlay: &Overlay,
    config: &ImageConfig,
    facts: Option<&KernelFacts>,
    trust: &Trust,
) -> Result<Judged, NeedLayer> {
    let mut findings = tools::check(overlay, config, case.release, case.target.arch)?;
    let firmware_path = &case.work.modprobe.firmware_path;
    findings.extend(firmware::copy(
        overlay,
        &config.working_dir,
        firmware_path,
        case.release,
    )?);
    let loaded = load::load(case, overlay, &config.working_dir, facts, trust)?;
    findings.extend(loaded.findings);
    findings.sort_by_key(Finding::order);
    Ok(Judged { findings, ..loaded })
}
