//! The guest's console: lines of its first program among those of the kernel.

use std::collections::{BTreeMap, VecDeque};

/// The most lines of one kind that are kept of a case; of more the middle is left out.
const MOST_LINES: usize = 64;
/// The most bytes of one line.
pub(crate) const LONGEST_LINE: usize = 1024;
/// The last lines of the guest that are kept.
const TAIL: usize = 16;

/// How the call of `modprobe` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit code.
    Exit(i32),
    /// The kernel crashed.
    Crashed,
    /// It did not end in time.
    Hung,
    /// It wrote more to the log than is read.
    Flooded,
}

/// An init function that the kernel called (`do_one_initcall`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitCall {
    /// The module.
    pub(crate) module: String,
    /// What it returned; `None` where it did not come back.
    pub(crate) returned: Option<i32>,
}

/// What the kernel answered for one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How it ended.
    pub(crate) ended: Ended,
    /// Lines of `modprobe`.
    pub(crate) modprobe: Vec<String>,
    /// Lines of the kernel.
    pub(crate) kernel: Vec<String>,
    /// The init functions that were called, in order.
    pub(crate) calls: Vec<InitCall>,
}

impl Answer {
    /// True where `modprobe` did not come back, and no init function is to blame: a machine may
    /// have been too slow, which is no word of the kernel.
    pub(crate) fn is_missing(&self) -> bool {
        let is_in_init = self
            .calls
            .last()
            .is_some_and(|call| call.returned.is_none());
        self.ended == Ended::Hung && !is_in_init
    }
}

/// A bounded list: its first and last lines.
#[derive(Debug, Default)]
struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
}

impl Lines {
    fn push(&mut self, line: &str) {
        if self.first.len() < MOST_LINES / 2 {
            self.first.push(line.to_owned());
            return;
        }
        if self.last.len() == MOST_LINES / 2 {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn into_lines(self) -> Vec<String> {
        self.first.into_iter().chain(self.last).collect()
    }
}

/// The case that is running.
#[derive(Debug)]
struct Running {
    case: usize,
    modprobe: Lines,
    kernel: Lines,
    calls: Vec<InitCall>,
    exit: Option<i32>,
}

impl Running {
    fn into_answer(self, ended: Ended) -> Answer {
        let mut modprobe = self.modprobe.into_lines();
        // What the shell says of modprobe's end is not modprobe's.
        if self.exit.is_some() {
            modprobe.pop();
        }
        Answer {
            ended,
            modprobe,
            kernel: self.kernel.into_lines(),
            calls: self.calls,
        }
    }
}

/// What was read of a guest's console.
#[derive(Debug)]
pub(crate) struct Console {
    mark: String,
    is_ready: bool,
    is_done: bool,
    running: Option<Running>,
    answers: BTreeMap<usize, Answer>,
    tail: VecDeque<String>,
}

impl Console {
    /// A console whose first program begins its lines with `mark`.
    pub(crate) fn new(mark: &str) -> Self {
        Self {
            mark: mark.to_owned(),
            is_ready: false,
            is_done: false,
            running: None,
            answers: BTreeMap::new(),
            tail: VecDeque::new(),
        }
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, raw: &[u8]) {
        let raw = &raw[..raw.len().min(LONGEST_LINE)];
        let text = String::from_utf8_lossy(raw);
        // Firmware may have left the cursor behind words of its own.
        let said = text.trim_end().split_once(self.mark.as_str());
        match said.and_then(|(_, rest)| rest.strip_prefix(' ')) {
            Some(line) => self.of_init(line),
            None => match without_time(text.trim_end()) {
                "" => {}
                line => self.of_kernel(line),
            },
        }
    }

    fn of_init(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ready" => self.is_ready = true,
            "done" => self.is_done = true,
            "begin" => {
                self.running = rest.parse().ok().map(|case| Running {
                    case,
                    modprobe: Lines::default(),
                    kernel: Lines::default(),
                    calls: Vec::new(),
                    exit: None,
                });
            }
            "said" => {
                if let Some(running) = &mut self.running {
                    running.modprobe.push(rest);
                    running.exit = rest
                        .strip_prefix("exit ")
                        .and_then(|code| code.parse().ok());
                }
            }
            "end" => {
                if let Some(running) = self.running.take()
                    && let Some(exit) = running.exit
                {
                    let case = running.case;
                    self.answers
                        .insert(case, running.into_answer(Ended::Exit(exit)));
                }
            }
            _ => {}
        }
    }

    fn of_kernel(&mut self, line: &str) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(module) = line
            .strip_prefix("calling  ")
            .and_then(|rest| module_in(rest))
        {
            running.calls.push(InitCall {
                module: module.to_owned(),
                returned: None,
            });
        } else if let Some((module, returned)) = line.strip_prefix("initcall ").and_then(returned) {
            let call = running.calls.iter_mut().rev();
            if let Some(call) = call.into_iter().find(|call| call.module == module) {
                call.returned = Some(returned);
            }
        } else {
            running.kernel.push(line);
        }
        // A module may call init functions without end.
        let surplus = running.calls.len().saturating_sub(1024);
        running.calls.drain(..surplus);
    }

    /// True once the first program runs.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// True once it has nothing left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The case that is running.
    pub(crate) fn running(&self) -> Option<usize> {
        self.running.as_ref().map(|running| running.case)
    }

    /// How many cases were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answers.len()
    }

    /// The last lines of the kernel.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// The answers; a case that is still running ended as `ended` says.
    pub(crate) fn into_answers(mut self, ended: Option<Ended>) -> BTreeMap<usize, Answer> {
        if let (Some(running), Some(ended)) = (self.running.take(), ended) {
            let case = running.case;
            self.answers.insert(case, running.into_answer(ended));
        }
        self.answers
    }
}

