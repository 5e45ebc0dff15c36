//! The folder of modules that `modprobe` looks into, as somebody else reads it.

use crate::depmod::effort::TooMuch;
use crate::depmod::index::Index;

/// `<root>/lib/modules/<kernel>`.
pub trait Folder {
    /// Why a question about the folder has no answer.
    type Stop;

    /// Its path.
    fn path(&self) -> &str;

    /// Opens `<name>.bin`.
    ///
    /// # Errors
    /// Nobody can say what the file has.
    fn index(&self, name: &str) -> Result<Opened, Self::Stop>;

    /// The text of `modules.softdep`; `None` where there is none.
    ///
    /// # Errors
    /// Nobody can say what the file has.
    fn softdeps(&self) -> Result<Option<String>, Self::Stop>;

    /// True when there is anything at that path, which may lead out of the folder.
    ///
    /// # Errors
    /// Nobody can say.
    fn exists(&self, path: &str) -> Result<bool, Self::Stop>;
}

/// One of depmod's binary indexes.
#[derive(Debug)]
pub enum Opened {
    /// It can be searched.
    Index(Index),
    /// There is no such file.
    Missing,
    /// kmod cannot read it (`index_file_open`), and why.
    Unusable(String),
}

/// Why what `modprobe` does cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop<S> {
    /// The folder gives no answer.
    Folder(S),
    /// depmod's files list more than any `modprobe` would load.
    TooMuch,
    /// `modprobe` would read an index for ever.
    Endless {
        /// The index, without `.bin`.
        index: String,
        /// kmod could map all the indexes that it needs into memory (`kmod_load_resources`):
        /// then zeros follow a cut text, or nothing.
        is_mapped: bool,
    },
}

impl<S> From<TooMuch> for Stop<S> {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}
