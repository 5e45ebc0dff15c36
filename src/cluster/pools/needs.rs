//! Which kernel each pool of nodes needs: pool by node, stream and kernel type by pool (pure).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::cluster::pools::configurations::configurations;
use crate::cluster::pools::objects::{Node, OsStreams, Pool, Rendered};
use crate::model::target::{Arch, KernelType};

/// What a cluster shows of its nodes. What was not to be had is `None`.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// The MachineConfigPools.
    pub pools: Pools,
    /// The nodes that run Linux.
    pub nodes: Option<Vec<Node>>,
    /// The rendered MachineConfigs that the pools name, without those that are gone; `None`
    /// without the right to read them.
    pub configs: Option<BTreeMap<String, Rendered>>,
    /// The OSImageStream.
    pub streams: OsStreams,
    /// The machine-os images of today's release, and of the one that it came from; empty
    /// where they are not known.
    pub release_images: BTreeSet<String>,
}

/// The MachineConfigPools of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Pools {
    /// These.
    Known(Vec<Pool>),
    /// There are none: a hosted cluster, or plain Kubernetes.
    #[default]
    None,
    /// They may not be read.
    Forbidden,
}

/// What the user chose among pools and kernels; empty means all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// `--pool`
    pub pools: Vec<String>,
    /// `--arch`
    pub archs: Vec<Arch>,
    /// `--kernel-type`, in place of the pools' own.
    pub kernel_types: Vec<KernelType>,
    /// `--os-stream`, in place of the pools' own.
    pub os_streams: Vec<String>,
}

/// Where a kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// This stream of the release.
    Stream(String),
    /// The release's only stream, or each of them.
    AnyStream,
    /// An image of the pool's own (`osImageURL`), whatever the release.
    Image(String),
}

/// A kernel that nodes need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// The pool; `None` for nodes of a cluster without pools.
    pub pool: Option<String>,
    /// Where the kernel comes from.
    pub source: Source,
    /// Which kind of kernel.
    pub kernel_type: KernelType,
    /// The architecture; `None` where no node shows one.
    pub arch: Option<Arch>,
    /// The names of the nodes; `None` where nodes could not be listed.
    pub nodes: Option<BTreeSet<String>>,
}

/// Nodes for which no kernel is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unserved {
    /// Their pool, or the node itself.
    pub who: String,
    /// Why.
    pub why: String,
    /// Their names; `None` where nodes could not be listed.
    pub nodes: Option<BTreeSet<String>>,
}

impl fmt::Display for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The kernel of {} is not known: {}", self.who, self.why)
    }
}

/// What the nodes of a cluster need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The kernels.
    pub needs: Vec<Need>,
    /// Who has none.
    pub unserved: Vec<Unserved>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// Which pool a node belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Membership<'a> {
    /// This one.
    Pool(&'a Pool),
    /// Two custom pools claim it, which the Machine Config Operator refuses.
    Several(Vec<&'a str>),
    /// None.
    None,
}

/// The pool of a node: master before a custom one before worker (Machine Config Operator,
/// `GetPoolsForNode`).
pub(crate) fn pool_of<'a>(node: &Node, pools: &'a [Pool]) -> Membership<'a> {
    let taking: Vec<&Pool> = pools
        .iter()
        .filter(|pool| pool.selector.takes(&node.labels))
        .collect();
    let named = |name: &str| taking.iter().copied().find(|pool| pool.name == name);
    if let Some(master) = named("master") {
        return Membership::Pool(master);
    }
    let custom: Vec<&Pool> = taking.iter().copied().filter(|p| p.is_custom()).collect();
    match custom.as_slice() {
        [one] => Membership::Pool(one),
        [] => named("worker").map_or(Membership::None, Membership::Pool),
        several => Membership::Several(several.iter().map(|pool| pool.name.as_str()).collect()),
    }
}

