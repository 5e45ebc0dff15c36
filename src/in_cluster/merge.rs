//! One report of those of the shards (pure). A module whose shard left none is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::findings::finding::{Code, Finding};
use crate::in_cluster::reports::Kept;
use crate::kmm::early::ModuleKind;
use crate::model::report::{CheckedBy, ModuleReport, Origin, Report};
use crate::model::target::{Arch, Target};
use crate::model::verdict::{Stage, Verdict};

/// A Module of the run: kind, namespace and name.
pub(crate) type Key = (&'static str, String, String);

/// A Module of the run, in the words of a shard: each of them knows all.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Planned {
    /// Its kind.
    pub kind: ModuleKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The shard that checks it.
    pub shard: u32,
    /// The kernels that it is checked for, as indexes of the report's targets.
    pub targets: Vec<usize>,
}

/// What came of the shards.
#[derive(Debug, Default)]
pub(crate) struct Shards<'a> {
    /// The reports that there are.
    pub kept: &'a [Kept],
    /// Why each of the others left none.
    pub without: BTreeMap<u32, Finding>,
    /// The Modules of the cluster, which count where no shard left a report.
    pub modules: &'a [Key],
    /// The kernels, where no shard left a report that names them.
    pub targets: &'a [Target],
}

/// The one report.
pub(crate) fn merge(shards: &Shards<'_>) -> Report {
    let mut report = Report::default();
    let mut rows: BTreeMap<(Key, String, Option<Arch>), ModuleReport> = BTreeMap::new();
    for kept in shards.kept {
        for target in &kept.report.targets {
            let is_it = |other: &Target| {
                other.kernel_version == target.kernel_version && other.arch == target.arch
            };
            if !report.targets.iter().any(is_it) {
                report.targets.push(target.clone());
            }
        }
        for note in &kept.report.notes {
            if !report.notes.contains(note) {
                report.notes.push(note.clone());
            }
        }
        for row in &kept.report.modules {
            let key = (key(row), row.kernel_version.clone(), row.arch);
            // Two shards checked it: the worse word counts.
            match rows.get(&key) {
                Some(known) if known.verdict <= row.verdict => {}
                _ => drop(rows.insert(key, row.clone())),
            }
        }
    }
    if report.targets.is_empty() {
        report.targets = shards.targets.to_vec();
    }
    let checked: BTreeSet<Key> = rows.values().map(key).collect();
    for row in missing(shards, &report.targets, &checked) {
        let key = (key(&row), row.kernel_version.clone(), row.arch);
        rows.entry(key).or_insert(row);
    }
    report.modules = rows.into_values().collect();
    let kernel = |row: &ModuleReport| {
        let targets = &report.targets;
        targets
            .iter()
            .position(|target| target.kernel_version == row.kernel_version)
    };
    report.modules.sort_by(|one, other| {
        let breaks = |row: &ModuleReport| {
            let is_it = |finding: &Finding| finding.code == Code::UpgradeBreaks;
            !row.findings.iter().any(is_it)
        };
        let name = |row: &ModuleReport| (row.namespace.clone(), row.name.clone(), row.kind);
        breaks(one)
            .cmp(&breaks(other))
            .then_with(|| name(one).cmp(&name(other)))
            .then_with(|| kernel(one).cmp(&kernel(other)))
    });
    report
}

