//! Asks the API server which KMM it serves, and reads preflight CRs of any release.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::resource::{
    CRD, KMM_GROUP, MANAGED_CLUSTER_MODULE, MODULE, MODULE_IMAGES_CONFIG, PREFLIGHT, PREFLIGHT_OCP,
    Resource,
};
use crate::cluster::kmm::generation::{Schema, Schemas};
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
use crate::error::Error;
use crate::kmm::releases::KmmRelease;

/// The kinds and versions that a preflight CR may have, the likeliest first.
const SHAPES: [Resource; 4] = [
    PREFLIGHT_OCP,
    PREFLIGHT,
    PREFLIGHT_OCP.at_v1beta1(),
    PREFLIGHT.at_v1beta1(),
];

impl Resource {
    const fn at_v1beta1(self) -> Self {
        Self {
            version: "v1beta1",
            ..self
        }
    }
}

impl Cluster {
    /// Which KMM the cluster runs, from its CRDs, or where those may not be read from the
    /// OpenAPI documents that every user may read.
    ///
    /// # Errors
    /// There is none, the cluster is a hub, or it cannot be asked.
    pub async fn kmm(&self) -> Result<KmmRelease, Error> {
        let purpose = "finding the cluster's KMM release";
        let schemas = match self.schemas_of_crds().await {
            Err(Fault::Forbidden(_)) => self.schemas_of_openapi().await,
            schemas => schemas,
        }
        .map_err(|fault| fault.into_error(purpose, "run"))?;
        match schemas.kmm() {
            Some(kmm) => Ok(kmm),
            None => Err(self.why_no_kmm().await),
        }
    }

    async fn schemas_of_crds(&self) -> Result<Schemas, Fault> {
        let [preflight_ocp, preflight, module, module_images_config] =
            [PREFLIGHT_OCP, PREFLIGHT, MODULE, MODULE_IMAGES_CONFIG]
                .map(|resource| self.schema_of_crd(resource));
        let (preflight_ocp, preflight, module, module_images_config) =
            futures::try_join!(preflight_ocp, preflight, module, module_images_config)?;
        Ok(Schemas {
            preflight_ocp,
            preflight,
            module,
            module_images_config,
        })
    }

