//! Which KMM's rules apply.

use crate::cli::stages::StageArgs;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::kmm::releases::{Flavor, KmmRelease};

/// The KMM release whose worker loads the modules, and whether it is OpenShift's only because
/// neither a flag nor a cluster says whose it is.
///
/// # Errors
/// Two flags contradict each other.
pub(super) async fn of_worker(
    args: &StageArgs,
    cluster: Option<&Cluster>,
) -> Result<(KmmRelease, bool), Error> {
    let of_cluster = match cluster {
        Some(cluster) if args.kmm_version.is_none() || args.kmm_flavor.is_none() => {
            cluster.kmm().await.ok()
        }
        _ => None,
    };
    decide(args.kmm_version, args.kmm_flavor, of_cluster)
}

fn decide(
    version: Option<KmmRelease>,
    flavor: Option<Flavor>,
    of_cluster: Option<KmmRelease>,
) -> Result<(KmmRelease, bool), Error> {
    let release = version.or(of_cluster).unwrap_or(KmmRelease::NEWEST);
    let upstream = of_cluster
        .is_some_and(|kmm| kmm.upstream)
        .then_some(Flavor::Upstream);
    match flavor {
        Some(Flavor::Openshift) if version.is_some_and(|version| version.upstream) => {
            Err(Error::Usage {
                message: format!("--kmm-flavor openshift contradicts --kmm-version: {release}"),
                hint: "Remove one of the two flags.".to_owned(),
            })
        }
        Some(flavor) => Ok((release.of(flavor), false)),
        None => {
            let is_said = of_cluster.is_some() || release.upstream;
            Ok((
                upstream.map_or(release, |flavor| release.of(flavor)),
                !is_said,
            ))
        }
    }
}

/// The KMM release whose rules apply: the requested one, else the cluster's, else the newest.
pub(crate) async fn release(
    requested: Option<KmmRelease>,
    cluster: Option<&Cluster>,
) -> KmmRelease {
    match (requested, cluster) {
        (Some(release), _) => release,
        // A hub has none, and whoever may not ask can still have the Modules checked.
        (None, Some(cluster)) => cluster.kmm().await.unwrap_or(KmmRelease::NEWEST),
        (None, None) => KmmRelease::NEWEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_cluster_and_openshifts_is_assumed() {
        let of = |text: &str| text.parse::<KmmRelease>().ok();
        let (openshift, upstream) = (Some(Flavor::Openshift), Some(Flavor::Upstream));
        for (version, flavor, cluster, expected) in [
            ("", None, "", Some(("2.7", true))),
            ("", upstream, "", Some(("upstream-2.7", false))),
            ("", openshift, "", Some(("2.7", false))),
            ("2.6", None, "", Some(("2.6", true))),
            ("2.6", upstream, "2.4", Some(("upstream-2.6", false))),
            ("upstream-2.6", None, "", Some(("upstream-2.6", false))),
            ("upstream-2.6", openshift, "", None),
            ("", None, "2.4", Some(("2.4", false))),
            ("", None, "upstream-2.6", Some(("upstream-2.6", false))),
            ("2.7", None, "upstream-2.6", Some(("upstream-2.7", false))),
            ("", openshift, "upstream-2.6", Some(("2.6", false))),
        ] {
            let seen = decide(of(version), flavor, of(cluster)).ok();
            let expected = expected.map(|(text, assumed)| (of(text).expect("a release"), assumed));
            assert_eq!(seen, expected, "{version} {flavor:?} {cluster}");
        }
    }
}
