//! Which places may serve an image, in which order.
//!
//! [`registries_conf`], [`sets`] and [`registry_sources`] read the rules of podman and of
//! OpenShift, [`Mirrors`] applies them (pure), [`places`] finds the files.

pub(crate) mod places;
pub(crate) mod registries_conf;
pub(crate) mod registry_sources;
pub(crate) mod rules;
pub(crate) mod sets;

pub(crate) use rules::{Blocked, Mirror, Mirrors, PullSource, Registry, When};
