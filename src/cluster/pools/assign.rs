//! From what nodes need and what releases have to the kernels to check against (pure).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::pools::needs::{Need, Source, Unserved};
use crate::cluster::pools::objects::Node;
use crate::kernel::streams::{ReleaseKernels, Stream, StreamKernel};
use crate::model::target::{Arch, KernelType, Scope, Target};

/// What pools' own images have, by image and architecture; or why they could not be read.
pub(crate) type OwnImages = BTreeMap<(String, Arch), Result<ReleaseKernels, String>>;

/// Kernels to check, and the nodes for which there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Assigned {
    /// Each kernel once.
    pub targets: Vec<Target>,
    /// Who has none.
    pub unserved: Vec<Unserved>,
}

impl Assigned {
    /// Adds a kernel. One that is there already gets the other's pools, nodes and releases.
    pub(crate) fn add(&mut self, kernel: StreamKernel, arch: Arch, scope: Scope) {
        let known = self
            .targets
            .iter_mut()
            .find(|target| target.kernel_version == kernel.kernel_version && target.arch == arch);
        let Some(known) = known else {
            self.targets.push(Target {
                kernel_version: kernel.kernel_version,
                arch,
                dtk_image: kernel.dtk_image,
                os_image: kernel.os_image,
                nodes_image: kernel.nodes_image,
                scope: Arc::new(scope),
            });
            return;
        };
        if known.dtk_image.is_none() && known.os_image.is_none() {
            known.dtk_image = kernel.dtk_image;
            known.os_image = kernel.os_image;
            known.nodes_image = kernel.nodes_image;
        }
        let merged = Arc::make_mut(&mut known.scope);
        add_new(&mut merged.releases, scope.releases);
        add_new(&mut merged.pools, scope.pools);
        merged.os_stream = merged.os_stream.take().or(scope.os_stream);
        merged.kernel_type = merged.kernel_type.or(scope.kernel_type);
        merged.is_current |= scope.is_current;
        merged.is_new |= scope.is_new;
        merged.nodes = match (merged.nodes.take(), scope.nodes) {
            (Some(mut nodes), Some(more)) => {
                nodes.extend(more);
                Some(nodes)
            }
            // Of one of them it is not known which nodes it is for.
            _ => None,
        };
    }
}

fn add_new(known: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !known.contains(&name) {
            known.push(name);
        }
    }
}

/// The kernels that these nodes get with these releases.
pub(crate) fn assign(needs: &[Need], releases: &[ReleaseKernels], own: &OwnImages) -> Assigned {
    let mut assigned = Assigned::default();
    for need in needs {
        match &need.source {
            Source::Image(image) => of_own_image(need, image, own, &mut assigned),
            Source::Stream(_) | Source::AnyStream => {
                let of_arch =
                    |release: &&ReleaseKernels| need.arch.is_none_or(|arch| arch == release.arch);
                for release in releases.iter().filter(of_arch) {
                    of_release(need, release, &mut assigned);
                }
            }
        }
    }
    assigned
}

fn of_release(need: &Need, release: &ReleaseKernels, assigned: &mut Assigned) {
    let streams: Vec<&Stream> = match &need.source {
        Source::Stream(name) => {
            let is_it = |stream: &&Stream| match &stream.name {
                Some(known) => known == name,
                // The only one of a release that names none.
                None => release.streams.len() == 1,
            };
            release.streams.iter().filter(is_it).collect()
        }
        Source::AnyStream | Source::Image(_) => release.streams.iter().collect(),
    };
    let has_it = |stream: &&&Stream| stream.kernel(need.kernel_type).is_some();
    // Of several streams those count that have such a kernel.
    let several = streams.len() > 1;
    let any = streams.iter().any(|stream| has_it(&stream));
    for stream in streams.iter().filter(|s| !(several && any) || has_it(s)) {
        match stream.kernel(need.kernel_type) {
            Some(kernel) => {
                let scope = Scope {
                    releases: release.version.iter().cloned().collect(),
                    os_stream: stream.name.clone(),
                    ..scope_of(need)
                };
                assigned.add(kernel, release.arch, scope);
            }
            None => {
                let why = stream.lacks(need.kernel_type, release.arch);
                let title = release.title();
                assigned
                    .unserved
                    .push(unserved(need, format!("{why} ({title})")));
            }
        }
    }
    if let (Source::Stream(name), true) = (&need.source, streams.is_empty()) {
        let why = format!(
            "{} has no operating system stream {name} for {}; it has: {}",
            release.title(),
            release.arch,
            release.stream_names()
        );
        assigned.unserved.push(unserved(need, why));
    }
}