/// The report of a run's last Job, with `count` shards, and why shards of it have none. What
/// older Jobs of the run left says when their shards last had one.
pub(crate) fn of_last_job(
    own: &[Kept],
    older: &[Kept],
    count: NonZeroU32,
) -> (Report, BTreeMap<u32, Finding>) {
    let of = |all: &[Kept], shard: u32| -> Option<Timestamp> {
        let mut kept = all.iter().filter(|kept| kept.shard.index == shard);
        kept.next().map(|kept| kept.finished)
    };
    let without = (0..count.get()).filter(|shard| of(own, *shard).is_none());
    let without: BTreeMap<u32, Finding> = without
        .map(|shard| {
            let before = of(older, shard).map_or_else(String::new, |time| {
                format!(
                    "; its last one is of {}",
                    time.strftime("%Y-%m-%d %H:%M UTC")
                )
            });
            let message = format!("shard {shard}/{count} of the last Job left no report{before}");
            let finding = Finding::new(Code::ShardLost, message)
                .hint("Check the pods of the last Job; it may still be running.");
            (shard, finding)
        })
        .collect();
    let shards = Shards {
        kept: own,
        without,
        ..Shards::default()
    };
    (merge(&shards), shards.without)
}

fn key(row: &ModuleReport) -> Key {
    (row.kind, row.namespace.clone(), row.name.clone())
}

/// The rows of every Module that was to be checked and was not.
fn missing(shards: &Shards<'_>, targets: &[Target], checked: &BTreeSet<Key>) -> Vec<ModuleReport> {
    let mut rows = Vec::new();
    for kept in shards.kept {
        for planned in &kept.plan {
            let kind = planned.kind.as_str();
            let of = (kind, planned.namespace.clone(), planned.name.clone());
            if checked.contains(&of) {
                continue;
            }
            let finding = match shards.without.get(&planned.shard) {
                Some(finding) => finding.clone(),
                None => nobody(),
            };
            let targets = planned
                .targets
                .iter()
                .filter_map(|index| kept.report.targets.get(*index));
            rows.extend(rows_of(&of, targets, &finding));
        }
    }
    let has_plan = shards.kept.iter().any(|kept| !kept.plan.is_empty());
    if !has_plan && !shards.without.is_empty() {
        let finding = shards.without.values().min_by_key(|finding| finding.effect);
        let finding = finding.cloned().unwrap_or_else(nobody);
        for module in shards.modules {
            rows.extend(rows_of(module, targets.iter(), &finding));
        }
    }
    rows
}

/// Shards may have seen different Modules, or divided them differently.
fn nobody() -> Finding {
    Finding::new(
        Code::ShardLost,
        "no shard checked this module: the Modules or their images changed while the Job began",
    )
    .hint("run again")
}

