//! Reads what decides about kernels from the cluster.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::Value;

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::{Fault, RBAC_FOLDER};
use crate::cluster::api::resource::Resource;
use crate::cluster::pools::needs::{Fleet, Pools};
use crate::cluster::pools::objects::{Node, OsStreams, Pool, Rendered};

/// The manifest that grants what is read here.
pub(crate) const MANIFEST: &str = "targets";

/// Node.
pub(crate) const NODE: Resource = Resource {
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
};
/// MachineConfigPool.
pub(crate) const POOL: Resource = machine_config("v1", "machineconfigpools", "MachineConfigPool");
/// MachineConfig.
pub(crate) const CONFIG: Resource = machine_config("v1", "machineconfigs", "MachineConfig");
/// OSImageStream, in its later version.
pub(crate) const OS_STREAM: Resource = machine_config("v1", "osimagestreams", "OSImageStream");

const fn machine_config(
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Resource {
    Resource {
        group: "machineconfiguration.openshift.io",
        version,
        plural,
        kind,
    }
}

impl Cluster {
    /// Reads pools, nodes, rendered configurations and streams. What may not be read is told
    /// and left open.
    ///
    /// # Errors
    /// The API server cannot be asked.
    pub async fn fleet(&self, notes: &mut Vec<String>) -> Result<Fleet, Fault> {
        let (pools, nodes, streams) = futures::join!(
            self.list::<Value>(POOL, None, None),
            self.list::<Value>(NODE, None, None),
            self.os_streams(),
        );
        let is_forbidden = matches!(pools, Err(Fault::Forbidden(_)));
        let pools = as_far_as_allowed(pools, "MachineConfigPools", notes)?;
        let nodes = as_far_as_allowed(nodes, "nodes", notes)?;
        let streams = as_far_as_allowed(streams, "the OSImageStream", notes)?;
        let pools: Vec<Pool> = pools.iter().flatten().map(Pool::of).collect();
        let nodes = nodes.map(|nodes| nodes.iter().filter_map(Node::of).collect());
        let configs = self.rendered(&pools).await;
        let configs = as_far_as_allowed(configs, "rendered MachineConfigs", notes)?;
        Ok(Fleet {
            pools: match pools.is_empty() {
                true if is_forbidden => Pools::Forbidden,
                true => Pools::None,
                false => Pools::Known(pools),
            },
            nodes,
            configs,
            streams: streams.unwrap_or_default(),
            release_images: BTreeSet::new(),
        })
    }

    /// The OSImageStream, which older clusters do not have.
    ///
    /// # Errors
    /// The API server cannot be asked, or it may not be read.
    pub async fn os_streams(&self) -> Result<OsStreams, Fault> {
        for version in ["v1", "v1alpha1"] {
            match self
                .get::<Value>(OS_STREAM.at(version), None, "cluster")
                .await
            {
                Ok(object) => return Ok(OsStreams::of(&object)),
                Err(Fault::NotServed(_) | Fault::NotFound(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(OsStreams::default())
    }

    /// The rendered configurations that the pools name, without those that are gone.
    async fn rendered(&self, pools: &[Pool]) -> Result<BTreeMap<String, Rendered>, Fault> {
        let names: BTreeSet<&str> = pools.iter().flat_map(Pool::configurations).collect();
        let reads = names.iter().map(|name| async move {
            match self.get::<Value>(CONFIG, None, name).await {
                Ok(object) => Ok(Some(((*name).to_owned(), Rendered::of(&object)))),
                Err(Fault::NotServed(_) | Fault::NotFound(_)) => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        let read = join_all(reads).await.into_iter();
        Ok(read
            .collect::<Result<Vec<_>, Fault>>()?
            .into_iter()
            .flatten()
            .collect())
    }
}

/// `None` for what the cluster does not serve, and with a note for what may not be read.
fn as_far_as_allowed<T>(
    read: Result<T, Fault>,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<Option<T>, Fault> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Fault::NotServed(_) | Fault::NotFound(_)) => Ok(None),
        Err(Fault::Forbidden(why)) => {
            notes.push(format!(
                "Not allowed to read {what}: {why} ({RBAC_FOLDER}/{MANIFEST}.yaml grants it)."
            ));
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}
