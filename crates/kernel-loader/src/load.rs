//! Steps of the kernel's `load_module` (`kernel/module/main.c`).

pub mod elf;
pub mod exports;
pub mod parameters;
