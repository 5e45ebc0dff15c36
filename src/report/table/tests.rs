//! How the table looks.

use super::*;
use crate::findings::codes;
use crate::findings::finding::{Code, Finding, Subject};
use crate::report::format::Format;
use crate::report::render;
use crate::report::samples::{accepted, mixed, report, row};

const KERNELS: [&str; 4] = [
    "5.14.0-427.13.1.el9_4.x86_64",
    "5.14.0-503.11.1.el9_5.x86_64",
    "5.14.0-570.12.1.el9_6.x86_64",
    "6.12.0-55.9.1.el10_0.x86_64",
];

fn screen(width: usize) -> Screen {
    Screen {
        width,
        ..Screen::PLAIN
    }
}

fn table(report: &Report, screen: &Screen) -> String {
    render(report, Format::Table, false, screen)
}

#[track_caller]
fn is_not_wider(text: &str, width: usize) {
    for line in text.lines() {
        let word = line.trim();
        let is_word = !word.contains(' ');
        assert!(is_word || line.width() <= width, "{}: {line}", line.width());
    }
}

fn mismatches(count: usize) -> Vec<Finding> {
    (0..count)
        .map(|number| {
            let text = format!("disagrees about version of symbol s{number}: 0x12345678 in it");
            Finding::new(Code::SymbolVersionMismatch, text)
                .hint("Build the module against the target kernel's headers.")
                .about(Subject::Symbol {
                    name: format!("s{number}"),
                    built_for: Some("5.14.0-362.8.1.el9_3.x86_64".into()),
                })
        })
        .collect()
}

/// Three causes that hit most of many modules.
fn findings(name: &str, number: usize, kernel: &str) -> Vec<Finding> {
    match number % 4 {
        0 => mismatches(5),
        1 => vec![
            Finding::new(
                Code::ImageNotFound,
                format!("image registry.example/{name}:1: manifest unknown"),
            )
            .hint(format!("push registry.example/{name}:1 for {kernel}")),
        ],
        2 => vec![
            Finding::new(
                Code::ImageUnauthorized,
                format!("image registry.example/{name}:1: 401 Unauthorized"),
            )
            .hint("pass working credentials with --authfile"),
        ],
        _ => Vec::new(),
    }
}

fn many(kernels: &[&str]) -> Report {
    let rows = (0..60).flat_map(|number| {
        kernels.iter().enumerate().map(move |(at, kernel)| {
            let name = format!("out-of-tree-driver-for-cards-{number}");
            row(&name, kernel, findings(&name, number + at, kernel))
        })
    });
    report(rows.collect())
}

#[test]
fn a_mixed_report_at_80_and_160_columns() {
    insta::assert_snapshot!(table(&mixed(), &screen(80)));
    insta::assert_snapshot!(table(&mixed(), &screen(160)));
    insta::assert_snapshot!(render(&mixed(), Format::Wide, false, &screen(80)));
    insta::assert_snapshot!(render(&mixed(), Format::Short, false, &screen(80)));
    assert_eq!(
        render(&mixed(), Format::Table, true, &screen(80))
            .lines()
            .count(),
        1
    );
}

#[test]
fn many_modules_with_three_causes_fit_one_screen() {
    let report = many(&KERNELS[..1]);
    let text = table(&report, &screen(80));
    assert!(
        text.lines().count() <= 60,
        "{}\n{text}",
        text.lines().count()
    );
    is_not_wider(&text, 80);
    for module in &report.modules {
        let is_named = text
            .split([' ', ',', '\n', '/'])
            .any(|word| word == module.name);
        assert_eq!(
            is_named,
            module.verdict != Verdict::Verified,
            "{}",
            module.name
        );
    }
    assert!(text.contains("+ verified: 15 modules\n"), "{text}");
    for code in [
        "symbol-version-mismatch",
        "image-not-found",
        "image-unauthorized",
    ] {
        let title = format!(" {code}: 15 modules\n");
        assert_eq!(text.matches(&title).count(), 1, "{text}");
    }
    assert!(
        !text.contains("0x12345678"),
        "checksums are for wide: {text}"
    );
}

#[test]
fn the_same_modules_with_three_causes_are_named_once() {
    let rows = (0..60).map(|number| {
        let name = format!("out-of-tree-driver-for-cards-{number}");
        let of = |cause| findings(&name, cause, KERNELS[0]);
        row(&name, KERNELS[0], [of(0), of(1), of(2)].concat())
    });
    let text = table(&report(rows.collect()), &screen(80));
    assert!(
        text.lines().count() <= 60,
        "{}\n{text}",
        text.lines().count()
    );
}

