//! Checks: the plans' questions put to images, kernels, builders and signers.

pub mod run;
