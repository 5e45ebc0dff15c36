//! The target's own kernel answers (`--boot`): it is started in QEMU, without network and disk,
//! and `modprobe` is called there as KMM's worker calls it.
//!
//! # Module index
//! - `queue`: what a run asks. `driver`: gathers cases, and boots one guest for many of them.
//! - `case`: the folder of an image as the worker has it. `kernel`, `source`: the kernel, and
//!   where its files are. `programs`, `elf_needs`: the guest's programs.
//! - `run`: starts a guest and ends it. `guest`: QEMU's arguments. `console`: what the guest
//!   writes (both pure, as `archive`, `kernel_image` and `verdict` are).
//! - `verdict`: what the kernel's answer means.
//! - `cases_of_tests`: a guest for cases that this repository's tests make.

mod archive;
mod case;
#[cfg(feature = "test-env")]
pub(crate) mod cases_of_tests;
mod console;
mod driver;
mod elf_needs;
mod guest;
mod kernel;
mod kernel_image;
mod programs;
pub(crate) mod queue;
mod run;
mod source;
mod verdict;
