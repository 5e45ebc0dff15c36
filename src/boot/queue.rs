//! Gathers the cases of a run by kernel, and boots guests for them: many cases in one guest,
//! and several guests side by side.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use kernel_loader::modprobe::command_line::parse;
use tokio::sync::{OnceCell, Semaphore};

use crate::boot::case::Making;
use crate::boot::console::Answer;
use crate::boot::driver::Guests;
use crate::boot::kernel::{BootKernel, folder};
use crate::boot::run::of_a_case;
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
    /// If QEMU and a bootable kernel are available
    Auto,
    /// Do not boot
    Off,
    /// A module that was not tested is an error
    Require,
}

/// A kernel, ready or with the reason why it does not boot.
type Ready = Result<Arc<BootKernel>, String>;

/// What the boots of a run share.
#[derive(Debug)]
pub struct Boots {
    mode: BootMode,
    check: Arc<ImageCheck>,
    scratch: Arc<Scratch>,
    guests: Arc<Guests>,
    numbers: AtomicUsize,
    kernels: Mutex<HashMap<Target, Arc<OnceCell<Ready>>>>,
    /// Files of one case at a time are in memory.
    making: Semaphore,
    notes: Mutex<Vec<String>>,
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
            guests: Guests::new(side_by_side, check.trust.secure_boot, Arc::clone(scratch)),
            numbers: AtomicUsize::new(0),
            kernels: Mutex::default(),
            making: Semaphore::new(1),
            notes: Mutex::default(),
        })
    }

    /// Ends every guest. None starts afterwards.
    pub fn end(&self) {
        self.guests.end();
    }

    /// What has to be told of the run as a whole, each once.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.clone()
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
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
                        "--boot auto: kernel {} was not booted: {why}",
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
            let _one_at_a_time = self.making.acquire().await;
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let made = making.case(number, folder(&self.scratch)?).await;
            made.map_err(|why| format!("image {}: {why}", image.reference))?
        };
        let Some(case) = case else {
            return Ok(None);
        };
        let answer = self.guests.ask(target, &kernel, case).await?;
        if answer.is_missing() {
            return Err(format!(
                "modprobe did not return within {} s, and no init function was running",
                of_a_case().as_secs()
            ));
        }
        Ok(Some(answer))
    }

    async fn kernel(&self, target: &Target) -> Ready {
        let cell = {
            let mut kernels = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
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
}

impl Drop for Boots {
    fn drop(&mut self) {
        self.end();
    }
}

fn unavailable(target: &Target, why: &str) -> Finding {
    Finding::new(
        Code::BootUnavailable,
        format!("kernel {} was not booted: {why}", target.kernel_version),
    )
    .hint("Install QEMU and pass --os-image or --kernel-dir, or use --boot auto.")
}
