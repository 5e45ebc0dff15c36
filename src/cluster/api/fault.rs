//! Why the API server gave no answer, or not the one that was asked for.

use std::error::Error as StdError;

use std::time::Duration;

use kube::client::AuthError;
use kube::core::Status;

use crate::error::Error;
use crate::net::no_answer::{Kind, NoAnswer};

/// Where this release's manifests of least rights are.
pub(crate) const RBAC_FOLDER: &str = concat!(
    "https://raw.githubusercontent.com/kmm-preflight/kubectl-kmm-preflight/v",
    env!("CARGO_PKG_VERSION"),
    "/examples/rbac"
);

/// Where requests go, for messages.
#[derive(Debug, Clone)]
pub struct Route {
    /// `scheme://host:port` of the API server.
    pub server: String,
    /// The name of the proxy that leads to it.
    pub proxy: Option<String>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 404 without an object's name: the group, version or resource is not served.
    #[error("the API server does not serve {0}")]
    NotServed(String),
    /// 404: the object does not exist.
    #[error("{0}")]
    NotFound(String),
    /// 403, in the API server's words, which name user, verb and resource.
    #[error("{0}")]
    Forbidden(String),
    /// 401.
    #[error("the API server rejected your credentials: {0}")]
    Unauthorized(String),
    /// 410: the resource version is too old to go on from.
    #[error("the API server no longer has the resource version to continue from")]
    Gone,
    /// Any other refusal.
    #[error("the API server responded with status {code}: {message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// `reason` of the Status object.
        reason: String,
        /// Its message.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of the API server {server} is not trusted: {why}")]
    Certificate {
        /// Its address.
        server: String,
        /// The reason.
        why: String,
        /// It is for another name.
        is_for_another: bool,
    },
    /// The server does not accept the user's certificate.
    #[error("the API server {server} rejected the client certificate: {why}")]
    ClientCertificate {
        /// Its address.
        server: String,
        /// The reason.
        why: String,
    },
    /// The proxy cannot be used, and nobody else was asked.
    #[error("{proxy} cannot connect to the API server {server}: {why}")]
    Proxy {
        /// Its name.
        proxy: String,
        /// The API server's address.
        server: String,
        /// The reason.
        why: String,
    },
    /// The credential plugin or token file gave nothing.
    #[error("no credentials for the API server: {0}")]
    Credentials(String),
    /// The credential plugin cannot be started.
    #[error("the credential plugin `{name}` cannot be started: {why}")]
    NoPlugin {
        /// Its command.
        name: String,
        /// The reason.
        why: String,
        /// The kubeconfig's `installHint`; may be empty.
        install_hint: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach the API server {server}: {why}")]
    Unreachable {
        /// Its address.
        server: String,
        /// The reason.
        why: String,
    },
    /// No answer in time.
    #[error("the API server {server} did not respond within {seconds} s")]
    TimedOut {
        /// Its address.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// An answer that is none.
    #[error("unexpected response from the API server: {0}")]
    Nonsense(String),
}

impl Fault {
    /// Sorts an error of kube by what can be done about it.
    pub fn of_kube(error: &kube::Error, route: &Route) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status, ""),
            kube::Error::Auth(auth) => Self::Credentials(auth.to_string()),
            kube::Error::SerdeError(error) => Self::Nonsense(error.to_string()),
            kube::Error::FromUtf8(error) => Self::Nonsense(error.to_string()),
            kube::Error::Service(source) => match source.downcast_ref::<AuthError>() {
                Some(auth) => Self::Credentials(auth.to_string()),
                None => Self::of_chain(source.as_ref(), route),
            },
            other => Self::of_chain(other, route),
        }
    }

    /// Sorts a refusal; `path` is what was asked for.
    pub fn of_status(status: &Status, path: &str) -> Self {
        let message = status.message.clone();
        match status.code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden(message),
            404 if status.details.as_ref().is_some_and(|d| !d.name.is_empty()) => {
                Self::NotFound(message)
            }
            404 => Self::NotServed(path.to_owned()),
            410 => Self::Gone,
            code => Self::Refused {
                code,
                reason: status.reason.clone(),
                message,
                retry_after: status
                    .details
                    .as_ref()
                    .map(|details| u64::from(details.retry_after_seconds))
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs),
            },
        }
    }

    fn of_chain(error: &(dyn StdError + 'static), route: &Route) -> Self {
        let NoAnswer { kind, why } = NoAnswer::of(error, route.proxy.as_deref());
        let server = route.server.clone();
        match kind {
            Kind::Untrusted | Kind::BadCertificate | Kind::OtherName => Self::Certificate {
                server,
                why,
                is_for_another: kind == Kind::OtherName,
            },
            Kind::ClientCertificate => Self::ClientCertificate { server, why },
            Kind::Proxy(proxy) => Self::Proxy { proxy, server, why },
            Kind::NoSuchHost
            | Kind::Refused
            | Kind::NotTls
            | Kind::Timeout
            | Kind::Broken
            | Kind::Redirect
            | Kind::ProxySetting => Self::Unreachable { server, why },
        }
    }

    /// True where an object of that name exists already.
    pub fn is_existing(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// True where a precondition does not hold.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "Conflict")
    }

    /// When the API server wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// True when the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: 429 | 500 | 502 | 503 | 504,
                ..
            } | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Gone
        )
    }

    /// The error of a command that cannot go on. `purpose` says what it wanted (`reading the
    /// preflight CRs`), `manifest` which of the RBAC manifests grants it.
    pub fn into_error(self, purpose: &str, manifest: &str) -> Error {
        let hint = match &self {
            Self::Forbidden(_) => {
                format!(
                    "Ask an administrator for the rights in {RBAC_FOLDER}/{manifest}.yaml; \
                     `kubectl kmm preflight generate --rbac` prints it."
                )
            }
            Self::Unauthorized(_) | Self::Credentials(_) => {
                "Log in again, or pass another --context or --user.".to_owned()
            }
            Self::NoPlugin { install_hint, .. } if !install_hint.trim().is_empty() => {
                install_hint.trim().to_owned()
            }
            Self::NoPlugin { .. } => "Install it, or pass another --user.".to_owned(),
            Self::Certificate {
                is_for_another: true,
                ..
            } => "Pass a name in the certificate with --tls-server-name.".to_owned(),
            Self::Certificate { .. } => {
                "Pass the authority that signed it, or the certificate itself, with \
                 --certificate-authority FILE."
                    .to_owned()
            }
            Self::ClientCertificate { .. } => {
                "Check client-certificate of the kubeconfig's user, or pass another --user."
                    .to_owned()
            }
            Self::Proxy { .. } => {
                "Correct proxy-url of the kubeconfig's cluster or HTTPS_PROXY, or add the server \
                 to NO_PROXY."
                    .to_owned()
            }
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "Check --context, --server, the proxy settings and --request-timeout.".to_owned()
            }
            Self::NotServed(_) => "Check that KMM is installed in this cluster.".to_owned(),
            Self::Refused { .. } | Self::NotFound(_) | Self::Gone | Self::Nonsense(_) => {
                String::new()
            }
        };
        Error::Cluster {
            message: format!("{purpose}: {self}"),
            hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::StatusDetails;

    fn status(code: u16, name: &str) -> Status {
        Status::failure("what the server says", "Because")
            .with_code(code)
            .with_details(StatusDetails {
                name: name.to_owned(),
                group: String::new(),
                kind: String::new(),
                uid: String::new(),
                causes: Vec::new(),
                retry_after_seconds: 0,
            })
    }

    #[test]
    fn refusals_are_sorted_by_what_can_be_done() {
        let said = || "what the server says".to_owned();
        for (code, name, fault) in [
            (401, "", Fault::Unauthorized(said())),
            (403, "x", Fault::Forbidden(said())),
            (404, "x", Fault::NotFound(said())),
            (404, "", Fault::NotServed("/apis/x".into())),
            (410, "", Fault::Gone),
            (
                422,
                "x",
                Fault::Refused {
                    code: 422,
                    reason: "Because".into(),
                    message: said(),
                    retry_after: None,
                },
            ),
        ] {
            assert_eq!(Fault::of_status(&status(code, name), "/apis/x"), fault);
        }
    }

    #[test]
    fn a_missing_right_names_the_manifest_that_grants_it() {
        let error = Fault::Forbidden("user u cannot get resource r".into())
            .into_error("reading the CR", "status");
        assert_eq!(
            error.render(),
            format!(
                "error: reading the CR: user u cannot get resource r\n\
                 hint: Ask an administrator for the rights in {RBAC_FOLDER}/status.yaml; \
                 `kubectl kmm preflight generate --rbac` prints it.\n"
            )
        );
    }
}
