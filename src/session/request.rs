//! What a run is asked to check against, and what is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;

use crate::check::targets::Resolver;
use crate::cli::target::TargetArgs;
use crate::cluster::Cluster;
use crate::cluster::pools::assign::Assigned;
use crate::cluster::pools::needs::Unserved;
use crate::cluster::pools::objects::Node;
use crate::error::Error;
use crate::findings::finding::{Code, Finding};
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::input::PreflightInput;
use crate::kernel::streams::ReleaseKernels;
use crate::model::target::{KernelType, Target};
use crate::session::arch;
use crate::session::releases::Release;

/// What a run is asked to check against, and where that is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The flags.
    pub args: &'a TargetArgs,
    /// The preflight CRs of `-f`.
    pub preflights: &'a [PreflightInput],
    /// The cluster whose pools count.
    pub cluster: Option<&'a Cluster>,
    /// Where images are read.
    pub images: &'a Arc<Images>,
    /// How.
    pub access: &'a Access,
}

/// The kernels to check against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Each kernel once.
    pub targets: Vec<Target>,
    /// Nodes for which no kernel is known.
    pub unserved: Vec<Unserved>,
    /// The cluster's nodes, where they decide which Modules count for which target.
    pub nodes: Option<Vec<Node>>,
    /// The pool of each node that belongs to one.
    pub pools: BTreeMap<String, String>,
    /// Remarks on how the kernels were found.
    pub notes: Vec<String>,
}

impl Found {
    /// Adds kernels that are named elsewhere.
    pub(super) fn add(&mut self, more: Self) {
        for target in more.targets {
            if !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
        self.notes.extend(more.notes);
    }

    pub(super) fn take(&mut self, assigned: Assigned) {
        self.targets = assigned.targets;
        for one in assigned.unserved {
            if !self.unserved.contains(&one) {
                self.unserved.push(one);
            }
        }
    }
}

impl Request<'_> {
    pub(super) fn resolver(&self, with_64k: bool) -> Resolver<'_> {
        Resolver {
            images: self.images,
            access: self.access,
            with_64k,
        }
    }

    fn wants_64k(&self) -> bool {
        self.args.kernel_types().contains(&KernelType::Pages64k)
    }

    /// The kernels of a release for every architecture that is asked for.
    pub(super) async fn resolve(&self, release: &Release) -> Result<Vec<ReleaseKernels>, Error> {
        let named = &self.args.arch;
        let archs = arch::of_image(named, &release.image, self.images, self.access);
        let archs = archs.await.map_err(unresolved)?;
        let resolver = self.resolver(self.wants_64k());
        let reads = archs
            .iter()
            .map(|arch| resolver.resolve(&release.image, *arch));
        let mut all = try_join_all(reads).await.map_err(unresolved)?;
        for kernels in &mut all {
            kernels.version = release.version.clone().or(kernels.version.take());
        }
        Ok(all)
    }
}

/// A stream that was named and is nowhere.
///
/// # Errors
/// A name of `--os-stream` that no release has.
pub(super) fn check_streams(chosen: &[String], releases: &[ReleaseKernels]) -> Result<(), Error> {
    let is_there = |name: &&String| {
        let mut streams = releases.iter().flat_map(|release| &release.streams);
        streams.any(|stream| stream.name.as_ref() == Some(name))
    };
    match chosen.iter().find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<String> = releases.iter().map(ReleaseKernels::stream_names).collect();
            let title = releases.first().map(ReleaseKernels::title);
            Err(Error::Usage {
                message: format!(
                    "{} has no operating system stream {name}",
                    title.unwrap_or_else(|| "the release".to_owned())
                ),
                hint: format!("Pass one of these with --os-stream: {}.", names.join(", ")),
            })
        }
    }
}

/// A kind of kernel that was asked for and that no image has.
pub(super) fn no_such_kernel(message: String) -> Error {
    Error::Image {
        message,
        hint: "Choose another --kernel-type, or pass --kernel-version.".to_owned(),
        looked: false,
    }
}

/// A target that cannot be told keeps the run from starting: nothing was looked at.
pub(super) fn unresolved(finding: Finding) -> Error {
    let hint = finding.hint.unwrap_or_default();
    let message = finding.message;
    match finding.code {
        Code::ImageInvalid => Error::Usage { message, hint },
        _ => Error::Image {
            message,
            hint,
            looked: false,
        },
    }
}
