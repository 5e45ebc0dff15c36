use super::*;

/// A busy command gives no result in time; whoever reads its output gets a document anyway.
#[test]
fn a_command_that_hears_no_interruption_ends_with_what_was_prepared_for_it() {
    let (sender, answer) = mpsc::channel();
    let escape = Escape {
        interrupt: CancellationToken::new(),
        hold: Arc::default(),
        answer: sender,
    };
    let document = Done {
        stdout: "{}".to_owned(),
        exit_code: 130,
        ..Done::default()
    };
    escape.watch(std::future::ready(()), Duration::ZERO, Ok(document.clone()));
    let ending = answer.recv().expect("an answer").expect("no panic");
    assert_eq!(ending.expect("a document"), document);
    assert!(escape.interrupt.is_cancelled());
}