    async fn schema_of_crd(&self, resource: Resource) -> Result<Option<Schema>, Fault> {
        match self.get::<Value>(CRD, None, &resource.qualified()).await {
            Ok(crd) => Ok(Schema::of_crd(&crd)),
            Err(Fault::NotFound(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn schemas_of_openapi(&self) -> Result<Schemas, Fault> {
        let (new, old) = futures::try_join!(self.openapi("v1beta2"), self.openapi("v1beta1"))?;
        let find = |resource: Resource| {
            Schema::of_openapi(&new, "v1beta2", resource.kind)
                .or_else(|| Schema::of_openapi(&old, "v1beta1", resource.kind))
        };
        Ok(Schemas {
            preflight_ocp: find(PREFLIGHT_OCP),
            preflight: find(PREFLIGHT),
            module: find(MODULE),
            module_images_config: find(MODULE_IMAGES_CONFIG),
        })
    }

    async fn openapi(&self, version: &str) -> Result<Value, Fault> {
        let path = format!("/openapi/v3/apis/{KMM_GROUP}/{version}");
        match self.get_path(&path).await {
            Err(Fault::NotServed(_) | Fault::NotFound(_)) => Ok(Value::Null),
            answer => answer,
        }
    }

    /// No preflight kind is served: a hub, or no KMM at all.
    async fn why_no_kmm(&self) -> Error {
        let is_hub = self
            .get_path::<Value>(&format!("/apis/{}", MANAGED_CLUSTER_MODULE.group))
            .await
            .is_ok();
        if is_hub {
            Error::Cluster {
                message: format!(
                    "the cluster {} is a KMM hub, which has no preflight validation",
                    self.server()
                ),
                hint: "Validate its ManagedClusterModules from this machine: \
                       `kubectl get managedclustermodules -o yaml | kubectl kmm preflight run \
                       --local -f - --kernel-version KERNEL`"
                    .to_owned(),
            }
        } else {
            Error::Cluster {
                message: format!("KMM is not installed in the cluster {}", self.server()),
                hint: "Pass another --context, or validate Modules from files with `run --local \
                    -f FILE`."
                    .to_owned(),
            }
        }
    }

    /// A preflight CR by name, whichever kind and version: one request where it is the
    /// PreflightValidationOCP of KMM ≥2.1. `None` where there is none.
    ///
    /// # Errors
    /// It may not be read, or could not be.
    pub async fn preflight(&self, name: &str) -> Result<Option<Preflight>, Fault> {
        let mut forbidden = None;
        let mut is_served = false;
        let mut newer_is_served = false;
        for shape in SHAPES {
            if newer_is_served && shape.version == "v1beta1" {
                break;
            }
            match self.get::<RawPreflight>(shape, None, name).await {
                Ok(raw) => return Ok(Some(Preflight::of_raw(raw, shape))),
                Err(Fault::NotFound(_)) => {
                    is_served = true;
                    newer_is_served |= shape.version == "v1beta2";
                }
                Err(Fault::NotServed(_)) => {}
                Err(fault @ Fault::Forbidden(_)) => forbidden = forbidden.or(Some(fault)),
                Err(fault) => return Err(fault),
            }
        }
        match forbidden {
            Some(fault) if !is_served => Err(fault),
            _ if is_served => Ok(None),
            _ => Err(Fault::NotServed(format!("preflight CRs of {KMM_GROUP}"))),
        }
    }

    /// Every preflight CR, the newest first, without the PreflightValidations that KMM makes
    /// for its PreflightValidationOCPs; one that has outlived its owner is there.
    ///
    /// # Errors
    /// They may not be listed, or could not be.
    pub async fn preflights(&self, selector: Option<&str>) -> Result<Vec<Preflight>, Fault> {
        let mut all = self.all_preflights(selector).await?;
        let listed: BTreeSet<String> = all.iter().map(|one| one.meta.uid.clone()).collect();
        all.retain(|one| {
            let owner = one.owner_ocp();
            owner.is_none_or(|owner| !listed.contains(&owner.uid))
        });
        Ok(all)
    }

    /// Every preflight CR of both kinds, the newest first.
    ///
    /// # Errors
    /// They may not be listed, or could not be.
    pub async fn all_preflights(&self, selector: Option<&str>) -> Result<Vec<Preflight>, Fault> {
        let mut found = Vec::new();
        let mut forbidden = None;
        let mut is_served = false;
        for shapes in [&SHAPES[..2], &SHAPES[2..]] {
            for shape in shapes {
                match self.list::<RawPreflight>(*shape, None, selector).await {
                    Ok(raw) => {
                        is_served = true;
                        found.extend(raw.into_iter().map(|raw| Preflight::of_raw(raw, *shape)));
                    }
                    Err(Fault::NotServed(_)) => {}
                    Err(fault @ Fault::Forbidden(_)) => forbidden = forbidden.or(Some(fault)),
                    Err(fault) => return Err(fault),
                }
            }
            if is_served {
                break;
            }
        }
        match forbidden {
            Some(fault) if !is_served => return Err(fault),
            _ if !is_served => {
                return Err(Fault::NotServed(format!("preflight CRs of {KMM_GROUP}")));
            }
            _ => {}
        }
        found.sort_by(|a, b| {
            (&b.meta.creation_timestamp, &a.meta.name)
                .cmp(&(&a.meta.creation_timestamp, &b.meta.name))
        });
        Ok(found)
    }

    /// The kernel that a CR is about: its own, or that of the PreflightValidation which KMM
    /// made for it. Empty where neither tells.
    pub async fn kernel_of(&self, preflight: &Preflight) -> String {
        if !preflight.spec.kernel_version.is_empty() || !preflight.is_ocp() {
            return preflight.spec.kernel_version.clone();
        }
        let plain = PREFLIGHT.at(preflight.resource.version);
        self.get::<RawPreflight>(plain, None, &preflight.meta.name)
            .await
            .map(|raw| Preflight::of_raw(raw, plain).spec.kernel_version)
            .unwrap_or_default()
    }
}
