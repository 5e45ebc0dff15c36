//! The targets of a cluster's pools: what its nodes need, put to what releases have.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::pools::assign::{self, Assigned, OwnImages};
use crate::cluster::pools::needs::{
    Choice, Fleet, Membership, Need, Pools, Source, Unserved, needs, pool_of,
};
use crate::cluster::pools::objects::Node;
use crate::cluster::pools::read::MANIFEST;
use crate::cluster::pools::updates;
use crate::error::Error;
use crate::findings::finding::Finding;
use crate::kernel::streams::ReleaseKernels;
use crate::model::target::{Arch, KernelType};
use crate::session::arch;
use crate::session::releases::Release;
use crate::session::request::{Found, Request, check_streams, no_such_kernel, unresolved};

/// Adds the kernels that the cluster's nodes get with these releases, and with `--current`
/// those that they run now.
///
/// # Errors
/// The API server cannot be asked, a pool or stream that was named does not exist, or no
/// release can be read.
pub(super) async fn find(
    request: &Request<'_>,
    cluster: &Cluster,
    releases: &[Release],
    found: &mut Found,
) -> Result<(), Error> {
    let args = request.args;
    let reading = |fault: Fault| fault.into_error("reading the cluster's pools", MANIFEST);
    let mut fleet = cluster.fleet(&mut found.notes).await.map_err(reading)?;
    check_pools(&args.pool, &fleet.pools)?;
    let cluster_version = match cluster.cluster_version().await {
        Ok(version) => version,
        Err(Fault::NotServed(_) | Fault::NotFound(_)) => Value::Null,
        Err(Fault::Forbidden(why)) => {
            found.notes.push(format!(
                "Not allowed to read the ClusterVersion: {why} (examples/rbac/{MANIFEST}.yaml \
                 grants it)."
            ));
            Value::Null
        }
        Err(fault) => return Err(reading(fault)),
    };
    fleet.release_images = todays_os_images(request, cluster, &cluster_version, &fleet).await;
    let choice = Choice {
        pools: args.pool.clone(),
        archs: args.arch.clone(),
        kernel_types: args.kernel_types(),
        os_streams: args.os_stream.clone(),
    };
    let mut needed = needs(&fleet, &choice);
    explain_without_pools(&fleet, &mut found.notes);
    found.notes.append(&mut needed.notes);
    let mut assigned = Assigned {
        targets: std::mem::take(&mut found.targets),
        unserved: Vec::new(),
    };
    if !releases.is_empty() {
        assigned.unserved = needed.unserved;
        let resolved = resolve_all(request, releases, &needed.needs, &mut assigned).await?;
        for release in &resolved {
            found.notes.extend(release.notes.iter().cloned());
        }
        check_streams(&args.os_stream, &resolved)?;
        let own = own_images(request, &needed.needs, &resolved).await;
        let new = assign::assign(&needed.needs, &resolved, &own);
        if new.targets.is_empty() && !choice.kernel_types.is_empty() {
            // What was asked for by name is not to be had: nothing is checked in its place.
            if let Some(first) = new.unserved.first() {
                return Err(no_such_kernel(first.why.clone()));
            }
        }
        merge(&mut assigned, new);
    }
    if args.current {
        add_current(
            request,
            &cluster_version,
            &fleet,
            &needed.needs,
            &mut assigned,
        )
        .await;
    }
    found.take(assigned);
    if let Pools::Known(pools) = &fleet.pools {
        let nodes = fleet.nodes.iter().flatten();
        found.pools = nodes
            .filter_map(|node| match pool_of(node, pools) {
                Membership::Pool(pool) => Some((node.name.clone(), pool.name.clone())),
                Membership::Several(_) | Membership::None => None,
            })
            .collect();
    }
    found.nodes = fleet.nodes;
    Ok(())
}

fn merge(into: &mut Assigned, more: Assigned) {
    for target in more.targets {
        let kernel = crate::kernel::streams::StreamKernel {
            kernel_version: target.kernel_version,
            dtk_image: target.dtk_image,
            os_image: target.os_image,
            nodes_image: target.nodes_image,
        };
        into.add(kernel, target.arch, (*target.scope).clone());
    }
    into.unserved.extend(more.unserved);
}

