//! depmod's files in the folder that `modprobe -d` names, as kmod opens them.

use kernel_loader::depmod::effort::TooMuch;
use kernel_loader::depmod::index::Index;
use kernel_loader::modprobe::folder::{self, Folder, Opened};

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::overlay::NeedLayer;
use crate::kmm::worker::file_system::{Worker, WorkerPath};
use crate::model::layer::{Content, Node};

/// Why a question has no answer yet, or needs none any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    /// A layer that was not read yet decides.
    NeedLayer,
    /// What was found ends the load, or the look at it.
    Found(Box<Finding>),
}

impl From<NeedLayer> for Stop {
    fn from(_: NeedLayer) -> Self {
        Self::NeedLayer
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Found(Box::new(finding))
    }
}

impl From<TooMuch> for Stop {
    fn from(_: TooMuch) -> Self {
        Finding::new(
            Code::ModuleUnreadable,
            "could not be checked: depmod's files in the image list more than any modprobe would \
             load",
        )
        .with_effect(Effect::Blocks)
        .hint("Run depmod in the image's build, and do not copy other files with these names.")
        .into()
    }
}

impl From<folder::Stop<Self>> for Stop {
    fn from(stop: folder::Stop<Self>) -> Self {
        match stop {
            folder::Stop::Folder(stop) => stop,
            folder::Stop::TooMuch => TooMuch.into(),
            folder::Stop::Endless { index, is_mapped } => {
                let finding = Finding::new(
                    Code::ModulesDepMissing,
                    format!("modprobe would not end: {index}.bin is corrupt (a string has no end)"),
                )
                .hint("Run depmod in the image's build.");
                match is_mapped {
                    true => finding.with_effect(Effect::Doubts).into(),
                    false => finding.into(),
                }
            }
        }
    }
}

/// The module folder of one `modprobe`.
#[derive(Debug)]
pub(super) struct WorkerFolder<'w, 'a> {
    /// The worker's file system.
    pub(super) worker: &'w Worker<'a>,
    /// `<root>/lib/modules/<kernel>`.
    pub(super) path: String,
}

impl Folder for WorkerFolder<'_, '_> {
    type Stop = Stop;

    fn path(&self) -> &str {
        &self.path
    }

    /// A layer further down may decide, or a file on the node of which nothing is known.
    fn index(&self, name: &str) -> Result<Opened, Stop> {
        let path = format!("{}/{name}.bin", self.path);
        let bytes = match self.worker.find(&path)? {
            WorkerPath::Image {
                node: Node::File { content, size, .. },
                path,
            } => match content {
                Content::Bytes(bytes) => bytes,
                Content::Skipped | Content::NoModule(_) if *size == 0 => {
                    return Ok(Opened::Unusable("the file is empty".to_owned()));
                }
                Content::TooLarge(limit) => {
                    return Err(Finding::new(
                        Code::ImageUnreadable,
                        format!("{path} is larger than the limit of {limit} bytes"),
                    )
                    .into());
                }
                Content::Skipped | Content::NoModule(_) | Content::Module(_) => {
                    return Ok(Opened::Unusable("it is not an index of depmod".to_owned()));
                }
            },
            WorkerPath::HostUnknown(path) => {
                return Err(Finding::new(
                    Code::KernelFactsMissing,
                    format!("it depends on the node's /lib/modules/{path}, which is not known"),
                )
                .with_effect(Effect::Doubts)
                .into());
            }
            WorkerPath::Missing => return Ok(Opened::Missing),
            _ => return Ok(Opened::Unusable("it is not a file".to_owned())),
        };
        Ok(match Index::parse(bytes.clone()) {
            Ok(index) => Opened::Index(index),
            Err(fault) => Opened::Unusable(fault.to_string()),
        })
    }

    fn softdeps(&self) -> Result<Option<String>, Stop> {
        let path = format!("{}/modules.softdep", self.path);
        Ok(match self.worker.find(&path)? {
            WorkerPath::Image {
                node:
                    Node::File {
                        content: Content::Bytes(bytes),
                        ..
                    },
                ..
            } => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        })
    }

    fn exists(&self, path: &str) -> Result<bool, Stop> {
        Ok(self.worker.find(path)? != WorkerPath::Missing)
    }
}