#[test]
fn a_matrix_of_kernels_is_a_grid() {
    let report = many(&KERNELS);
    let text = table(&report, &screen(80));
    assert!(
        text.lines().count() <= 90,
        "{}\n{text}",
        text.lines().count()
    );
    is_not_wider(&text, 80);
    for kernel in KERNELS {
        let line = text.lines().find(|line| line.contains(kernel));
        let line = line.expect("a line per kernel");
        assert!(line.contains("15 verified, 30 failed, 15 error"), "{line}");
    }
    let few = Report {
        modules: report.modules.iter().take(12).cloned().collect(),
        ..report
    };
    insta::assert_snapshot!(table(&few, &screen(80)));
    insta::assert_snapshot!(table(&few, &screen(160)));
}

#[test]
fn rows_that_fit_a_higher_screen_are_all_there() {
    let high = Screen {
        height: 100,
        ..Screen::PLAIN
    };
    let text = table(&many(&KERNELS[..1]), &high);
    assert!(
        text.lines()
            .filter(|line| line.starts_with("drivers "))
            .count()
            == 60,
        "{text}"
    );
    is_not_wider(&text, 80);
}

#[test]
fn nothing_is_wider_than_the_screen() {
    for width in [60, 80, 160] {
        for report in [mixed(), many(&KERNELS[..1]), many(&KERNELS[..2])] {
            is_not_wider(&table(&report, &screen(width)), width);
        }
    }
}

#[test]
fn names_are_cut_in_the_middle() {
    for (width, expected) in [(9, "abcdefghi"), (8, "abc..ghi"), (7, "abc..hi")] {
        assert_eq!(cut("abcdefghi", width, &Screen::PLAIN), expected);
    }
    let long = "a-module-with-a-name-that-is-longer-than-any-screen-has-room-for-in-a-table";
    let text = table(&report(vec![row(long, KERNELS[0], vec![])]), &screen(60));
    assert!(text.contains(".."), "{text}");
    is_not_wider(&text, 60);
}

#[test]
fn failures_come_first_and_names_in_natural_order() {
    let failed = || vec![Finding::new(Code::ModuleNotFound, "no module")];
    let unknown = vec![Finding::new(Code::StageSkipped, "skipped")];
    let error = vec![Finding::new(Code::ImageUnreachable, "away")];
    let rows = vec![
        row("good", "k", vec![]),
        row("nic10", "k", failed()),
        row("away", "k", error),
        accepted("known", "since May"),
        row("left", "k", unknown),
        row("nic2", "k", failed()),
    ];
    let mut report = report(rows);
    for module in &mut report.modules {
        module.kernel_version = "k".into();
    }
    report.targets.truncate(1);
    let text = table(&report, &Screen::PLAIN);
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("drivers    ")?.split(' ').next())
        .collect();
    assert_eq!(
        names,
        ["nic2", "nic10", "left", "away", "known", "good"],
        "{text}"
    );
}

#[test]
fn a_fact_about_the_run_is_told_once_above_the_table() {
    let facts = |kernel: &str| {
        Finding::new(
            Code::KernelFactsMissing,
            format!("No kernel facts for {kernel}: symbols were not checked."),
        )
        .hint("Pass --release-image, --dtk-image or --kernel-dir.")
    };
    let rows = (0..6).map(|number| row(&format!("m{number}"), KERNELS[0], vec![facts(KERNELS[0])]));
    let absent = Finding::new(Code::ModuleNotFound, "there is no module");
    let only_warned = vec![facts(KERNELS[0]).as_warning(), absent];
    let rows = rows.chain([row("m6", KERNELS[0], only_warned)]);
    let text = table(&report(rows.collect()), &screen(80));
    assert!(
        text.starts_with("! kernel-facts-missing: No kernel facts for"),
        "{text}"
    );
    assert_eq!(text.matches("--kernel-dir").count(), 1, "{text}");
}

#[test]
fn the_last_line_counts_and_tells_of_an_interruption() {
    let mut report = mixed();
    report.interrupted = true;
    let text = table(&report, &screen(80));
    let last = text.lines().last().expect("a line");
    assert_eq!(
        last,
        "x failed: 2 verified, 1 failed, 1 error (1 symbol-version-mismatch); interrupted"
    );
    assert!(last.width() <= 80);
    let wide = table(&report, &screen(160));
    let expected = "x failed: 4 modules on kernel 5.14.0-427.13.1.el9_4.x86_64: 2 verified, \
                    1 failed, 1 error (1 symbol-version-mismatch); interrupted";
    assert_eq!(wide.lines().last(), Some(expected));
}

