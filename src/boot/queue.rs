//! Gathers the cases of a run by kernel, and boots guests for them: many cases in one guest,
//! and several guests side by side.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use kernel_loader::modprobe::command_line::parse;
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::boot::case::{Case, Making, write_initrd};
use crate::boot::console::Answer;
use crate::boot::guest::{Accelerator, Machine, is_native};
use crate::boot::kernel::{BootKernel, folder};
use crate::boot::run::{self, Booted};
use crate::boot::verdict::{self, Circumstances};
use crate::check::image::ImageCheck;
use crate::findings::finding::{Code, Finding};
use crate::images::open::OpenImage;
use crate::judge::Trust;
use crate::kmm::planned::Work;
use crate::kmm::worker::command_line;
use crate::model::target::Target;
use crate::own_files::workspace::Scratch;

/// `--boot`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BootMode {
    /// Where QEMU and a kernel that boots are there
    Auto,
    /// Do not boot
    Off,
    /// A module that the kernel was not asked about is an error
    Require,
}

/// A guest starts when so long no other case has come for its kernel.
const SETTLED: Duration = Duration::from_secs(2);
/// The most cases of one guest, and the fewest for which a second one is started: a case is done
/// in a fraction of a second, a boot takes ten.
const MOST_CASES: usize = 256;
const FEWEST_CASES: usize = 32;
/// The most bytes of all its cases.
const MOST_BYTES: u64 = 384 << 20;

type Reply = oneshot::Sender<Result<Answer, String>>;

/// A case and who waits for its answer.
#[derive(Debug)]
struct Waiting {
    case: Case,
    reply: Reply,
}

/// A kernel, ready or with the reason why it does not boot.
type Ready = Result<Arc<BootKernel>, String>;

