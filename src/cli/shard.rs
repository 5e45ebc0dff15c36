//! Flags of `run` for a run that several processes share.

use clap::Args;

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
}
