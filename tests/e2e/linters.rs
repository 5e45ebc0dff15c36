//! The documents' recipes and the reports for machines, put to what judges
//! them elsewhere: actionlint, GitLab's and SARIF's schemas, Tekton's admission, a JUnit reader.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::preflight::{Ended, Preflight};
use crate::support::server::{environment, tool};

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The recipe with this word in it.
fn recipe(word: &str) -> String {
    let page = fs::read_to_string(repository("docs/ci.md")).expect("docs/ci.md");
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.split("```").next().is_some_and(|b| b.contains(word)));
    let block = block.and_then(|block| block.split("```").next());
    block.expect("the recipe").to_owned()
}

/// Whether a linter takes a text on its stdin, and what it says.
pub(crate) fn takes(command: &mut Command, text: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the linter is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

pub(crate) fn actionlint() -> Command {
    let mut command = Command::new(tool("actionlint"));
    command.args(["-shellcheck=shellcheck", "-pyflakes=", "-no-color", "-"]);
    command
}

fn python_tool(name: &str) -> Command {
    Command::new(environment().join("linters/bin").join(name))
}

fn gitlab() -> Command {
    let mut command = python_tool("check-jsonschema");
    command.args([
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
    ]);
    command.args(["--default-filetype", "yaml", "-"]);
    command
}

/// Each linter with a text that it takes, and a fault in it that it has to see.
#[test]
fn every_recipe_is_taken_by_the_system_that_it_is_for() {
    for (name, linter, (good, bad)) in [
        (
            "jobs:",
            actionlint as fn() -> Command,
            ("runs-on: ubuntu-latest", "runs_on: ubuntu-latest"),
        ),
        ("artifacts:", gitlab, ("when: always", "when: sometimes")),
        (
            "tekton.dev",
            || Command::new(tool("tekton-lint")),
            ("$(params.release)", "$(params.released)"),
        ),
    ] {
        let text = recipe(name);
        let (taken, said) = takes(&mut linter(), &text);
        assert!(taken, "{name}: {said}\n{text}");
        assert!(text.contains(good), "{text}");
        let (taken, said) = takes(&mut linter(), &text.replace(good, bad));
        assert!(!taken, "{name} has to see the fault: {said}");
    }
}

/// A run of the examples, whose Modules are in a file with an odd name.
fn run(folder: &Path, format: &str, more: &[&str]) -> Ended {
    let odd = folder.join(OsStr::from_bytes(b"a b#1%20?&'\"<\xff\xc3\xa9>"));
    fs::create_dir_all(&odd).expect("a folder");
    let file = odd.join("modules.yaml");
    fs::copy(repository("examples/modules.yaml"), &file).expect("a file");
    let mut run = Preflight::new(["run", "--local", "--kernel-version=6.1.0-56-amd64"])
        .arg("--progress=none")
        .arg(format!("-o={format}"))
        .arg("-f")
        .arg(&file)
        .arg("--oci-layout=examples/images")
        .arg("--kernel-dir=examples/kernel");
    for word in more {
        run = run.arg(word);
    }
    run.run()
}

/// The runs whose reports are judged: as it is, some accepted, some not decided, none for
/// this architecture.
const RUNS: [&[&str]; 4] = [
    &[],
    &[
        "--accept=module-not-found",
        "--accept=symbol-version-mismatch",
    ],
    &["--fail-fast", "--jobs=1"],
    &["--arch=arm64"],
];

#[test]
fn sarif_is_valid_by_its_schema_whatever_the_paths_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = environment().join("linters/sarif-2.1.0.json");
    let valid = |document: &str| {
        let mut command = python_tool("check-jsonschema");
        // One of the schema's own patterns is a regular expression to Python only.
        command.args(["--regex-variant", "python", "--schemafile"]);
        takes(command.arg(&schema).arg("-"), document)
    };
    let mut results = 0;
    for more in RUNS {
        let document = run(folder.path(), "sarif", more).stdout;
        let (taken, said) = valid(&document);
        assert!(taken, "{more:?}: {said}\n{document}");
        let report: Value = serde_json::from_str(&document).expect("JSON");
        for result in report["runs"][0]["results"].as_array().expect("results") {
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
            let url = url::Url::parse(uri).expect("a URL");
            let path = url.to_file_path().expect("of a file");
            assert!(path.is_file(), "{uri}");
            assert!(place["region"]["startLine"].as_u64() > Some(0));
            results += 1;
        }
        let broken = document.replace("\"ruleId\"", "\"rule\"");
        assert!(!valid(&broken).0, "the schema has to see the fault");
    }
    assert!(results >= 6, "{results}");
}

/// Prints `[[suite, class, name, kind of result, message], …]`.
const READ_JUNIT: &str = "\
import json, sys
from junitparser import JUnitXml
cases = []
for suite in JUnitXml.fromstring(sys.stdin.buffer.read()):
    assert suite.tests == len(list(suite)), suite
    for case in suite:
        kind = [type(r).__name__ for r in case.result] or ['']
        message = [r.message for r in case.result] or ['']
        cases.append([suite.name, case.classname, case.name, kind[0], message[0]])
print(json.dumps(cases))
";

