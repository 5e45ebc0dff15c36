//! Kernel module files and depmod's indexes: parsers over bytes, no I/O.

pub mod btf;
pub mod compression;
#[cfg(test)]
mod damage;
pub mod defects;
pub mod effort;
mod elf;
mod exports;
pub mod facts;
pub mod index;
pub mod module_file;
pub mod names;
mod parameters;
pub mod pattern;
pub mod pkcs7;
pub mod signature;
