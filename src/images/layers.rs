//! The layers of an image as one file system.
//!
//! [`layer_reader`] turns one layer's tar stream into an index (pure over `impl Read`),
//! [`overlay`] puts indexes on top of each other (pure), [`stack`] fetches what they need.

pub(crate) mod decompress;
pub(crate) mod files;
pub(crate) mod kept_files;
pub(crate) mod layer_limits;
pub(crate) mod layer_paths;
pub(crate) mod layer_reader;
pub(crate) mod overlay;
pub(crate) mod stack;
pub(crate) mod tar_entry;
pub(crate) mod tar_extensions;
pub(crate) mod tar_fault;
pub(crate) mod tar_sparse;
pub(crate) mod tar_stream;
pub(crate) mod toc;
pub(crate) mod toc_reader;
mod weight;