/// A pool that was named and does not exist.
fn check_pools(named: &[String], pools: &Pools) -> Result<(), Error> {
    let Pools::Known(pools) = pools else {
        return match named.first() {
            None => Ok(()),
            Some(name) => Err(Error::Usage {
                message: format!("--pool {name}: the cluster has no MachineConfigPools"),
                hint: "Remove --pool.".to_owned(),
            }),
        };
    };
    match named
        .iter()
        .find(|name| pools.iter().all(|pool| pool.name != **name))
    {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
            Err(Error::Usage {
                message: format!("the cluster has no MachineConfigPool {name}"),
                hint: format!("Pass one of these with --pool: {}.", names.join(", ")),
            })
        }
    }
}

fn explain_without_pools(fleet: &Fleet, notes: &mut Vec<String>) {
    match fleet.pools {
        Pools::Known(_) if fleet.configs.is_none() => notes.push(
            "Kernel types and layered images of the pools are not known; the release's standard \
             kernels are checked, without pools."
                .to_owned(),
        ),
        Pools::Forbidden => notes.push(
            "The pools are not known; the release's standard kernels are checked.".to_owned(),
        ),
        Pools::None if fleet.nodes.as_ref().is_some_and(|nodes| !nodes.is_empty()) => notes.push(
            "The cluster has no MachineConfigPools; architectures and kernel types are those of \
             its nodes."
                .to_owned(),
        ),
        Pools::Known(_) | Pools::None => {}
    }
}

/// The machine-os images of today's release, by which layered pools are told: read where a
/// pool's image is not one that the OSImageStream lists.
async fn todays_os_images(
    request: &Request<'_>,
    cluster: &Cluster,
    cluster_version: &Value,
    fleet: &Fleet,
) -> BTreeSet<String> {
    let configs = fleet.configs.iter().flatten();
    let mut of_pools = configs.filter_map(|(_, rendered)| rendered.os_image.as_ref());
    if of_pools.all(|image| fleet.streams.images.contains(image)) {
        return BTreeSet::new();
    }
    let mut images = BTreeSet::new();
    let releases = [
        updates::todays_image(cluster_version),
        updates::image_before(cluster_version),
    ];
    let resolver = request.resolver(false);
    for release in releases.into_iter().flatten() {
        let archs = arch::of_image(&[], release, request.images, request.access);
        if let Ok(archs) = archs.await
            && let Some(arch) = archs.first()
            && let Ok(found) = resolver.os_images(release, *arch).await
        {
            images.extend(found);
        }
    }
    let map = cluster.config_map(
        "openshift-machine-config-operator",
        "machine-config-osimageurl",
    );
    if let Ok(map) = map.await {
        let data = map.data.unwrap_or_default();
        images.extend(data.get("baseOSContainerImage").cloned());
    }
    images
}

/// The kernels of the releases for the architectures that nodes need. An architecture that a
/// release cannot be read for leaves its nodes without a kernel.
async fn resolve_all(
    request: &Request<'_>,
    releases: &[Release],
    needs: &[Need],
    assigned: &mut Assigned,
) -> Result<Vec<ReleaseKernels>, Error> {
    let with_64k = needs
        .iter()
        .any(|need| need.kernel_type == KernelType::Pages64k);
    let resolver = request.resolver(with_64k);
    let needed: BTreeSet<Option<Arch>> = needs.iter().map(|need| need.arch).collect();
    let mut resolved = Vec::new();
    let mut faults: Vec<(Option<Arch>, Finding)> = Vec::new();
    for release in releases {
        let mut archs: BTreeSet<Arch> = needed.iter().copied().flatten().collect();
        if needed.contains(&None) || archs.is_empty() {
            let named = &request.args.arch;
            match arch::of_image(named, &release.image, request.images, request.access).await {
                Ok(more) => archs.extend(more),
                Err(finding) => faults.push((None, finding)),
            }
        }
        let reads = archs
            .iter()
            .map(|arch| resolver.resolve(&release.image, *arch));
        for (arch, read) in archs.iter().zip(join_all(reads).await) {
            match read {
                Ok(mut kernels) => {
                    kernels.version = release.version.clone().or(kernels.version.take());
                    resolved.push(kernels);
                }
                Err(finding) => faults.push((Some(*arch), finding)),
            }
        }
    }
    if resolved.is_empty()
        && let Some((_, finding)) = faults.pop()
    {
        return Err(unresolved(finding));
    }
    for (arch, finding) in faults {
        let concerned = needs
            .iter()
            .filter(|need| need.arch == arch && !matches!(need.source, Source::Image(_)));
        assigned.unserved.extend(concerned.map(|need| {
            Unserved {
                who: need
                    .pool
                    .as_ref()
                    .map_or("the release".to_owned(), |pool| format!("pool {pool}")),
                why: finding.message.clone(),
                nodes: need.nodes.clone(),
            }
        }));
    }
    Ok(resolved)
}

