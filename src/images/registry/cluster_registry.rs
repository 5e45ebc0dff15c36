//! The registry of the cluster itself, as far as registries have to know of it: its names,
//! the ways to it, and the credential that it takes besides pull secrets.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::images::registry::credentials::Credential;
use crate::images::registry::fault::Fault;

/// A registry that bears a name of the cluster's network.
pub(crate) trait ClusterRegistry: fmt::Debug + Send + Sync {
    /// True for a `host[:port]` that is one of its names.
    fn has_name(&self, host: &str) -> bool;

    /// The ways to it, the first one first.
    ///
    /// # Errors
    /// The cluster does not show any.
    fn ways(&self) -> BoxFuture<'_, Result<Arc<Vec<Way>>, Fault>>;

    /// The credential of whoever asks, and where it is from; it goes to this registry alone,
    /// and is written nowhere.
    ///
    /// # Errors
    /// Why there is none.
    fn credential(&self) -> Result<(String, Credential), String>;

    /// Reports once which way was taken, and what kept an earlier one from being taken.
    fn took(&self, way: &Way, before: &[Fault]);
}

/// True for a `host[:port]` that is the name of a cluster's Service: outside of clusters nobody
/// resolves it.
pub(crate) fn is_service(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    name.ends_with(".svc") || name.ends_with(".svc.cluster.local")
}

/// A way to the cluster's registry.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// What it is called: `route HOST`.
    pub(crate) name: String,
    /// `host[:port]` that is connected to, and that the certificate has to bear.
    pub(crate) address: String,
    /// Authorities that are trusted besides the others.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// What leads there in place of a network.
    pub(crate) tunnel: Option<Tunnel>,
}

/// A proxy of this process's own that leads to one address.
#[derive(Debug, Clone)]
pub(crate) struct Tunnel {
    /// Its address, with a password that only this process has.
    pub(crate) proxy: Url,
    /// Why it could not lead there the last time.
    pub(crate) trouble: Trouble,
}

/// Why a tunnel could not lead to its end, for whoever asks afterwards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<Fault>>>);

impl Trouble {
    pub(crate) fn set(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(crate) fn get(&self) -> Option<Fault> {
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }
}
