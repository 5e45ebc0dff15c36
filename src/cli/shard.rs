//! Flags of `run` for a run that several processes share.

use clap::Args;
use url::Url;

use crate::in_cluster::shards::Shard;

/// Which part of the Modules is checked, and where its report is left.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "In the cluster (--local)")]
pub struct ShardArgs {
    /// Check one of N parts of the Modules, I from 0; Modules whose images share layers are in
    /// the same part [default in an Indexed Job: $JOB_COMPLETION_INDEX/$KMM_PREFLIGHT_SHARDS]
    #[arg(long, value_name = "I/N", requires = "local")]
    pub shard: Option<Shard>,
    /// Keep the report as ConfigMap NAME-report-I in the pod's namespace
    #[arg(long, value_name = "NAME", requires = "local")]
    pub report_configmap: Option<String>,
    /// Push the metrics of -o prometheus to this Prometheus Pushgateway
    #[arg(long, value_name = "URL", requires = "local", value_parser = parse_gateway)]
    pub pushgateway: Option<Url>,
}

/// An address of HTTP. The flag is a part of Jobs and process lists, so it holds no password.
pub(crate) fn parse_gateway(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err("write it as http://HOST:PORT or https://HOST".to_owned());
    }
    match url.username().is_empty() && url.password().is_none() {
        true => Ok(url),
        false => Err("user and password would be seen by everyone who reads the Job".to_owned()),
    }
}
