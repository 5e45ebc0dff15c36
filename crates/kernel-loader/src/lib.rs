//! Would this kernel take this module file?
//!
//! Facts about a module ([`module`], [`signature`]) are read from bytes, facts about a kernel
//! ([`kernel`]) from a tree of files that somebody else reads, and what `modprobe` finds from
//! depmod's files ([`depmod`]) by its words ([`modprobe`]). [`load`] puts the ones to the others
//! and gives an [`answer`], and what differs by
//! architecture is in [`arch`].
//!
//! Nothing here reads a file, opens a socket or knows KMM, and nothing is worded for users: the
//! manifest of this crate has no dependency that could.

pub mod answer;
pub mod arch;
pub mod depmod;
pub mod kernel;
pub mod load;
pub mod modprobe;
pub mod module;
pub mod signature;
