//! Boots guests of one kernel for the cases that wait for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::boot::case::{Case, write_initrd};
use crate::boot::console::Answer;
use crate::boot::guest::{Accelerator, Machine, is_native};
use crate::boot::kernel::{BootKernel, folder};
use crate::boot::run::{self, Booted};
use crate::model::target::Target;
use crate::own_files::workspace::Scratch;

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

/// The guests of a run.
#[derive(Debug)]
pub(super) struct Guests {
    running: Semaphore,
    side_by_side: usize,
    kvm_is_broken: AtomicBool,
    secure_boot: bool,
    scratch: Arc<Scratch>,
    waiting: Mutex<HashMap<Target, Vec<Waiting>>>,
    drivers: Mutex<JoinSet<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guests {
    /// So many guests side by side at the most.
    pub(super) fn new(side_by_side: usize, secure_boot: bool, scratch: Arc<Scratch>) -> Arc<Self> {
        Arc::new(Self {
            running: Semaphore::new(side_by_side),
            side_by_side,
            kvm_is_broken: AtomicBool::new(false),
            secure_boot,
            scratch,
            waiting: Mutex::default(),
            drivers: Mutex::default(),
        })
    }

    /// Ends every guest. None starts afterwards.
    pub(super) fn end(&self) {
        self.running.close();
        lock(&self.drivers).abort_all();
    }

    /// A kernel's answer about a case, from a guest that may have others too.
    pub(super) async fn ask(
        self: &Arc<Self>,
        target: &Target,
        kernel: &Arc<BootKernel>,
        case: Case,
    ) -> Result<Answer, String> {
        let (reply, answer) = oneshot::channel();
        let is_first = {
            let mut all = lock(&self.waiting);
            let is_first = !all.contains_key(target);
            let waiting = all.entry(target.clone()).or_default();
            waiting.push(Waiting { case, reply });
            is_first
        };
        if is_first && !self.running.is_closed() {
            let (guests, kernel) = (Arc::clone(self), Arc::clone(kernel));
            let target = target.clone();
            lock(&self.drivers).spawn(async move { guests.drive(&target, &kernel).await });
        }
        let ended = |_| Err("the virtual machine was stopped".to_owned());
        answer.await.unwrap_or_else(ended)
    }

    /// Boots guests of one kernel until nobody waits for it.
    async fn drive(self: Arc<Self>, target: &Target, kernel: &Arc<BootKernel>) {
        let mut running = JoinSet::new();
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
            for batch in self.take(target) {
                let (guests, kernel) = (Arc::clone(&self), Arc::clone(kernel));
                let target = target.clone();
                running.spawn(async move { guests.answer(batch, &target, &kernel).await });
            }
            if running.join_next().await.is_none() && self.is_over(target) {
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
    async fn answer(&self, mut batch: Vec<Waiting>, target: &Target, kernel: &BootKernel) {
        let Ok(_permit) = self.running.acquire().await else {
            return;
        };
        let in_tree = batch
            .iter()
            .flat_map(|one| one.case.in_tree.iter().cloned());
        let (modules, absent) = match self.write_modules(&in_tree.collect(), kernel).await {
            Ok(written) => written,
            Err(why) => {
                reply_all(batch, &why);
                return;
            }
        };
        for (path, why) in absent {
            let lacks = |one: &mut Waiting| one.case.in_tree.contains(&path);
            reply_all(batch.extract_if(.., lacks), &why);
        }
        while !batch.is_empty() {
            let booted = self.boot(&batch, &modules, target, kernel).await;
            let mut answers = match booted {
                Ok(Booted::Answers(answers)) if !answers.is_empty() => answers,
                Ok(Booted::Answers(_)) => {
                    reply_all(batch, "the virtual machine exited before the first module");
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
        let _ = std::fs::remove_file(modules);
    }

    /// The archive of in-tree modules that guests share, and those that are not there.
    async fn write_modules(
        &self,
        in_tree: &BTreeSet<String>,
        kernel: &BootKernel,
    ) -> Result<(PathBuf, BTreeMap<String, String>), String> {
        let into = folder(&self.scratch)?.join("modules");
        let absent = kernel.write_modules(in_tree, into.clone()).await?;
        Ok((into, absent))
    }

    async fn boot(
        &self,
        batch: &[Waiting],
        modules: &Path,
        target: &Target,
        kernel: &BootKernel,
    ) -> Result<Booted, String> {
        let folder = folder(&self.scratch)?;
        let mut parts = vec![kernel.base.clone(), modules.to_owned()];
        parts.extend(batch.iter().map(|one| one.case.archive.clone()));
        let cases = batch.iter().map(|one| &one.case);
        let cases = cases.map(|case| (case.number, case.names.clone()));
        let cases: Vec<_> = cases.collect();
        let mark = mark()?;
        let initrd = folder.join("initrd");
        let (into, word) = (initrd.clone(), mark.clone());
        let size = tokio::task::spawn_blocking(move || write_initrd(&into, &parts, &cases, &word))
            .await
            .map_err(|fault| fault.to_string())?
            .map_err(|fault| format!("cannot write the boot files: {fault}"))?;
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

/// MiB of a guest: the kernel, and the archive beside what is unpacked of it, in blocks of POWER's
/// memory (`SPAPR_MEMORY_BLOCK_SIZE`), for which QEMU takes no other sizes there.
pub(super) fn memory(initrd: u64) -> u64 {
    (512 + 3 * (initrd >> 20)).next_multiple_of(256)
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
pub(super) fn mark() -> Result<String, String> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| "cannot read random numbers from the operating system".to_owned())?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("kmm-{digits}"))
}

fn reply_all(batch: impl IntoIterator<Item = Waiting>, why: &str) {
    for waiting in batch {
        let _ = waiting.reply.send(Err(why.to_owned()));
    }
}