fn of_own_image(need: &Need, image: &str, own: &OwnImages, assigned: &mut Assigned) {
    let wanted = own
        .iter()
        .filter(|((of, arch), _)| of == image && need.arch.is_none_or(|needed| needed == *arch));
    for ((_, arch), read) in wanted {
        let kernel = match read {
            Ok(kernels) => kernels
                .streams
                .iter()
                .find_map(|stream| Some((stream.kernel(KernelType::Default)?, stream.name.clone())))
                .ok_or_else(|| format!("image {image} has no kernel")),
            Err(why) => Err(why.clone()),
        };
        let kernel = kernel.and_then(|(kernel, stream)| {
            let kind = KernelType::of_kernel_release(&kernel.kernel_version);
            if need.kernel_type == KernelType::Default || kind == need.kernel_type {
                return Ok((kernel, stream));
            }
            Err(format!(
                "its nodes run a {} kernel, but its own image {image} has {}",
                need.kernel_type, kernel.kernel_version
            ))
        });
        match kernel {
            Ok((kernel, os_stream)) => {
                let scope = Scope {
                    os_stream,
                    ..scope_of(need)
                };
                assigned.add(kernel, *arch, scope);
            }
            Err(why) => assigned.unserved.push(unserved(need, why)),
        }
    }
}

fn scope_of(need: &Need) -> Scope {
    Scope {
        releases: Vec::new(),
        os_stream: None,
        kernel_type: Some(need.kernel_type),
        pools: need.pool.iter().cloned().collect(),
        nodes: need.nodes.clone(),
        is_current: false,
        is_new: true,
    }
}

fn unserved(need: &Need, why: String) -> Unserved {
    Unserved {
        who: match &need.pool {
            Some(pool) => format!("pool {pool}"),
            None => "the release".to_owned(),
        },
        why,
        nodes: need.nodes.clone(),
    }
}

/// The nodes that run one kernel, and their pools.
#[derive(Default)]
struct Running {
    nodes: BTreeSet<String>,
    pools: Vec<String>,
}

/// The kernels that nodes run now (`--current`), each with the images of today's release that
/// describe it.
pub(crate) fn current(
    nodes: &[(&Node, Option<&str>)],
    todays: &[ReleaseKernels],
    needs: &[Need],
    assigned: &mut Assigned,
) {
    let mut groups: BTreeMap<(&str, Arch), Running> = BTreeMap::new();
    for (node, pool) in nodes {
        let Some(arch) = node.arch.filter(|_| !node.kernel.is_empty()) else {
            assigned.unserved.push(Unserved {
                who: format!("node {}", node.name),
                why: "its status has no kernel or no architecture".to_owned(),
                nodes: Some([node.name.clone()].into()),
            });
            continue;
        };
        let running = groups.entry((node.kernel.as_str(), arch)).or_default();
        running.nodes.insert(node.name.clone());
        add_new(
            &mut running.pools,
            pool.iter().map(|&pool| pool.to_owned()).collect(),
        );
    }
    for ((kernel, arch), Running { nodes, pools }) in groups {
        let described = described(kernel, arch, todays);
        let image_of_pool = || {
            let of_pools = |need: &&Need| need.pool.as_ref().is_some_and(|p| pools.contains(p));
            needs
                .iter()
                .filter(of_pools)
                .find_map(|need| match &need.source {
                    Source::Image(image) => Some(image.clone()),
                    Source::Stream(_) | Source::AnyStream => None,
                })
        };
        let (found, release, os_stream) = described.unwrap_or_else(|| {
            let own = StreamKernel {
                kernel_version: kernel.to_owned(),
                dtk_image: None,
                os_image: image_of_pool(),
                nodes_image: None,
            };
            (own, None, None)
        });
        let scope = Scope {
            releases: release.into_iter().collect(),
            os_stream,
            kernel_type: Some(KernelType::of_kernel_release(kernel)),
            pools,
            nodes: Some(nodes),
            is_current: true,
            is_new: false,
        };
        assigned.add(found, arch, scope);
    }
}

/// The images of a release that describe a kernel, the release and the stream.
fn described(
    kernel: &str,
    arch: Arch,
    releases: &[ReleaseKernels],
) -> Option<(StreamKernel, Option<String>, Option<String>)> {
    releases
        .iter()
        .filter(|release| release.arch == arch)
        .find_map(|release| {
            release.streams.iter().find_map(|stream| {
                let mut kinds = KernelType::ALL.into_iter();
                let found = kinds.find_map(|kind| {
                    let found = stream.kernel(kind)?;
                    (found.kernel_version == kernel).then_some(found)
                })?;
                Some((found, release.version.clone(), stream.name.clone()))
            })
        })
}

#[cfg(test)]
mod tests;
