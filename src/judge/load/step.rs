//! One step of a load: the file that `modprobe` hands to the kernel.

use kernel_loader::answer::Answer;
use kernel_loader::load::machine::Handing;
use kernel_loader::modprobe::steps::Step;
use kernel_loader::module::ModuleFile;
use kernel_loader::module::facts::Depth;

use super::Load;
use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::refusals::{self, About};
use crate::judge::indexes::Stop;
use crate::judge::not_found;
use crate::kmm::worker::file_system::WorkerPath;
use crate::model::layer::{Content, Node};

/// What became of one module.
#[derive(Debug)]
pub(super) enum Became {
    /// It is loaded; what there is to say of it.
    Loaded(Vec<Finding>),
    /// `-EEXIST`, and why.
    Exists(String),
    /// It is refused, or whether it is cannot be told.
    Refused(Vec<Finding>),
    /// The kernel does not survive it.
    Crashes(Vec<Finding>),
}

impl Load<'_, '_> {
    /// `kmod_module_insert_module`, or the install command in its place.
    pub(super) fn step(&mut self, step: &Step) -> Result<Became, Stop> {
        if let Some(command) = &step.install {
            return Ok(Became::Loaded(vec![Finding::new(
                Code::ModprobeArgsUnknown,
                format!(
                    "{}: modprobe runs `{command}` instead of loading the module, and its effect \
                     is not known",
                    step.name
                ),
            )]));
        }
        let handing = Handing {
            force_vermagic: self.line.force_vermagic,
            force_modversions: self.line.force_modversions,
            parameters: step.parameters.clone(),
        };
        let Some(path) = &step.path else {
            return Ok(Became::Refused(vec![Finding::new(
                Code::ModuleNotFound,
                format!(
                    "modprobe: could not insert '{0}': could not find module by name='{0}'",
                    step.name
                ),
            )]));
        };
        Ok(match self.worker.find(path)? {
            WorkerPath::Image {
                node: Node::File { content, size, .. },
                path: in_image,
            } => match content {
                // `kmod_file_open` reads the longest magic number first.
                _ if *size < 6 => Became::Refused(vec![Finding::new(
                    Code::ModuleUnreadable,
                    format!("/{in_image} is too short to be a module (Invalid argument)"),
                )]),
                Content::Module(file) => {
                    let became = self.load(&in_image, file, &handing);
                    if matches!(became, Became::Loaded(_)) {
                        self.files.push((step.name.clone(), file));
                    }
                    became
                }
                Content::Bytes(bytes) => {
                    let file = ModuleFile::parse(bytes, Depth::Full);
                    self.load(&in_image, &file, &handing)
                }
                Content::NoModule(_) => Became::Refused(vec![
                    Finding::new(
                        Code::ElfInvalid,
                        format!("/{in_image} is not a kernel module: Exec format error"),
                    )
                    .hint("Build the image again; the module's path does not lead to a module."),
                ]),
                Content::TooLarge(limit) => {
                    let why = format!("has {size} bytes, more than the limit of {limit}");
                    unread(&in_image, &why)
                }
                Content::Skipped => unread(&in_image, "was not read as a module"),
            },
            WorkerPath::HostModule(in_tree) => {
                let file = self
                    .facts
                    .and_then(|facts| facts.in_tree.as_ref())
                    .and_then(|modules| modules.get(in_tree.as_str()))
                    .and_then(Option::as_ref);
                self.machine.load_in_tree(&in_tree, file.map(AsRef::as_ref));
                Became::Loaded(self.in_tree_wins(step, &in_tree)?.into_iter().collect())
            }
            WorkerPath::HostUnknown(path) => {
                let (_, below) = path.split_once('/').unwrap_or(("", &path));
                let remark = if self.facts.is_some_and(|facts| facts.in_tree.is_some()) {
                    not_found::not_among_facts(&path)
                } else if path.starts_with(self.worker.kernel()) {
                    // One that was there when depmod ran is taken to be there.
                    not_found::on_the_node(&path).as_warning()
                } else {
                    not_found::on_the_node(&path)
                };
                self.machine.load_in_tree(below, None);
                let mut remarks = vec![remark];
                remarks.extend(self.in_tree_wins(step, below)?);
                Became::Loaded(remarks)
            }
            WorkerPath::Missing
            | WorkerPath::Folder
            | WorkerPath::HostFolder(_)
            | WorkerPath::Image { .. } => {
                Became::Refused(vec![not_found::no_file(&step.name, path)])
            }
        })
    }

    /// Hands a file of the image to the kernel.
    fn load(&mut self, path: &str, file: &ModuleFile, handing: &Handing) -> Became {
        let about = About {
            file: path.rsplit('/').next().unwrap_or(path),
            elf: file.elf.as_ref().ok(),
            kernel: &self.case.target.kernel_version,
            facts: self.facts,
            exporters: self.exporters,
        };
        match self.machine.load(file, handing) {
            Answer::Loaded(remarks) => Became::Loaded(refusals::findings(remarks, &about)),
            Answer::Exists(why) => Became::Exists(refusals::existing(&why, &about)),
            Answer::Refused(remarks) => Became::Refused(refusals::findings(remarks, &about)),
            Answer::Crashes(remarks) => Became::Crashes(refusals::findings(remarks, &about)),
        }
    }

    /// An in-tree module that is loaded in place of one of the image: of two files with one
    /// name, depmod lists the one whose folder comes first in its configuration's `search`,
    /// which is `updates` before all others, and among equals whichever it reads last
    /// (`depmod_module_is_higher_priority` of kmod's `tools/depmod.c`).
    fn in_tree_wins(&self, step: &Step, in_tree: &str) -> Result<Option<Finding>, Stop> {
        let folder = self.worker.image_folder();
        let files = match self.overlay.walk(folder) {
            Ok(files) => files,
            // No layer is read for what a module needs.
            Err(_) if !step.asked_for => return Ok(None),
            Err(need) => return Err(need.into()),
        };
        let own = files
            .into_iter()
            .find(|(path, found)| {
                matches!(found.node, Node::File { .. }) && not_found::is_module(path, &step.name)
            })
            .map(|(path, _)| path);
        let kernel = self.worker.kernel();
        Ok(own.map(|own| {
            Finding::new(
                Code::InTreeModule,
                format!(
                    "modprobe loads the in-tree module /lib/modules/{kernel}/{in_tree} instead \
                     of /{folder}/{own}: modules.dep.bin names the in-tree file"
                ),
            )
            .hint(format!(
                "Install {} in /{folder}/updates, which depmod prefers, and run depmod again. If \
                 nodes have the in-tree module loaded, list it in `inTreeModulesToRemove` too.",
                step.name
            ))
            .with_effect(Effect::Doubts)
        }))
    }
}

/// A file of the image that nothing is known of.
fn unread(path: &str, why: &str) -> Became {
    Became::Refused(vec![
        Finding::new(
            Code::ModuleUnreadable,
            format!("/{path} could not be checked: it {why}"),
        )
        .with_effect(Effect::Blocks)
        .hint("Load the module by hand on a machine with the target kernel."),
    ])
}
