//! Checks: the plans' questions put to images, kernels, builders and signers.

pub(crate) mod cross_check;
#[cfg(test)]
mod example;
pub(crate) mod facts;
pub(crate) mod image;
pub(crate) mod inspect;
pub(crate) mod objects;
pub(crate) mod run;
pub(crate) mod stages;
pub(crate) mod targets;
pub(crate) mod tree;
pub(crate) mod watch;
