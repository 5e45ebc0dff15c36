//! Clusters as OpenShift has them: its registry, its pools of nodes, its releases.

mod fleet;
mod kinds;
mod own_registry;
mod own_registry_writes;
mod payload;
mod setup;
mod upgrade;
mod upgrade_faults;
