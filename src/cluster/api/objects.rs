//! The objects of the cluster that checks ask for.

use std::collections::{BTreeMap, HashSet};

use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::resource::{
    BOOT_MODULE_CONFIG, CLUSTER_VERSION, CONFIG_MAP, IMAGE_CONFIG, INITRAMFS_MODULE, MIRROR_SETS,
    MODULE, Resource, SECRET, SERVICE_ACCOUNT,
};
use crate::kmm::early::{self, ModuleKind};
use crate::kmm::module::{Module, ModuleKey, ModuleSpec};
use crate::kmm::owner;
use crate::kmm::schema::{self, Written};
use crate::model::report::Origin;

/// Name, namespace, labels and owners of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name.
    pub name: String,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// UID.
    pub uid: String,
    /// Version to watch from.
    pub resource_version: String,
    /// When it was created, RFC 3339.
    pub creation_timestamp: Option<String>,
    /// When its deletion was asked for, RFC 3339.
    pub deletion_timestamp: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Owners.
    pub owner_references: Vec<Owner>,
}

/// One of `ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// `apiVersion`.
    pub api_version: String,
    /// True for the one whose controller writes the object.
    pub controller: bool,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

/// Which Modules of the cluster are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModuleQuery<'a> {
    /// Of this namespace; of all with `None`.
    pub namespace: Option<&'a str>,
    /// Those that the label selector takes.
    pub selector: Option<&'a str>,
    /// None but these. The API server sends the others all the same, and they are not decoded.
    pub own: Option<&'a HashSet<ModuleKey>>,
}

/// A Module whose `spec` is not decoded.
#[derive(Deserialize)]
struct RawModule {
    metadata: Meta,
    spec: Option<Box<RawValue>>,
}

impl RawModule {
    fn spec(&self, kind: ModuleKind) -> Result<Value, Fault> {
        let spec = self.spec.as_deref().map(RawValue::get);
        spec.map_or(Ok(Value::Null), serde_json::from_str)
            .map_err(|why| unreadable(kind, &self.metadata, &why))
    }
}

