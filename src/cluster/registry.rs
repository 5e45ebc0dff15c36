//! The cluster's own registry from outside: by its route where it has one, else through a
//! port-forward of the API server to one of its pods.

mod tunnel;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::cluster::Cluster;
use crate::cluster::api::resource::{IMAGE_STREAM, ROUTE};
use crate::console::logging::NOTE;
use crate::images::registry::cluster_registry::{ClusterRegistry, Tunnel, Way};
use crate::images::registry::credentials::Credential;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::net::certificates;

/// Where the registry runs.
const NAMESPACE: &str = "openshift-image-registry";
/// The names of its Service, as nodes and operators write them.
const NAMES: [&str; 2] = [
    "image-registry.openshift-image-registry.svc:5000",
    "image-registry.openshift-image-registry.svc.cluster.local:5000",
];
/// The manifest that grants what is read here.
const MANIFEST: &str = "registry";

/// The registry of one cluster.
pub(crate) struct OwnRegistry {
    cluster: Arc<Cluster>,
    names: BTreeSet<String>,
    /// The host of its route, where the cluster said it already.
    public: Option<String>,
    ways: OnceCell<Result<Ways, Fault>>,
    is_reported: AtomicBool,
}

/// The ways to it, and what keeps the port-forward open.
type Ways = (Arc<Vec<Way>>, Option<tunnel::Listener>);

impl fmt::Debug for OwnRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnRegistry")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl OwnRegistry {
    /// The registry, under the names that the cluster gives it. `image_config` is
    /// `images.config.openshift.io/cluster`: `None` where it may not be read, and null where
    /// there is none.
    pub(crate) async fn of(cluster: Arc<Cluster>, image_config: Option<&Value>) -> Self {
        let mut names: BTreeSet<String> = NAMES.map(str::to_owned).into();
        let status = image_config.map(|config| &config["status"]);
        let mut internal = status.and_then(|status| text(&status["internalRegistryHostname"]));
        let mut public = status.and_then(|status| text(&status["externalRegistryHostnames"][0]));
        let may_have_streams = image_config.is_none_or(|config| !config.is_null());
        if internal.is_none() && may_have_streams {
            let stream = cluster.first::<Value>(IMAGE_STREAM, "openshift").await;
            if let Ok(Some(stream)) = stream {
                let host = |field: &str| {
                    let repository = text(&stream["status"][field])?;
                    Some(repository.split('/').next()?.to_owned())
                };
                internal = host("dockerImageRepository");
                public = public.or_else(|| host("publicDockerImageRepository"));
            }
        }
        names.extend(internal);
        Self {
            cluster,
            names,
            public,
            ways: OnceCell::new(),
            is_reported: AtomicBool::new(false),
        }
    }

    async fn find_ways(&self) -> Result<Ways, Fault> {
        let authorities = self.service_authorities().await;
        let inside = Way {
            name: "the cluster's network".to_owned(),
            address: NAMES[0].to_owned(),
            authorities,
            tunnel: None,
        };
        if self.cluster.is_own() {
            return Ok((Arc::new(vec![inside]), None));
        }
        let mut ways = Vec::new();
        if let Some(host) = self.route().await {
            ways.push(Way {
                name: format!("route {host}"),
                address: host,
                authorities: self
                    .authorities(
                        &["openshift-config-managed"],
                        "default-ingress-cert",
                        "ca-bundle.crt",
                    )
                    .await,
                tunnel: None,
            });
        }
        let listener = tunnel::Listener::start(Arc::clone(&self.cluster)).map_err(|error| {
            let message = format!("cannot open a local port for the port-forward: {error}");
            Fault::new(FaultKind::Unreachable, message)
        })?;
        ways.push(Way {
            name: "port-forward".to_owned(),
            tunnel: Some(Tunnel {
                proxy: listener.proxy.clone(),
                trouble: listener.trouble.clone(),
            }),
            ..inside
        });
        Ok((Arc::new(ways), Some(listener)))
    }

    /// The host of the registry's route.
    async fn route(&self) -> Option<String> {
        if let Some(public) = &self.public {
            return Some(public.clone());
        }
        let route = self
            .cluster
            .get::<Value>(ROUTE, Some(NAMESPACE), "default-route");
        let route = route.await.ok()?;
        text(&route["status"]["ingress"][0]["host"]).or_else(|| text(&route["spec"]["host"]))
    }

    /// The authority of the cluster's Services, which each namespace has a copy of.
    async fn service_authorities(&self) -> Vec<CertificateDer<'static>> {
        let namespaces = [NAMESPACE, self.cluster.default_namespace(), "default"];
        self.authorities(&namespaces, "openshift-service-ca.crt", "service-ca.crt")
            .await
    }

    /// The certificates in a ConfigMap of the first namespace where it may be read.
    async fn authorities(
        &self,
        namespaces: &[&str],
        name: &str,
        key: &str,
    ) -> Vec<CertificateDer<'static>> {
        for namespace in namespaces {
            if let Ok(map) = self.cluster.config_map(namespace, name).await
                && let Some(pem) = map.data.unwrap_or_default().get(key)
                && let Ok(found) = certificates::read(pem.as_bytes())
            {
                return found;
            }
        }
        Vec::new()
    }
}

impl ClusterRegistry for OwnRegistry {
    fn has_name(&self, host: &str) -> bool {
        self.names.contains(host)
    }

    fn ways(&self) -> BoxFuture<'_, Result<Arc<Vec<Way>>, Fault>> {
        async {
            let found = self.ways.get_or_init(|| self.find_ways()).await;
            found
                .as_ref()
                .map(|(ways, _)| Arc::clone(ways))
                .map_err(Clone::clone)
        }
        .boxed()
    }

    fn credential(&self) -> Result<(String, Credential), String> {
        let source = match self.cluster.is_own() {
            true => "the pod's ServiceAccount",
            false => "the kubeconfig's user",
        };
        match self.cluster.token() {
            Some(password) => Ok((
                source.to_owned(),
                // The registry takes any name beside a token, as `oc registry login` has it.
                Credential::Basic {
                    username: "user".to_owned(),
                    password,
                },
            )),
            None => Err(format!(
                "{source} has no token; the cluster's registry requires one"
            )),
        }
    }

    fn took(&self, way: &Way, before: &[Fault]) {
        if self.is_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut note = match &way.tunnel {
            Some(_) => "The cluster's own registry is reached through a port-forward of the API \
                        server"
                .to_owned(),
            None => format!("The cluster's own registry is reached by {}", way.name),
        };
        for fault in before {
            note.push_str(&format!("; {}", fault.message));
        }
        tracing::info!(target: NOTE, "{note}.");
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
