//! kubectl's completion protocol for plugins: candidates a line, then a directive
//! (kubectl ≥1.26, `plugin_completion.go`).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cli::candidates::{Completion, Live, complete};
use crate::cli::connection::ConnectionArgs;
use crate::cli::help;
use crate::cluster::api::kubeconfig;
use crate::cluster::api::resource::{NAMESPACE, Resource};
use crate::cluster::pools::read::POOL;
use crate::cluster::pools::updates;
use crate::cluster::{Cluster, connect};
use crate::console::output::Done;
use crate::model::printable::printable_line;

/// How long reading the kubeconfig, certificates and a credential plugin may take.
const SETTING_UP: Duration = Duration::from_secs(2);
/// How long a cluster may take to answer; without its answer there are no candidates.
const PATIENCE: Duration = Duration::from_secs(2);
/// cobra's `ShellCompDirectiveNoFileComp`.
const NO_FILES: &str = ":4";
/// cobra's `ShellCompDirectiveDefault`: files.
const FILES: &str = ":0";

/// Answers for the words behind the plugin's name. Whatever goes wrong, there is no error:
/// a terminal in the middle of a word is no place for one.
pub fn run(words: &[String]) -> Done {
    let (lines, directive) = match complete(&mut help::command(), words) {
        Completion::Words(words) => {
            let lines = words
                .into_iter()
                .map(|found| match found.about.as_str() {
                    "" => found.word,
                    about => format!("{}\t{about}", found.word),
                })
                .collect();
            (lines, NO_FILES)
        }
        Completion::Files => (Vec::new(), FILES),
        Completion::Values(live, before) => {
            let typed = words.last().map(String::as_str).unwrap_or_default();
            let lines = live_values(live, words)
                .into_iter()
                .map(|value| format!("{before}{value}"))
                .filter(|word| word.starts_with(typed))
                .collect();
            (lines, NO_FILES)
        }
    };
    let mut stdout: String = lines
        .iter()
        .map(|line| format!("{}\n", written_out(line)))
        .collect();
    stdout.push_str(directive);
    stdout.push('\n');
    Done {
        stdout,
        ..Done::default()
    }
}

/// A candidate and what it means, without what acts on a terminal.
fn written_out(line: &str) -> String {
    let parts: Vec<String> = line.split('\t').map(printable_line).collect();
    parts.join("\t")
}

fn live_values(live: Live, words: &[String]) -> Vec<String> {
    let connection = connection(words);
    if live == Live::Contexts {
        return kubeconfig::contexts(&connection);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let found = runtime.block_on(async {
        let cluster = tokio::time::timeout(SETTING_UP, connect(&connection)).await;
        let cluster = cluster.ok()?.ok()?;
        let asked = tokio::time::timeout(PATIENCE, of_cluster(live, &cluster)).await;
        asked.ok().flatten()
    });
    // A credential plugin that hangs must not keep the terminal.
    runtime.shutdown_background();
    found.unwrap_or_default()
}

async fn of_cluster(live: Live, cluster: &Cluster) -> Option<Vec<String>> {
    Some(match live {
        Live::Contexts => Vec::new(),
        Live::Preflights => {
            let preflights = cluster.preflights(None).await.ok()?;
            let names = preflights.into_iter().map(|preflight| preflight.meta.name);
            names.collect::<BTreeSet<_>>().into_iter().collect()
        }
        Live::Namespaces => names(cluster, NAMESPACE).await?,
        Live::Pools => names(cluster, POOL).await?,
        Live::OsStreams => cluster.os_streams().await.ok()?.names.into_iter().collect(),
        Live::Updates => updates::versions(&cluster.cluster_version().await.ok()?),
    })
}

/// The names of the objects of a resource without namespaces.
async fn names(cluster: &Cluster, resource: Resource) -> Option<Vec<String>> {
    let objects = cluster.list::<Value>(resource, None, None).await.ok()?;
    let names = objects
        .iter()
        .filter_map(|object| object["metadata"]["name"].as_str());
    Some(names.map(str::to_owned).collect())
}

/// The connection flags among the words that were typed.
fn connection(words: &[String]) -> ConnectionArgs {
    let value = |name: &str| {
        words.iter().enumerate().find_map(|(at, word)| {
            let rest = word.strip_prefix("--")?.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if rest.is_empty() => words.get(at + 1).cloned(),
                None => None,
            }
        })
    };
    ConnectionArgs {
        kubeconfig: value("kubeconfig").map(Into::into),
        context: value("context"),
        cluster: value("cluster"),
        user: value("user"),
        server: value("server"),
        token: value("token"),
        ..ConnectionArgs::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        run(&words).stdout
    }

    #[test]
    fn candidates_come_with_a_directive() {
        assert_eq!(
            answer("preflight vers"),
            "version\tPrint the version of this program and of the cluster's KMM\n:4\n"
        );
        assert_eq!(answer("preflight run --local -f x"), ":0\n");
    }

    #[test]
    fn a_cluster_that_cannot_be_reached_gives_no_candidates_and_no_error() {
        let line = "preflight status --kubeconfig /nonexistent/kubeconfig ";
        assert_eq!(answer(line), ":4\n");
    }
}