impl Cluster {
    /// The Modules, without those that are being deleted, as KMM leaves them out.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn modules(&self, query: ModuleQuery<'_>) -> Result<Vec<Module>, Fault> {
        let kind = ModuleKind::Module;
        let raw = self.raw_modules(MODULE, kind, query).await?;
        raw.into_iter()
            .filter(|module| module.metadata.deletion_timestamp.is_none())
            .map(|module| {
                let (spec, written) = schema::decode(module.spec(kind)?, "spec")
                    .map_err(|why| unreadable(kind, &module.metadata, &why))?;
                Ok(module_of(kind, module.metadata, spec, written))
            })
            .collect()
    }

    async fn raw_modules(
        &self,
        resource: Resource,
        kind: ModuleKind,
        query: ModuleQuery<'_>,
    ) -> Result<Vec<RawModule>, Fault> {
        let list = self.list(resource, query.namespace, query.selector);
        let mut raw: Vec<RawModule> = list.await?;
        if let Some(own) = query.own {
            raw.retain(|module| {
                let meta = &module.metadata;
                own.contains(&(kind, meta.namespace.clone(), meta.name.clone()))
            });
        }
        Ok(raw)
    }

    /// The BootModuleConfigs and InitramfsModules. A cluster without these kinds has none.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn early_modules(&self, query: ModuleQuery<'_>) -> Result<Vec<Module>, Fault> {
        let mut modules = Vec::new();
        for (resource, kind) in [
            (BOOT_MODULE_CONFIG, ModuleKind::BootModuleConfig),
            (INITRAMFS_MODULE, ModuleKind::InitramfsModule),
        ] {
            let raw = match self.raw_modules(resource, kind, query).await {
                Ok(raw) => raw,
                Err(Fault::NotServed(_)) => continue,
                Err(fault) => return Err(fault),
            };
            for module in raw {
                let spec = early::spec(kind, &module.spec(kind)?)
                    .map_err(|why| unreadable(kind, &module.metadata, &why))?;
                modules.push(module_of(kind, module.metadata, spec, Written::default()));
            }
        }
        Ok(modules)
    }

    /// Looks up who owns the owners of Modules, one level up; what cannot be read is left out.
    pub async fn find_owners_above(&self, modules: &mut [Module]) {
        let mut known: BTreeMap<(String, String, String, String), Option<owner::Owner>> =
            BTreeMap::new();
        for module in modules {
            let Some(owner) = &mut module.owner else {
                continue;
            };
            let key = (
                module.namespace.clone(),
                owner.api_version.clone(),
                owner.kind.clone(),
                owner.name.clone(),
            );
            if !known.contains_key(&key) {
                let above = self.owner_above(&module.namespace, owner).await;
                known.insert(key.clone(), above);
            }
            owner.above = known.get(&key).cloned().flatten().map(Box::new);
        }
    }

    /// The controller of an owner, found through the API server's list of resources.
    async fn owner_above(&self, namespace: &str, owner: &owner::Owner) -> Option<owner::Owner> {
        let group = match owner.api_version.contains('/') {
            true => format!("/apis/{}", owner.api_version),
            false => format!("/api/{}", owner.api_version),
        };
        let resources: Value = self.get_path(&group).await.ok()?;
        let resource = resources["resources"].as_array()?.iter().find(|resource| {
            let name = resource["name"].as_str().unwrap_or_default();
            resource["kind"] == owner.kind.as_str() && !name.contains('/')
        })?;
        let (name, plural) = (&owner.name, resource["name"].as_str()?);
        let path = match resource["namespaced"] == true {
            true => format!("{group}/namespaces/{namespace}/{plural}/{name}"),
            false => format!("{group}/{plural}/{name}"),
        };
        let object: Value = self.get_path(&path).await.ok()?;
        owner::Owner::of(&object["metadata"]["ownerReferences"])
    }

    /// A Secret.
    ///
    /// # Errors
    /// [`Fault::NotFound`], or why it could not be read.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, Fault> {
        self.get(SECRET, Some(namespace), name).await
    }

    /// A ConfigMap.
    ///
    /// # Errors
    /// [`Fault::NotFound`], or why it could not be read.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<ConfigMap, Fault> {
        self.get(CONFIG_MAP, Some(namespace), name).await
    }

    /// A ServiceAccount.
    ///
    /// # Errors
    /// [`Fault::NotFound`], or why it could not be read.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<ServiceAccount, Fault> {
        self.get(SERVICE_ACCOUNT, Some(namespace), name).await
    }

    /// The mirror rules of OpenShift's nodes: ImageDigestMirrorSets, ImageTagMirrorSets and
    /// ImageContentSourcePolicies, with `apiVersion` and `kind`. A kind that this cluster
    /// does not serve has none.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn mirror_sets(&self) -> Result<Vec<Value>, Fault> {
        let lists = MIRROR_SETS.map(|resource| async move {
            match self.list::<Value>(resource, None, None).await {
                Err(Fault::NotServed(_)) => Ok((resource, Vec::new())),
                Ok(items) => Ok((resource, items)),
                Err(fault) => Err(fault),
            }
        });
        let mut sets = Vec::new();
        for list in futures::future::join_all(lists).await {
            let (resource, items) = list?;
            for mut item in items {
                item["apiVersion"] = resource.api_version().into();
                item["kind"] = resource.kind.into();
                sets.push(item);
            }
        }
        Ok(sets)
    }

    /// OpenShift's settings for images, `images.config.openshift.io/cluster`; `null` where
    /// there are none.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn image_config(&self) -> Result<Value, Fault> {
        let image = if_there(self.get(IMAGE_CONFIG, None, "cluster").await)?;
        Ok(image.unwrap_or_default())
    }

    /// The authorities that OpenShift's nodes trust at single registries, PEM by host, with
    /// two dots before a port: the ConfigMap in openshift-config that `additionalTrustedCA` of
    /// the settings for images names. A cluster without them has none.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn trusted_authorities(
        &self,
        image_config: &Value,
    ) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
        let name = image_config["spec"]["additionalTrustedCA"]["name"].as_str();
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let map = if_there(self.config_map("openshift-config", name).await)?;
        let data = map.and_then(|map| map.data).unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, pem)| (key, pem.into_bytes()))
            .collect())
    }

    /// OpenShift's ClusterVersion.
    ///
    /// # Errors
    /// [`Fault::NotServed`] where this is no OpenShift, or why it could not be read.
    pub async fn cluster_version(&self) -> Result<Value, Fault> {
        self.get(CLUSTER_VERSION, None, "version").await
    }
}

/// The owner whose controller writes an object.
pub(super) fn controller_of(owners: Vec<Owner>) -> Option<owner::Owner> {
    let controller = owners.into_iter().find(|owner| owner.controller)?;
    Some(owner::Owner {
        api_version: controller.api_version,
        kind: controller.kind,
        name: controller.name,
        above: None,
    })
}

fn if_there<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(object) => Ok(Some(object)),
        Err(Fault::NotServed(_) | Fault::NotFound(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn module_of(kind: ModuleKind, meta: Meta, spec: ModuleSpec, written: Written) -> Module {
    Module {
        namespace: meta.namespace,
        name: meta.name,
        labels: meta.labels,
        spec,
        written,
        origin: Origin::Cluster,
        kind,
        owner: controller_of(meta.owner_references),
    }
}

fn unreadable(kind: ModuleKind, meta: &Meta, why: &dyn std::fmt::Display) -> Fault {
    let Meta {
        namespace, name, ..
    } = meta;
    Fault::Nonsense(format!("{} {namespace}/{name}: {why}", kind.as_str()))
}
