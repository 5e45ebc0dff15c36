//! The load itself: KMM's command line, `modprobe`'s steps, the kernel's answers.

use std::sync::Arc;

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::load::machine::Machine;
use kernel_loader::modprobe::command_line::{CommandLine, parse};
use kernel_loader::modprobe::steps::{Modprobe, NotFound, Probe, Step};
use kernel_loader::module::ModuleFile;
use kernel_loader::module::names::without_suffix;

use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::modprobe_words;
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::judge::exporters::ImageExporters;
use crate::judge::indexes::{Stop, WorkerFolder};
use crate::judge::not_found::{self, Wanted};
use crate::judge::{Judged, LoadCase, Trust, node};
use crate::kmm::releases::Feature;
use crate::kmm::worker::copied::{self, Copied};
use crate::kmm::worker::file_system::{Worker, WorkerPath};
use crate::kmm::worker::{command_line, firmware};

pub(super) mod in_tree;
mod step;

use step::Became;

/// One load.
///
/// # Errors
/// A layer further down decides.
pub(super) fn load(
    case: &LoadCase<'_>,
    overlay: &Overlay,
    working_dir: &str,
    facts: Option<&KernelFacts>,
    trust: &Trust,
) -> Result<Judged, NeedLayer> {
    let (line, copied) = match prepared(case, overlay, working_dir)? {
        Ok(prepared) => prepared,
        Err(finding) => {
            return Ok(Judged {
                findings: vec![*finding],
                asks_node: false,
            });
        }
    };
    let kernel = case.target.kernel_version.as_str();
    let worker = Worker::new(overlay, facts, kernel, &copied, case.release);
    let exporters = ImageExporters::new(overlay, worker.image_folder());
    let load = Load {
        case,
        overlay,
        facts,
        worker: &worker,
        line: &line,
        machine: Machine::new(kernel, case.target.arch, facts, trust),
        exporters: &exporters,
        files: Vec::new(),
        crashed: false,
    };
    let mut findings = match load.run() {
        Ok(findings) => findings,
        Err(Stop::NeedLayer) => return Err(NeedLayer),
        Err(Stop::Found(finding)) => vec![*finding],
    };
    if case.flavor_is_assumed && worker.needs_upstream() {
        findings.push(
            Finding::new(
                Code::KmmFlavorUnknown,
                "a link in the image leads to /host/lib/modules, which only upstream KMM mounts \
                 (since 2.6); this is the result for OpenShift's KMM",
            )
            .hint("Pass --kmm-flavor openshift or --kmm-flavor upstream."),
        );
    }
    Ok(Judged {
        findings,
        asks_node: worker.asks_node(),
    })
}

/// `modprobe`'s command line, and what the worker has of the image; a finding where nothing is
/// loaded.
///
/// # Errors
/// A layer further down decides.
fn prepared(
    case: &LoadCase<'_>,
    overlay: &Overlay,
    working_dir: &str,
) -> Result<Result<(CommandLine, Copied), Box<Finding>>, NeedLayer> {
    if let Some(finding) = odd_folder(case) {
        return Ok(Err(Box::new(finding)));
    }
    let modprobe = &case.work.modprobe;
    let loads_nothing = |why: String| {
        let message = format!("nothing is loaded: {why}");
        let finding = Finding::new(Code::ModprobeArgsInvalid, message)
            .hint("Check `args.load` and `rawArgs.load` in the Module.");
        Ok(Err(Box::new(finding)))
    };
    let mut line = match parse(&command_line::of_module(modprobe, case.release)) {
        Ok(line) => line,
        Err(why) => return loads_nothing(modprobe_words::fault(&why)),
    };
    if let Some(what) = line.instead {
        let what = modprobe_words::instead(what);
        return loads_nothing(format!("with these arguments modprobe {what}"));
    }
    let kernel = &case.target.kernel_version;
    let dir_name = &modprobe.dir_name;
    let copied = match copied::of(overlay, working_dir, case.release, dir_name, kernel)? {
        Ok(copied) => copied,
        Err(finding) => return Ok(Err(Box::new(finding))),
    };
    if !case.release.has(Feature::Worker) && !line.root.is_empty() {
        // `modprobe` itself runs in the image.
        line.root = format!("/{}", copied::in_image(overlay, working_dir, &line.root)?);
    }
    Ok(Ok((line, copied)))
}

