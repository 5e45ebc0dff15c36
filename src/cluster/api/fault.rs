//! Why the API server gave no answer, or not the one that was asked for.

use std::error::Error as StdError;

use kube::client::AuthError;
use kube::core::Status;

use crate::error::Error;

/// Where this release's manifests of least rights are.
pub const RBAC_FOLDER: &str = concat!(
    "https://raw.githubusercontent.com/kmm-preflight/kubectl-kmm-preflight/v",
    env!("CARGO_PKG_VERSION"),
    "/examples/rbac"
);

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
    #[error("the API server does not know who asks: {0}")]
    Unauthorized(String),
    /// 410: the resource version is too old to go on from.
    #[error("the API server no longer knows the version to go on from")]
    Gone,
    /// Any other refusal.
    #[error("the API server says {code}: {message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// `reason` of the Status object.
        reason: String,
        /// Its message.
        message: String,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of the API server {server} is not trusted: {why}")]
    Certificate {
        /// Its address.
        server: String,
        /// The TLS library's reason.
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
    #[error("the API server {server} cannot be reached: {why}")]
    Unreachable {
        /// Its address.
        server: String,
        /// The reason.
        why: String,
    },
    /// No answer in time.
    #[error("the API server {server} did not answer within {seconds} s")]
    TimedOut {
        /// Its address.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// An answer that is none.
    #[error("the answer of the API server makes no sense: {0}")]
    Nonsense(String),
}

impl Fault {
    /// Sorts an error of kube by what can be done about it.
    pub fn of_kube(error: &kube::Error, server: &str) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status, ""),
            kube::Error::Auth(auth) => Self::Credentials(auth.to_string()),
            kube::Error::SerdeError(error) => Self::Nonsense(error.to_string()),
            kube::Error::FromUtf8(error) => Self::Nonsense(error.to_string()),
            kube::Error::RustlsTls(error) => Self::Certificate {
                server: server.to_owned(),
                why: plain(&chain(error)),
            },
            kube::Error::Service(source) => match source.downcast_ref::<AuthError>() {
                Some(auth) => Self::Credentials(auth.to_string()),
                None => Self::of_chain(source.as_ref(), server),
            },
            other => Self::of_chain(other, server),
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
            },
        }
    }

    fn of_chain(error: &(dyn StdError + 'static), server: &str) -> Self {
        let why = plain(&chain(error));
        let server = server.to_owned();
        if why.contains("invalid peer certificate") || why.contains("UnknownIssuer") {
            return Self::Certificate { server, why };
        }
        Self::Unreachable { server, why }
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
                    "ask an administrator for the rights in {RBAC_FOLDER}/{manifest}.yaml, which \
                     `kubectl kmm preflight generate --rbac` prints"
                )
            }
            Self::Unauthorized(_) | Self::Credentials(_) => {
                "log in again, or choose another --context or --user".to_owned()
            }
            Self::NoPlugin { install_hint, .. } if !install_hint.trim().is_empty() => {
                install_hint.trim().to_owned()
            }
            Self::NoPlugin { .. } => "install it, or choose another --user".to_owned(),
            Self::Certificate { why, .. } if why.contains("not valid for name") => {
                "name the one that it is for with --tls-server-name".to_owned()
            }
            Self::Certificate { .. } => {
                "name the authority that signed it with --certificate-authority FILE".to_owned()
            }
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "is this the cluster that you mean? see --context, --server, the proxy settings, \
                 and --request-timeout"
                    .to_owned()
            }
            Self::NotServed(_) => "is KMM installed in this cluster?".to_owned(),
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

/// An error and what caused it, each said once.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// The chain without the names that hyper gives to its own layers, and without error numbers.
fn plain(chain: &str) -> String {
    let mut text = chain.to_owned();
    for (layer, word) in [
        ("client error (Connect): ", ""),
        ("client error (SendRequest): ", ""),
        ("tcp connect error: ", ""),
        (
            "tunnel error: failed to create underlying connection: ",
            "by way of its proxy: ",
        ),
        ("tunnel error: ", "its proxy: "),
        ("dns error: failed to lookup address information: ", ""),
    ] {
        text = text.replace(layer, word);
    }
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
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
                },
            ),
        ] {
            assert_eq!(Fault::of_status(&status(code, name), "/apis/x"), fault);
        }
    }

    #[test]
    fn reasons_are_told_without_the_layers_of_the_client() {
        for (chain, said) in [
            (
                "client error (Connect): tcp connect error: Connection refused (os error 111)",
                "Connection refused",
            ),
            (
                "client error (Connect): dns error: failed to lookup address information: Name or \
                 service not known",
                "Name or service not known",
            ),
            (
                "client error (Connect): tunnel error: failed to create underlying connection: tcp \
                 connect error: Connection refused (os error 111)",
                "by way of its proxy: Connection refused",
            ),
            (
                "client error (Connect): invalid peer certificate: UnknownIssuer",
                "invalid peer certificate: UnknownIssuer",
            ),
        ] {
            assert_eq!(plain(chain), said);
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
                 hint: ask an administrator for the rights in {RBAC_FOLDER}/status.yaml, which \
                 `kubectl kmm preflight generate --rbac` prints\n"
            )
        );
    }
}
