//! Checks: the plans' questions put to images, kernels, builders and signers.

pub mod cross_check;
#[cfg(test)]
mod example;
pub mod facts;
pub mod image;
pub mod inspect;
pub mod objects;
pub mod run;
pub mod stages;
pub mod targets;
pub mod tree;
pub mod watch;
