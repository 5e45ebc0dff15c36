//! The live table of the commands that watch, as a terminal shows it, and the formats of what is
//! not decided yet.

use std::time::Duration;

use super::crds::NEWEST;
use super::operator::{Said, call, create_cr, create_modules, say, wait_for};
use super::watching::WATCHING;
use crate::support::cluster::Cluster;
use crate::support::preflight::Running;
use crate::support::terminal::{Left, Streams, Terminal};

const CTRL_C: &[u8] = &[3];
const MODULES: [&str; 3] = ["m1", "m2", "m3"];
const WAITING: &str = "verification is not finished yet";
const BEGUN: &[Said] = &[
    ("m1", "Success", "Done", "verified image exists"),
    ("m2", "InProgress", "Image", WAITING),
    ("m3", "InProgress", "Image", WAITING),
];
const LATER: &[Said] = &[
    ("m1", "Success", "Done", "verified image exists"),
    ("m2", "Failure", "Done", "verified image does not exist"),
    ("m3", "InProgress", "Image", WAITING),
];
const DONE: &[Said] = &[
    ("m1", "Success", "Done", "verified image exists"),
    ("m2", "Failure", "Done", "verified image does not exist"),
    ("m3", "Success", "Done", "verified image exists"),
];

fn prepared() -> Cluster {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &MODULES);
    cluster
}

/// Starts a command of [`WATCHING`] with a table in the place of JSON, its CR begun.
fn start(cluster: &Cluster, args: &[&str], streams: Streams, columns: u16) -> Terminal {
    let args: Vec<&str> = args
        .iter()
        .copied()
        .filter(|arg| !matches!(*arg, "-o=json" | "--cleanup"))
        .collect();
    if args[0] == "status" {
        create_cr(cluster, NEWEST, "p");
    }
    let terminal = Terminal::start(call(cluster, &args), streams, 40, columns);
    wait_for(cluster, &format!("{}/p", NEWEST.resource()));
    say(cluster, NEWEST, "p", BEGUN);
    terminal
}

/// The rows of the table, each as its Module and verdict.
fn rows(lines: &[String]) -> Vec<String> {
    let word = |line: &str, at: usize| line.split_whitespace().nth(at).map(str::to_owned);
    let row = |line: &String| {
        let name = word(line, 1).filter(|_| line.starts_with("ns1 "))?;
        Some(format!("{name} {}", word(line, 5)?))
    };
    lines.iter().filter_map(row).collect()
}

/// True while a drawing is whole: its last line is how long it took so far.
fn is_drawn(lines: &[String]) -> bool {
    lines
        .last()
        .is_some_and(|line| line.ends_with('s') && line.chars().count() < 6)
}

/// What `status` prints of the CR where nothing is a terminal, as a terminal shows it. A `run`
/// does not end with the command that looks at images.
fn status(cluster: &Cluster, args: &[&str], columns: u16) -> String {
    let call = call(cluster, &["status", "p"]).env("LANG", "C.UTF-8");
    let text = call.env("COLUMNS", columns.to_string()).run().stdout;
    let is_shown = |line: &&str| args[0] == "status" || !line.starts_with("To check the images");
    let lines: Vec<String> = text
        .lines()
        .take_while(is_shown)
        .flat_map(|line| {
            let characters: Vec<char> = line.chars().collect();
            match characters.is_empty() {
                true => vec![String::new()],
                false => characters
                    .chunks(columns.into())
                    .map(|part| part.iter().collect())
                    .collect(),
            }
        })
        .collect();
    lines.join("\n")
}

#[track_caller]
fn holds(left: &Left, expected: &str) {
    assert_eq!(left.lines.join("\n"), expected.trim_end());
    assert!(!left.is_cursor_hidden);
}

#[test]
fn a_table_is_drawn_in_place_and_only_the_result_stays() {
    let cluster = prepared();
    for (before, after) in [(80, 80), (160, 160), (160, 80), (80, 160)] {
        for args in WATCHING {
            let terminal = start(&cluster, args, Streams::Both, before);
            let begun = ["m2 in-progress", "m3 in-progress", "m1 verified"];
            terminal.wait_until(|lines| rows(lines) == begun && is_drawn(lines));
            terminal.resize(40, after);
            say(&cluster, NEWEST, "p", LATER);
            let later = ["m2 failed", "m3 in-progress", "m1 verified"];
            terminal.wait_until(|lines| rows(lines) == later && is_drawn(lines));
            say(&cluster, NEWEST, "p", DONE);
            let left = terminal.end();
            assert_eq!(left.code, Some(1), "{left:#?}");
            assert!(left.is_coloured);
            assert_eq!(
                rows(&left.lines),
                ["m2 failed", "m1 verified", "m3 verified"]
            );
            holds(&left, &status(&cluster, args, after));
            cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");
        }
    }
}

