//! The binary as a user calls it.

mod accept;
#[cfg(unix)]
mod action;
mod bad_input;
mod boot;
mod cache;
mod config;
mod crd_rules;
mod documents;
mod explain;
mod formats;
mod help;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_images;
mod in_cluster;
mod inputs;
mod krew;
mod manual;
mod matrix;
mod mirrors_on_disk;
mod names_of_images;
mod network;
mod nodes_image;
mod other_writers;
mod outside;
mod pictures;
#[cfg(target_os = "linux")]
mod publishing;
mod releases;
mod reported_faults;
mod reported_images;
mod schema;
#[cfg(target_os = "linux")]
mod screens;
#[cfg(target_os = "linux")]
mod terminal;
mod unwritable;

use std::process::{Command, Output};

use test_support::preflight;
#[cfg(target_os = "linux")]
use test_support::terminal as emulator;
#[cfg(unix)]
use test_support::{checkout, server};

fn call(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-kmm-preflight"))
        .args(args)
        .output()
        .expect("the binary runs")
}

#[test]
fn the_leading_word_makes_no_difference() {
    let with = call(&["preflight", "version", "-o", "json"]);
    let without = call(&["version", "-o", "json"]);
    assert_eq!(with.status.code(), Some(0));
    assert_eq!(with.stdout, without.stdout);
    let version: serde_json::Value = serde_json::from_slice(&with.stdout).expect("JSON");
    assert_eq!(version["clientVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_unknown_command_is_a_usage_error_on_stderr() {
    let output = call(&["validate"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("validate"));
}

#[test]
fn help_names_the_exit_codes() {
    let output = call(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("130  interrupted"), "{text}");
}
