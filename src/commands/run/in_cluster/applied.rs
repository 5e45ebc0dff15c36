//! The objects of a run in the cluster: created together, and removed together.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::objects::Meta;
use crate::cluster::api::resource::{
    CLUSTER_ROLE, CLUSTER_ROLE_BINDING, CONFIG_MAP, JOB, ROLE, ROLE_BINDING, Resource,
    SERVICE_ACCOUNT,
};
use crate::error::Error;
use crate::in_cluster::manifests::{InCluster, RUN_LABEL};

/// Everything that a run may consist of, in the order in which it is removed.
const RESOURCES: [Resource; 7] = [
    JOB,
    ROLE_BINDING,
    ROLE,
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    CLUSTER_ROLE_BINDING,
    CLUSTER_ROLE,
];

/// What this run created.
#[derive(Debug)]
pub(super) struct Applied<'a> {
    cluster: &'a Cluster,
    objects: Vec<Object>,
    /// The UID of the Job.
    pub(super) job_uid: String,
}

/// One created object.
#[derive(Debug)]
struct Object {
    resource: Resource,
    namespace: Option<String>,
    name: String,
    uid: String,
}

#[derive(serde::Deserialize)]
struct Created {
    metadata: Meta,
}

impl<'a> Applied<'a> {
    /// Creates the Job, which owns what has a namespace, and then lets it run. On the way to an
    /// error what was created is removed again.
    ///
    /// # Errors
    /// A run of this name exists, the API server refuses, or the user has ended the run.
    pub(super) async fn create(
        cluster: &'a Cluster,
        what: &InCluster,
        is_kept: bool,
        interrupt: &CancellationToken,
    ) -> Result<Self, Error> {
        let mut applied = Self {
            cluster,
            objects: Vec::new(),
            job_uid: String::new(),
        };
        match applied.create_all(what, is_kept, interrupt).await {
            Ok(()) => Ok(applied),
            Err(error) => {
                for problem in applied.remove().await {
                    super::say(&format!("warning: {problem}"));
                }
                Err(error)
            }
        }
    }

    async fn create_all(
        &mut self,
        what: &InCluster,
        is_kept: bool,
        interrupt: &CancellationToken,
    ) -> Result<(), Error> {
        // Without its pods until what they need is there.
        let mut job = what.only_job(is_kept);
        job["spec"]["suspend"] = json!(true);
        self.job_uid = self.add(what, &job).await?;
        for mut object in what.surroundings() {
            if interrupt.is_cancelled() {
                return Err(Error::Interrupted);
            }
            if object["metadata"].get("namespace").is_some() {
                object["metadata"]["ownerReferences"] = json!([{
                    "apiVersion": JOB.api_version(), "kind": JOB.kind,
                    "name": what.name, "uid": self.job_uid,
                }]);
            }
            self.add(what, &object).await?;
        }
        let start = json!({"spec": {"suspend": false}});
        self.cluster
            .merge(JOB, &what.namespace, &what.name, &start)
            .await
            .map_err(|fault| {
                fault.into_error(&format!("starting {}", job_of(what)), super::MANIFEST)
            })
    }

    async fn add(&mut self, what: &InCluster, object: &Value) -> Result<String, Error> {
        let created = create(self.cluster, what, object).await?;
        let uid = created.uid.clone();
        self.objects.push(created);
        Ok(uid)
    }

    /// Removes what was created, and gives what could not be removed. What the Job owns is left
    /// to the cluster's garbage collector.
    async fn remove(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for resource in RESOURCES {
            for object in self.objects.iter().filter(|one| one.resource == resource) {
                let namespace = object.namespace.as_deref();
                let deleted = self
                    .cluster
                    .delete(resource, namespace, &object.name, &object.uid)
                    .await;
                match deleted {
                    Ok(()) | Err(Fault::NotFound(_)) => {}
                    // Another object has the name by now.
                    Err(fault) if fault.is_conflict() => {}
                    Err(fault) => problems.push(format!(
                        "{} {} was not deleted: {fault}",
                        resource.kind, object.name
                    )),
                }
            }
        }
        self.remove_reports().await;
        problems
    }

