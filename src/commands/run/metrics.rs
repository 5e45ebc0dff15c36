//! The metrics of a run, pushed to a Prometheus Pushgateway.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use url::Url;

use crate::cli::run::RunArgs;
use crate::console::output::Console;
use crate::findings::accept;
use crate::in_cluster::shards::Shard;
use crate::model::report::Report;
use crate::net::http::{Http, HttpSettings};
use crate::net::proxy::Proxies;
use crate::net::tls::Trusted;
use crate::report::prometheus;
use crate::session::open;

/// How long the gateway may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Pushes the metrics, where `--pushgateway` asks for it. Gives what goes wrong as a warning: the
/// verdict of the run is another matter, and an alert is there for metrics that grow old.
pub(super) async fn push(
    args: &RunArgs,
    console: &Console<'_>,
    part: Option<Shard>,
    report: &Report,
) -> Vec<String> {
    let Some(gateway) = &args.shard.pushgateway else {
        return Vec::new();
    };
    let mut report = report.clone();
    report.finished_at = Some(jiff::Timestamp::now());
    accept::apply(console.accepts, &mut report);
    let name = args.shard.report_configmap.as_deref();
    let url = group(gateway, name.unwrap_or("kmm-preflight"), part);
    match put(args, &url, prometheus::render(&report)).await {
        Ok(()) => Vec::new(),
        Err(why) => vec![format!("the metrics were not pushed to {url}: {why}")],
    }
}

/// The gateway's address of the metrics of one run, or of one shard of it
/// (prometheus/pushgateway, README.md, "URL").
fn group(gateway: &Url, run: &str, part: Option<Shard>) -> Url {
    let mut url = gateway.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["metrics", "job", run]);
        if let Some(part) = part {
            path.extend(["shard", &part.index.to_string()]);
        }
    }
    url
}

async fn put(args: &RunArgs, url: &Url, metrics: String) -> Result<(), String> {
    let ca_file = args.registry.ca_file.as_deref();
    let authorities = ca_file.map(open::authorities).transpose();
    let authorities = authorities.map_err(|error| error.to_string())?;
    let client = Http::new(HttpSettings {
        trusted: Trusted::SystemAnd(authorities.unwrap_or_default()),
        identity: None,
        proxies: Arc::new(Proxies::of_environment()),
        connect_timeout: LIMIT,
        read_timeout: Some(LIMIT),
    })?;
    let sent = client.send(Method::PUT, url, |request| {
        let request = request.header("content-type", "text/plain; version=0.0.4");
        request.timeout(LIMIT).body(metrics)
    });
    let status = sent.await.map_err(|none| none.why)?.response.status();
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("the server responded with status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_a_group_of_its_own() {
        let part: Shard = "1/3".parse().expect("a shard");
        for (gateway, part, expected) in [
            ("http://gw:9091", None, "http://gw:9091/metrics/job/nightly"),
            (
                "https://gw/push/",
                None,
                "https://gw/push/metrics/job/nightly",
            ),
            (
                "http://gw:9091/",
                Some(part),
                "http://gw:9091/metrics/job/nightly/shard/1",
            ),
        ] {
            let gateway = gateway.parse().expect("a URL");
            assert_eq!(group(&gateway, "nightly", part).as_str(), expected);
        }
    }
}
