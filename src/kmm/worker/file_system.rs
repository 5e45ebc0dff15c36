//! The file system in which KMM's worker runs `modprobe`.
//!
//! It is neither the image's nor the node's: the init container copies one folder of the
//! image (`cp -R`, links as links), and the node's `/lib/modules` is mounted beside it. A
//! link in the copied folder is followed there.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Bound;

use kernel_loader::kernel::facts::KernelFacts;

use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::kmm::releases::KmmRelease;
use crate::kmm::worker::command_line::join;
use crate::kmm::worker::copied::Copied;
use crate::model::layer::Node;

/// `MAXSYMLINKS` of the kernel.
const MAX_LINKS: usize = 40;

/// What a path names in the worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WorkerPath<'a> {
    /// A file or folder that came from the image.
    Image {
        /// Its path in the image.
        path: String,
        /// The file or folder; never a link.
        node: &'a Node,
    },
    /// The node's `/lib/modules/<kernel>`, or a folder below it.
    HostFolder(String),
    /// An in-tree module of the target kernel: its path below `/lib/modules/<kernel>`.
    HostModule(String),
    /// A path below `/lib/modules` of which nothing is known.
    HostUnknown(String),
    /// A folder of the worker itself.
    Folder,
    /// Nothing.
    Missing,
}

/// The worker's file system, as far as `modprobe` can come upon it.
#[derive(Debug, Clone)]
pub(crate) struct Worker<'a> {
    overlay: &'a Overlay,
    facts: Option<&'a KernelFacts>,
    kernel: &'a str,
    copied: &'a Copied,
    copied_at: Vec<String>,
    release: KmmRelease,
    needs_upstream: Cell<bool>,
    asks_node: Cell<bool>,
}

impl<'a> Worker<'a> {
    /// The worker that has this part of the image.
    pub(crate) fn new(
        overlay: &'a Overlay,
        facts: Option<&'a KernelFacts>,
        kernel: &'a str,
        copied: &'a Copied,
        release: KmmRelease,
    ) -> Self {
        Self {
            overlay,
            facts,
            kernel,
            copied,
            copied_at: components(&copied.at),
            release,
            needs_upstream: Cell::new(false),
            asks_node: Cell::new(false),
        }
    }

    /// True once a path led to `/host/lib/modules` where the worker has nothing there.
    pub(crate) fn needs_upstream(&self) -> bool {
        self.needs_upstream.get()
    }

    /// True once something hung on which modules the node has.
    pub(crate) fn asks_node(&self) -> bool {
        self.asks_node.get()
    }

    /// Notes that something does.
    pub(crate) fn ask_node(&self) {
        self.asks_node.set(true);
    }

    /// Where the kernel's modules of `dirName` are.
    pub(crate) fn copied_to(&self) -> String {
        let Copied { at, from, folder } = self.copied;
        if from.is_empty() {
            join(&[at, folder])
        } else {
            at.clone()
        }
    }