/// What the boots of a run share.
#[derive(Debug)]
pub struct Boots {
    mode: BootMode,
    check: Arc<ImageCheck>,
    scratch: Arc<Scratch>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guests: Semaphore,
    side_by_side: usize,
    numbers: AtomicUsize,
    kvm_is_broken: AtomicBool,
    secure_boot: bool,
    kernels: Mutex<HashMap<Target, Arc<OnceCell<Ready>>>>,
    waiting: Mutex<HashMap<Target, Vec<Waiting>>>,
    drivers: Mutex<JoinSet<()>>,
    /// Files of one case at a time are in memory.
    making: Semaphore,
    notes: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Boots {
    /// Boots with at most `jobs` guests side by side, one for a processor at the most; `None`
    /// where `--boot` is off.
    pub fn new(
        mode: BootMode,
        check: &Arc<ImageCheck>,
        scratch: &Arc<Scratch>,
        jobs: usize,
    ) -> Option<Self> {
        if mode == BootMode::Off {
            return None;
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let side_by_side = jobs.clamp(1, processors);
        Some(Self {
            mode,
            check: Arc::clone(check),
            scratch: Arc::clone(scratch),
            shared: Arc::new(Shared {
                guests: Semaphore::new(side_by_side),
                side_by_side,
                numbers: AtomicUsize::new(0),
                kvm_is_broken: AtomicBool::new(false),
                secure_boot: check.trust.secure_boot,
                kernels: Mutex::default(),
                waiting: Mutex::default(),
                drivers: Mutex::default(),
                making: Semaphore::new(1),
                notes: Mutex::default(),
            }),
        })
    }

    /// Ends every guest. None starts afterwards.
    pub fn end(&self) {
        self.shared.guests.close();
        let mut drivers = std::mem::take(&mut *lock(&self.shared.drivers));
        drivers.abort_all();
    }

    /// What has to be told of the run as a whole, each once.
    pub fn notes(&self) -> Vec<String> {
        lock(&self.shared.notes).clone()
    }

    fn note(&self, note: String) {
        let mut notes = lock(&self.shared.notes);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Lets the target's kernel answer about an image: the findings of the look at it, with what
    /// the kernel says.
    pub async fn ask(
        &self,
        image: &OpenImage,
        work: &Work,
        target: &Target,
        trust: &Trust,
        predicted: Vec<Finding>,
    ) -> Vec<Finding> {
        let answer = match self.answer(image, work, target).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return predicted,
            Err(why) => {
                let mut findings = predicted;
                match self.mode {
                    BootMode::Require => findings.push(unavailable(target, &why)),
                    BootMode::Auto | BootMode::Off => self.note(format!(
                        "--boot auto: kernel {} was not asked: {why}",
                        target.kernel_version
                    )),
                }
                return findings;
            }
        };
        let words = command_line::of_module(&work.modprobe, self.check.release);
        let names = parse(&words).map(|line| line.names).unwrap_or_default();
        let circumstances = Circumstances {
            kernel: &target.kernel_version,
            names: &names,
            secure_boot: trust.secure_boot,
            has_named_keys: !trust.certificates.is_empty(),
        };
        verdict::decide(predicted, &answer, &circumstances)
    }

    async fn answer(
        &self,
        image: &OpenImage,
        work: &Work,
        target: &Target,
    ) -> Result<Option<Answer>, String> {
        let kernel = self.kernel(target).await?;
        let making = Making {
            check: &self.check,
            image,
            work,
            target,
            lacks: &kernel.lacks,
        };
        let case = {
            let _one_at_a_time = self.shared.making.acquire().await;
            let number = self.shared.numbers.fetch_add(1, Ordering::Relaxed);
            making.case(number, folder(&self.scratch)?).await?
        };
        let Some(case) = case else {
            return Ok(None);
        };
        let (reply, answer) = oneshot::channel();
        self.queue(target, kernel, Waiting { case, reply });
        match answer.await {
            Ok(answer) => answer.map(Some),
            Err(_) => Err("the guest was ended".to_owned()),
        }
    }

    async fn kernel(&self, target: &Target) -> Ready {
        let cell = {
            let mut kernels = lock(&self.shared.kernels);
            Arc::clone(kernels.entry(target.clone()).or_default())
        };
        let (store, images) = (&self.check.facts, &self.check.images);
        let prepare = async || {
            let prepared = BootKernel::prepare(store, images, target, &self.scratch).await;
            let (kernel, remark) = prepared?;
            if let Some(remark) = remark {
                self.note(remark);
            }
            Ok(Arc::new(kernel))
        };
        cell.get_or_init(prepare).await.clone()
    }

    /// Adds a case; the first one of a kernel starts its driver.
    fn queue(&self, target: &Target, kernel: Arc<BootKernel>, waiting: Waiting) {
        let is_first = {
            let mut all = lock(&self.shared.waiting);
            let is_first = !all.contains_key(target);
            all.entry(target.clone()).or_default().push(waiting);
            is_first
        };
        if is_first && !self.shared.guests.is_closed() {
            let (shared, scratch) = (Arc::clone(&self.shared), Arc::clone(&self.scratch));
            let target = target.clone();
            let driver = async move { shared.drive(&target, &kernel, &scratch).await };
            lock(&self.shared.drivers).spawn(driver);
        }
    }
}

impl Drop for Boots {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Boots guests of one kernel until nobody waits for it.
    async fn drive(
        self: Arc<Self>,
        target: &Target,
        kernel: &Arc<BootKernel>,
        scratch: &Arc<Scratch>,
    ) {
        let mut guests = JoinSet::new();
        loop {
            let mut seen = 0;
            loop {
                let now = lock(&self.waiting).get(target).map_or(0, Vec::len);
                if now == seen {
                    break;
                }
                seen = now;
                tokio::time::sleep(SETTLED).await;
            }
            let batches = self.take(target);
            for batch in batches {
                let (shared, kernel) = (Arc::clone(&self), Arc::clone(kernel));
                let (target, scratch) = (target.clone(), Arc::clone(scratch));
                guests.spawn(async move { shared.answer(batch, &target, &kernel, &scratch).await });
            }
            if guests.join_next().await.is_none() && self.is_over(target) {
                return;
            }
        }
    }

    /// True where nobody waits, after which the next case starts a new driver.
    fn is_over(&self, target: &Target) -> bool {
        let mut all = lock(&self.waiting);
        let is_over = all.get(target).is_none_or(Vec::is_empty);
        if is_over {
            all.remove(target);
        }
        is_over
    }

    /// Everything that waits, divided among guests.
    fn take(&self, target: &Target) -> Vec<Vec<Waiting>> {
        let waiting = lock(&self.waiting).get_mut(target).map(std::mem::take);
        let mut waiting = waiting.unwrap_or_default();
        waiting.retain(|waiting| !waiting.reply.is_closed());
        waiting.sort_by_key(|waiting| waiting.case.number);
        let of_each = waiting
            .len()
            .div_ceil(self.side_by_side)
            .clamp(FEWEST_CASES, MOST_CASES);
        let mut batches: Vec<Vec<Waiting>> = Vec::new();
        let mut bytes = 0;
        for one in waiting {
            bytes += one.case.size;
            match batches.last_mut() {
                Some(batch) if batch.len() < of_each && bytes <= MOST_BYTES => batch.push(one),
                _ => {
                    bytes = one.case.size;
                    batches.push(vec![one]);
                }
            }
        }
        batches
    }

    /// Boots guests until every case of a batch has its answer: a crash ends the guest, and
    /// what is left goes into the next one.
    async fn answer(
        &self,
        mut batch: Vec<Waiting>,
        target: &Target,
        kernel: &BootKernel,
        scratch: &Scratch,
    ) {
        let Ok(_permit) = self.guests.acquire().await else {
            return;
        };
        while !batch.is_empty() {
            let booted = self.boot(&batch, target, kernel, scratch).await;
            let mut answers = match booted {
                Ok(Booted::Answers(answers)) if !answers.is_empty() => answers,
                Ok(Booted::Answers(_)) => {
                    reply_all(batch, "the guest ended before its first case");
                    return;
                }
                Ok(Booted::NotReady(why)) | Err(why) => {
                    reply_all(batch, &why);
                    return;
                }
                Ok(Booted::NoKvm) => {
                    self.kvm_is_broken.store(true, Ordering::Relaxed);
                    continue;
                }
            };
            let mut left = Vec::new();
            for waiting in batch {
                match answers.remove(&waiting.case.number) {
                    Some(answer) => drop(waiting.reply.send(Ok(answer))),
                    None => left.push(waiting),
                }
            }
            batch = left;
        }
    }

    async fn boot(
        &self,
        batch: &[Waiting],
        target: &Target,
        kernel: &BootKernel,
        scratch: &Scratch,
    ) -> Result<Booted, String> {
        let folder = folder(scratch)?;
        let in_tree = batch
            .iter()
            .flat_map(|one| one.case.in_tree.iter().cloned());
        let modules = folder.join("modules");
        kernel
            .write_modules(&in_tree.collect(), modules.clone())
            .await?;
        let mut parts = vec![kernel.base.clone(), modules];
        parts.extend(batch.iter().map(|one| one.case.archive.clone()));
        let numbers: Vec<usize> = batch.iter().map(|one| one.case.number).collect();
        let mark = mark()?;
        let initrd = folder.join("initrd");
        let (into, word) = (initrd.clone(), mark.clone());
        let size =
            tokio::task::spawn_blocking(move || write_initrd(&into, &parts, &numbers, &word))
                .await
                .map_err(|fault| fault.to_string())?
                .map_err(|fault| format!("the guest's files cannot be written: {fault}"))?;
        let accelerator = match has_kvm(target) && !self.kvm_is_broken.load(Ordering::Relaxed) {
            true => Accelerator::Kvm,
            false => Accelerator::Tcg,
        };
        let machine = Machine {
            arch: target.arch,
            accelerator,
            kernel: &kernel.image,
            initrd: &initrd,
            memory: memory(size),
            secure_boot: self.secure_boot,
        };
        let booted = run::boot(&kernel.qemu, &machine, &mark).await;
        let _ = std::fs::remove_dir_all(&folder);
        booted
    }
}

/// MiB of a guest: the kernel, and the archive beside what is unpacked of it.
fn memory(initrd: u64) -> u64 {
    512 + 3 * (initrd >> 20)
}

/// True where the kernel of this machine lends its processor to this user.
fn has_kvm(target: &Target) -> bool {
    let open = || {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).open("/dev/kvm").is_ok()
    };
    cfg!(target_os = "linux") && is_native(target.arch) && open()
}

/// The word that begins the lines of a guest's first program, which nothing else writes by
/// chance.
fn mark() -> Result<String, String> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| "this machine has no random numbers".to_owned())?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("kmm-{digits}"))
}

fn reply_all(batch: Vec<Waiting>, why: &str) {
    for waiting in batch {
        let _ = waiting.reply.send(Err(why.to_owned()));
    }
}

fn unavailable(target: &Target, why: &str) -> Finding {
    Finding::new(
        Code::BootUnavailable,
        format!("kernel {} was not asked: {why}", target.kernel_version),
    )
    .hint("install QEMU and name a source with the kernel image, or run with --boot auto")
}
