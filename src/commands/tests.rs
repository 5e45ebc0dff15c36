use super::*;

/// A busy command gives no result in time; whoever reads its output gets a document anyway.
#[test]
fn a_command_that_hears_no_interruption_ends_with_what_was_prepared_for_it() {
    let (sender, answer) = mpsc::channel();
    let escape = Escape::watching(std::future::ready(()), sender);
    let document = Done {
        stdout: "{}".to_owned(),
        exit_code: 130,
        ..Done::default()
    };
    let prepared = (Duration::ZERO, Ok(document.clone()));
    escape.last_result.send(prepared).expect("it is read");
    let ending = answer.recv().expect("an answer").expect("no panic");
    assert_eq!(ending.expect("a document"), document);
    assert!(escape.interrupt.is_cancelled());
}

/// Such as `completion`, which waits for nothing.
#[test]
fn a_command_that_prepares_nothing_ends_at_once() {
    let (sender, answer) = mpsc::channel();
    let _escape = Escape::watching(std::future::ready(()), sender);
    let ending = answer.recv().expect("an answer").expect("no panic");
    assert!(matches!(ending, Err(Error::Interrupted)));
}

#[test]
fn a_command_starts_when_the_handlers_are_there() {
    let are_there = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&are_there);
    let signals = async move {
        thread::sleep(Duration::from_millis(50));
        shared.store(true, Ordering::Relaxed);
        std::future::pending().await
    };
    let _escape = Escape::watching(signals, mpsc::channel().0);
    assert!(are_there.load(Ordering::Relaxed));
}
