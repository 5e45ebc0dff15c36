//! A port of a pod, by way of the API server.

use std::future::Future;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::client::UpgradeConnectionError;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Cluster;
use super::requests::{ANSWER_LIMIT, timed};
use crate::cluster::api::credentials;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::transport::{self, Versions};
use crate::images::registry::credentials::SecretText;

impl Cluster {
    /// A connection to a port of a pod, and what the kubelet says should that end it.
    ///
    /// # Errors
    /// Why the API server does not connect.
    pub(crate) async fn forward(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
    ) -> Result<
        (
            impl AsyncRead + AsyncWrite + Unpin + Send + use<>,
            impl Future<Output = Option<String>> + Send + use<>,
        ),
        Fault,
    > {
        let number = self.current().number;
        let mut opened = self.open_forward(namespace, pod, port).await;
        let user = &self.inner.settings.config.auth_info;
        if matches!(opened, Err(Fault::Unauthorized(_))) && credentials::is_renewable(user) {
            self.renew(number).await?;
            opened = self.open_forward(namespace, pod, port).await;
        }
        let mut forward = opened?;
        match (forward.take_stream(port), forward.take_error(port)) {
            (Some(stream), Some(error)) => Ok((stream, error)),
            _ => Err(Fault::Nonsense(format!("no stream for port {port}"))),
        }
    }

    async fn open_forward(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
    ) -> Result<kube::api::Portforwarder, Fault> {
        let current = self.current();
        let make =
            async || transport::client(&self.inner.settings, &current.config, Versions::Upgradable);
        let client = current.upgradable.get_or_try_init(make).await?.clone();
        let route = self.route();
        let limit = self.inner.limit.unwrap_or(ANSWER_LIMIT);
        let pods: Api<Pod> = Api::namespaced(client, namespace);
        let ports = [port];
        timed(limit, &route.server, pods.portforward(pod, &ports))
            .await?
            .map_err(|error| match &error {
                kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => {
                    Fault::Refused {
                        code: status.as_u16(),
                        reason: String::new(),
                        message: "no WebSocket for a port-forward".to_owned(),
                        retry_after: None,
                    }
                }
                error => Fault::of_kube(error, &route),
            })
    }

    /// The token that requests carry; `None` for a client certificate or a password.
    pub(crate) fn token(&self) -> Option<SecretText> {
        let config = self.current().config;
        let token = config.auth_info.token.as_ref();
        token.map(|token| SecretText::new(token.expose_secret()))
    }

    /// True where the credentials are those of the pod that this process runs in.
    pub(crate) fn is_own(&self) -> bool {
        self.inner.settings.is_own
    }
}
