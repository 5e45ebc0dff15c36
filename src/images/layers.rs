//! The layers of an image as one file system.
//!
//! [`layer_reader`] turns one layer's tar stream into an index (pure over `impl Read`),
//! [`overlay`] puts indexes on top of each other (pure), [`stack`] fetches what they need.

pub mod decompress;
pub mod files;
pub mod kept_files;
pub mod layer_limits;
pub mod layer_paths;
pub mod layer_reader;
pub mod overlay;
pub mod stack;
pub mod tar_entry;
pub mod tar_extensions;
pub mod tar_sparse;
pub mod tar_stream;
pub mod toc;
pub mod toc_reader;
mod weight;
