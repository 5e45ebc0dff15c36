//! Kernel module files and depmod's indexes: parsers over bytes, no I/O.

pub mod module_file;
