//! depmod's files in the folder that `modprobe -d` names, as kmod opens them.

use kernel_loader::depmod::effort::TooMuch;
use kernel_loader::depmod::index::Index;

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::layers::overlay::NeedLayer;
use crate::kmm::worker::file_system::{Place, Worker};
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

/// One of depmod's binary indexes.
#[derive(Debug)]
pub(super) enum Opened {
    /// It can be searched.
    Index(Index),
    /// There is no such file.
    Missing,
    /// kmod cannot read it (`index_file_open`), and why.
    Unusable(String),
}

/// The module folder of one `modprobe`.
#[derive(Debug)]
pub(super) struct Folder<'w, 'a> {
    /// The worker's file system.
    pub(super) worker: &'w Worker<'a>,
    /// `<root>/lib/modules/<kernel>`.
    pub(super) path: String,
}

impl Folder<'_, '_> {
    /// Opens `<name>.bin`.
    ///
    /// # Errors
    /// A layer further down decides, or the file is on the node and nothing is known of it.
    pub(super) fn index(&self, name: &str) -> Result<Opened, Stop> {
        let path = format!("{}/{name}.bin", self.path);
        let bytes = match self.worker.find(&path)? {
            Place::Image {
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
            Place::HostUnknown(path) => {
                return Err(Finding::new(
                    Code::KernelFactsMissing,
                    format!("it depends on the node's /lib/modules/{path}, which is not known"),
                )
                .with_effect(Effect::Doubts)
                .into());
            }
            Place::Missing => return Ok(Opened::Missing),
            _ => return Ok(Opened::Unusable("it is not a file".to_owned())),
        };
        Ok(match Index::parse(bytes.clone()) {
            Ok(index) => Opened::Index(index),
            Err(fault) => Opened::Unusable(fault.to_string()),
        })
    }

    /// The text of `modules.softdep`; `None` where there is none.
    ///
    /// # Errors
    /// A layer further down decides.
    pub(super) fn softdeps(&self) -> Result<Option<String>, NeedLayer> {
        let path = format!("{}/modules.softdep", self.path);
        Ok(match self.worker.find(&path)? {
            Place::Image {
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
}
