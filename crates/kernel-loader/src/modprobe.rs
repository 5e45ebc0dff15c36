//! `modprobe` (kmod): what it is told, how it reads its configuration, and what it then loads.

pub mod command_line;
pub mod config;
pub mod folder;
mod pool;
pub mod steps;