/// The stream of a pool: its own, else for a custom pool that of the pool worker, else the
/// cluster's default.
pub(crate) fn stream_of(pool: &Pool, pools: &[Pool], streams: &OsStreams) -> Option<String> {
    let worker = || {
        let mut pools = pools.iter().filter(|_| pool.is_custom());
        pools.find(|other| other.name == "worker")?.stream.clone()
    };
    pool.stream
        .clone()
        .or_else(worker)
        .or_else(|| streams.default.clone())
}

/// What the nodes of a cluster need.
pub(crate) fn needs(fleet: &Fleet, choice: &Choice) -> Needs {
    match &fleet.pools {
        Pools::Known(pools) => of_pools(fleet, pools, choice),
        Pools::None => of_nodes(fleet.nodes.as_deref(), choice),
        Pools::Forbidden => Needs {
            needs: unassigned(fleet.nodes.as_deref(), choice),
            ..Needs::default()
        },
    }
}

/// Without pools (hosted clusters, plain Kubernetes): by architecture and kind of kernel as
/// the nodes run it now. Which stream they will have is not to be seen.
fn of_nodes(nodes: Option<&[Node]>, choice: &Choice) -> Needs {
    let nodes = nodes.filter(|nodes| !nodes.is_empty());
    let Some(nodes) = nodes else {
        return Needs {
            needs: unassigned(nodes, choice),
            ..Needs::default()
        };
    };
    let mut groups: BTreeMap<(Arch, KernelType), BTreeSet<String>> = BTreeMap::new();
    for node in nodes {
        if let Some(arch) = node.arch.filter(|arch| wanted(&choice.archs, arch)) {
            let kind = KernelType::of_kernel_release(&node.kernel);
            let names = groups.entry((arch, kind)).or_default();
            names.insert(node.name.clone());
        }
    }
    let mut all = Needs::default();
    for ((arch, kind), names) in groups {
        for kernel_type in kinds(&choice.kernel_types, kind) {
            for source in sources(&choice.os_streams, None) {
                all.needs.push(Need {
                    pool: None,
                    source,
                    kernel_type,
                    arch: Some(arch),
                    nodes: Some(names.clone()),
                });
            }
        }
    }
    all
}

fn of_pools(fleet: &Fleet, pools: &[Pool], choice: &Choice) -> Needs {
    let mut all = Needs::default();
    let members = fleet
        .nodes
        .as_ref()
        .map(|nodes| members(nodes, pools, &mut all));
    let is_empty_cluster = members.as_ref().is_none_or(BTreeMap::is_empty);
    for pool in pools
        .iter()
        .filter(|pool| wanted(&choice.pools, &pool.name))
    {
        let nodes = members
            .as_ref()
            .and_then(|members| members.get(pool.name.as_str()));
        if nodes.is_none() && !is_empty_cluster && choice.pools.is_empty() {
            all.notes.push(format!(
                "Pool {} has no nodes; it is not checked.",
                pool.name
            ));
            continue;
        }
        of_pool(fleet, pools, pool, nodes, choice, &mut all);
    }
    if fleet.configs.is_none() {
        all.needs = unassigned(fleet.nodes.as_deref(), choice);
    }
    all
}

/// The release's kernels for the architectures of these nodes, which are not said to be those
/// of any pool.
pub(crate) fn unassigned(nodes: Option<&[Node]>, choice: &Choice) -> Vec<Need> {
    let mut archs: BTreeSet<Option<Arch>> = nodes
        .unwrap_or_default()
        .iter()
        .filter(|node| node.arch.is_none_or(|arch| wanted(&choice.archs, &arch)))
        .map(|node| node.arch)
        .collect();
    if archs.is_empty() {
        archs.insert(None);
    }
    let mut needs = Vec::new();
    for kernel_type in kinds(&choice.kernel_types, KernelType::Default) {
        for source in sources(&choice.os_streams, None) {
            needs.extend(archs.iter().map(|arch| Need {
                pool: None,
                source: source.clone(),
                kernel_type,
                arch: *arch,
                nodes: None,
            }));
        }
    }
    needs
}

