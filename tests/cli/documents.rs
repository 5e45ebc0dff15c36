//! What the documents show is what the program does.

use std::fs;
use std::path::Path;

use clap::Parser;
use kmm_preflight::for_tests::{Cli, invocation, yaml};

use super::preflight::Preflight;

/// Every page that shows commands.
fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_dir(root.join("docs")).expect("docs");
    let names = pages.map(|page| page.expect("a page").file_name());
    let mut documents: Vec<String> = names
        .filter_map(|name| name.to_str().map(|name| format!("docs/{name}")))
        .filter(|name| name.ends_with(".md"))
        .collect();
    documents.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned));
    documents
}

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
    for document in documents() {
        for line in read(&document).lines() {
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

/// A link between the pages leads to a page, and to a heading of it.
#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for document in documents() {
        let folder = Path::new(&document).parent().expect("a folder");
        for link in read(&document).split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = root.join(folder).join(path);
            assert!(path.exists(), "{document}: {link}");
            if !anchor.is_empty() {
                let page = fs::read_to_string(&path).expect("a page");
                assert!(
                    page.contains(&format!("\n## {anchor}\n")),
                    "{document}: {link}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen}");
}

/// The paths in CONTRIBUTING are those of files and folders.
#[test]
fn every_path_in_contributing_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = read("CONTRIBUTING.md");
    let mut seen = 0;
    let mut folder = String::new();
    for word in text.split('`').skip(1).step_by(2) {
        let is_path = [
            "src/",
            "crates/",
            "tests/",
            "docs/",
            "scripts/",
            ".github/",
            "examples/",
        ]
        .iter()
        .any(|start| word.starts_with(start));
        if is_path && !word.contains(' ') {
            assert!(root.join(word).exists(), "{word}");
            word.clone_into(&mut folder);
            seen += 1;
        } else if word.ends_with(".rs") && !word.contains(['/', 'N']) {
            // A file of the folder before it.
            assert!(root.join(&folder).join(word).exists(), "{folder}/{word}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// The site's table of contents, which is its navigation, has every page.
#[test]
fn the_summary_lists_every_page() {
    let summary = read("docs/SUMMARY.md");
    for page in documents() {
        if let Some(name) = page
            .strip_prefix("docs/")
            .filter(|name| *name != "SUMMARY.md")
        {
            assert!(summary.contains(&format!("({name})")), "{name}");
        }
    }
}

#[test]
fn every_recipe_is_yaml() {
    let pages = documents();
    let recipes: Vec<String> = pages
        .iter()
        .flat_map(|page| blocks(&read(page), "yaml"))
        .collect();
    assert!(recipes.len() >= 4, "settings, GitHub, GitLab, Tekton");
    for recipe in recipes {
        let value: serde_json::Value = yaml::from_str(&recipe).expect("YAML");
        assert!(value.is_object(), "{recipe}");
        // The images of a release need a pull secret.
        let needs_secret = recipe.contains("--release-image");
        assert_eq!(needs_secret, recipe.contains("--authfile"), "{recipe}");
    }
}
