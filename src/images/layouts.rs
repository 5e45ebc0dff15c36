//! Images on disk: OCI layouts, archives, storage of other tools, and what mirrors leave.

pub mod docker_archive;
pub mod files;
pub mod layout;
pub mod mirrored;
pub mod on_disk;
pub mod storage;
