//! What each finding code means: `explain CODE`, SARIF's rules, and docs/findings.md.

pub(crate) use crate::findings::explanations::explain;
use crate::findings::finding::Code;

/// The page that explains the codes.
const PAGE: &str = "https://kmm-preflight.github.io/kubectl-kmm-preflight/findings";

/// Where a code is explained.
pub(crate) fn url(code: Code) -> String {
    address(code.as_str())
}

/// The same for a word that stands for a code.
pub(crate) fn address(code: &str) -> String {
    format!("{PAGE}#{code}")
}

/// The chapters about all codes in docs/findings.md.
#[cfg(test)]
fn markdown() -> String {
    let chapter = |code: &Code| {
        let about = explain(*code);
        let severity = code.severity().as_str();
        format!(
            "## {code}\n\n{} (Severity: {severity}.)\n\n{}\n\n```text\n{}\n```\n\n\
             **How to see it:** {}\n\n**How to fix it:** {}\n\n",
            about.what, about.why, about.example, about.see, about.fix
        )
    };
    Code::ALL.iter().map(chapter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_made_of_sentences() {
        for code in Code::ALL {
            let about = explain(*code);
            for text in [about.what, about.why, about.fix] {
                assert!(text.ends_with('.'), "{code}: {text}");
                assert!(!text.contains("  "), "{code}: {text}");
            }
        }
    }

    /// `UPDATE_DOCS=1 cargo test findings_page` writes the chapters.
    #[test]
    fn the_findings_page_has_a_chapter_for_every_code() {
        const START: &str = "<!-- chapters from src/findings/explanations.rs -->\n\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
        let page = std::fs::read_to_string(&path).expect("docs/findings.md");
        let (before, chapters) = page.split_once(START).expect("the start of the chapters");
        let expected = markdown();
        let expected = format!("{}\n", expected.trim_end());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, format!("{before}{START}{expected}")).expect("docs/findings.md");
            return;
        }
        assert!(chapters == expected, "docs/findings.md is out of date");
    }

    /// The web page's anchor of a heading is its text: see `PAGE`.
    #[test]
    fn every_code_is_the_anchor_of_a_heading() {
        let page = include_str!("../../docs/findings.md");
        for code in Code::ALL {
            assert!(page.contains(&format!("\n## {code}\n")), "{code}");
            assert!(url(*code).ends_with(&format!("/findings#{code}")), "{code}");
        }
    }

    /// An example is a message of the program: words that follow each other, and are a good
    /// part of it, stand in the source.
    #[test]
    fn every_example_is_a_message() {
        let source = source();
        let is_written = |example: &str| {
            let words: Vec<&str> = example.split(' ').collect();
            let enough = (example.len() / 5).max(10);
            let run = |start: usize| {
                let ends = start + 1..=words.len();
                let mut runs = ends.map(|end| words[start..end].join(" "));
                runs.find(|run| run.len() >= enough)
            };
            let mut runs = (0..words.len()).filter_map(run);
            runs.any(|run| source.contains(&run))
        };
        let stale: Vec<_> = Code::ALL
            .iter()
            .map(|code| (code, explain(*code).example))
            .filter(|(_, example)| !is_written(example))
            .collect();
        assert!(stale.is_empty(), "no message of the program: {stale:#?}");
    }

    /// Every file but the one with the examples, with texts that go over lines in one piece.
    fn source() -> String {
        let mut all = String::new();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src"), root.join("crates/kernel-loader/src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("explanations.rs") {
                    all.push_str(&std::fs::read_to_string(&path).expect("a file"));
                }
            }
        }
        let broken = regex::Regex::new(r"\\\n\s*").expect("a pattern");
        broken.replace_all(&all, "").into_owned()
    }
}
