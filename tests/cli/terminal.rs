//! What people see: the command on a terminal, as an emulator shows it in the end.

use std::fs;
use std::net::TcpListener;

use super::bad_input::mapping;
use super::emulator::{Left, Streams, Terminal};
use super::preflight::Preflight;

const CTRL_C: &[u8] = &[3];
const KERNEL: &str = "6.1.0-56-amd64";
const MODULES: [&str; 3] = ["meter", "sensor", "ticker"];

/// The README's first command.
fn example() -> Preflight {
    let root = env!("CARGO_MANIFEST_DIR");
    Preflight::new(["run", "--local", "--kernel-version", KERNEL])
        .arg(format!("--filename={root}/examples/modules.yaml"))
        .arg(format!("--oci-layout={root}/examples/images"))
        .arg(format!("--kernel-dir={root}/examples/kernel"))
}

/// The example, and one Module more whose registry never answers.
fn with_a_module_that_hangs(silent: &TcpListener) -> Preflight {
    let call = example();
    let place = silent.local_addr().expect("an address");
    let file = call.home().join("hangs.yaml");
    let module = mapping("regexp: '.'", &format!("{place}/i:1")).replace("name: m", "name: hangs");
    fs::write(&file, module).expect("a file");
    call.arg("-f").arg(file)
}

/// The lines of the same result where nothing is a terminal.
fn plain(call: Preflight, columns: u16) -> Vec<String> {
    let call = call.env("COLUMNS", columns.to_string()).arg("-o=table");
    let ended = call.env("LANG", "C.UTF-8").run();
    ended.stdout.lines().map(str::to_owned).collect()
}

/// How many rows of the table are about a Module.
fn rows_of(lines: &[String], module: &str) -> usize {
    let is_row = |line: &&String| line.split_whitespace().nth(1) == Some(module);
    lines.iter().filter(is_row).count()
}

#[track_caller]
fn holds_nothing_else(left: &Left, expected: &[String]) {
    assert_eq!(left.lines.join("\n"), expected.join("\n"));
    assert!(!left.is_cursor_hidden);
}

#[test]
fn a_terminal_holds_the_table_and_nothing_else_in_the_end() {
    for columns in [80, 160] {
        let left = Terminal::start(example(), Streams::Both, 60, columns).end();
        assert_eq!(left.code, Some(1));
        holds_nothing_else(&left, &plain(example(), columns));
        for module in MODULES {
            assert_eq!(rows_of(&left.lines, module), 1, "{module}: {left:#?}");
        }
        assert!(left.is_coloured);
    }
}

#[test]
fn a_terminal_has_colours_where_they_are_wanted() {
    for (argument, variable, is_coloured) in [
        ("--color=auto", ("TERM", "xterm"), true),
        ("--color=auto", ("NO_COLOR", ""), false),
        ("--color=auto", ("TERM", "dumb"), false),
        ("--color=never", ("CLICOLOR_FORCE", "1"), false),
        ("--color=always", ("NO_COLOR", "1"), true),
    ] {
        let call = example().arg(argument).env(variable.0, variable.1);
        let left = Terminal::start(call, Streams::Both, 60, 80).end();
        assert_eq!(left.is_coloured, is_coloured, "{argument} {variable:?}");
        assert_eq!(rows_of(&left.lines, "ticker"), 1, "{left:#?}");
        let has_links = left.bytes.contains("\u{1b}]8;;https://");
        assert_eq!(has_links, is_coloured, "{argument} {variable:?}");
    }
}

#[test]
fn a_locale_without_utf_8_has_other_signs() {
    for (locale, sign) in [("C.UTF-8", "✘ failed"), ("C", "x failed")] {
        let call = example().env("LC_ALL", locale);
        let left = Terminal::start(call, Streams::Both, 60, 80).end();
        assert!(
            left.lines.iter().any(|line| line.contains(sign)),
            "{left:#?}"
        );
        assert_eq!(left.bytes.is_ascii(), locale == "C", "{left:#?}");
    }
}

