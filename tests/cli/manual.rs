//! The manual pages in `completions/man`, which a release's archive has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kmm_preflight::for_tests::help;

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        pages.insert(name, fs::read_to_string(entry.path()).expect("text"));
    }
    pages
}

/// `UPDATE_COMPLETIONS=1 cargo test --test cli manual` writes them anew.
#[test]
fn the_pages_say_what_the_help_says() {
    let fresh = tempfile::tempdir().expect("a folder");
    clap_mangen::generate_to(help::command(), fresh.path()).expect("the pages");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions/man");
    let fresh = pages(fresh.path());
    if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in &fresh {
            fs::write(folder.join(name), text).expect("a page");
        }
    }
    let there = pages(&folder);
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(&fresh));
    assert_eq!(fresh.len(), 1 + help::command().get_subcommands().count());
    for (name, text) in &fresh {
        assert!(
            there[name] == *text,
            "completions/man/{name} is out of date"
        );
        assert!(text.contains(".SH OPTIONS"), "{name}");
    }
}
