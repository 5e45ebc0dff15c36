//! Which places may serve an image, in which order.
//!
//! [`registries_conf`] and [`sets`] read the rules of podman and of OpenShift (pure),
//! [`rules`] applies them (pure), [`places`] finds the files.

pub mod places;
pub mod registries_conf;
mod rules;
pub mod sets;

pub use rules::{Blocked, Mirror, Mirrors, PullSource, Registry, When};
