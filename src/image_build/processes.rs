//! Every process that a run has started, and how all of them end.
//!
//! A check that is given up is simply dropped; what it had started stays listed here until
//! [`Processes::end_all`] ends all of it at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a builder may take to clean up after SIGTERM before SIGKILL.
const GRACE: Duration = Duration::from_millis(1000);
/// How often it is looked whether the processes are gone.
const POLL: Duration = Duration::from_millis(20);

/// The process groups that are running.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Leaders of process groups.
    leaders: BTreeMap<u32, ()>,
    /// The run is over: nothing may be started.
    ended: bool,
}

impl Processes {
    /// Lists a leader that `start` starts. `None` when the run is over; then nothing is
    /// started.
    ///
    /// # Errors
    /// Whatever `start` says.
    pub(crate) fn start<T, E>(
        &self,
        start: impl FnOnce() -> Result<(T, Option<u32>), E>,
    ) -> Result<Option<T>, E> {
        let mut state = self.state();
        if state.ended {
            return Ok(None);
        }
        let (started, leader) = start()?;
        if let Some(leader) = leader {
            state.leaders.insert(leader, ());
        }
        Ok(Some(started))
    }

    /// A leader ended by itself and was waited for. What it left behind in its group is
    /// ended.
    pub(crate) fn finished(&self, leader: u32) {
        self.state().leaders.remove(&leader);
        system::kill_group(leader);
    }

    /// Ends all that is running: SIGTERM to every group, SIGKILL to whatever is left of
    /// them after a moment, their descendants in other groups too. Blocks for less than two
    /// seconds. Nothing can be started afterwards.
    pub(crate) fn end_all(&self) {
        let leaders: Vec<u32> = {
            let mut state = self.state();
            state.ended = true;
            std::mem::take(&mut state.leaders).into_keys().collect()
        };
        if leaders.is_empty() {
            return;
        }
        let mut family = system::Family::of(&leaders);
        leaders.iter().for_each(|leader| system::terminate(*leader));
        let start = Instant::now();
        while start.elapsed() < GRACE && family.is_alive() {
            family.grow();
            std::thread::sleep(POLL);
        }
        leaders
            .iter()
            .for_each(|leader| system::kill_group(*leader));
        family.kill();
        while start.elapsed() < 2 * GRACE - 10 * POLL && family.is_alive() {
            std::thread::sleep(POLL);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends every process of this user that works in a folder, with all its descendants.
pub(super) fn end_working_in(folder: &Path) {
    let leaders = system::working_in(folder);
    if !leaders.is_empty() {
        system::Family::of(&leaders).kill();
    }
}

#[cfg(unix)]
mod system {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use crate::image_build::leftovers::names_folder;
    use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

    fn pid(number: u32) -> Option<Pid> {
        Pid::from_raw(i32::try_from(number).ok()?)
    }

    /// A group or process that is gone already is what was wanted.
    pub(super) fn terminate(leader: u32) {
        if let Some(leader) = pid(leader) {
            let _ = kill_process_group(leader, Signal::TERM);
        }
    }

    pub(super) fn kill_group(leader: u32) {
        if let Some(leader) = pid(leader) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// The processes whose environment names the folder; only those of this user can be read.
    pub(super) fn working_in(folder: &Path) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|number| {
                let environment = fs::read(format!("/proc/{number}/environ"));
                environment.is_ok_and(|environment| names_folder(&environment, folder))
            })
            .collect()
    }

    /// What `/proc/PID/stat` says of a process.
    struct Stat {
        parent: u32,
        zombie: bool,
        /// Clock ticks since boot: tells a process from a later one of the same number.
        start: u64,
    }

    fn stat(number: u32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let start = fields.nth(17)?.parse().ok()?;
        Some(Stat {
            parent,
            zombie,
            start,
        })
    }

    /// The leaders and all their descendants, by number, with the time of their start. Where
    /// there is no `/proc` (macOS), no more is known than whether a leader's group lives.
    pub(super) struct Family {
        members: BTreeMap<u32, u64>,
        groups: Vec<Pid>,
    }

    impl Family {
        pub(super) fn of(leaders: &[u32]) -> Self {
            let members = leaders
                .iter()
                .filter_map(|leader| Some((*leader, stat(*leader)?.start)));
            let mut family = Self {
                members: members.collect(),
                groups: leaders.iter().filter_map(|leader| pid(*leader)).collect(),
            };
            family.grow();
            family
        }

        /// Adds the children that members have now; a child that loses its parent later is
        /// not lost.
        pub(super) fn grow(&mut self) {
            let Ok(listing) = fs::read_dir("/proc") else {
                return;
            };
            let all: Vec<(u32, Stat)> = listing
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .filter_map(|number| Some((number, stat(number)?)))
                .collect();
            loop {
                let before = self.members.len();
                for (number, stat) in &all {
                    if self.members.contains_key(&stat.parent) {
                        self.members.entry(*number).or_insert(stat.start);
                    }
                }
                if self.members.len() == before {
                    return;
                }
            }
        }

        fn alive(&self) -> impl Iterator<Item = u32> {
            self.members.iter().filter_map(|(number, start)| {
                stat(*number)
                    .is_some_and(|stat| stat.start == *start && !stat.zombie)
                    .then_some(*number)
            })
        }

        pub(super) fn is_alive(&self) -> bool {
            match cfg!(target_os = "linux") {
                true => self.alive().next().is_some(),
                false => self
                    .groups
                    .iter()
                    .any(|group| test_kill_process_group(*group).is_ok()),
            }
        }

        pub(super) fn kill(&mut self) {
            self.grow();
            for member in self.alive().filter_map(pid) {
                let _ = kill_process(member, Signal::KILL);
            }
        }
    }
}

/// Elsewhere a builder ends when its handle is dropped (`kill_on_drop`).
#[cfg(not(unix))]
mod system {
    pub(super) fn terminate(_leader: u32) {}

    pub(super) fn working_in(_folder: &std::path::Path) -> Vec<u32> {
        Vec::new()
    }

    pub(super) fn kill_group(_leader: u32) {}

    pub(super) struct Family;

    impl Family {
        pub(super) fn of(_leaders: &[u32]) -> Self {
            Self
        }

        pub(super) fn grow(&mut self) {}

        pub(super) fn is_alive(&self) -> bool {
            false
        }

        pub(super) fn kill(&mut self) {}
    }
}
