//! Images on disk: OCI layouts, archives, storage of other tools, and what mirrors leave.

pub(crate) mod docker_archive;
pub(crate) mod files;
pub(crate) mod layout;
pub(crate) mod mirrored;
mod names;
pub(crate) mod on_disk;
pub(crate) mod storage;
pub(crate) mod write;
