//! Tests against real servers and kernels, which `scripts/test` sets up.

mod environment;
#[path = "../support/mod.rs"]
mod support;
