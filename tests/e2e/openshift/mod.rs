//! Clusters as OpenShift has them: its registry, its pools of nodes, its releases.

mod kinds;
mod own_registry;
mod setup;
