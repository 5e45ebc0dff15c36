//! Kernel module files and depmod's indexes: parsers over bytes, no I/O.

pub mod index;
pub mod module_file;
pub mod pattern;
