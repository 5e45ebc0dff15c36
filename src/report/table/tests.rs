//! Looks of the table.

use super::*;
use crate::findings::codes;
use crate::findings::finding::{Code, Finding};
use crate::report::samples::{mixed, report, row};

#[test]
fn a_mixed_report_at_80_columns() {
    insta::assert_snapshot!(render(&mixed(), &Screen::PLAIN, false));
}

#[test]
fn a_matrix_of_kernels_at_80_columns() {
    let kernels = [
        "5.14.0-427.13.1.el9_4.x86_64",
        "5.14.0-503.11.1.el9_5.x86_64",
        "5.14.0-570.12.1.el9_6.x86_64",
    ];
    let missing = Finding::new(Code::ModuleNotFound, "no module");
    let rows = kernels.iter().flat_map(|kernel| {
        [
            row("ice-driver", kernel, vec![]),
            row("out-of-tree-nic", kernel, vec![missing.clone()]),
        ]
    });
    insta::assert_snapshot!(render(&report(rows.collect()), &Screen::PLAIN, false));
}

#[test]
fn nothing_is_wider_than_the_screen() {
    for width in [60, 80, 160] {
        let screen = Screen {
            width,
            ..Screen::PLAIN
        };
        for line in render(&mixed(), &screen, false).lines() {
            let is_word = !line.trim().contains(' ');
            assert!(is_word || line.width() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let painted = Screen {
        color: true,
        ..Screen::PLAIN
    };
    let text = render(&mixed(), &painted, false);
    assert!(text.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    bare.push_str(rest);
    let trimmed: String = bare
        .lines()
        .map(|l| format!("{}\n", l.trim_end()))
        .collect();
    assert_eq!(trimmed, render(&mixed(), &Screen::PLAIN, false));
}

#[test]
fn many_findings_alike_are_cut_short() {
    let finding =
        |n| Finding::new(Code::SymbolMissing, format!("unknown symbol number_{n}")).hint("rebuild");
    let rows = vec![row("many", "5.14.0", (0..9).map(finding).collect())];
    let text = render(&report(rows.clone()), &Screen::PLAIN, false);
    assert_eq!(text.matches("unknown symbol").count(), 3, "{text}");
    assert_eq!(text.matches("hint: rebuild").count(), 1);
    assert!(text.contains("and 6 more symbol-missing"), "{text}");
    let wide = render(&report(rows), &Screen::PLAIN, true);
    assert_eq!(wide.matches("unknown symbol").count(), 9);
}

#[test]
fn a_code_is_a_link_to_what_it_means_and_moves_nothing() {
    let linked = Screen {
        links: true,
        ..Screen::PLAIN
    };
    let text = render(&mixed(), &linked, false);
    let code = Code::SymbolVersionMismatch;
    let (start, end) = ("\u{1b}]8;;", "\u{1b}\\");
    let link = format!("{start}{}{end}{code}{start}{end}:", codes::url(code));
    assert!(text.contains(&link), "{text:?}");
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(start) {
        bare.push_str(before);
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
    }
    bare.push_str(rest);
    assert_eq!(bare, render(&mixed(), &Screen::PLAIN, false));
}

#[test]
fn rows_of_a_cluster_have_ages_and_share_what_they_have_in_common() {
    let waiting =
        || vec![Finding::new(Code::KmmStuck, "KMM's operator does not run").hint("oc get")];
    let kernel = "5.14.0-427.13.1.el9_4.x86_64";
    let mut rows: Vec<ModuleReport> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| row(name, kernel, waiting()))
        .collect();
    for module in &mut rows {
        module.preflight = Some("p".into());
        module.verdict = Verdict::InProgress;
    }
    let shared = Report {
        shown_at: Some("2026-01-02T03:14:05Z".parse().expect("a time")),
        ..report(rows)
    };
    insta::assert_snapshot!(render(&shared, &Screen::PLAIN, false));
}
