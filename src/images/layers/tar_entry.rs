//! The entries of a tar archive, as far as a layer is concerned.

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link and its target as written.
    Symlink(String),
    /// A hard link and the name of its target as written.
    Hardlink(String),
    /// A character device with its numbers.
    Char(u32, u32),
    /// Another device, a pipe, or a kind that no runtime knows.
    Other,
}

/// One entry's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name as written.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Size of the file in bytes, holes included.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Where the stored bytes belong, for a sparse file: offset and length.
    pub(crate) pieces: Option<Vec<(u64, u64)>>,
}

impl Entry {
    /// An entry that is stored without holes.
    pub(crate) fn new(
        name: String,
        kind: Kind,
        size: u64,
        mode: u32,
        (uid, gid): (u64, u64),
    ) -> Self {
        Self {
            name,
            kind,
            size,
            mode,
            uid,
            gid,
            pieces: None,
        }
    }
}
