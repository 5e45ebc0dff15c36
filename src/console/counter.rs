//! A counter on stderr, for where nothing can be drawn over and over in place.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::console::say;
use crate::model::verdict::Verdict;

/// How often a line is written.
const INTERVAL: Duration = Duration::from_secs(5);

/// How far a run is: the number of checks, their verdicts, and what runs now.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) total: usize,
    pub(super) counts: BTreeMap<Verdict, usize>,
    /// What runs now: since when, and its step.
    pub(super) running: BTreeMap<String, (Instant, String)>,
    has_ended: bool,
}

impl State {
    /// `12/60 checked: 10 verified, 2 failed; drivers/a: reading layers (4s) and 7 more`
    pub(super) fn line(&self) -> String {
        let decided: usize = self.counts.values().sum();
        let mut line = format!("{decided}/{} checked", self.total);
        let parts = [self.verdicts(), self.now()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            line.push_str(&format!(": {}", parts.join("; ")));
        }
        line
    }

    /// The counts by verdict.
    pub(super) fn verdicts(&self) -> String {
        let counts = Verdict::ALL
            .into_iter()
            .filter_map(|verdict| Some(format!("{} {verdict}", self.counts.get(&verdict)?)));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// What has run for longest.
    pub(super) fn now(&self) -> String {
        let Some((name, (since, step))) = self.running.iter().min_by_key(|(_, one)| one.0) else {
            return String::new();
        };
        let mut now = format!("{name}: {step} ({}s)", since.elapsed().as_secs());
        if self.running.len() > 1 {
            now.push_str(&format!(" and {} more", self.running.len() - 1));
        }
        now
    }
}

/// The state of a run, which a thread writes down now and then.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

impl Counter {
    /// Writes a line every few seconds, until the run has ended.
    pub(super) fn write(&self) {
        let Self(shared) = self.clone();
        std::thread::spawn(move || {
            let mut state = lock(&shared.state);
            loop {
                let waited = shared.ended.wait_timeout(state, INTERVAL);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if state.has_ended {
                    return;
                }
                say(&state.line());
            }
        });
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// The run has ended: the last line.
    pub(super) fn end(&self) -> String {
        let mut state = self.state();
        state.has_ended = true;
        state.running.clear();
        let line = state.line();
        drop(state);
        self.0.ended.notify_all();
        line
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
