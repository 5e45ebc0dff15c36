//! What the rows of several kernels mean for an upgrade (pure).

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::finding::{Code, Finding};
use crate::model::report::{ModuleReport, Report};
use crate::model::target::Target;
use crate::model::verdict::Verdict;

/// The Modules of a report: kind, namespace and name.
type Key = (&'static str, String, String);

/// The nodes that each Module selects, with their pools. Modules that select none, or whose
/// nodes are not known, are not in it: they count for every node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach(BTreeMap<Key, BTreeMap<String, Option<String>>>);

impl Reach {
    /// Adds a Module with its nodes.
    pub(crate) fn add(
        &mut self,
        kind: &'static str,
        namespace: &str,
        name: &str,
        nodes: BTreeMap<String, Option<String>>,
    ) {
        if !nodes.is_empty() {
            self.0.insert((kind, namespace.into(), name.into()), nodes);
        }
    }

    /// The pools of a target's nodes that the row's Module selects.
    fn pools(&self, row: &ModuleReport, target: &Target) -> BTreeSet<String> {
        match (self.0.get(&key(row)), &target.scope.nodes) {
            (Some(selected), Some(nodes)) => selected
                .iter()
                .filter(|(node, _)| nodes.contains(*node))
                .filter_map(|(_, pool)| pool.clone())
                .collect(),
            _ => target.scope.pools.iter().cloned().collect(),
        }
    }

    /// True where two targets have a node in common that the row's Module selects.
    fn shares_nodes(&self, row: &ModuleReport, one: &Target, other: &Target) -> bool {
        let selected = self.0.get(&key(row));
        match (&one.scope.nodes, &other.scope.nodes) {
            (Some(nodes), Some(others)) => nodes.iter().any(|node| {
                let is_selected = selected.is_none_or(|selected| selected.contains_key(node));
                others.contains(node) && is_selected
            }),
            _ => true,
        }
    }
}

fn key(row: &ModuleReport) -> Key {
    (row.kind, row.namespace.clone(), row.name.clone())
}

fn target_of<'a>(row: &ModuleReport, targets: &'a [Target]) -> Option<&'a Target> {
    targets
        .iter()
        .find(|target| target.kernel_version == row.kernel_version && Some(target.arch) == row.arch)
}

fn loads(row: &ModuleReport) -> bool {
    matches!(row.verdict, Verdict::Verified | Verdict::Accepted)
}

/// Marks the rows of modules that load on a node today and would not after the upgrade, and
/// puts them first.
pub(crate) fn mark_breaks(report: &mut Report, reach: &Reach) {
    let mut breaks: BTreeMap<usize, Finding> = BTreeMap::new();
    let mut of_modules: BTreeMap<Key, Vec<&ModuleReport>> = BTreeMap::new();
    for row in &report.modules {
        of_modules.entry(key(row)).or_default().push(row);
    }
    for (index, row) in report.modules.iter().enumerate() {
        let Some(new) = target_of(row, &report.targets) else {
            continue;
        };
        if row.verdict != Verdict::Failed || !new.scope.is_new || new.scope.is_current {
            continue;
        }
        let today = of_modules[&key(row)].iter().find_map(|other| {
            let target = target_of(other, &report.targets).filter(|_| loads(other))?;
            let is_before = target.scope.is_current && reach.shares_nodes(row, target, new);
            is_before.then_some(target)
        });
        if let Some(today) = today {
            let pools: Vec<String> = reach.pools(row, new).into_iter().collect();
            let pools = match pools.join(", ") {
                pools if pools.is_empty() => String::new(),
                pools => format!(" (pools: {pools})"),
            };
            let message = format!(
                "loads on the current kernel {} but will not load after the upgrade to {}{pools}",
                today.kernel_version, new.kernel_version
            );
            breaks.insert(index, Finding::new(Code::UpgradeBreaks, message));
        }
    }
    let rows = std::mem::take(&mut report.modules).into_iter().enumerate();
    let (first, rest): (Vec<_>, Vec<_>) = rows.partition(|(index, _)| breaks.contains_key(index));
    for (index, mut row) in first {
        if let Some(finding) = breaks.remove(&index) {
            row.findings.insert(0, finding);
        }
        report.modules.push(row);
    }
    report.modules.extend(rest.into_iter().map(|(_, row)| row));
}