/// A line of the kernel without its time and caller (`print_prefix`).
fn without_time(line: &str) -> &str {
    let mut line = line;
    for _ in 0..2 {
        let prefix = line.strip_prefix('[').and_then(|rest| {
            let (prefix, rest) = rest.split_once(']')?;
            let is_prefix = prefix
                .trim()
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'T' | 'C'));
            is_prefix.then_some(rest)
        });
        match prefix {
            Some(rest) => line = rest,
            None => break,
        }
    }
    line.strip_prefix(' ').unwrap_or(line)
}

/// The module in `foo_init+0x0/0x1000 [foo] @ 99`.
fn module_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(module, _)| module)
}

/// The module and the number in `foo_init+0x0/0x1000 [foo] returned -19 after 3 usecs`.
fn returned(text: &str) -> Option<(&str, i32)> {
    let module = module_in(text)?;
    let (_, rest) = text.split_once(" returned ")?;
    let number = rest.split(' ').next()?.parse().ok()?;
    Some((module, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str, ended: Option<Ended>) -> BTreeMap<usize, Answer> {
        let mut console = Console::new("M1");
        for line in lines.lines() {
            console.line(line.as_bytes());
        }
        console.into_answers(ended)
    }

    #[test]
    fn each_case_has_its_own_lines() {
        let answers = read(
            "[    1.000000] booting\n\
             [    2.000000] M1 ready\n\
             [    2.100000] M1 begin 4\n\
             [    2.200000][   T99] good: loading out-of-tree module taints kernel.\n\
             [    2.210000] calling  good_init+0x0/0x1000 [good] @ 99\n\
             [    2.220000] initcall good_init+0x0/0x1000 [good] returned 0 after 3 usecs\n\
             [    2.300000] M1 said insmod /tmp/opt/lib/modules/K/good.ko\n\
             [    2.400000] M1 said exit 0\n\
             [    2.500000] M1 end 4\n\
             [    2.600000] M1 begin 7\n\
             [    2.700000] bad: Unknown symbol nothing (err -2)\n\
             [    2.800000] M1 said exit 7\n\
             [    2.800000] M1 said modprobe: ERROR: could not insert 'bad': Unknown symbol\n\
             [    2.900000] M1 said exit 1\n\
             [    2.910000] M1 end 7\n\
             [    2.920000] M1 begin 9\n\
             [    2.930000] calling  slow_init+0x0/0x1000 [slow] @ 99\n",
            Some(Ended::Hung),
        );
        assert_eq!(answers.len(), 3);
        let good = &answers[&4];
        assert_eq!(good.ended, Ended::Exit(0));
        assert_eq!(good.modprobe, ["insmod /tmp/opt/lib/modules/K/good.ko"]);
        assert_eq!(
            good.kernel,
            ["good: loading out-of-tree module taints kernel."]
        );
        assert_eq!(good.calls[0].returned, Some(0));
        let bad = &answers[&7];
        assert_eq!(bad.ended, Ended::Exit(1), "the last word counts");
        assert_eq!(bad.kernel, ["bad: Unknown symbol nothing (err -2)"]);
        let slow = &answers[&9];
        assert_eq!((slow.ended, slow.calls.len()), (Ended::Hung, 1));
        assert_eq!(slow.calls[0].returned, None);
    }

    #[test]
    fn words_of_firmware_before_the_first_line_are_no_part_of_it() {
        let answers = read(
            "#1 SMP Debian 6.[    1.5] M1 ready\nand more [ 1.6] M1 begin 0\n[ 1.7] M1 said exit 0\n\
             [ 1.8] M1 end 0\n",
            None,
        );
        assert_eq!(answers[&0].ended, Ended::Exit(0));
    }

    #[test]
    fn only_an_init_function_that_does_not_come_back_is_the_modules_fault() {
        let loading = "M1 begin 0\n[ 2.0] calling  a_init+0x0/0x10 [a] @ 99\n";
        let late = |lines: &str| read(lines, Some(Ended::Hung))[&0].is_missing();
        assert!(!late(loading));
        assert!(late("M1 begin 0\n"));
        let returned = "[ 2.1] initcall a_init+0x0/0x10 [a] returned 0 after 1 usecs\n";
        assert!(late(&format!("{loading}{returned}")));
    }

    #[test]
    fn a_log_without_end_is_kept_in_part() {
        let mut console = Console::new("M1");
        console.line(b"M1 begin 0");
        for number in 0..10_000 {
            console.line(format!("[    3.0] line {number} {}", "x".repeat(5000)).as_bytes());
        }
        assert_eq!(console.tail().len(), TAIL);
        let answers = console.into_answers(Some(Ended::Flooded));
        let kernel = &answers[&0].kernel;
        assert_eq!(kernel.len(), MOST_LINES);
        assert!(kernel[0].starts_with("line 0 ") && kernel[63].starts_with("line 9999 "));
        assert!(kernel.iter().all(|line| line.len() <= LONGEST_LINE));
    }

    #[test]
    fn another_word_at_the_start_is_the_kernels() {
        let answers = read(
            "M1 begin 0\nM2 said exit 0\nM1x end 0\n[ 1.0] M1 said exit 1\nM1 end 0\n",
            None,
        );
        assert_eq!(answers[&0].ended, Ended::Exit(1));
        assert_eq!(answers[&0].kernel, ["M2 said exit 0", "M1x end 0"]);
    }
}
