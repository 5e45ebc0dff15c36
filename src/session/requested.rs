//! From the target flags to what a preflight CR is asked for: `--to` looked up in the
//! cluster, a release image resolved where KMM wants the kernel.

use std::sync::Arc;

use crate::check::targets;
use crate::cli::cluster::{ClusterRunArgs, GenerateArgs};
use crate::cli::run::{RegistryArgs, RunArgs};
use crate::cli::target::TargetArgs;
use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::kmm::desired::Wish;
use crate::cluster::pools::updates;
use crate::error::Error;
use crate::findings::finding::{Effect, Finding};
use crate::input::Inputs;
use crate::kmm::releases::KmmRelease;
use crate::session::arch;
use crate::session::open::Session;

/// The target as the flags give it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `--release-image`, `--kernel-version`, `--dtk-image`, `--rt`, `--arch`.
    pub target: &'a TargetArgs,
    /// `--to`.
    pub to: Option<&'a str>,
    /// `--push-built-image`.
    pub push_built_image: bool,
    /// How to reach the registries.
    pub registry: &'a RegistryArgs,
}

impl<'a> From<&'a GenerateArgs> for Asked<'a> {
    fn from(args: &'a GenerateArgs) -> Self {
        Self {
            target: &args.target,
            to: args.to.as_deref(),
            push_built_image: args.push_built_image,
            registry: &args.registry,
        }
    }
}

impl<'a> Asked<'a> {
    /// The target of a `run` by the cluster's KMM.
    pub fn of_run(args: &'a RunArgs, cluster: &'a ClusterRunArgs) -> Self {
        Self {
            target: &args.target,
            to: cluster.to.as_deref(),
            push_built_image: args.push_built_image,
            registry: &args.registry,
        }
    }

    /// What the CR is asked for, for this KMM, and warnings. Without a cluster `--to` has no
    /// answer.
    ///
    /// # Errors
    /// An unknown update, several kernels, or a release image that cannot be resolved.
    pub async fn wish(
        &self,
        kmm: KmmRelease,
        cluster: Option<&Cluster>,
    ) -> Result<(Wish, Vec<String>), Error> {
        if self.target.kernel_version.len() > 1 {
            return Err(Error::Usage {
                message: "a preflight CR checks one kernel".to_owned(),
                hint: "check several with `run --local`, or run one after the other".to_owned(),
            });
        }
        let mut warnings = Vec::new();
        let mut wish = Wish {
            kernel_version: self.target.kernel_version.first().cloned(),
            dtk_image: self.target.dtk_image.clone(),
            release_image: self.target.release_image.clone(),
            to: self.to.map(str::to_owned),
            rt: self.target.rt,
            push_built_image: self.push_built_image,
        };
        if let Some(version) = self.to {
            let update = update(version, cluster).await?;
            for risk in update.risks {
                warnings.push(format!("the update to {version} has a known risk: {risk}"));
            }
            wish.release_image = Some(update.image);
        }
        if wish.needs_resolution(kmm) {
            let release = wish.release_image.clone().unwrap_or_default();
            let resolved = resolve(&release, self.target, self.registry, cluster).await?;
            wish.kernel_version = Some(resolved.kernel_version);
            wish.dtk_image = resolved.dtk_image;
        }
        Ok((wish, warnings))
    }
}

/// Looks a release up in the cluster's available and conditional updates (`--to`).
///
/// # Errors
/// There is no cluster, it is not OpenShift, or it knows no such update.
pub async fn update(version: &str, cluster: Option<&Cluster>) -> Result<updates::Update, Error> {
    let Some(cluster) = cluster else {
        return Err(Error::Usage {
            message: "--to looks the release up in a cluster".to_owned(),
            hint: "name the release with --release-image, or leave --kmm-version out".to_owned(),
        });
    };
    let cluster_version = cluster
        .cluster_version()
        .await
        .map_err(|fault| match fault {
            Fault::NotServed(_) | Fault::NotFound(_) => Error::Cluster {
                message: format!(
                    "the cluster {} has no ClusterVersion: --to is for OpenShift",
                    cluster.server()
                ),
                hint: "name the kernel with --kernel-version".to_owned(),
            },
            fault => fault.into_error("reading the cluster's updates", "run"),
        })?;
    updates::find(&cluster_version, version)
}

/// The kernel of a release image.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The kernel.
    pub kernel_version: String,
    /// The driver-toolkit image.
    pub dtk_image: Option<String>,
}

/// Resolves a release image to its driver-toolkit image and kernel.
///
/// # Errors
/// The images cannot be read, or name no such kernel.
pub async fn resolve(
    release_image: &str,
    target: &TargetArgs,
    registry: &RegistryArgs,
    cluster: Option<&Cluster>,
) -> Result<Resolved, Error> {
    let session = match cluster {
        Some(cluster) => {
            Session::as_nodes(
                registry,
                &mut Inputs::default(),
                Some(Arc::new(cluster.clone())),
            )
            .await?
        }
        None => Session::new(registry, &mut Inputs::default(), None).await?,
    };
    let access = session.objects.access_of_release().await;
    let unresolved = |finding: Finding| Error::Image {
        message: format!(
            "release image {release_image} cannot be resolved: {}",
            finding.message
        ),
        hint: finding
            .hint
            .unwrap_or_else(|| "name --kernel-version and --dtk-image instead".to_owned()),
        looked: finding.effect == Effect::Fails,
    };
    let archs = arch::of_image(&target.arch, release_image, &session.images, &access);
    let archs = archs.await.map_err(unresolved)?;
    let resolved = targets::resolve(&session.images, release_image, archs[0], &access)
        .await
        .map_err(unresolved)?;
    Ok(Resolved {
        kernel_version: resolved.kernel_version(target.rt).map_err(unresolved)?,
        dtk_image: Some(resolved.dtk_image),
    })
}
