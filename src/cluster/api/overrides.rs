//! What overrides a kubeconfig's cluster and user: kubectl's flags; and over plain HTTP no
//! credentials are sent.

use kube::config::{AuthInfo, Cluster};

use crate::cli::connection::ConnectionArgs;
use crate::net::address::shown_text;

/// Over plain HTTP kubectl sends no credentials (client-go's clientcmd, `IsConfigTransportTLS`).
pub(super) fn without_credentials(user: AuthInfo, server: &str) -> AuthInfo {
    let kept = AuthInfo {
        impersonate: user.impersonate.clone(),
        impersonate_uid: user.impersonate_uid.clone(),
        impersonate_groups: user.impersonate_groups.clone(),
        impersonate_user_extra: user.impersonate_user_extra.clone(),
        ..AuthInfo::default()
    };
    let is_somebody = user.token.is_some()
        || user.token_file.is_some()
        || user.username.is_some()
        || user.exec.is_some()
        || user.auth_provider.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    if is_somebody {
        tracing::warn!(
            "{} is plain HTTP; no credentials are sent",
            shown_text(server)
        );
    }
    kept
}

/// Puts kubectl's flags over the kubeconfig's cluster.
pub(super) fn override_cluster(cluster: &mut Cluster, args: &ConnectionArgs) {
    if let Some(server) = &args.server {
        cluster.server = Some(server.clone());
    }
    if let Some(file) = &args.certificate_authority {
        cluster.certificate_authority = Some(file.display().to_string());
        cluster.certificate_authority_data = None;
    }
    if let Some(skip) = args.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(skip);
    }
    // client-go: an unverified connection has no use for an authority, and refuses both.
    if args.insecure_skip_tls_verify == Some(true) {
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = None;
    }
    if let Some(name) = &args.tls_server_name {
        cluster.tls_server_name = Some(name.clone());
    }
    if let Some(disable) = args.disable_compression {
        cluster.disable_compression = Some(disable);
    }
}

/// Puts kubectl's flags over the kubeconfig's user.
pub(super) fn override_user(user: &mut AuthInfo, args: &ConnectionArgs) {
    if args.token.is_some() || args.username.is_some() {
        user.token = None;
        user.token_file = None;
        user.exec = None;
        user.auth_provider = None;
        user.username = None;
        user.password = None;
    }
    if let Some(token) = &args.token {
        user.token = Some(token.clone().into());
    }
    if let Some(name) = &args.username {
        user.username = Some(name.clone());
        user.password = Some(args.password.clone().unwrap_or_default().into());
    }
    if let Some(file) = &args.client_certificate {
        user.client_certificate = Some(file.display().to_string());
        user.client_certificate_data = None;
    }
    if let Some(file) = &args.client_key {
        user.client_key = Some(file.display().to_string());
        user.client_key_data = None;
    }
    if let Some(name) = &args.impersonate {
        user.impersonate = Some(name.clone());
    }
    if let Some(uid) = &args.impersonate_uid {
        user.impersonate_uid = Some(uid.clone());
    }
    if !args.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(args.impersonate_groups.clone());
    }
    if !args.impersonate_extra.is_empty() {
        let mut extra = std::collections::HashMap::<String, Vec<String>>::new();
        for (key, value) in &args.impersonate_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
        user.impersonate_user_extra = Some(extra);
    }
}
