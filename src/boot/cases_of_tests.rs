//! The guest of `--boot` for cases whose files the tests of this repository make themselves: the
//! judges of the test suite.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kernel_loader::arch::Arch;

use crate::boot::case::write_initrd;
use crate::boot::console::{Answer, Ended};
use crate::boot::driver::{mark, memory};
use crate::boot::guest::{Accelerator, Machine};
use crate::boot::kernel::{find_qemu, write};
use crate::boot::kernel_image::bootable;
use crate::boot::programs::GuestFile;
use crate::boot::run::{self, Booted};

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseAnswer {
    /// The exit code of its script; `None` where the guest ended.
    pub exit: Option<i32>,
    /// What the script and the kernel wrote.
    pub lines: Vec<String>,
}

impl From<Answer> for CaseAnswer {
    fn from(answer: Answer) -> Self {
        let exit = match answer.ended {
            Ended::Exit(code) => Some(code),
            Ended::Crashed | Ended::Hung | Ended::Flooded => None,
        };
        let lines = answer.modprobe.into_iter().chain(answer.kernel);
        Self {
            exit,
            lines: lines.collect(),
        }
    }
}

/// A guest of a kernel.
#[derive(Debug)]
pub struct Guest<'a> {
    /// Its architecture.
    pub arch: Arch,
    /// The kernel's file.
    pub kernel: &'a Path,
    /// Its programs: `sh`, `mount` and `modprobe`, which is `rmmod` as well.
    pub programs: [(&'a str, PathBuf); 3],
    /// A folder for what it is made of.
    pub folder: &'a Path,
}

impl Guest<'_> {
    /// Boots once, with an archive that has `kmm/cases/N` for each of these cases: a script `run`,
    /// a file `softdep.conf` and a folder `tmp`. Cases without an answer were not reached.
    ///
    /// # Errors
    /// The guest did not come to its first program.
    pub fn answers(
        &self,
        files: &Path,
        cases: &[usize],
    ) -> Result<BTreeMap<usize, CaseAnswer>, String> {
        let fault = |fault: std::io::Error| fault.to_string();
        let image = fs::read(self.kernel).map_err(fault)?;
        let image = bootable(&image, self.arch)?;
        let programs = self.programs.iter().map(|(name, file)| {
            Ok(GuestFile {
                path: format!("kmm/{name}"),
                bytes: fs::read(file)?,
            })
        });
        let programs: Result<Vec<GuestFile>, _> = programs.collect();
        let (kernel, base) =
            write(self.folder, &image, &programs.map_err(fault)?).map_err(fault)?;
        let (initrd, mark) = (self.folder.join("initrd"), mark()?);
        let parts = [base, files.to_owned()];
        let cases: Vec<_> = cases.iter().map(|case| (*case, String::new())).collect();
        let size = write_initrd(&initrd, &parts, &cases, &mark).map_err(fault)?;
        let machine = Machine {
            arch: self.arch,
            accelerator: Accelerator::Tcg,
            kernel: &kernel,
            initrd: &initrd,
            memory: memory(size),
            secure_boot: false,
        };
        let qemu = find_qemu(self.arch)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(fault)?;
        match runtime.block_on(run::boot(&qemu, &machine, &mark))? {
            Booted::Answers(answers) => Ok(answers
                .into_iter()
                .map(|(case, answer)| (case, answer.into()))
                .collect()),
            Booted::NotReady(why) => Err(why),
            Booted::NoKvm => Err("no KVM, which was not asked for".to_owned()),
        }
    }
}
