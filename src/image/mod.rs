//! Images: their layers as a file system, whatever they are stored in.
//!
//! [`layer_reader`] turns one layer's tar stream into an index (pure over `impl Read`),
//! [`overlay`] puts indexes on top of each other (pure), [`open`] finds and fetches.

pub mod decompress;
mod files;
pub mod kept_files;
mod layer_limits;
pub mod layer_paths;
pub mod layer_reader;
mod layers;
mod layout;
mod on_disk;
pub mod open;
mod open_image;
mod opened;
pub mod overlay;
mod place;
mod push;
pub mod tar_entry;
pub mod tar_extensions;
mod tar_sparse;
pub mod tar_stream;
mod toc;
mod toc_reader;
