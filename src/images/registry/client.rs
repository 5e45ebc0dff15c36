//! Registries: what a run has learnt about each, and the credentials that it sends.

use std::sync::Arc;

use oci_client::Reference;

use crate::images::registry::access::Access;
use crate::images::registry::cluster_registry::ClusterRegistry;
use crate::images::registry::credentials::Credential;
use crate::images::registry::endpoint::{Endpoint, Endpoints};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::HttpConfig;
use crate::images::registry::mirrors::PullSource;
use crate::images::registry::reference;
use crate::images::registry::repository::Repository;
use crate::images::registry::token::Tokens;
use crate::kmm::module::TlsOptions;

/// The registries of a run, what was learnt of each, and the tokens that they gave.
#[derive(Debug)]
pub struct Registries {
    pub(crate) endpoints: Endpoints,
    pub(crate) tokens: Tokens,
}

impl Registries {
    /// Registries that are trusted in this way.
    ///
    /// # Errors
    /// A file of certificates cannot be read.
    pub(crate) fn new(
        config: &HttpConfig,
        of_cluster: Option<Arc<dyn ClusterRegistry>>,
    ) -> Result<Arc<Self>, Fault> {
        Ok(Arc::new(Self {
            endpoints: Endpoints::new(config, of_cluster)?,
            tokens: Tokens::default(),
        }))
    }

    /// True for an image in the cluster's own registry, which other programs do not reach.
    pub(crate) fn is_in_cluster(&self, name: &str) -> bool {
        parse(name).is_ok_and(|name| self.endpoints.of_cluster(name.registry()).is_some())
    }

    /// The manifest that a reference names, with each credential that fits until one is
    /// good enough, as kubelets do; and the repository as the one whose credential it was.
    ///
    /// # Errors
    /// Why there is none; an unauthorised answer names the credentials that were tried.
    pub async fn manifest(
        self: &Arc<Self>,
        source: &PullSource,
        access: &Access,
    ) -> Result<(Arc<Repository>, Vec<u8>), Fault> {
        let reference = parse(&source.reference)?;
        let tls = if source.mirror_of.is_none() {
            access.tls
        } else {
            TlsOptions::default()
        };
        let endpoint = self
            .endpoints
            .get(reference.registry(), tls, source.insecure)
            .await?;
        let candidates = self.candidates(&reference, &endpoint, access).await;
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
        let mut refusal = None;
        for repository in &candidates.repositories {
            match repository.manifest(wanted).await {
                Ok(manifest) => return Ok((Arc::clone(repository), manifest)),
                Err(fault) if fault.kind == FaultKind::Unauthorized => refusal = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(candidates.refused(refusal, "pull"))
    }

    /// A repository to push to, as each whose credential fits.
    ///
    /// # Errors
    /// The reference is none, or its registry does not answer.
    pub(crate) async fn to_push(
        self: &Arc<Self>,
        reference: &str,
        access: &Access,
    ) -> Result<Candidates, Fault> {
        let reference = parse(reference)?;
        let endpoint = self
            .endpoints
            .get(reference.registry(), access.tls, false)
            .await?;
        Ok(self.candidates(&reference, &endpoint, access).await)
    }

    async fn candidates(
        self: &Arc<Self>,
        reference: &Reference,
        endpoint: &Arc<Endpoint>,
        access: &Access,
    ) -> Candidates {
        let (host, name) = (reference.registry(), reference.repository());
        let full_name = format!("{host}/{name}");
        let (credentials, broken) = self.credentials_for(access, host, &full_name).await;
        let repositories = credentials.into_iter().map(|credential| {
            Arc::new(Repository {
                registries: Arc::clone(self),
                host: host.to_owned(),
                name: name.to_owned(),
                endpoint: Arc::clone(endpoint),
                credential,
            })
        });
        Candidates {
            repositories: repositories.collect(),
            broken,
            name: full_name,
        }
    }

    /// The credentials that fit, or nobody's; and what kept a source from giving one. The
    /// cluster's own registry takes the user's after those of the nodes.
    async fn credentials_for(
        &self,
        access: &Access,
        host: &str,
        name: &str,
    ) -> (Vec<Option<(String, Credential)>>, Vec<String>) {
        let mut found = Vec::new();
        let mut broken = Vec::new();
        for source in &access.credentials {
            match source.credential_for(name).await {
                Ok(Some(credential)) => found.push(Some((source.name().to_owned(), credential))),
                Ok(None) => {}
                Err(fault) => broken.push(fault.to_string()),
            }
        }
        if let Some(registry) = self.endpoints.of_cluster(host) {
            match registry.credential() {
                Ok(credential) => found.push(Some(credential)),
                Err(why) => broken.push(why),
            }
        }
        if found.is_empty() {
            found.push(None);
        }
        (found, broken)
    }
}

/// A repository as each of those who may be allowed what is asked of it, in the order in which
/// they are tried.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) repositories: Vec<Arc<Repository>>,
    /// What kept a source from giving a credential.
    broken: Vec<String>,
    name: String,
}

impl Candidates {
    /// What it means that none of them was allowed to.
    pub(crate) fn refused(&self, refusal: Option<Fault>, action: &str) -> Fault {
        let credentials = self.repositories.iter().map(|one| one.credential.as_ref());
        let tried: Vec<&str> = credentials.flatten().map(|(source, _)| &**source).collect();
        let mut message = refusal.map(|fault| fault.message).unwrap_or_default();
        message.push_str(&match tried.as_slice() {
            [] => format!(
                "; no credentials configured for {}, the request was anonymous",
                self.name
            ),
            tried => format!("; tried the credentials of {}", tried.join(", then of ")),
        });
        for fault in &self.broken {
            message.push_str(&format!("; {fault}"));
        }
        let fault = Fault::new(FaultKind::Unauthorized, message);
        match tried.as_slice() {
            [] => fault,
            _ => fault.hint(format!(
                "Check these credentials, and that they may {action} this image."
            )),
        }
    }
}

/// Checks the form of an image's name.
///
/// # Errors
/// It is not a valid reference.
pub(crate) fn check_reference(reference: &str) -> Result<(), String> {
    parse(reference).map(drop).map_err(|fault| fault.message)
}

fn parse(reference: &str) -> Result<Reference, Fault> {
    reference::parse(reference).map_err(|fault| {
        Fault::new(
            FaultKind::Invalid,
            format!("not a valid image reference: {fault}"),
        )
    })
}
