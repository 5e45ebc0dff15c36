//! Which rows a report has, and when it is decided.

use super::*;
use crate::cluster::api::resource::PREFLIGHT_OCP;
use crate::kmm::module::{ModuleLoader, ModuleSpec};
use crate::model::report::Origin;

fn row(namespace: &str, name: &str, status: &str, stage: &str) -> Row {
    Row {
        namespace: namespace.into(),
        name: name.into(),
        verification_status: status.into(),
        verification_stage: stage.into(),
        ..Row::default()
    }
}

fn preflight(rows: Vec<Row>) -> Preflight {
    Preflight {
        resource: PREFLIGHT_OCP,
        meta: Default::default(),
        spec: Default::default(),
        rows,
    }
}

fn module(namespace: &str, name: &str) -> Module {
    Module {
        namespace: namespace.into(),
        name: name.into(),
        labels: Default::default(),
        spec: ModuleSpec {
            module_loader: Some(ModuleLoader::default()),
            ..ModuleSpec::default()
        },
        written: Default::default(),
        origin: Origin::Cluster,
        kind: crate::kmm::early::ModuleKind::Module,
        owner: None,
    }
}

fn with_modules(modules: Vec<Module>) -> Evidence {
    Evidence {
        modules: Some(modules),
        ..Evidence::default()
    }
}

#[test]
fn a_module_that_kmm_has_yet_to_name_keeps_the_survey_open() {
    let one = preflight(vec![row("a", "m", "Success", "Done")]);
    let survey = of_evidence(&one, "", None, &Filter::default());
    assert!(survey.is_decided);
    let evidence = with_modules(vec![module("a", "m"), module("b", "m")]);
    let survey = of_evidence(&one, "", Some(&evidence), &Filter::default());
    assert!(!survey.is_decided);
    let before = with_modules(vec![module("0", "z"), module("a", "m")]);
    let rows = of_evidence(&one, "", Some(&before), &Filter::default());
    let names: Vec<_> = rows.report.modules.iter().map(|row| &row.name).collect();
    assert_eq!(names, ["z", "m"], "in the order of the others");
    assert_eq!(survey.report.verdict(), Some(Verdict::InProgress));
}

#[test]
fn an_empty_status_is_no_pass() {
    let none = preflight(Vec::new());
    let filter = Filter::default();
    let survey = of_evidence(&none, "", None, &filter);
    assert!(!survey.is_decided && survey.is_unstarted);
    let survey = of_evidence(&none, "", Some(&with_modules(Vec::new())), &filter);
    assert!(!survey.is_decided && !survey.is_unstarted);
    assert!(survey.report.notes[0].contains("no Module"));
    let evidence = with_modules(vec![module("a", "m")]);
    let survey = of_evidence(&none, "", Some(&evidence), &filter);
    assert_eq!(survey.report.verdict(), Some(Verdict::InProgress));
}

#[test]
fn bare_names_get_the_namespaces_of_the_modules_that_bear_them() {
    let bare = preflight(vec![
        row("", "m", "True", "Done"),
        row("", "n", "True", "Done"),
    ]);
    let evidence = with_modules(vec![module("a", "m"), module("a", "n"), module("b", "n")]);
    let survey = of_evidence(&bare, "", Some(&evidence), &Filter::default());
    let names: Vec<_> = survey
        .report
        .modules
        .iter()
        .map(|row| (row.namespace.as_str(), row.name.as_str()))
        .collect();
    assert_eq!(names, [("a", "m"), ("a", "n"), ("b", "n")]);
    let note = "this KMM release has only one result for the Modules named n in namespaces a, b";
    assert_eq!(survey.report.notes, [note]);
    let filter = Filter {
        namespace: Some("c".into()),
        ..Filter::default()
    };
    let survey = of_evidence(&bare, "", Some(&evidence), &filter);
    assert_eq!(survey.report.verdict(), None);
}

#[test]
fn filters_take_rows_by_namespace_and_module() {
    let filter = Filter {
        namespace: Some("a".into()),
        ..Filter::default()
    };
    assert!(filter.takes("a", "m") && filter.takes("", "m") && !filter.takes("b", "m"));
    let filter = Filter {
        modules: Some([("a".to_owned(), "m".to_owned())].into()),
        ..Filter::default()
    };
    assert!(filter.takes("a", "m") && filter.takes("", "m") && !filter.takes("b", "m"));
    let filter = Filter {
        gone: [("a".to_owned(), "m".to_owned())].into(),
        ..Filter::default()
    };
    assert!(!filter.takes("a", "m") && !filter.takes("", "m") && filter.takes("b", "m"));
}

#[test]
fn a_pass_in_its_middle_does_not_undo_the_last_one() {
    let mut last_rows = LastKnownRows::default();
    let mut first = preflight(vec![row("a", "m", "False", "Requeued")]);
    last_rows.apply(&mut first);
    let mut second = preflight(vec![row("a", "m", "False", "Image")]);
    last_rows.apply(&mut second);
    assert_eq!(second.rows[0].verification_stage, "Requeued");
    let mut third = preflight(vec![row("a", "m", "True", "Done")]);
    last_rows.apply(&mut third);
    assert_eq!(third.rows[0].verification_status, "True");
}
