//! The connection to the API server, and what is asked of it.

mod forward;
mod requests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::Request;
use kube::api::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, Preconditions, WatchParams,
};
use kube::core::{Request as Requests, WatchEvent};
use kube::{Client, Config};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use futures::{Stream, StreamExt};

use self::requests::{ANSWER_LIMIT, timed};
use crate::cli::connection::ConnectionArgs;
use crate::cluster::api::credentials;
use crate::cluster::api::fault::{Fault, Route};
use crate::cluster::api::kubeconfig::{self, Settings};
use crate::cluster::api::resource::Resource;
use crate::cluster::api::transport::{self, Versions};
use crate::error::Error;

/// The name under which server-side apply notes what this program wrote.
pub(crate) const FIELD_MANAGER: &str = "kubectl-kmm";

/// How long a watch lasts before it is asked for anew, in seconds.
const WATCH_SECONDS: u32 = 280;

/// A connection to one cluster.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    client: RwLock<Current>,
    /// Held by the one request that renews the credential, while others wait for it.
    renewal: tokio::sync::Mutex<()>,
    settings: Settings,
    limit: Option<Duration>,
    warnings: Mutex<BTreeSet<String>>,
}

/// The client that requests are sent with; each renewal of its credential has a number.
#[derive(Clone)]
struct Current {
    client: Client,
    config: Arc<Config>,
    /// A client whose connections may become WebSockets, made when the first one is wanted.
    upgradable: Arc<OnceCell<Client>>,
    number: usize,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.inner.settings.server)
            .finish_non_exhaustive()
    }
}

/// Makes a client for the cluster that the flags and the kubeconfig name. Nothing is sent
/// yet but what a credential plugin sends.
///
/// # Errors
/// No usable kubeconfig, certificate, address or credential.
pub(crate) async fn connect(args: &ConnectionArgs) -> Result<Cluster, Error> {
    let settings = kubeconfig::settings(args)?;
    let limit = args.request_timeout.filter(|limit| !limit.is_zero());
    let own = settings.clone();
    // A credential plugin may take long, or ask something.
    let (client, config) = tokio::task::spawn_blocking(move || client_of(&own, limit))
        .await
        .unwrap_or_else(|fault| Err(Fault::Credentials(format!("internal error: {fault}"))))
        .map_err(|fault| fault.into_error("connecting to the cluster", "status"))?;
    Ok(Cluster {
        inner: Arc::new(Inner {
            client: RwLock::new(Current {
                client,
                config,
                upgradable: Arc::default(),
                number: 0,
            }),
            renewal: tokio::sync::Mutex::default(),
            settings,
            limit: args.request_timeout,
            warnings: Mutex::default(),
        }),
    })
}

/// A client, and the settings with the credentials that its requests carry.
fn client_of(settings: &Settings, limit: Option<Duration>) -> Result<(Client, Arc<Config>), Fault> {
    let mut config = settings.config.clone();
    config.auth_info = credentials::resolve(&config.auth_info, limit)?;
    let client = transport::client(settings, &config, Versions::Newest)?;
    Ok((client, Arc::new(config)))
}

impl Cluster {
    /// `scheme://host:port` of the API server.
    pub fn server(&self) -> &str {
        &self.inner.settings.server
    }

    fn route(&self) -> Route {
        self.inner.settings.route()
    }

    /// The namespace of the kubeconfig's context.
    pub fn default_namespace(&self) -> &str {
        &self.inner.settings.config.default_namespace
    }