/// Runs what waits for a time limit in each of these cases, all at once.
fn side_by_side<C: Send, const N: usize>(cases: [C; N], run: impl Fn(C) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| run(case));
        }
    });
}

#[test]
fn progress_is_drawn_on_stderr_only_and_taken_away() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let call = || with_a_module_that_hangs(&silent).arg("--timeout=4s");
    let terminal = Terminal::start(call(), Streams::Stderr, 24, 80);
    let on_stdout = Terminal::start(call(), Streams::Stdout, 60, 80);
    let modes = ["--progress=plain", "--progress=none"];
    let in_modes = modes.map(|mode| Terminal::start(call().arg(mode), Streams::Stderr, 60, 80));
    terminal.wait_until(|lines| lines.iter().any(|line| line.contains("3/4 [")));
    let result = plain(call(), 80);

    let left = terminal.end();
    holds_nothing_else(&left, &[]);
    assert_eq!(left.elsewhere.lines().collect::<Vec<_>>(), result);

    let left = on_stdout.end();
    holds_nothing_else(&left, &result);
    let sum = "4/4 checked: 1 verified, 2 failed, 1 unknown\n";
    assert!(left.elsewhere.ends_with(sum), "{}", left.elsewhere);
    assert!(!left.elsewhere.contains('\u{1b}'), "{}", left.elsewhere);
    assert!(!left.bytes.contains("/4 ["), "{}", left.bytes);

    for (mode, terminal) in modes.into_iter().zip(in_modes) {
        let left = terminal.end();
        assert!(!left.bytes.contains('\u{1b}'), "{}", left.bytes);
        assert_eq!(left.bytes.is_empty(), mode.ends_with("none"));
    }
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_lines() {
    let call = example().env("TERM", "dumb");
    let left = Terminal::start(call, Streams::Stderr, 24, 80).end();
    assert!(!left.bytes.contains('\u{1b}'), "{}", left.bytes);
    assert_eq!(left.lines, ["3/3 checked: 1 verified, 2 failed"]);
}

#[test]
fn ctrl_c_leaves_what_was_decided_on_a_clean_terminal() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    side_by_side([(60, 80), (60, 160), (24, 80)], |(rows, columns)| {
        let call = with_a_module_that_hangs(&silent);
        let mut terminal = Terminal::start(call, Streams::Both, rows, columns);
        terminal.wait_until(|lines| lines.iter().any(|line| line.contains("3/4 [")));
        terminal.press(CTRL_C);
        let left = terminal.end();
        assert_eq!(left.code, Some(130));
        // What a time limit leaves, with another reason.
        let timed_out = with_a_module_that_hangs(&silent).arg("--timeout=3s");
        let mut expected = plain(timed_out, columns);
        let reason = |line: &String| line.starts_with("  timed out after 3s");
        let at = expected.iter().position(reason).expect("a reason");
        let end = expected.iter().skip(at).position(String::is_empty);
        let said = "  interrupted before this module was checked";
        expected.splice(at..at + end.expect("a last line"), [said.to_owned()]);
        let mut left = left;
        let sum = left.lines.pop().expect("a last line");
        assert!(sum.ends_with("; interrupted"), "{sum}");
        assert!(sum.chars().count() <= usize::from(columns), "{sum}");
        expected.pop();
        holds_nothing_else(&left, &expected);
    });
}

#[test]
fn a_terminal_may_change_its_size_while_the_command_runs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    side_by_side([(160, 80), (80, 160)], |(before, after)| {
        let call = with_a_module_that_hangs(&silent).arg("--timeout=4s");
        let terminal = Terminal::start(call, Streams::Both, 60, before);
        terminal.wait_until(|lines| lines.iter().any(|line| line.contains("3/4 [")));
        terminal.resize(60, after);
        let left = terminal.end();
        let call = with_a_module_that_hangs(&silent).arg("--timeout=4s");
        holds_nothing_else(&left, &plain(call, after));
    });
}
