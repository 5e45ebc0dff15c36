//! Files of this program's own on disk: caches and logs that stay, and folders that end with
//! the run.

pub(crate) mod folder;
pub(crate) mod workspace;