    /// The `Warning` headers that the API server sent since the last call, each once.
    pub fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self
            .inner
            .warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *warnings).into_iter().collect()
    }

    /// One object.
    ///
    /// # Errors
    /// Why it could not be read; [`Fault::NotFound`] where it does not exist.
    pub async fn get<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<T, Fault> {
        let request = Requests::new(resource.path(namespace)).get(name, &GetParams::default());
        parse(&self.read(built(request)?).await?)
    }

    /// Whatever is at a path of the API server.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn get_path<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        parse(&self.read(get(path)?).await?)
    }

    /// The text at a path of the API server, such as a pod's log.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn get_text(&self, path: &str) -> Result<String, Fault> {
        let body = self.read(get(path)?).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Every object of a type, in one namespace or in all, with these labels; and the
    /// version of the collection.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn list<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<T>, Fault> {
        let mut params = ListParams::default();
        if let Some(selector) = selector {
            params = params.labels(selector);
        }
        let request = Requests::new(resource.path(namespace)).list(&params);
        let list: List<T> = parse(&self.read(built(request)?).await?)?;
        Ok(list.items)
    }

    /// The first object of a type in a namespace.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(crate) async fn first<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: &str,
    ) -> Result<Option<T>, Fault> {
        let params = ListParams::default().limit(1);
        let request = Requests::new(resource.path(Some(namespace))).list(&params);
        let list: List<T> = parse(&self.read(built(request)?).await?)?;
        Ok(list.items.into_iter().next())
    }

    /// Creates an object under [`FIELD_MANAGER`] with strict field validation; with `dry_run`
    /// the API server answers as if. One of that name is never changed.
    ///
    /// # Errors
    /// Why the API server does not create it; [`Fault::is_existing`] where there is one.
    pub async fn create<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        object: &serde_json::Value,
        dry_run: bool,
    ) -> Result<T, Fault> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = format!(
            "{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict{dry_run}",
            resource.path(namespace)
        );
        let request = Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(object.to_string().into_bytes())
            .map_err(|error| Fault::Nonsense(error.to_string()))?;
        parse(&self.write(request).await?)
    }

    /// Creates or replaces an object of a namespace that is this program's own, and waits up to
    /// a minute for an API server that is busy or away.
    ///
    /// # Errors
    /// Why the API server does not take it.
    pub async fn replace_in(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        object: &serde_json::Value,
    ) -> Result<(), Fault> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let request = Requests::new(resource.path(Some(namespace))).patch(
            name,
            &params,
            &Patch::Apply(object),
        );
        self.write_patiently(built(request)?).await.map(drop)
    }

    /// Changes fields of an object (a JSON merge patch).
    ///
    /// # Errors
    /// Why the API server does not change it.
    pub async fn merge(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        patch: &serde_json::Value,
    ) -> Result<(), Fault> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = Requests::new(resource.path(Some(namespace))).patch(
            name,
            &params,
            &Patch::Merge(patch),
        );
        self.write(built(request)?).await.map(drop)
    }

    /// Deletes the object of this UID, and no other that bears its name by now, and leaves
    /// what it owns to the cluster's garbage collector.
    ///
    /// # Errors
    /// Why it is not deleted; [`Fault::NotFound`] where it does not exist,
    /// [`Fault::is_conflict`] where another one has its name.
    pub async fn delete(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
    ) -> Result<(), Fault> {
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        let request = Requests::new(resource.path(namespace)).delete(name, &params);
        self.write(built(request)?).await.map(drop)
    }

    /// The changes of one cluster-scoped object from `version` on. The stream ends when the
    /// API server ends it; it carries no retry of its own.
    ///
    /// # Errors
    /// Why it cannot be watched.
    pub async fn watch<T>(
        &self,
        resource: Resource,
        name: &str,
        version: &str,
    ) -> Result<impl Stream<Item = Result<WatchEvent<T>, Fault>> + use<T>, Fault>
    where
        T: DeserializeOwned + Clone,
    {
        let params = WatchParams::default()
            .fields(&format!("metadata.name={name}"))
            .timeout(WATCH_SECONDS);
        let request = built(Requests::new(resource.path(None)).watch(&params, version))?;
        let route = self.route();
        let limit = self.inner.limit.unwrap_or(ANSWER_LIMIT);
        let client = self.current().client;
        let events = timed(limit, &route.server, client.request_events::<T>(request))
            .await?
            .map_err(|error| Fault::of_kube(&error, &route))?;
        Ok(
            events.map(move |event: Result<WatchEvent<T>, kube::Error>| {
                event.map_err(|error| Fault::of_kube(&error, &route))
            }),
        )
    }
}

#[derive(serde::Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

fn built(
    request: Result<Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<Request<Vec<u8>>, Fault> {
    request.map_err(|error| Fault::Nonsense(error.to_string()))
}

/// A read of a path, which may have a query of its own.
fn get(path: &str) -> Result<Request<Vec<u8>>, Fault> {
    let request = Request::get(path).body(Vec::new());
    request.map_err(|error| Fault::Nonsense(error.to_string()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::Nonsense(error.to_string()))
}