#[test]
fn junit_says_to_another_reader_what_the_report_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for more in [&[][..], &["--arch=amd64", "--arch=arm64"]] {
        let document = run(folder.path(), "junit", more).code(1).stdout;
        let mut python = python_tool("python");
        let (read, said) = takes(python.args(["-c", READ_JUNIT]), &document);
        assert!(read, "{said}\n{document}");
        let cases: Value = serde_json::from_str(&said).expect("JSON");
        let report = run(folder.path(), "json", more).code(1).json();
        let modules = report["modules"].as_array().expect("modules");
        assert_eq!(
            cases.as_array().map(Vec::len),
            Some(modules.len()),
            "{said}"
        );
        for module in modules {
            let arch = module["arch"].as_str().expect("an architecture");
            let case = cases.as_array().into_iter().flatten().find(|case| {
                case[2] == module["name"] && case[0].as_str().is_some_and(|s| s.ends_with(arch))
            });
            let case = case.expect("a case for every Module");
            assert_eq!(case[1], module["namespace"]);
            let kind = match module["verdict"].as_str() {
                Some("verified") => "",
                Some("failed") => "Failure",
                _ => "Error",
            };
            assert_eq!(case[3], kind, "{case}");
            let told = case[4].as_str().expect("a message");
            let findings = module["findings"].as_array().expect("findings");
            let fits = kind.is_empty() || findings.iter().any(|f| f["message"] == told);
            assert!(fits, "{case} {module:#}");
        }
    }
}

/// What mdBook makes of a Markdown page in a book of its own.
fn html(text: &str) -> String {
    let book = tempfile::tempdir().expect("a folder");
    let source = book.path().join("src");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("SUMMARY.md"), "- [Page](page.md)\n").expect("a file");
    fs::write(source.join("page.md"), text).expect("a file");
    let mut mdbook = python_tool("mdbook");
    let output = mdbook.arg("build").arg(book.path()).output();
    let output = output.expect("mdbook runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("WARN"), "{said}");
    let page = fs::read_to_string(book.path().join("book/page.html")).expect("a page");
    let main = page.split("<main>").nth(1).expect("its text");
    main.split("</main>").next().expect("its end").to_owned()
}

#[test]
fn markdown_says_to_another_reader_what_the_report_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for (more, cells) in [(&[][..], 4), (&["--arch=amd64", "--arch=arm64"], 3)] {
        let text = run(folder.path(), "markdown", more).code(1).stdout;
        let page = html(&text);
        let rows = page.matches("<tr>").count();
        assert_eq!(rows, 1 + 3, "a heading, and a row per Module\n{page}");
        let count = page.matches("<td>").count();
        assert_eq!(count, 3 * cells, "{page}");
        let report = run(folder.path(), "json", more).code(1).json();
        for cause in report["causes"].as_array().expect("causes") {
            let (code, url) = (cause["code"].as_str(), cause["url"].as_str());
            let link = format!("href=\"{}\"", url.expect("an address"));
            assert!(page.contains(&link), "{link}\n{page}");
            assert!(page.contains(code.expect("a code")), "{page}");
        }
    }
}

/// The addresses in an HTML page.
fn links(page: &str) -> impl Iterator<Item = &str> {
    ["href=\"", "src=\"", "srcset=\""]
        .into_iter()
        .flat_map(|name| {
            let parts = page.split(name).skip(1);
            parts.filter_map(|part| part.split('"').next())
        })
}

/// The site as the release workflow makes it: every page is there, every link leads somewhere,
/// and so does the address of every finding.
#[test]
fn the_site_is_whole() {
    let site = tempfile::tempdir().expect("a folder");
    let output = python_tool("mdbook")
        .arg("build")
        .arg(repository("docs"))
        .arg("--dest-dir")
        .arg(site.path())
        .output()
        .expect("mdbook runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let workflow = fs::read_to_string(repository(".github/workflows/release.yml"));
    let workflow = workflow.expect("the workflow");
    let version = Command::new(environment().join("linters/bin/mdbook"))
        .arg("--version")
        .output()
        .expect("mdbook runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version.trim().trim_start_matches("mdbook v");
    assert!(workflow.contains(&format!("mdbook@{version}")), "{version}");

    let mut seen = 0;
    for entry in fs::read_dir(repository("docs")).expect("docs") {
        let path = entry.expect("a page").path();
        let Some(name) = path
            .file_stem()
            .filter(|_| path.extension() == Some(OsStr::new("md")))
        else {
            continue;
        };
        let name = match name.to_str().expect("a name") {
            "SUMMARY" => continue,
            "README" => "index",
            name => name,
        };
        let page = fs::read_to_string(site.path().join(format!("{name}.html"))).expect("a page");
        let main = page.split("<main>").nth(1).expect("its text");
        let main = main.split("</main>").next().expect("its end");
        for link in links(main).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => format!("{name}.html"),
                file => file.to_owned(),
            };
            let target = site.path().join(target);
            assert!(target.is_file(), "{name}: {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("a page");
                assert!(text.contains(&format!("id=\"{anchor}\"")), "{name}: {link}");
            }
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");

    let list = Preflight::new(["explain", "--list", "-o", "json"])
        .run()
        .code(0);
    let codes = list.json();
    let codes = codes.as_array().expect("codes");
    assert!(codes.len() > 60);
    for code in codes {
        let url = code["url"].as_str().expect("an address");
        let (page, anchor) = url.split_once('#').expect("a page and a heading");
        let page = page.rsplit('/').next().expect("a page");
        let text = fs::read_to_string(site.path().join(format!("{page}.html")));
        let heading = format!("id=\"{anchor}\"");
        assert!(text.expect("the page").contains(&heading), "{url}");
    }
}
