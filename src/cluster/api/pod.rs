//! The way to the API server from inside a pod: the service's address, and what the kubelet
//! mounts of the pod's ServiceAccount.

use std::path::Path;

use kube::config::{AuthInfo, Cluster};

/// Where the kubelet mounts `token`, `ca.crt` and `namespace`.
pub(crate) const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The pod's own account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The API server.
    pub cluster: Cluster,
    /// The ServiceAccount; its token is a file that the kubelet renews.
    pub user: AuthInfo,
    /// The pod's namespace.
    pub namespace: Option<String>,
}

/// The account of the pod that this process runs in; `None` where it runs in none. As
/// client-go's `rest.InClusterConfig`, which wants both variables and the token.
pub(crate) fn account(variable: impl Fn(&str) -> Option<String>, folder: &Path) -> Option<Account> {
    let host = variable("KUBERNETES_SERVICE_HOST").filter(|host| !host.is_empty())?;
    let port = variable("KUBERNETES_SERVICE_PORT").filter(|port| !port.is_empty())?;
    let token = folder.join("token");
    if !token.is_file() {
        return None;
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let authority = folder.join("ca.crt");
    Some(Account {
        cluster: Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: authority.is_file().then(|| authority.display().to_string()),
            ..Cluster::default()
        },
        user: AuthInfo {
            token_file: Some(token.display().to_string()),
            ..AuthInfo::default()
        },
        namespace: std::fs::read_to_string(folder.join("namespace"))
            .ok()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_variables_and_a_token_make_a_pod() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |host: &'static str, port: &'static str| {
            account(
                move |name| {
                    let value = match name {
                        "KUBERNETES_SERVICE_HOST" => host,
                        "KUBERNETES_SERVICE_PORT" => port,
                        other => panic!("{other} is nobody's business"),
                    };
                    Some(value.to_owned())
                },
                folder.path(),
            )
        };
        assert!(of("10.0.0.1", "443").is_none(), "no token");
        std::fs::write(folder.path().join("token"), "t").expect("a token");
        for (host, port, server) in [
            ("10.0.0.1", "443", Some("https://10.0.0.1:443")),
            ("fd00::1", "6443", Some("https://[fd00::1]:6443")),
            ("", "443", None),
            ("10.0.0.1", "", None),
        ] {
            let found = of(host, port);
            let seen = found.as_ref().and_then(|own| own.cluster.server.as_deref());
            assert_eq!(seen, server, "{host} {port}");
            assert!(found.is_none_or(|own| own.namespace.is_none()));
        }
        std::fs::write(folder.path().join("namespace"), "ns1\n").expect("a namespace");
        std::fs::write(folder.path().join("ca.crt"), "c").expect("an authority");
        let own = of("h", "1").expect("a pod's account");
        assert_eq!(own.namespace.as_deref(), Some("ns1"));
        assert!(own.cluster.certificate_authority.is_some());
    }
}
