//! What the integration tests share: the binary in a clean environment, images
//! made in memory, and real servers.

pub mod checkout;
pub mod cluster;
pub mod faults;
pub mod image;
pub mod kubelet;
pub mod layout;
#[cfg(target_os = "linux")]
pub mod picture;
#[cfg(target_os = "linux")]
pub mod pod_runner;
pub mod preflight;
pub mod registry;
pub mod server;
#[cfg(target_os = "linux")]
pub mod terminal;
pub mod tokens;
pub mod tunnel;
pub mod wire;
