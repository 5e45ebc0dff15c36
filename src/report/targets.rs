//! What `targets` shows: kernels, and the pools and nodes that they are for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::target::{KernelType, Target};
use crate::report::answer::Answer;
use crate::report::data;
use crate::report::records;
use crate::report::screen::Screen;

/// The kernels that a run would check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Targets(pub Vec<Target>);

impl Answer for Targets {
    fn text(&self, screen: &Screen, wide: bool) -> String {
        table(&self.0, screen, wide)
    }

    fn document(&self) -> Value {
        data::targets(&self.0)
    }

    fn names(&self) -> Option<Vec<String>> {
        let kernels = self.0.iter().map(|target| target.kernel_version.clone());
        Some(kernels.collect())
    }
}

/// One row per kernel; `wide` adds the images.
fn table(targets: &[Target], screen: &Screen, wide: bool) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let mut header = vec![
        "KERNEL", "ARCH", "TYPE", "STREAM", "RELEASE", "POOLS", "NODES",
    ];
    if wide {
        header.extend(["DTK_IMAGE", "OS_IMAGE"]);
    }
    let or_dash = |text: Option<&str>| match text {
        None | Some("") => "-".to_owned(),
        Some(text) => text.to_owned(),
    };
    let rows = targets.iter().map(|target| {
        let scope = &target.scope;
        let nodes = scope.nodes.as_ref().map(BTreeSet::len);
        let release = match (scope.release(), scope.is_current, scope.is_new) {
            (Some(release), true, false) => Some(format!("{release} (now)")),
            (None, true, false) => Some("(now)".to_owned()),
            (release, _, _) => release,
        };
        let mut row = vec![
            target.kernel_version.clone(),
            target.arch.to_string(),
            or_dash(scope.kernel_type.map(KernelType::as_str)),
            or_dash(scope.os_stream.as_deref()),
            or_dash(release.as_deref()),
            or_dash(Some(&scope.pools.join(", "))),
            or_dash(nodes.map(|nodes| nodes.to_string()).as_deref()),
        ];
        if wide {
            row.push(or_dash(target.dtk_image.as_deref()));
            row.push(or_dash(target.machine_os()));
        }
        row
    });
    records::render(&header, rows.collect(), screen, wide)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::target::{Arch, Scope};

    #[test]
    fn a_row_names_pools_and_nodes() {
        let mut target = Target::new("5.14.0-570.el9.x86_64+rt", Arch::Amd64);
        target.dtk_image = Some("q/dtk@sha256:1".into());
        target.scope = Arc::new(Scope {
            releases: vec!["4.19.1".into()],
            os_stream: Some("rhel-9".into()),
            kernel_type: Some(KernelType::Realtime),
            pools: vec!["infra".into(), "rt".into()],
            nodes: Some(["a".to_owned(), "b".to_owned()].into()),
            is_current: false,
            is_new: true,
        });
        let bare = Target::new("6.1.0-47-amd64", Arch::Amd64);
        let text = table(&[target, bare], &Screen::PLAIN, false);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|w| !w.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            rows[1],
            [
                "5.14.0-570.el9.x86_64+rt",
                "amd64",
                "realtime",
                "rhel-9",
                "4.19.1",
                "infra, rt",
                "2"
            ]
        );
        assert_eq!(
            rows[2],
            ["6.1.0-47-amd64", "amd64", "-", "-", "-", "-", "-"]
        );
        assert_eq!(table(&[], &Screen::PLAIN, true), "");
    }
}
