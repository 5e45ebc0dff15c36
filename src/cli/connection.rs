//! How to reach the cluster: kubectl's connection flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::duration::parse_duration;

/// kubectl's connection flags, with kubectl's meaning.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// The kubeconfig file [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The kubeconfig's cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The kubeconfig's user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(short = 's', long, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// User name for basic authentication
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Password for basic authentication
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Client certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// Client key, PEM
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Certificate authority of the API server, PEM
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Do not verify the API server's certificate
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Server name expected in the API server's certificate
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub impersonate: Option<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", value_name = "UID")]
    pub impersonate_uid: Option<String>,
    /// Group to impersonate (repeatable)
    #[arg(long = "as-group", value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
    /// Extra field to impersonate (repeatable)
    #[arg(long = "as-user-extra", value_name = "KEY=VALUE", value_parser = parse_extra)]
    pub impersonate_extra: Vec<(String, String)>,
    /// Maximum time for one request to the API server; 0 is unlimited
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub request_timeout: Option<Duration>,
    /// Disable compression of the API server's responses
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub disable_compression: Option<bool>,
}

impl ConnectionArgs {
    /// True where a flag names a cluster, or who asks it.
    pub fn names_a_cluster(&self) -> bool {
        self.kubeconfig.is_some()
            || self.context.is_some()
            || self.cluster.is_some()
            || self.user.is_some()
            || self.server.is_some()
            || self.token.is_some()
    }
}

/// Reads `KEY=VALUE`.
fn parse_extra(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not KEY=VALUE"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        connection: ConnectionArgs,
    }

    #[test]
    fn flags_are_written_as_kubectl_takes_them() {
        let flags = Flags::try_parse_from([
            "x",
            "-s",
            "https://h:1",
            "--insecure-skip-tls-verify",
            "--as-group=a",
            "--as-group=b",
            "--as-user-extra",
            "k=v=w",
            "--request-timeout=5s",
            "--disable-compression=false",
        ])
        .expect("kubectl's flags")
        .connection;
        assert_eq!(flags.server.as_deref(), Some("https://h:1"));
        assert_eq!(flags.insecure_skip_tls_verify, Some(true));
        assert_eq!(flags.disable_compression, Some(false));
        assert_eq!(flags.impersonate_groups, ["a", "b"]);
        assert_eq!(
            flags.impersonate_extra,
            [("k".to_owned(), "v=w".to_owned())]
        );
        assert_eq!(flags.request_timeout, Some(Duration::from_secs(5)));
        assert!(Flags::try_parse_from(["x", "--as-user-extra", "kv"]).is_err());
    }
}
