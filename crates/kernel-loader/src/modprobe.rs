//! `modprobe` (kmod): what it is told, and how it reads its configuration.

pub mod command_line;
pub mod config;