#[test]
fn ctrl_c_leaves_the_table_as_far_as_it_is_known() {
    let cluster = prepared();
    for columns in [80, 160] {
        for args in WATCHING {
            let mut terminal = start(&cluster, args, Streams::Both, columns);
            let begun = ["m2 in-progress", "m3 in-progress", "m1 verified"];
            terminal.wait_until(|lines| rows(lines) == begun && is_drawn(lines));
            terminal.press(CTRL_C);
            let mut left = terminal.end();
            assert_eq!(left.code, Some(130), "{left:#?}");
            let is_warning = |line: &String| line.starts_with("warning: interrupted");
            let warning = left.lines.iter().position(is_warning);
            assert_eq!(warning.is_some(), args[0] == "run", "{left:#?}");
            if let Some(warning) = warning {
                let text = left.lines.split_off(warning).join(" ");
                let kept = format!(
                    "{} p was kept, continue with `kubectl kmm preflight status p -w`",
                    NEWEST.kind()
                );
                assert!(text.contains(&kept), "{text}");
            }
            let sum = left
                .lines
                .iter_mut()
                .find(|line| line.ends_with("; interrupted"));
            let sum = sum.expect("the last line of the table");
            sum.truncate(sum.len() - "; interrupted".len());
            holds(&left, &status(&cluster, args, columns));
            cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");
        }
    }
}

#[test]
fn the_table_that_is_drawn_is_none_of_the_result() {
    let cluster = prepared();
    for args in WATCHING {
        let terminal = start(&cluster, args, Streams::Stderr, 160);
        terminal.wait_until(|lines| rows(lines).len() == MODULES.len() && is_drawn(lines));
        say(&cluster, NEWEST, "p", DONE);
        let left = terminal.end();
        holds(&left, "");
        assert_eq!(
            rows(
                &left
                    .elsewhere
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            )
            .len(),
            3
        );
        assert!(!left.elsewhere.contains('\u{1b}'), "{}", left.elsewhere);
        cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");

        let terminal = start(&cluster, args, Streams::Stdout, 80);
        say(&cluster, NEWEST, "p", DONE);
        let left = terminal.end();
        holds(&left, &status(&cluster, args, 80));
        assert!(!left.bytes.contains("\u{1b}[A"), "{}", left.bytes);
        assert!(!left.elsewhere.contains('\u{1b}'), "{}", left.elsewhere);
        let sum = "3/3 checked: 2 verified, 1 failed\n";
        assert!(left.elsewhere.contains(sum), "{}", left.elsewhere);
        cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");
    }
}

/// Where nothing can be drawn, a line every few seconds says how far KMM is, and what it waits
/// for; there is none per module.
#[test]
fn a_counter_tells_what_kmm_waits_for() {
    let cluster = prepared();
    for args in WATCHING {
        if args[0] == "status" {
            create_cr(&cluster, NEWEST, "p");
        }
        let running = Running::start(call(&cluster, args));
        wait_for(&cluster, &format!("{}/p", NEWEST.resource()));
        say(&cluster, NEWEST, "p", BEGUN);
        std::thread::sleep(Duration::from_secs(13));
        say(&cluster, NEWEST, "p", DONE);
        let ended = running.end().code(1);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        let waiting = format!("1/3 checked: 1 verified; ns1/m2: {WAITING} (");
        let count = lines.iter().filter(|line| line.starts_with(&waiting));
        assert!(count.count() >= 2, "{}", ended.stderr);
        let more = lines.iter().filter(|line| line.ends_with("s) and 1 more"));
        assert!(more.count() >= 2, "{}", ended.stderr);
        let sum = "3/3 checked: 2 verified, 1 failed";
        assert!(lines.contains(&sum), "{}", ended.stderr);
        assert!(lines.len() <= 8, "{}", ended.stderr);
        cluster.try_kubectl(&["delete", NEWEST.resource(), "p"], "");
    }
}

#[test]
fn what_kmm_has_not_decided_is_undecided_in_every_format() {
    let cluster = prepared();
    create_cr(&cluster, NEWEST, "p");
    let waits = |name| (name, "InProgress", "Image", WAITING);
    say(&cluster, NEWEST, "p", &MODULES.map(waits));
    for (format, shows, never) in [
        ("table", "in-progress: 3 modules", "failed"),
        ("wide", "~ in-progress", "failed"),
        ("short", "3 in-progress", "failed"),
        ("json", "\"in-progress\": 3", "\"verdict\": \"failed\""),
        ("yaml", "in-progress: 3", "verdict: failed"),
        ("name", "module.kmm.sigs.x-k8s.io/m1\n", "in-progress"),
        ("junit", "errors=\"3\"", "<failure "),
        ("sarif", "\"version\": \"2.1.0\"", "\"level\": \"error\""),
        ("github", "::3 in-progress", "::error"),
        (
            "markdown",
            "KMM preflight in-progress: 3 in-progress",
            "failed",
        ),
        (
            "prometheus",
            "{verdict=\"in-progress\"} 3",
            "verdict=\"failed\"} 1",
        ),
    ] {
        let ended = call(&cluster, &["status", "p", "-o", format]).run().code(3);
        let text = &ended.stdout;
        assert!(text.contains(shows), "{format}: {text}");
        assert!(!text.contains(never), "{format}: {text}");
    }
}