    /// Removes the ConfigMaps of the pods: the garbage collector may take its time, and the next
    /// run of the name must not find them. What cannot be removed is left to the collector.
    async fn remove_reports(&self) {
        let Some(job) = self.objects.iter().find(|one| one.resource == JOB) else {
            return;
        };
        let namespace = job.namespace.as_deref();
        let selector = format!("{RUN_LABEL}={}", job.name);
        let listed = self.cluster.list(CONFIG_MAP, namespace, Some(&selector));
        let maps: Vec<ConfigMap> = listed.await.unwrap_or_default();
        for ObjectMeta {
            name,
            uid,
            owner_references,
            ..
        } in maps.into_iter().map(|map| map.metadata)
        {
            let mut owners = owner_references.iter().flatten();
            if let (Some(name), Some(uid), true) = (name, uid, owners.any(|one| one.uid == job.uid))
            {
                let deleted = self
                    .cluster
                    .delete(CONFIG_MAP, namespace, &name, &uid)
                    .await;
                if let Err(fault) = deleted {
                    tracing::debug!("ConfigMap {name} was not deleted: {fault}");
                }
            }
        }
    }

    /// Removes the run, or says what stays and how it is removed.
    pub(super) async fn remove_or_keep(&self, what: &InCluster, is_kept: bool) -> Vec<String> {
        if is_kept {
            super::say(&format!(
                "kept: {} with its pods and reports (ConfigMaps {}-report-I), its ServiceAccount \
                 and rights; remove them with `{}`",
                job_of(what),
                what.name,
                removal(what)
            ));
            return Vec::new();
        }
        let problems = self.remove().await;
        if problems.is_empty() {
            return problems;
        }
        let hint = format!("clean up with `{}`", removal(what));
        [problems, vec![hint]].concat()
    }
}

/// The command that removes everything of a run.
fn removal(what: &InCluster) -> String {
    let kinds = RESOURCES.map(|resource| resource.plural).join(",");
    format!(
        "kubectl delete -n {} -l {RUN_LABEL}={} {kinds}",
        what.namespace, what.name
    )
}

fn job_of(what: &InCluster) -> String {
    format!("Job {}/{}", what.namespace, what.name)
}

/// Has the API server check an object. It creates nothing, so it has no role for a binding.
///
/// # Errors
/// A run of this name exists, or the API server refuses.
pub(super) async fn check(
    cluster: &Cluster,
    what: &InCluster,
    object: &Value,
) -> Result<(), Error> {
    let (resource, namespace, _) = place(object)?;
    match cluster
        .create::<Value>(resource, namespace, object, true)
        .await
    {
        Ok(_) => Ok(()),
        Err(Fault::NotFound(_)) if [ROLE_BINDING, CLUSTER_ROLE_BINDING].contains(&resource) => {
            Ok(())
        }
        Err(fault) => Err(refused(what, object, fault)),
    }
}

async fn create(cluster: &Cluster, what: &InCluster, object: &Value) -> Result<Object, Error> {
    let (resource, namespace, name) = place(object)?;
    let created = cluster
        .create::<Created>(resource, namespace, object, false)
        .await
        .map_err(|fault| refused(what, object, fault))?;
    Ok(Object {
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        uid: created.metadata.uid,
    })
}

/// Resource, namespace and name.
fn place(object: &Value) -> Result<(Resource, Option<&str>, &str), Error> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let resource = RESOURCES.into_iter().find(|resource| resource.kind == kind);
    let resource = resource.ok_or_else(|| Error::Cluster {
        message: format!("internal error: no way to create a {kind}"),
        hint: String::new(),
    })?;
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    Ok((resource, metadata["namespace"].as_str(), name))
}

fn refused(what: &InCluster, object: &Value, fault: Fault) -> Error {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    match fault {
        fault if fault.is_existing() => Error::Usage {
            message: format!(
                "{kind} {name} exists: a run of this name is in progress, was kept, or was killed"
            ),
            hint: format!(
                "Wait for it, use another NAME, or remove the other one with `{}`.",
                removal(what)
            ),
        },
        Fault::NotFound(why) => Error::Cluster {
            message: format!("creating {kind} {name}: {why}"),
            hint: "Create the namespace, or pass another one with --job-namespace.".to_owned(),
        },
        fault => fault.into_error(&format!("creating {kind} {name}"), super::MANIFEST),
    }
}
