//! What the documents show is what the program does.

use std::fs;
use std::path::Path;

use clap::Parser;
use kmm_preflight::cli::Cli;
use kmm_preflight::cli::invocation;
use kmm_preflight::input::yaml;

use super::preflight::Preflight;

const DOCUMENTS: [&str; 2] = ["README.md", "CONTRIBUTING.md"];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("a document")
}

/// The fenced blocks of a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    document
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// `UPDATE_README=1 cargo test --test cli readme` writes the output anew.
#[test]
fn the_first_command_of_the_readme_prints_what_the_readme_shows() {
    let readme = read("README.md");
    let command = &blocks(&readme, "sh")[0];
    let (_, args) = command.trim().split_once(" -- ").expect("a cargo run");
    let ended = Preflight::new(args.split(' '))
        .arg("--progress=none")
        .env("LC_ALL", "C.UTF-8")
        .run()
        .code(1);
    let shown = &blocks(&readme, "text")[0];
    if std::env::var_os("UPDATE_README").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        fs::write(path, readme.replacen(shown, &ended.stdout, 1)).expect("README.md");
        return;
    }
    assert_eq!(&ended.stdout, shown);
}

#[test]
fn every_command_that_is_shown_is_one() {
    let mut seen = 0;
    for document in DOCUMENTS {
        for line in read(document).lines() {
            let Some(at) = line.find("kubectl kmm preflight ") else {
                continue;
            };
            let in_prose = line[..at].ends_with('`');
            let rest = &line[at..];
            let command = rest
                .split(if in_prose { "`" } else { " > " })
                .next()
                .unwrap_or(rest);
            let words = command
                .replace("explain CODE", "explain symbol-missing")
                .split_whitespace()
                .skip(1)
                .map(|word| word.trim_matches('"').into())
                .collect::<Vec<_>>();
            let parsed = Cli::try_parse_from(invocation::words(words));
            assert!(parsed.is_ok(), "{document}: {command}: {parsed:?}");
            seen += 1;
        }
    }
    assert!(seen > 8, "the documents show commands");
}

#[test]
fn every_recipe_is_yaml() {
    let recipes = blocks(&read("README.md"), "yaml");
    assert_eq!(recipes.len(), 4, "settings, GitHub, GitLab, Tekton");
    for recipe in recipes {
        let value: serde_json::Value = yaml::from_str(&recipe).expect("YAML");
        assert!(value.is_object(), "{recipe}");
    }
}