fn rows_of<'a>(
    of: &Key,
    targets: impl Iterator<Item = &'a Target>,
    finding: &Finding,
) -> Vec<ModuleReport> {
    let row = |target: Option<&Target>| {
        let verdict = Verdict::of_findings(std::slice::from_ref(finding));
        ModuleReport {
            namespace: of.1.clone(),
            name: of.2.clone(),
            kind: of.0,
            kernel_version: target.map_or_else(String::new, |one| one.kernel_version.clone()),
            arch: target.map(|target| target.arch),
            verdict,
            verification_status: match verdict {
                Verdict::Error => "Error",
                _ => "Unknown",
            }
            .to_owned(),
            verification_stage: Stage::Image.as_str().to_owned(),
            status_reason: finding.message.clone(),
            last_transition_time: None,
            image: None,
            digest: None,
            mapping: None,
            checked_by: CheckedBy::Local,
            findings: vec![finding.clone()],
            duration: None,
            origin: Origin::Cluster,
            preflight: None,
        }
    };
    let mut rows: Vec<ModuleReport> = targets.map(|target| row(Some(target))).collect();
    if rows.is_empty() {
        rows.push(row(None));
    }
    rows
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::samples;

    const KERNELS: [&str; 2] = ["5.14.0-2", "5.14.0-1"];

    /// The report of one of two shards; each has one Module, on both kernels.
    fn kept(index: u32, name: &str, findings: &[Finding]) -> Kept {
        let rows = KERNELS.map(|kernel| samples::row(name, kernel, findings.to_vec()));
        let plan = ["a", "b"]
            .into_iter()
            .zip(0..)
            .map(|(name, shard)| Planned {
                kind: ModuleKind::Module,
                namespace: "drivers".into(),
                name: name.into(),
                shard,
                targets: vec![0, 1],
            });
        let mut report = samples::report(rows.into());
        report.notes.push("a remark of every shard".into());
        Kept {
            shard: format!("{index}/{}", index.max(1) + 1)
                .parse()
                .expect("a shard"),
            job: None,
            finished: Timestamp::UNIX_EPOCH,
            report,
            plan: plan.collect(),
        }
    }

    fn lost(index: u32) -> BTreeMap<u32, Finding> {
        BTreeMap::from([(index, Finding::new(Code::ShardLost, "its pod was killed"))])
    }

    #[test]
    fn the_shards_make_one_report() {
        let kept = [kept(1, "b", &[]), kept(0, "a", &[])];
        let report = merge(&Shards {
            kept: &kept,
            ..Shards::default()
        });
        let rows = report.modules.iter();
        let names: Vec<_> = rows
            .map(|row| (row.name.as_str(), &*row.kernel_version))
            .collect();
        let [first, second] = KERNELS;
        assert_eq!(
            names,
            [("a", first), ("a", second), ("b", first), ("b", second)]
        );
        assert_eq!((report.targets.len(), report.notes.len()), (2, 1));
        assert_eq!(report.verdict(), Some(Verdict::Verified));
    }

    #[test]
    fn a_module_of_a_lost_shard_is_an_error_on_each_of_its_kernels() {
        let kept = [kept(0, "a", &[])];
        let report = merge(&Shards {
            kept: &kept,
            without: lost(1),
            ..Shards::default()
        });
        let rows: Vec<_> = report
            .modules
            .iter()
            .filter(|row| row.name == "b")
            .collect();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert_eq!(row.verdict, Verdict::Error);
            assert!(row.findings[0].message.contains("killed"));
        }
        assert_eq!(report.count(Verdict::Verified), 2);
    }

    #[test]
    fn what_no_shard_saw_is_an_error_too() {
        let kept = [
            kept(0, "a", &[]),
            kept(1, "a", &[Finding::new(Code::SymbolMissing, "x")]),
        ];
        let report = merge(&Shards {
            kept: &kept,
            ..Shards::default()
        });
        assert_eq!(report.count(Verdict::Error), 2, "b was checked by nobody");
        assert_eq!(
            report.count(Verdict::Failed),
            2,
            "the worse word on a counts"
        );
    }

    #[test]
    fn a_shard_without_a_report_of_the_last_job_is_told_with_its_older_one() {
        let (own, older) = ([kept(0, "a", &[])], [kept(1, "b", &[]), kept(7, "c", &[])]);
        let two = NonZeroU32::new(2).expect("not zero");
        let (report, without) = of_last_job(&own, &older, two);
        assert_eq!(report.count(Verdict::Error), 2);
        assert_eq!(
            report.modules.len(),
            4,
            "nothing is left of a shard that is no longer"
        );
        assert!(
            without[&1].message.contains("1970-01-01 00:00 UTC"),
            "{without:?}"
        );
        let (report, without) = of_last_job(&own, &[], NonZeroU32::MIN);
        assert!(without.is_empty());
        assert_eq!(
            report.count(Verdict::Error),
            2,
            "b is in the plan and was checked by nobody"
        );
    }

    #[test]
    fn without_any_report_the_modules_of_the_cluster_count() {
        let modules: [Key; 1] = [("Module", "drivers".into(), "a".into())];
        let mut shards = Shards {
            without: lost(0),
            modules: &modules,
            ..Shards::default()
        };
        let report = merge(&shards);
        assert_eq!(report.verdict(), Some(Verdict::Error));
        assert_eq!(report.modules[0].kernel_version, "");
        let targets = KERNELS.map(|kernel| Target::new(kernel, Arch::Amd64));
        shards.targets = &targets;
        assert_eq!(merge(&shards).count(Verdict::Error), 2);
    }
}
