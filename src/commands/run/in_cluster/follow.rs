//! Follows the Job of a run until every shard has left its report or is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::resource::{JOB, POD};
use crate::console::live::Live;
use crate::console::output::Console;
use crate::findings::finding::{Code, Finding};
use crate::in_cluster::manifests::InCluster;
use crate::in_cluster::progress::{self, Progress, ShardProgress};
use crate::in_cluster::reports::{self, Kept};

/// How often the Job is read.
const POLL: Duration = Duration::from_secs(1);
/// How long the API server may be away.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long an image may be impossible to pull: the kubelet has tried three times by then.
const PULL_PATIENCE: Duration = Duration::from_secs(45);
/// How long a Job may be without pods before its events are read.
const POD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a pod's log may take.
const LOG_LIMIT: Duration = Duration::from_secs(2);

/// Why the run stopped following.
pub(super) enum Ended {
    /// Every shard has left its report or is lost.
    Decided,
    TimedOut(Duration),
    Interrupted,
}

/// What is known of the shards.
pub(super) struct Follow<'a> {
    cluster: &'a Cluster,
    what: &'a InCluster,
    job_uid: &'a str,
    live: Live,
    /// The reports so far, by shard.
    pub(super) kept: BTreeMap<u32, Kept>,
    lost: BTreeMap<u32, Finding>,
    said: BTreeSet<String>,
    no_image_since: BTreeMap<u32, Instant>,
    away_since: Option<Instant>,
    began: Instant,
    has_pods: bool,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        what: &'a InCluster,
        job_uid: &'a str,
        live: Live,
    ) -> Self {
        Self {
            cluster,
            what,
            job_uid,
            live,
            kept: BTreeMap::new(),
            lost: BTreeMap::new(),
            said: BTreeSet::new(),
            no_image_since: BTreeMap::new(),
            away_since: None,
            began: Instant::now(),
            has_pods: false,
        }
    }

    /// Follows until every shard is decided, the time is over or the user ends the run.
    pub(super) async fn until_the_end(
        &mut self,
        console: &Console<'_>,
        until: Option<(Instant, Duration)>,
    ) -> Ended {
        let (deadline, limit) = until.unzip();
        let time_is_over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = console.interrupt.cancelled() => Ended::Interrupted,
            () = time_is_over => Ended::TimedOut(limit.unwrap_or_default()),
            () = self.until_decided() => Ended::Decided,
        }
    }

    async fn until_decided(&mut self) {
        loop {
            match self.look().await {
                Ok(()) => self.away_since = None,
                Err(fault) => self.is_away(fault),
            }
            if self.open().is_empty() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The shards of which nothing is known yet.
    fn open(&self) -> Vec<u32> {
        let is_open =
            |shard: &u32| !self.kept.contains_key(shard) && !self.lost.contains_key(shard);
        (0..self.what.shards.get()).filter(is_open).collect()
    }

    fn is_away(&mut self, fault: Fault) {
        let since = *self.away_since.get_or_insert_with(Instant::now);
        if fault.is_transient() && since.elapsed() < PATIENCE {
            self.say(format!("{fault}; trying again"));
            return;
        }
        for shard in self.open() {
            self.lose(shard, &format!("lost track of the Job: {fault}"));
        }
    }

    async fn look(&mut self) -> Result<(), Fault> {
        let (namespace, name) = (self.what.namespace.as_str(), self.what.name.as_str());
        let job: Job = match self.cluster.get(JOB, Some(namespace), name).await {
            Ok(job) => job,
            Err(Fault::NotFound(_)) => {
                self.end_of_job("it was deleted");
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        if job.metadata.uid.as_deref() != Some(self.job_uid) {
            self.end_of_job("it was replaced by another one");
            return Ok(());
        }
        let own = format!("batch.kubernetes.io/controller-uid={}", self.job_uid);
        let pods: Vec<Pod> = self.cluster.list(POD, Some(namespace), Some(&own)).await?;
        self.has_pods |= !pods.is_empty();
        let seen = progress::look(&job, &pods, self.what.shards.get());
        for (shard, seen) in (0..).zip(&seen.shards) {
            for remark in &seen.remarks {
                self.say(format!("{}: {remark}", self.title(shard)));
            }
        }
        for shard in self.open() {
            let Some(seen_of_shard) = seen.shards.get(shard as usize) else {
                continue;
            };
            if seen_of_shard.has_ended || seen.ended.is_some() {
                self.read(shard, seen_of_shard, seen.ended.as_deref())
                    .await?;
            } else {
                self.no_image(shard, seen_of_shard);
            }
        }
        if !self.has_pods && self.began.elapsed() > POD_PATIENCE {
            self.read_events().await;
        }
        self.show(&seen).await;
        Ok(())
    }

    /// Reads the report of a shard that has ended.
    async fn read(
        &mut self,
        shard: u32,
        seen: &ShardProgress,
        job_end: Option<&str>,
    ) -> Result<(), Fault> {
        let name = reports::name_of(&self.what.name, shard);
        let why = match self.cluster.config_map(&self.what.namespace, &name).await {
            Ok(map) => match reports::kept(&map) {
                Ok(kept) if kept.job.as_deref() == Some(self.job_uid) => {
                    self.kept.insert(shard, kept);
                    return Ok(());
                }
                Ok(_) => "another Job wrote its report".to_owned(),
                Err(why) => format!("its report cannot be read: {why}"),
            },
            Err(Fault::NotFound(_)) => match (&seen.end, job_end) {
                (Some(end), _) => end.clone(),
                (None, Some(end)) => format!("the Job ended: {end}"),
                (None, None) => "its pod ended without output".to_owned(),
            },
            Err(fault) => return Err(fault),
        };
        self.lose(shard, &why);
        Ok(())
    }

    /// Gives a shard up whose image cannot be pulled for long.
    fn no_image(&mut self, shard: u32, seen: &ShardProgress) {
        let Some(why) = &seen.no_image else {
            self.no_image_since.remove(&shard);
            return;
        };
        let since = *self
            .no_image_since
            .entry(shard)
            .or_insert_with(Instant::now);
        if since.elapsed() > PULL_PATIENCE {
            self.lose(shard, why);
        }
    }

    fn end_of_job(&mut self, how: &str) {
        for shard in self.open() {
            self.lose(
                shard,
                &format!(
                    "Job {}/{} no longer exists: {how}",
                    self.what.namespace, self.what.name
                ),
            );
        }
    }

    fn lose(&mut self, shard: u32, why: &str) {
        let message = format!("{} left no report: {why}", self.title(shard));
        self.say(message.clone());
        let finding = Finding::new(Code::ShardLost, message)
            .hint("run again once the cause is gone; more --shards need less memory per pod");
        self.lost.insert(shard, finding);
    }

    /// Why the Job has no pods: a quota, an admission webhook.
    async fn read_events(&mut self) {
        let path = format!(
            "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.uid%3D{}",
            self.what.namespace, self.job_uid
        );
        let Ok(events) = self.cluster.get_path::<Value>(&path).await else {
            return;
        };
        let events = events["items"].as_array().into_iter().flatten();
        let refused = events.filter(|event| event["type"] == "Warning");
        let messages: Vec<String> = refused
            .filter_map(|event| event["message"].as_str().map(str::to_owned))
            .collect();
        for message in messages {
            self.say(format!("the Job has no pods: {message}"));
        }
    }

    /// Shows how far the shards are; their pods' logs say how many modules are decided.
    async fn show(&mut self, seen: &Progress) {
        let logs = seen.shards.iter().map(|shard| async {
            let pod = shard.running.as_deref()?;
            let path = format!(
                "/api/v1/namespaces/{}/pods/{pod}/log?container=preflight&tailLines=1",
                self.what.namespace
            );
            let log = self.cluster.get_text(&path);
            let log = tokio::time::timeout(LOG_LIMIT, log).await.ok()?.ok()?;
            log.lines().last().map(str::to_owned)
        });
        let logs = join_all(logs).await;
        let lines = (0..)
            .zip(&seen.shards)
            .zip(logs)
            .map(|((shard, seen), log)| {
                let state = match (self.kept.get(&shard), &seen.running) {
                    (Some(kept), _) => format!("done, {} modules", kept.report.modules.len()),
                    _ if self.lost.contains_key(&shard) => "lost".to_owned(),
                    (None, Some(pod)) => log.unwrap_or_else(|| format!("pod {pod} runs")),
                    (None, None) if seen.has_ended => "done".to_owned(),
                    (None, None) => "waiting for its pod".to_owned(),
                };
                format!("{}: {state}", self.title(shard))
            });
        let lines = lines.collect();
        self.live.lines(lines);
    }

    /// As `--shard` writes it.
    fn title(&self, shard: u32) -> String {
        format!("shard {shard}/{}", self.what.shards)
    }

    fn say(&mut self, text: String) {
        if self.said.insert(text.clone()) {
            self.live.note(&text);
        }
    }

    /// Why each shard without a report has none.
    pub(super) fn without(&self, ended: &Ended) -> BTreeMap<u32, Finding> {
        let finding = |shard: u32| match ended {
            Ended::Interrupted => Finding::new(
                Code::NotDecided,
                "interrupted before this module was decided",
            ),
            Ended::TimedOut(limit) => Finding::new(
                Code::NotDecided,
                format!(
                    "timed out after {limit:?}, before {} was done",
                    self.title(shard)
                ),
            )
            .hint("Raise --timeout, or use more --shards."),
            Ended::Decided => Finding::new(Code::ShardLost, "its shard left no report"),
        };
        let mut without = self.lost.clone();
        without.extend(self.open().into_iter().map(|shard| (shard, finding(shard))));
        without
    }

    /// Takes the progress off the screen, and gives a warning for each lost shard.
    pub(super) fn end(&mut self) -> Vec<String> {
        self.live.finish();
        self.lost
            .values()
            .map(|finding| finding.message.clone())
            .collect()
    }
}