/// For each module that does not load everywhere: the pools that are safe, and the others;
/// release by release where the releases differ in that.
pub(crate) fn pools_by_module(report: &Report, reach: &Reach) -> Vec<String> {
    let new = || report.targets.iter().filter(|target| target.scope.is_new);
    let mut releases: Vec<&str> = Vec::new();
    for release in new().flat_map(|target| &target.scope.releases) {
        if !releases.contains(&release.as_str()) {
            releases.push(release);
        }
    }
    if releases.is_empty() {
        releases.push("");
    }
    let mut modules: BTreeMap<Key, BTreeMap<usize, Pools>> = BTreeMap::new();
    for row in &report.modules {
        let target = target_of(row, &report.targets);
        let Some(target) = target.filter(|target| target.scope.is_new) else {
            continue;
        };
        let known = modules.entry(key(row)).or_default();
        let of_release = |name: &str| target.scope.releases.iter().any(|one| one == name);
        for (at, release) in releases.iter().enumerate() {
            // An image of a pool's own is there with every release.
            if target.scope.releases.is_empty() || of_release(release) {
                for pool in reach.pools(row, target) {
                    let pools = known.entry(at).or_default();
                    *pools.entry(pool).or_insert(true) &= loads(row);
                }
            }
        }
    }
    let mut lines = Vec::new();
    for ((kind, namespace, name), known) in modules {
        if known.values().flat_map(Pools::values).all(|safe| *safe) {
            continue;
        }
        let mut outcomes: Vec<(Pools, Vec<&str>)> = Vec::new();
        for (at, pools) in known {
            match outcomes.iter_mut().find(|(same, _)| *same == pools) {
                Some((_, with)) => with.push(releases[at]),
                None => outcomes.push((pools, vec![releases[at]])),
            }
        }
        let differ = outcomes.len() > 1;
        lines.extend(outcomes.iter().map(|(pools, with)| {
            let with = match differ {
                true => format!(" with {}", with.join(", ")),
                false => String::new(),
            };
            format!("{kind} {namespace}/{name}{with}: {}", safe_pools(pools))
        }));
    }
    lines
}

/// Pools, each with whether a module loads on all of its kernels.
type Pools = BTreeMap<String, bool>;

