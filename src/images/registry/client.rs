//! Registries: what a run knows of them, and whom they are asked as.

use std::sync::Arc;

use oci_client::Reference;

use crate::images::registry::access::Access;
use crate::images::registry::cluster_registry::ClusterRegistry;
use crate::images::registry::credentials::Credential;
use crate::images::registry::endpoint::Endpoints;
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
        let full_name = format!("{}/{}", reference.registry(), reference.repository());
        let (credentials, broken) = self
            .credentials_for(access, reference.registry(), &full_name)
            .await;
        let wanted = reference.digest().or(reference.tag()).unwrap_or("latest");
        let mut refusal = None;
        let mut tried = Vec::new();
        for credential in credentials {
            tried.extend(credential.as_ref().map(|(source, _)| source.clone()));
            let repository = Repository {
                registries: Arc::clone(self),
                host: reference.registry().to_owned(),
                name: reference.repository().to_owned(),
                endpoint: Arc::clone(&endpoint),
                credential,
            };
            match repository.manifest(wanted).await {
                Ok(manifest) => return Ok((Arc::new(repository), manifest)),
                Err(fault) if fault.kind == FaultKind::Unauthorized => refusal = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(unauthorized(refusal, &tried, &broken, &full_name))
    }

    /// A repository to push to, with the first credential that fits.
    ///
    /// # Errors
    /// The reference is none, or its registry does not answer.
    pub async fn repository(
        self: &Arc<Self>,
        reference: &str,
        access: &Access,
    ) -> Result<Repository, Fault> {
        let reference = parse(reference)?;
        let endpoint = self
            .endpoints
            .get(reference.registry(), access.tls, false)
            .await?;
        let full_name = format!("{}/{}", reference.registry(), reference.repository());
        let (mut credentials, _) = self
            .credentials_for(access, reference.registry(), &full_name)
            .await;
        Ok(Repository {
            registries: Arc::clone(self),
            host: reference.registry().to_owned(),
            name: reference.repository().to_owned(),
            endpoint,
            credential: credentials.swap_remove(0),
        })
    }

    /// The credentials that fit, or nobody's; and what kept a source from giving one. The
    /// cluster's own registry takes the user's after those of the nodes.
    async fn credentials_for(
        &self,
        access: &Access,
        host: &str,
        name: &str,
    ) -> (Candidates, Vec<String>) {
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

type Candidates = Vec<Option<(String, Credential)>>;

fn unauthorized(refusal: Option<Fault>, tried: &[String], broken: &[String], name: &str) -> Fault {
    let mut message = refusal.map(|fault| fault.message).unwrap_or_default();
    message.push_str(&match tried {
        [] => format!("; no credentials configured for {name}, the request was anonymous"),
        tried => format!("; tried the credentials of {}", tried.join(", then of ")),
    });
    for fault in broken {
        message.push_str(&format!("; {fault}"));
    }
    let fault = Fault::new(FaultKind::Unauthorized, message);
    match tried {
        [] => fault,
        _ => fault.hint("Check these credentials, and that they may pull this image."),
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