    /// The folder of the image that those come from, relative to the image's root.
    pub(crate) fn image_folder(&self) -> &'a str {
        &self.copied.folder
    }

    /// The kernel whose modules the node's `/lib/modules` has.
    pub(crate) fn kernel(&self) -> &'a str {
        self.kernel
    }

    /// What stands at an absolute path, links followed in the worker's file system.
    ///
    /// # Errors
    /// A layer further down decides.
    pub(crate) fn find(&self, path: &str) -> Result<WorkerPath<'a>, NeedLayer> {
        let mut todo: VecDeque<String> = components(path).into();
        let mut here: Vec<String> = Vec::new();
        let mut links = 0;
        let mut place = WorkerPath::Folder;
        while let Some(name) = todo.pop_front() {
            if name == ".." {
                here.pop();
                place = self.at(&here)?.0;
                continue;
            }
            if matches!(&place, WorkerPath::Image { node, .. } if !matches!(node, Node::Dir))
                || matches!(place, WorkerPath::HostModule(_))
            {
                return Ok(WorkerPath::Missing);
            }
            here.push(name);
            let (found, link) = self.at(&here)?;
            if let Some(target) = link {
                links += 1;
                if links > MAX_LINKS {
                    return Ok(WorkerPath::Missing);
                }
                here.pop();
                if target.starts_with('/') {
                    here.clear();
                }
                place = self.at(&here)?.0;
                for name in components(target).into_iter().rev() {
                    todo.push_front(name);
                }
                continue;
            }
            if found == WorkerPath::Missing {
                return Ok(WorkerPath::Missing);
            }
            place = found;
        }
        Ok(place)
    }

    /// What stands at a path whose folders are no links, and where it leads if it is one.
    fn at(&self, here: &[String]) -> Result<(WorkerPath<'a>, Option<&'a str>), NeedLayer> {
        if let Some(below) = below_host_modules(here) {
            return Ok((self.on_the_host(&below), None));
        }
        if let Some(below) = here.strip_prefix(&["host", "lib", "modules"].map(str::to_owned)) {
            if self.release.mounts_host_modules_twice() {
                return Ok((self.on_the_host(below), None));
            }
            self.needs_upstream.set(true);
        }
        if let Some(rest) = here.strip_prefix(self.copied_at.as_slice()) {
            let path = rest.iter().fold(self.copied.from.clone(), |path, name| {
                format!("{path}/{name}").trim_start_matches('/').to_owned()
            });
            if path.is_empty() {
                return Ok((WorkerPath::Folder, None));
            }
            return Ok(match self.overlay.lookup_link(&path)? {
                Some(found) => match found.node {
                    Node::Symlink(target) => (WorkerPath::Missing, Some(target.as_str())),
                    node => (WorkerPath::Image { path, node }, None),
                },
                None => (WorkerPath::Missing, None),
            });
        }
        let on_the_way = self.copied_at.starts_with(here) || is_host_parent(here);
        let place = if on_the_way {
            WorkerPath::Folder
        } else {
            WorkerPath::Missing
        };
        Ok((place, None))
    }

    /// `below` is the path below the node's `/lib/modules`.
    fn on_the_host(&self, below: &[String]) -> WorkerPath<'a> {
        let Some((kernel, rest)) = below.split_first() else {
            return WorkerPath::Folder;
        };
        let path = rest.join("/");
        // A node has the modules of the kernel that it runs; whether those of another one are
        // left is no promise.
        if kernel != self.kernel {
            return WorkerPath::Missing;
        }
        self.ask_node();
        if path.is_empty() {
            return WorkerPath::HostFolder(path);
        }
        let in_tree = self
            .facts
            .and_then(|facts| Some((facts, facts.in_tree.as_ref()?)));
        let Some((facts, in_tree)) = in_tree else {
            return WorkerPath::HostUnknown(below.join("/"));
        };
        let folder = format!("{path}/");
        if in_tree.contains_key(path.as_str()) {
            WorkerPath::HostModule(path)
        } else if in_tree
            .range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded))
            .next()
            .is_some_and(|(first, _)| first.starts_with(&folder))
        {
            WorkerPath::HostFolder(path)
        } else if facts.may_lack(&path) {
            WorkerPath::HostUnknown(below.join("/"))
        } else if !facts.is_of_nodes && !rest.concat().contains('.') {
            // A folder of nothing but files that the facts lack; those decide.
            WorkerPath::HostFolder(path)
        } else {
            WorkerPath::Missing
        }
    }
}

fn components(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

/// The rest of a path below `/lib/modules`, which is `/usr/lib/modules` in the worker's
/// image as well.
fn below_host_modules(here: &[String]) -> Option<Vec<String>> {
    let here = match here {
        [usr, rest @ ..] if usr == "usr" => rest,
        here => here,
    };
    match here {
        [lib, modules, rest @ ..] if lib == "lib" && modules == "modules" => Some(rest.to_vec()),
        _ => None,
    }
}

fn is_host_parent(here: &[String]) -> bool {
    let path = here.join("/");
    matches!(
        path.as_str(),
        "" | "usr" | "lib" | "usr/lib" | "host" | "host/lib"
    )
}
