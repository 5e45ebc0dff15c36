//! Flags for what runs in the cluster: of `generate`, and of `run --in-cluster`.

use std::ffi::OsString;
use std::num::NonZeroU32;

use clap::Args;
use url::Url;

use crate::cli::pod_flags::{self, Caller};
use crate::cli::shard::parse_gateway;
use crate::error::Error;
use crate::findings::accept::Accept;
use crate::in_cluster::manifests::{self, InCluster};

/// Objects that `generate` prints instead of a CR.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "In the cluster")]
pub struct InClusterArgs {
    /// Print a Job that runs the local validation in the cluster, with its rights
    #[arg(long, conflicts_with = "cronjob")]
    pub job: bool,
    /// The same as a CronJob, such as '0 3 * * *'
    #[arg(long, value_name = "SCHEDULE", value_parser = parse_schedule)]
    pub cronjob: Option<String>,
    /// Print a PrometheusRule that warns before an upgrade
    #[arg(long)]
    pub alert: bool,
    /// Have the pods push their metrics to this Prometheus Pushgateway
    #[arg(long, value_name = "URL", value_parser = parse_gateway)]
    pub pushgateway: Option<Url>,
    /// Accept a finding in the pods, as those of the configuration file are (repeatable)
    #[arg(long, value_name = "CODE[=NAMESPACE/MODULE]")]
    pub accept: Vec<Accept>,
    /// How it runs.
    #[command(flatten)]
    pub pods: PodArgs,
}

/// The pods of a validation in the cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "In the cluster")]
pub struct PodArgs {
    /// Pods that share the work of the Job [default: 1]
    #[arg(long, value_name = "N")]
    pub shards: Option<NonZeroU32>,
    /// The image of this program [default: $KMM_PREFLIGHT_IMAGE, else the release's]
    #[arg(id = "pod_image", long = "image", value_name = "IMAGE")]
    pub image: Option<String>,
    /// The namespace of the Job and of its reports [default: openshift-kmm]
    #[arg(long, value_name = "NAMESPACE")]
    pub job_namespace: Option<String>,
}

/// Flags of `run --in-cluster`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "In the cluster")]
pub struct JobRunArgs {
    /// Keep the Job, its reports and its rights in the cluster
    #[arg(long, requires = "in_cluster")]
    pub keep: bool,
    /// How it runs.
    #[command(flatten)]
    pub pods: PodArgs,
}

/// Flags of `run` that mean something with `--in-cluster` only.
pub(crate) const IN_CLUSTER_ONLY: [&str; 4] = ["keep", "shards", "image", "job-namespace"];

/// Flags of `generate` that mean something with `--job` and `--cronjob` only, and whether each is
/// given.
pub(crate) const PODS_ONLY: [(&str, IsGiven); 4] = [
    ("pushgateway", |args| args.pushgateway.is_some()),
    ("accept", |args| !args.accept.is_empty()),
    ("shards", |args| args.pods.shards.is_some()),
    ("image", |args| args.pods.image.is_some()),
];

type IsGiven = fn(&InClusterArgs) -> bool;

/// Where KMM of OpenShift runs.
pub(crate) const NAMESPACE: &str = "openshift-kmm";

impl InClusterArgs {
    /// True when objects for the cluster are wanted, and no preflight CR.
    pub fn is_wanted(&self) -> bool {
        self.job || self.cronjob.is_some() || self.alert
    }

    /// # Errors
    /// A flag of the pods is given, and no pods are wanted.
    pub fn check(&self) -> Result<(), Error> {
        let given = PODS_ONLY.iter().find(|(_, is_given)| is_given(self));
        let has_namespace = self.pods.job_namespace.is_some() && !self.alert;
        let flag = given.map(|(flag, _)| *flag);
        match flag.or(has_namespace.then_some("job-namespace")) {
            Some(flag) if !self.job && self.cronjob.is_none() => Err(Error::Usage {
                message: format!("--{flag} is for --job and --cronjob"),
                hint: format!("Add --job or --cronjob SCHEDULE, or remove --{flag}."),
            }),
            _ => Ok(()),
        }
    }
}

impl PodArgs {
    /// The namespace of the Job.
    pub fn namespace(&self) -> &str {
        self.job_namespace.as_deref().unwrap_or(NAMESPACE)
    }

    /// What runs in the cluster, with the flags of this call that are for its pods, and what
    /// the user accepts.
    ///
    /// # Errors
    /// The name is not one of a Job, or a flag names a file of this machine or is not for a run
    /// in the cluster.
    pub fn in_cluster(
        &self,
        name: &str,
        words: &[OsString],
        caller: Caller,
        accepts: &[Accept],
    ) -> Result<InCluster, Error> {
        check_name(name)?;
        let image = self.image.clone().filter(|image| !image.is_empty());
        Ok(InCluster {
            name: name.to_owned(),
            namespace: self.namespace().to_owned(),
            image: image.unwrap_or_else(|| manifests::IMAGE.to_owned()),
            shards: self.shards.unwrap_or(NonZeroU32::MIN),
            flags: pod_flags::of(words, caller)?,
            accepts: accepts.to_vec(),
        })
    }
}

/// The longest name of a CronJob (Kubernetes' `ValidateCronJobCreate`); pods of a Job get the
/// index appended.
const LONGEST_NAME: usize = 52;

fn check_name(name: &str) -> Result<(), Error> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let has_good_ends = !name.starts_with('-') && !name.ends_with('-');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_inner) && has_good_ends {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("`{name}` is not a valid name of a Job"),
        hint: format!(
            "Use up to {LONGEST_NAME} lowercase letters, digits and `-`, with a letter or digit \
             at both ends."
        ),
    })
}

fn parse_schedule(text: &str) -> Result<String, String> {
    match manifests::is_schedule(text) {
        true => Ok(text.to_owned()),
        false => Err("a schedule has five fields, as in '0 3 * * *'".to_owned()),
    }
}