/// What the pools' own images have.
async fn own_images(
    request: &Request<'_>,
    needs: &[Need],
    resolved: &[ReleaseKernels],
) -> OwnImages {
    let mut wanted: BTreeSet<(String, Arch)> = BTreeSet::new();
    for need in needs {
        if let Source::Image(image) = &need.source {
            let archs = need.arch.into_iter().chain(
                resolved
                    .iter()
                    .filter(|_| need.arch.is_none())
                    .map(|release| release.arch),
            );
            wanted.extend(archs.map(|arch| (image.clone(), arch)));
        }
    }
    let resolver = request.resolver(false);
    let reads = wanted.into_iter().map(|(image, arch)| {
        let resolver = &resolver;
        async move {
            let read = resolver.resolve(&image, arch).await;
            ((image, arch), read.map_err(|finding| finding.message))
        }
    });
    join_all(reads).await.into_iter().collect()
}

/// Adds the kernels that the nodes of the chosen pools run now.
async fn add_current(
    request: &Request<'_>,
    cluster_version: &Value,
    fleet: &Fleet,
    needs: &[Need],
    assigned: &mut Assigned,
) {
    let chosen = &request.args.pool;
    let nodes: Vec<(&Node, Option<&str>)> = fleet
        .nodes
        .iter()
        .flatten()
        .map(|node| match &fleet.pools {
            Pools::Known(pools) => match pool_of(node, pools) {
                Membership::Pool(pool) => (node, Some(pool.name.as_str())),
                Membership::Several(_) | Membership::None => (node, None),
            },
            Pools::None | Pools::Forbidden => (node, None),
        })
        .filter(|(node, pool)| {
            let named = pool.is_some_and(|pool| chosen.iter().any(|one| one == pool));
            let archs = &request.args.arch;
            let of_arch = archs.is_empty() || node.arch.is_some_and(|arch| archs.contains(&arch));
            (chosen.is_empty() || named) && of_arch
        })
        .collect();
    let archs: BTreeMap<Arch, bool> = nodes
        .iter()
        .filter_map(|(node, _)| {
            let is_64k = KernelType::of_kernel_release(&node.kernel) == KernelType::Pages64k;
            Some((node.arch?, is_64k))
        })
        .fold(BTreeMap::new(), |mut archs, (arch, is_64k)| {
            *archs.entry(arch).or_default() |= is_64k;
            archs
        });
    let mut todays = Vec::new();
    if let Some(image) = updates::todays_image(cluster_version) {
        for (arch, with_64k) in archs {
            // Without it the kernel's facts are missing, which is told of each module.
            if let Ok(mut kernels) = request.resolver(with_64k).resolve(image, arch).await {
                let version = cluster_version["status"]["desired"]["version"].as_str();
                kernels.version = version.map(str::to_owned).or(kernels.version);
                todays.push(kernels);
            }
        }
    }
    let (targets, before) = (assigned.targets.len(), assigned.unserved.len());
    assign::current(&nodes, &todays, needs, assigned);
    if nodes.is_empty() && assigned.targets.len() == targets && before == assigned.unserved.len() {
        assigned.unserved.push(Unserved {
            who: "the cluster".to_owned(),
            why: "it has no nodes, so the current kernels are not known".to_owned(),
            nodes: None,
        });
    }
}
