//! Port-forwards to the registry's pods behind a proxy of this process's own, which is how
//! HTTP clients are led somewhere that is no network.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Pod;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use url::Url;

use super::{MANIFEST, NAMESPACE};
use crate::cluster::Cluster;
use crate::cluster::api::fault::{Fault as ApiFault, RBAC_FOLDER};
use crate::cluster::api::resource::POD;
use crate::images::registry::cluster_registry::Trouble;
use crate::images::registry::fault::{Fault, FaultKind};

/// The label of the registry's pods.
const SELECTOR: &str = "docker-registry=default";
/// The port that they listen on.
const PORT: u16 = 5000;
/// The most bytes of a request to the proxy.
const MAX_HEAD: usize = 8 << 10;
/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a port-forward is asked for, and how long to wait in between.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(900)];

/// A proxy on a loopback port. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    /// Its address, with a password that only this process has.
    pub(super) proxy: Url,
    /// Why it could not lead there the last time.
    pub(super) trouble: Trouble,
    task: AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Listens.
    pub(super) fn start(cluster: Arc<Cluster>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let mut secret = [0; 24];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| io::Error::other("no random numbers"))?;
        let password: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let address = format!("http://forward:{password}@{}/", listener.local_addr()?);
        let proxy = Url::parse(&address).map_err(io::Error::other)?;
        let trouble = Trouble::default();
        let forwarder = Arc::new(Forwarder {
            cluster,
            authorization: format!("Basic {}", STANDARD.encode(format!("forward:{password}"))),
            trouble: trouble.clone(),
        });
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let forwarder = Arc::clone(&forwarder);
                tokio::spawn(async move {
                    // What broke is seen by the client, which goes on from where it is.
                    let _ = forwarder.serve(client).await;
                });
            }
        });
        Ok(Self {
            proxy,
            trouble,
            task: task.abort_handle(),
        })
    }
}

struct Forwarder {
    cluster: Arc<Cluster>,
    authorization: String,
    trouble: Trouble,
}

impl Forwarder {
    /// One connection of a client: a CONNECT of this process's own, then bytes both ways.
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let head = tokio::time::timeout(PATIENCE, head(&mut client)).await??;
        if !self.is_own(&head) {
            return client
                .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                .await;
        }
        let mut pauses = PAUSES.into_iter();
        let (mut pod, ended) = loop {
            match self.forward().await {
                Ok(opened) => break opened,
                Err((fault, may_pass)) => match pauses.next().filter(|_| may_pass) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => {
                        self.trouble.set(Some(fault));
                        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
                    }
                },
            }
        };
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        tokio::select! {
            copied = copy_bidirectional(&mut client, &mut pod) => copied.map(drop),
            Some(why) = ended => {
                let message = format!("the port-forward ended: {}", why.trim());
                self.trouble.set(Some(Fault::new(FaultKind::Unreachable, message)));
                Ok(())
            }
        }
    }

    /// True for a request of this process.
    fn is_own(&self, head: &str) -> bool {
        head.starts_with("CONNECT ")
            && head.lines().any(|line| {
                line.split_once(':').is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("proxy-authorization")
                        && value.trim() == self.authorization
                })
            })
    }

    /// A port-forward to a pod of the registry that is ready; a fault says whether another
    /// try may help.
    async fn forward(
        &self,
    ) -> Result<
        (
            impl AsyncRead + AsyncWrite + Unpin + Send + use<>,
            impl Future<Output = Option<String>> + Send + use<>,
        ),
        (Fault, bool),
    > {
        let pods = self
            .cluster
            .list::<Pod>(POD, Some(NAMESPACE), Some(SELECTOR));
        let pods = pods
            .await
            .map_err(|fault| unreachable("finding the registry's pods", &fault))?;
        let Some(name) = pods.iter().find(|pod| is_ready(pod)).map(name_of) else {
            let message = format!("no pod of the registry is ready in namespace {NAMESPACE}");
            let hint = format!("Check the registry: kubectl get pods -n {NAMESPACE}.");
            return Err((
                Fault::new(FaultKind::Unreachable, message).hint(hint),
                !pods.is_empty(),
            ));
        };
        self.cluster
            .forward(NAMESPACE, &name, PORT)
            .await
            .map_err(|fault| unreachable(&format!("port-forward to pod {name}"), &fault))
    }
}

fn name_of(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let mut conditions = status
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn unreachable(what: &str, fault: &ApiFault) -> (Fault, bool) {
    let found = Fault::new(FaultKind::Unreachable, format!("{what}: {fault}"));
    match fault {
        ApiFault::Forbidden(_) => (
            found.hint(format!(
                "Apply {RBAC_FOLDER}/{MANIFEST}.yaml, which grants it."
            )),
            false,
        ),
        fault => (
            found.hint("Check that the API server can be reached, and the registry's pods."),
            fault.is_transient() || matches!(fault, ApiFault::Unreachable { .. }),
        ),
    }
}

async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