fn safe_pools(pools: &Pools) -> String {
    let of = |wanted: bool| {
        let names = pools.iter().filter(|(_, safe)| **safe == wanted);
        let names: Vec<&str> = names.map(|(pool, _)| pool.as_str()).collect();
        names.join(", ")
    };
    match (of(true), of(false)) {
        (none, unsafe_ones) if none.is_empty() => format!("no pool is safe ({unsafe_ones})"),
        (safe, none) if none.is_empty() => format!("safe on pools {safe}"),
        (safe, unsafe_ones) => format!("safe on pools {safe}; not on {unsafe_ones}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::target::{Arch, Scope};
    use crate::report::samples;

    const OLD: &str = "5.14.0-1.el9.x86_64";
    const NEW: &str = "5.14.0-2.el9.x86_64";

    fn target(kernel: &str, is_current: bool, pools: &[&str], nodes: &[&str]) -> Target {
        let mut target = Target::new(kernel, Arch::Amd64);
        target.scope = Arc::new(Scope {
            pools: pools.iter().map(|&pool| pool.to_owned()).collect(),
            nodes: Some(nodes.iter().map(|&node| node.to_owned()).collect()),
            is_current,
            is_new: !is_current,
            ..Scope::default()
        });
        target
    }

    fn row(name: &str, kernel: &str, verdict: Verdict) -> ModuleReport {
        let mut row = samples::mixed().modules.swap_remove(0);
        row.name = name.into();
        row.kernel_version = kernel.into();
        row.arch = Some(Arch::Amd64);
        row.verdict = verdict;
        row.findings.clear();
        row
    }

    fn report(new_nodes: &[&str]) -> Report {
        Report {
            targets: vec![
                target(OLD, true, &["worker"], &["a", "b"]),
                target(NEW, false, &["worker"], new_nodes),
            ],
            modules: vec![
                row("broken", OLD, Verdict::Failed),
                row("broken", NEW, Verdict::Failed),
                row("good", OLD, Verdict::Verified),
                row("good", NEW, Verdict::Verified),
                row("breaks", OLD, Verdict::Verified),
                row("breaks", NEW, Verdict::Failed),
            ],
            notes: Vec::new(),
            interrupted: false,
            shown_at: None,
            finished_at: None,
            footer: None,
        }
    }

    #[test]
    fn what_loads_today_and_would_not_tomorrow_comes_first() {
        let mut all = report(&["b"]);
        mark_breaks(&mut all, &Reach::default());
        let first = &all.modules[0];
        assert_eq!(
            (first.name.as_str(), first.kernel_version.as_str()),
            ("breaks", NEW)
        );
        assert_eq!(first.findings[0].code, Code::UpgradeBreaks);
        assert!(
            first.findings[0]
                .message
                .contains("loads on the current kernel")
        );
        assert_eq!(all.modules.len(), 6);
        let marked = all.modules.iter().filter(|row| !row.findings.is_empty());
        assert_eq!(marked.count(), 1);

        let mut elsewhere = report(&["c"]);
        mark_breaks(&mut elsewhere, &Reach::default());
        assert!(elsewhere.modules.iter().all(|row| row.findings.is_empty()));
    }

    #[test]
    fn the_pools_of_each_module_are_told() {
        let mut all = report(&["b"]);
        all.targets
            .push(target("6.12.0", false, &["infra"], &["i"]));
        all.modules.push(row("breaks", "6.12.0", Verdict::Verified));
        let lines = pools_by_module(&all, &Reach::default());
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].contains("breaks: safe on pools infra; not on worker"),
            "{lines:?}"
        );
        assert!(
            lines[1].contains("broken: no pool is safe (worker)"),
            "{lines:?}"
        );
    }

    #[test]
    fn pools_are_told_release_by_release_where_these_differ() {
        let mut all = report(&["b"]);
        let of = |kernel: &str, pool: &str, releases: &[&str]| {
            let mut target = target(kernel, false, &[pool], &[pool]);
            let releases = releases.iter().map(|&release| release.to_owned()).collect();
            Arc::make_mut(&mut target.scope).releases = releases;
            target
        };
        all.targets = vec![
            of("6.1", "worker", &["5.0.1"]),
            of("6.2", "worker", &["5.0.2", "5.0.3"]),
            of("6.3", "infra", &["5.0.1", "5.0.2", "5.0.3"]),
            of("6.4", "own", &[]),
        ];
        all.modules = ["6.1", "6.2", "6.3", "6.4"]
            .iter()
            .map(|kernel| match *kernel {
                "6.2" => row("breaks", kernel, Verdict::Failed),
                _ => row("breaks", kernel, Verdict::Verified),
            })
            .collect();
        let ends = |all: &Report| {
            let lines = pools_by_module(all, &Reach::default());
            let end = |line: &String| line.split_once("breaks").map(|(_, end)| end.to_owned());
            lines.iter().filter_map(end).collect::<Vec<_>>()
        };
        assert_eq!(
            ends(&all),
            [
                " with 5.0.1: safe on pools infra, own, worker",
                " with 5.0.2, 5.0.3: safe on pools infra, own; not on worker",
            ]
        );
        all.modules[0].verdict = Verdict::Unknown;
        assert_eq!(ends(&all), [": safe on pools infra, own; not on worker"]);
    }

    #[test]
    fn only_the_nodes_that_a_module_selects_count() {
        let mut all = report(&["a", "m"]);
        all.targets[1] = target(NEW, false, &["master", "worker"], &["a", "m"]);
        let mut reach = Reach::default();
        let kind = all.modules[0].kind;
        let namespace = all.modules[0].namespace.clone();
        let nodes = [("m".to_owned(), Some("master".to_owned()))];
        reach.add(kind, &namespace, "breaks", nodes.into());
        let lines = pools_by_module(&all, &reach);
        assert!(
            lines[0].ends_with("breaks: no pool is safe (master)"),
            "{lines:?}"
        );
        // Today's kernel is not that of its node.
        mark_breaks(&mut all, &reach);
        assert!(all.modules.iter().all(|row| row.findings.is_empty()));
    }
}
