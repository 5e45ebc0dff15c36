//! Which places may serve an image, in which order.
//!
//! [`registries_conf`], [`sets`] and [`registry_sources`] read the rules of podman and of
//! OpenShift, [`Mirrors`] applies them (pure), [`places`] finds the files.

pub mod places;
pub mod registries_conf;
pub mod registry_sources;
mod rules;
pub mod sets;

pub use rules::{Blocked, Mirror, Mirrors, PullSource, Registry, When};
