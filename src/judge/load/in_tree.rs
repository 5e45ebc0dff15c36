//! The node's own modules that one call of `modprobe` reaches.

use std::collections::BTreeSet;

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::modprobe::steps::Modprobe;

use super::prepared;
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::judge::LoadCase;
use crate::judge::indexes::{Stop, WorkerFolder};
use crate::kmm::worker::command_line::softdep_conf;
use crate::kmm::worker::file_system::{Worker, WorkerPath};

/// Their paths below `/lib/modules/<kernel>`, those that the facts lack too; `None` where `modprobe`
/// looks into the node's own folder and not into the image's.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn in_tree_files(
    case: &LoadCase<'_>,
    overlay: &Overlay,
    working_dir: &str,
    facts: Option<&KernelFacts>,
) -> Result<Option<BTreeSet<String>>, NeedLayer> {
    let kernel = case.target.kernel_version.as_str();
    let Ok((line, copied)) = prepared(case, overlay, working_dir)? else {
        return Ok(Some(BTreeSet::new()));
    };
    let worker = Worker::new(overlay, facts, kernel, &copied, case.release);
    let release = line.kernel.as_deref().unwrap_or(kernel);
    let path = format!("{}/lib/modules/{release}", line.root);
    match worker.find(&path)? {
        WorkerPath::HostFolder(_) | WorkerPath::HostUnknown(_) => return Ok(None),
        _ => {}
    }
    let folder = WorkerFolder {
        worker: &worker,
        path,
    };
    let mut reached = BTreeSet::new();
    let look = || -> Result<(), Stop> {
        let order = &case.work.modprobe.modules_loading_order;
        let mut modprobe = Modprobe::open(folder, &softdep_conf(order))?;
        for name in &line.names {
            for probe in modprobe.probes(name, &line)?.into_iter().flatten() {
                for path in probe.steps.into_iter().filter_map(|step| step.path) {
                    match worker.find(&path)? {
                        WorkerPath::HostModule(module) => drop(reached.insert(module)),
                        WorkerPath::HostUnknown(path) => {
                            let below = path.split_once('/').map(|(_, below)| below);
                            reached.extend(below.map(str::to_owned));
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    };
    match look() {
        Err(Stop::NeedLayer) => Err(NeedLayer),
        // What ends the look ends modprobe too, or is the kernel's to say.
        Ok(()) | Err(Stop::Found(_)) => Ok(Some(reached)),
    }
}
