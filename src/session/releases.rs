//! The releases to check against: those of `--release-image`, and those that `--to` finds
//! among the cluster's updates.

use crate::cli::target::TargetArgs;
use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::pools::updates;
use crate::error::Error;

/// A release to check against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// Its image.
    pub image: String,
    /// Its version, where the cluster names it.
    pub version: Option<String>,
    /// True where a preflight CR of `-f` wants its real-time kernel.
    pub rt: bool,
}

impl Release {
    /// One of which only the image is known.
    pub(super) fn of_image(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            version: None,
            rt: false,
        }
    }
}

/// The value of `--to` that means every update.
const ALL: &str = "all";

/// The releases that the flags name, each once; known risks of updates go to the notes.
///
/// # Errors
/// `--to` without a cluster, or an update that the cluster does not offer.
pub(super) async fn releases(
    args: &TargetArgs,
    cluster: Option<&Cluster>,
    notes: &mut Vec<String>,
) -> Result<Vec<Release>, Error> {
    let mut found: Vec<Release> = Vec::new();
    for image in &args.release_image {
        add(&mut found, Release::of_image(image));
    }
    if args.to.is_empty() {
        return Ok(found);
    }
    let cluster_version = cluster_version(cluster).await?;
    for wanted in &args.to {
        let updates = match wanted.as_str() {
            ALL => updates::all(&cluster_version),
            version => vec![updates::find(&cluster_version, version)?],
        };
        if updates.is_empty() {
            let message = "the cluster has no updates".to_owned();
            if args.current {
                notes.push(message);
                continue;
            }
            return Err(Error::Nothing {
                message,
                hint: "Pass --release-image, choose another channel of the cluster, or add \
                       --current for the kernels that nodes run now."
                    .to_owned(),
            });
        }
        for update in updates {
            let version = &update.version;
            for risk in &update.risks {
                notes.push(format!("the update to {version} has a known risk: {risk}"));
            }
            let release = Release {
                image: update.image,
                version: Some(update.version),
                rt: false,
            };
            add(&mut found, release);
        }
    }
    Ok(found)
}

fn add(found: &mut Vec<Release>, release: Release) {
    match found.iter_mut().find(|known| known.image == release.image) {
        Some(known) => known.version = known.version.take().or(release.version),
        None => found.push(release),
    }
}

/// The cluster's ClusterVersion, for `--to`.
async fn cluster_version(cluster: Option<&Cluster>) -> Result<serde_json::Value, Error> {
    let Some(cluster) = cluster else {
        return Err(Error::Usage {
            message: "--to needs a cluster".to_owned(),
            hint: "Pass --release-image, or remove --kmm-version.".to_owned(),
        });
    };
    cluster
        .cluster_version()
        .await
        .map_err(|fault| match fault {
            Fault::NotServed(_) | Fault::NotFound(_) => Error::Cluster {
                message: format!(
                    "the cluster {} has no ClusterVersion: --to is for OpenShift",
                    cluster.server()
                ),
                hint: "Pass --kernel-version.".to_owned(),
            },
            fault => fault.into_error("reading the cluster's updates", "run"),
        })
}