/// The nodes of each pool. A node that no pool or more than one takes has no kernel.
fn members<'a>(
    nodes: &'a [Node],
    pools: &[Pool],
    all: &mut Needs,
) -> BTreeMap<String, Vec<&'a Node>> {
    let mut members: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        let why = match pool_of(node, pools) {
            Membership::Pool(pool) => {
                members.entry(pool.name.clone()).or_default().push(node);
                continue;
            }
            Membership::Several(names) => format!(
                "pools {} select it, and a node can belong to one custom pool only",
                names.join(" and ")
            ),
            Membership::None => "no MachineConfigPool selects it".to_owned(),
        };
        all.unserved.push(Unserved {
            who: format!("node {}", node.name),
            why,
            nodes: Some([node.name.clone()].into()),
        });
    }
    members
}

fn of_pool(
    fleet: &Fleet,
    pools: &[Pool],
    pool: &Pool,
    nodes: Option<&Vec<&Node>>,
    choice: &Choice,
    all: &mut Needs,
) {
    let mut groups: BTreeMap<Option<Arch>, BTreeSet<String>> = BTreeMap::new();
    for node in nodes.into_iter().flatten() {
        if node.arch.is_none_or(|arch| wanted(&choice.archs, &arch)) {
            let names = groups.entry(node.arch).or_default();
            names.insert(node.name.clone());
        }
    }
    if nodes.is_none() {
        groups.insert(None, BTreeSet::new());
    }
    let names_known = fleet.nodes.is_some();
    let everyone = || {
        let names = groups.values().flatten().cloned().collect();
        Some(names).filter(|_| names_known)
    };
    let (mut configs, why) = match configurations(fleet, pool) {
        Ok(configs) => (configs, None),
        Err((configs, why)) => (configs, Some(why)),
    };
    if let Some(why) = why {
        all.unserved.push(Unserved {
            who: format!("pool {}", pool.name),
            why,
            nodes: everyone(),
        });
    }
    if configs.len() > 1 {
        all.notes.push(format!(
            "Pool {} is being updated from {} to {}; the kernels of both are checked.",
            pool.name,
            pool.current.as_deref().unwrap_or_default(),
            pool.desired.as_deref().unwrap_or_default(),
        ));
    }
    if !choice.kernel_types.is_empty() {
        configs.truncate(1);
    }
    let stream = stream_of(pool, pools, &fleet.streams);
    for (kernel_type, os_image) in configs {
        for kernel_type in kinds(&choice.kernel_types, kernel_type) {
            let sources = match &os_image {
                Some(image) if choice.os_streams.is_empty() => vec![Source::Image(image.clone())],
                _ => sources(&choice.os_streams, stream.as_deref()),
            };
            for source in sources {
                for (arch, names) in &groups {
                    let need = Need {
                        pool: Some(pool.name.clone()),
                        source: source.clone(),
                        kernel_type,
                        arch: *arch,
                        nodes: Some(names.clone()).filter(|names| names_known && !names.is_empty()),
                    };
                    if !all.needs.contains(&need) {
                        all.needs.push(need);
                    }
                }
            }
        }
    }
}

fn wanted<T: PartialEq>(chosen: &[T], one: &T) -> bool {
    chosen.is_empty() || chosen.contains(one)
}

fn kinds(chosen: &[KernelType], own: KernelType) -> Vec<KernelType> {
    if chosen.is_empty() {
        vec![own]
    } else {
        chosen.to_vec()
    }
}

fn sources(chosen: &[String], own: Option<&str>) -> Vec<Source> {
    if chosen.is_empty() {
        let own = own.map(|name| Source::Stream(name.to_owned()));
        vec![own.unwrap_or(Source::AnyStream)]
    } else {
        chosen.iter().cloned().map(Source::Stream).collect()
    }
}

#[cfg(test)]
mod tests;
