//! What is known about a target kernel: parsers and the facts they add up to (pure), and
//! where they come from ([`sources`], which reads the disk).

pub mod config;
pub mod facts;
mod gather;
mod named_lines;
pub mod release;
pub mod sources;
pub mod symvers;
pub mod vermagic;