/// A folder's name that the shell of the init container would take apart.
fn odd_folder(case: &LoadCase<'_>) -> Option<Finding> {
    let dir_name = &case.work.modprobe.dir_name;
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    (case.release.has(Feature::ImageExtractor) && !dir_name.chars().all(plain)).then(|| {
        Finding::new(
            Code::ModprobeArgsUnknown,
            format!(
                "dirName `{dir_name}` contains characters that KMM's shell command does not \
                quote"
            ),
        )
        .hint("Use a path of letters, digits, `/`, `.`, `_` and `-`.")
    })
}

/// One run of `modprobe`.
struct Load<'l, 'a> {
    case: &'l LoadCase<'l>,
    overlay: &'a Overlay,
    facts: Option<&'a KernelFacts>,
    worker: &'l Worker<'a>,
    line: &'l CommandLine,
    machine: Machine<'l>,
    exporters: &'l ImageExporters<'a>,
    /// What was loaded from the image, by name.
    files: Vec<(String, &'a Arc<ModuleFile>)>,
    /// The kernel did not survive what it was given last.
    crashed: bool,
}

impl Load<'_, '_> {
    fn run(mut self) -> Result<Vec<Finding>, Stop> {
        let release = self
            .line
            .kernel
            .clone()
            .unwrap_or_else(|| self.case.target.kernel_version.clone());
        let folder = format!("{}/lib/modules/{release}", self.line.root);
        let mut findings = node::modules_to_remove(self.case, self.facts);
        if !findings.is_empty() {
            self.worker.ask_node();
        }
        match self.worker.find(&folder)? {
            WorkerPath::HostFolder(_) => {
                findings.extend(node::answer(self.case, self.facts, &self.line.names));
                return Ok(findings);
            }
            WorkerPath::HostUnknown(path) => return Err(not_found::on_the_node(&path).into()),
            _ => {}
        }
        // `-C` names other files than KMM's softdep.conf.
        let order: &[String] = if self.line.config_paths.is_empty() {
            &self.case.work.modprobe.modules_loading_order
        } else {
            &[]
        };
        let mut modprobe = Modprobe::open(
            WorkerFolder {
                worker: self.worker,
                path: folder,
            },
            &command_line::softdep_conf(order),
        )?;
        for name in modprobe.lost_softdeps(order.len().saturating_sub(1))? {
            findings.push(
                Finding::new(
                    Code::SoftDependencyMissing,
                    format!(
                        "{name}: `modulesLoadingOrder` is ignored: the image's modules.softdep \
                         has a line for the module, and modprobe uses the first one"
                    ),
                )
                .hint("Remove MODULE_SOFTDEP from the module, or list the same modules in it."),
            );
        }
        for name in &self.line.names {
            match modprobe.probes(name, self.line)? {
                Ok(probes) => {
                    let last = probes.len().saturating_sub(1);
                    for (at, probe) in probes.iter().enumerate() {
                        let mut seen = self.probe(&mut modprobe, probe)?;
                        // `insmod` of modprobe answers with what became of the last one.
                        if at != last && !self.crashed {
                            seen = seen.into_iter().map(Finding::as_warning).collect();
                        }
                        findings.extend(seen);
                        if self.crashed {
                            return Ok(findings);
                        }
                    }
                }
                Err(why) => findings.extend(self.not_found(&modprobe, name, &why)?),
            }
        }
        let modules: Vec<_> = self
            .files
            .iter()
            .filter_map(|(name, file)| Some((name.clone(), file.elf.as_ref().ok()?)))
            .collect();
        findings.extend(firmware::named(
            self.overlay,
            &self.case.work.modprobe.firmware_path,
            &modules,
        )?);
        Ok(findings)
    }

