//! From the target flags to what a preflight CR is asked for: `--to` looked up in the
//! cluster, a release image resolved where KMM wants the kernel.

use std::sync::Arc;

use crate::cli::cluster::GenerateArgs;
use crate::cli::run::{RegistryArgs, RunArgs};
use crate::cli::target::TargetArgs;
use crate::cluster::api::client::Cluster;
use crate::cluster::kmm::desired::PreflightRequest;
use crate::cluster::pools::needs::Unserved;
use crate::error::Error;
use crate::input::Inputs;
use crate::kmm::releases::KmmRelease;
use crate::model::target::{KernelType, Target};
use crate::session::open::Session;
use crate::session::releases;
use crate::session::request::Request;

/// The flags of a preflight CR's target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFlags<'a> {
    /// Its flags.
    pub target: &'a TargetArgs,
    /// `--push-built-image`.
    pub push_built_image: bool,
    /// How to reach the registries.
    pub registry: &'a RegistryArgs,
}

impl<'a> From<&'a GenerateArgs> for RequestFlags<'a> {
    fn from(args: &'a GenerateArgs) -> Self {
        Self {
            target: &args.target,
            push_built_image: args.push_built_image,
            registry: &args.registry,
        }
    }
}

impl<'a> RequestFlags<'a> {
    /// The target of a `run` by the cluster's KMM.
    pub(crate) fn of_run(args: &'a RunArgs) -> Self {
        Self {
            target: &args.target,
            push_built_image: args.push_built_image,
            registry: &args.registry,
        }
    }

    /// What the CR is asked for, for this KMM, and warnings. Without a cluster `--to` has no
    /// answer.
    ///
    /// # Errors
    /// An unknown update, several kernels, or a release image that cannot be resolved.
    pub(crate) async fn request(
        &self,
        kmm: KmmRelease,
        cluster: Option<&Cluster>,
    ) -> Result<(PreflightRequest, Vec<String>), Error> {
        let target = self.target;
        let releases = target.release_image.len() + target.to.len();
        if target.kernel_version.len() > 1 || releases > 1 || target.current {
            return Err(Error::Usage {
                message: "a preflight CR can only check one kernel".to_owned(),
                hint: "Check several with `run --local`, or one after the other.".to_owned(),
            });
        }
        let kinds = target.kernel_types();
        let mut warnings = Vec::new();
        let mut request = PreflightRequest {
            kernel_version: target.kernel_version.first().cloned(),
            dtk_image: target.dtk_image.clone(),
            release_image: None,
            to: target.to.first().cloned(),
            rt: kinds.contains(&KernelType::Realtime),
            push_built_image: self.push_built_image,
        };
        let found = releases::releases(target, cluster, &mut warnings).await?;
        if found.len() > 1 {
            return Err(Error::Usage {
                message: "--to all is for a local run: a preflight CR can only check one \
                    kernel"
                    .to_owned(),
                hint: "Add --local, or pass one version with --to.".to_owned(),
            });
        }
        if let Some(release) = found.into_iter().next() {
            request.to = request.to.map(|to| release.version.unwrap_or(to));
            request.release_image = Some(release.image);
        }
        if request.needs_resolution(kmm) {
            let resolved = self.resolve(cluster, &mut warnings).await?;
            request.kernel_version = Some(resolved.kernel_version.clone());
            request.dtk_image.clone_from(&resolved.dtk_image);
        } else if kinds.contains(&KernelType::Pages64k) || kinds.len() > 1 {
            return Err(Error::Usage {
                message: format!("{kmm} cannot check this kernel of a release"),
                hint: "Pass the kernel with --kernel-version.".to_owned(),
            });
        }
        Ok((request, warnings))
    }

    /// The one kernel that the release has for the cluster's nodes.
    async fn resolve(
        &self,
        cluster: Option<&Cluster>,
        warnings: &mut Vec<String>,
    ) -> Result<Target, Error> {
        let cluster = cluster.map(|cluster| Arc::new(cluster.clone()));
        let mut inputs = Inputs::default();
        let session = match &cluster {
            Some(_) => Session::as_nodes(self.registry, &mut inputs, cluster.clone()).await?,
            None => Session::new(self.registry, &mut inputs, None).await?,
        };
        let access = session.objects.access_of_release().await;
        let request = Request {
            args: self.target,
            preflights: &[],
            cluster: cluster.as_deref(),
            images: &session.images,
            access: &access,
        };
        let found = request.find().await?;
        warnings.extend(found.unserved.iter().map(Unserved::to_string));
        match found.targets.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Error::Image {
                message: "the kernels of the cluster's nodes in this release are not \
                    known"
                    .to_owned(),
                hint: found
                    .unserved
                    .first()
                    .map(Unserved::to_string)
                    .unwrap_or_default(),
                looked: false,
            }),
            several => Err(several_kernels(several)),
        }
    }
}

fn several_kernels(targets: &[Target]) -> Error {
    let list: Vec<String> = targets
        .iter()
        .map(|target| {
            let pools = target.scope.pools.join(", ");
            match (pools.is_empty(), &target.scope.os_stream) {
                (false, _) => format!("{} (pools: {pools})", target.kernel_version),
                (true, Some(stream)) => format!("{} ({stream})", target.kernel_version),
                (true, None) => format!("{} ({})", target.kernel_version, target.arch),
            }
        })
        .collect();
    Error::Usage {
        message: format!(
            "the upgrade has {} kernels, but a preflight CR can only check one: {}",
            targets.len(),
            list.join("; ")
        ),
        hint: "Choose one with --pool, --os-stream, --kernel-type or --arch, or check all with \
            `run --local`."
            .to_owned(),
    }
}