/// The foreground colours of a text that are not bold and behind a sign.
#[test]
fn colours_can_be_read_on_light_and_dark() {
    let painted = Screen {
        color: true,
        unicode: true,
        ..Screen::PLAIN
    };
    for format in [Format::Table, Format::Wide, Format::Short] {
        for report in [mixed(), many(&KERNELS[..2])] {
            let text = render(&report, format, false, &painted);
            assert!(text.contains("\u{1b}["));
            for part in text.split("\u{1b}[").skip(1) {
                let (codes, rest) = part.split_once('m').expect("a sequence");
                let codes: Vec<&str> = codes.split(';').collect();
                let has_colour = codes
                    .iter()
                    .any(|code| code.len() == 2 && !code.starts_with('2') && *code != "39");
                let is_sign = rest.starts_with(['✔', '✘', '○', '…', '!', '?', '⚠', 'ℹ']);
                assert!(!has_colour || (codes.contains(&"1") && is_sign), "{part:?}");
                assert!(!codes.contains(&"33") && !codes.contains(&"36"), "{part:?}");
            }
        }
    }
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let painted = Screen {
        color: true,
        ..Screen::PLAIN
    };
    for report in [mixed(), many(&KERNELS[..2])] {
        let text = table(&report, &painted);
        let mut bare = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            bare.push_str(before);
            rest = after.split_once('m').map_or("", |(_, rest)| rest);
        }
        bare.push_str(rest);
        let lines = bare.lines().map(|line| format!("{}\n", line.trim_end()));
        assert_eq!(lines.collect::<String>(), table(&report, &Screen::PLAIN));
    }
}

#[test]
fn wide_shows_every_finding_with_its_page() {
    let rows = vec![row("many", KERNELS[0], mismatches(9))];
    let text = render(&report(rows.clone()), Format::Table, false, &Screen::PLAIN);
    assert!(
        text.contains("built for 5.14.0-362.8.1.el9_3.x86_64: 9 symbols differ"),
        "{text}"
    );
    let wide = render(&report(rows), Format::Wide, false, &Screen::PLAIN);
    assert_eq!(wide.matches("disagrees about version").count(), 9, "{wide}");
    assert!(wide.contains(&codes::url(Code::SymbolVersionMismatch)));
    is_not_wider(&wide, 80);
}

#[test]
fn a_code_is_a_link_to_what_it_means_and_moves_nothing() {
    let linked = Screen {
        links: true,
        ..Screen::PLAIN
    };
    let text = table(&mixed(), &linked);
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
    assert_eq!(bare, table(&mixed(), &Screen::PLAIN));
}

#[test]
fn rows_of_a_cluster_have_kmms_word_and_share_what_they_have_in_common() {
    let waiting =
        || vec![Finding::new(Code::KmmStuck, "KMM's operator does not run").hint("oc get")];
    let mut rows: Vec<ModuleReport> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| row(name, KERNELS[0], waiting()))
        .collect();
    for module in &mut rows {
        module.preflight = Some("p".into());
        module.verdict = Verdict::InProgress;
    }
    let shared = Report {
        footer: Some("images were not looked at".into()),
        ..report(rows)
    };
    insta::assert_snapshot!(table(&shared, &Screen::PLAIN));
}

/// Rows that do not fit are folded: modules that pass are counted, and no block names them.
#[test]
fn a_warning_about_modules_that_pass_does_not_fill_the_screen() {
    let mut report = many(&KERNELS[..1]);
    for (number, module) in report.modules.iter_mut().enumerate() {
        let warning = format!("parameter p{} is not known", number % 5);
        let warning = Finding::new(Code::DockerfileLint, warning).hint("Use another.");
        module.findings.push(warning);
    }
    let passing = report.modules.iter().filter(|one| one.verdict.passes());
    let passing: Vec<&str> = passing.map(|one| one.name.as_str()).collect();
    assert_eq!(passing.len(), 15);
    let text = table(&report, &screen(80));
    assert!(text.lines().count() <= 60, "{text}");
    assert!(text.contains("verified: 15 modules"), "{text}");
    let named = |text: &str| {
        let words = text.split([' ', ',', '\n', '/']);
        words.filter(|word| passing.contains(word)).count()
    };
    assert_eq!(named(&text), 0, "{text}");

    let short = render(&report, Format::Short, false, &screen(80));
    assert_eq!(named(&short), 0, "{short}");
    assert!(short.contains("15 verified, "), "{short}");
}