    fn not_found(
        &self,
        modprobe: &Modprobe<WorkerFolder<'_, '_>>,
        name: &str,
        why: &NotFound,
    ) -> Result<Vec<Finding>, Stop> {
        let wanted = Wanted {
            name,
            folder: modprobe.folder(),
            copied_to: &self.worker.copied_to(),
            image_folder: self.worker.image_folder(),
            dir_name: &self.case.work.modprobe.dir_name,
            kernel: &self.case.target.kernel_version,
        };
        Ok(not_found::explain(self.overlay, wanted, why)?)
    }

    /// The loop of `kmod_module_probe_insert_module`.
    fn probe(
        &mut self,
        modprobe: &mut Modprobe<WorkerFolder<'_, '_>>,
        probe: &Probe,
    ) -> Result<Vec<Finding>, Stop> {
        let mut findings = Vec::new();
        let there = self.machine.has(&probe.name);
        if probe.built_in || there {
            let what = if probe.built_in {
                "modules.builtin.bin lists it as built into the kernel, and modprobe loads nothing"
            } else {
                "it is already loaded"
            };
            let finding = Finding::new(Code::ModuleBuiltIn, format!("{}: {what}", probe.name));
            return Ok(vec![if self.line.first_time {
                finding.with_effect(Effect::Fails)
            } else {
                finding
            }]);
        }
        for step in &probe.steps {
            for absent in modprobe.absent_softdeps(&step.name)? {
                findings.push(
                    Finding::new(
                        Code::SoftDependencyMissing,
                        format!(
                            "{}: soft dependency `{absent}` is not found, and modprobe continues \
                             without it",
                            step.name
                        ),
                    )
                    .hint(match without_suffix(&absent) {
                        Some(bare) => format!("Write {bare} instead of {absent} in the Module."),
                        None => "Modules in `modulesLoadingOrder` must also be in modules.dep."
                            .to_owned(),
                    }),
                );
            }
        }
        for step in &probe.steps {
            if self.machine.has(&step.name) {
                continue;
            }
            let became = self.step(step)?;
            self.crashed = matches!(became, Became::Crashes(_));
            match became {
                Became::Loaded(remarks) => {
                    findings.extend(remarks);
                    findings.extend(dropped(step).map(Finding::as_warning));
                }
                Became::Exists(why) => {
                    let finding = Finding::new(
                        Code::ModuleNameClash,
                        format!(
                            "{}: {why}, and modprobe reports success (File exists)",
                            step.name
                        ),
                    );
                    findings.push(if self.line.first_time && step.asked_for {
                        finding
                    } else {
                        finding.as_warning()
                    });
                }
                Became::Refused(seen) if !step.required => {
                    let why = seen.first().map_or("", |finding| finding.message.as_str());
                    findings.push(Finding::new(
                        Code::SoftDependencyMissing,
                        format!(
                            "soft dependency `{}` would not load, and modprobe continues without \
                             it: {why}",
                            step.name
                        ),
                    ));
                }
                Became::Refused(seen) | Became::Crashes(seen) => {
                    findings.extend(dropped(step));
                    findings.extend(seen);
                    break;
                }
            }
        }
        Ok(findings)
    }
}

/// Dependencies that kmod forgot because one of them is not there.
fn dropped(step: &Step) -> Option<Finding> {
    let file = step.dropped.as_ref()?;
    Some(
        Finding::new(
            Code::DependencyMissing,
            format!(
                "{}: modules.dep.bin lists {file}, which does not exist, so modprobe loads none \
                 of the module's dependencies",
                step.name
            ),
        )
        .hint("Add the missing module, or the `host` link that leads to it, to the image."),
    )
}
