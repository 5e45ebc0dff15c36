//! What is known about a target kernel.

pub mod config;
pub mod facts;
mod gather;
mod named_lines;
pub mod symvers;
pub mod vermagic;
pub mod version;
