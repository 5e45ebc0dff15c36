//! Runs whose checks are good, bad, slow or broken.

use super::*;
use crate::check::example::plan;

fn limits() -> RunLimits {
    RunLimits {
        jobs: 2,
        timeout: None,
        fail_fast: false,
        interrupt: CancellationToken::new(),
    }
}

async fn by_name(plan: Plan, _: Slot) -> Outcome {
    let findings = match plan.name.as_str() {
        "bad" => vec![Finding::new(Code::ModuleNotFound, "no such module")],
        "slow" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Vec::new()
        }
        "broken" => panic!("a fault"),
        _ => Vec::new(),
    };
    Outcome {
        stage: Stage::Image,
        digest: None,
        findings,
    }
}

fn verdicts(rows: &[ModuleReport]) -> Vec<(String, Verdict)> {
    rows.iter()
        .map(|row| (row.name.clone(), row.verdict))
        .collect()
}

#[tokio::test]
async fn rows_keep_the_order_of_the_plans_and_a_panic_stays_with_its_module() {
    let plans = ["good", "broken", "bad"].map(plan).to_vec();
    let mut heard = 0;
    let rows = run_all(plans, &limits(), by_name, |_| heard += 1).await;
    assert_eq!(
        verdicts(&rows),
        [
            ("good".into(), Verdict::Verified),
            ("broken".into(), Verdict::Error),
            ("bad".into(), Verdict::Failed),
        ]
    );
    assert_eq!(heard, 3);
    assert_eq!(rows[0].verification_stage, "Done");
    assert_eq!(rows[2].verification_stage, "Image");
}

#[tokio::test]
async fn a_matrix_goes_from_target_to_target_and_back_through_the_modules() {
    let on = |name: &str, kernel: &str| {
        let mut plan = plan(name);
        plan.target.kernel_version = kernel.to_owned();
        plan
    };
    let plans = vec![
        on("a", "6.12"),
        on("a", "6.1"),
        on("a", "5.14"),
        on("b", "6.12"),
        on("b", "6.1"),
        on("b", "5.14"),
    ];
    let checked = Arc::new(Mutex::new(Vec::new()));
    let check = |plan: Plan, slot: Slot| {
        let name = format!("{} {}", plan.name, plan.target.kernel_version);
        let checked = Arc::clone(&checked);
        async move {
            checked.lock().expect("no panic").push(name);
            by_name(plan, slot).await
        }
    };
    let limits = RunLimits {
        jobs: 1,
        ..limits()
    };
    let rows = run_all(plans, &limits, check, |_| ()).await;
    let rows = rows
        .iter()
        .map(|row| format!("{} {}", row.name, row.kernel_version));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        ["a 6.12", "a 6.1", "a 5.14", "b 6.12", "b 6.1", "b 5.14"]
    );
    assert_eq!(
        *checked.lock().expect("no panic"),
        ["a 6.12", "b 6.12", "b 6.1", "a 6.1", "a 5.14", "b 5.14"]
    );
}

#[tokio::test]
async fn a_timeout_leaves_what_is_known() {
    let plans = ["good", "slow"].map(plan).to_vec();
    let limits = RunLimits {
        timeout: Some(Duration::from_millis(50)),
        ..limits()
    };
    let rows = run_all(plans, &limits, by_name, |_| ()).await;
    assert_eq!(rows[0].verdict, Verdict::Verified);
    assert_eq!(rows[1].verdict, Verdict::Unknown);
    assert_eq!(rows[1].findings[0].code, Code::NotDecided);
}

#[tokio::test]
async fn an_interruption_ends_the_run_at_once() {
    let limits = limits();
    limits.interrupt.cancel();
    let rows = run_all(vec![plan("slow")], &limits, by_name, |_| ()).await;
    assert!(rows[0].status_reason.starts_with("interrupted"));
}

#[tokio::test]
async fn fail_fast_ends_with_the_first_failure() {
    let limits = RunLimits {
        fail_fast: true,
        ..limits()
    };
    let rows = run_all(vec![plan("slow"), plan("bad")], &limits, by_name, |_| ()).await;
    assert_eq!(rows[1].verdict, Verdict::Failed);
    assert!(rows[0].status_reason.contains("--fail-fast"));
}

#[tokio::test]
async fn a_slow_module_delays_no_other() {
    let plans = ["slow", "good", "bad"].map(plan).to_vec();
    let limits = RunLimits {
        timeout: Some(Duration::from_millis(50)),
        ..limits()
    };
    let rows = run_all(plans, &limits, by_name, |_| ()).await;
    assert_eq!(rows[1].verdict, Verdict::Verified);
    assert_eq!(rows[2].verdict, Verdict::Failed);
}

#[tokio::test]
async fn a_check_that_gives_its_place_back_lets_the_next_one_begin() {
    for (gives_back, next) in [(true, Verdict::Verified), (false, Verdict::Unknown)] {
        let limits = RunLimits {
            jobs: 1,
            timeout: Some(Duration::from_millis(50)),
            ..limits()
        };
        let check = |plan: Plan, slot: Slot| async move {
            if gives_back {
                slot.give_back();
            }
            by_name(plan, slot).await
        };
        let rows = run_all(vec![plan("slow"), plan("good")], &limits, check, |_| ()).await;
        assert_eq!(rows[1].verdict, next);
    }
}

#[tokio::test]
async fn a_plan_without_work_is_decided_by_its_findings() {
    let mut decided = plan("undecidable");
    decided.work = None;
    decided.findings = vec![Finding::new(Code::MappingNotFound, "no mapping")];
    let rows = run_all(vec![decided], &limits(), by_name, |_| ()).await;
    assert_eq!(rows[0].verdict, Verdict::Failed);
    assert_eq!(rows[0].status_reason, "no mapping");
}
