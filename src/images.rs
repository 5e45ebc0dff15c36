//! Images: where they are found, and their layers as a file system.
//!
//! [`registry`] reads and writes registries, [`layouts`] finds images on disk, [`layers`] makes one
//! file system of an image's layers; [`open`] asks every place that may have an image.

pub mod bounded;
pub mod layers;
pub mod layouts;
pub mod open;
pub mod open_image;
pub mod opened;
pub mod place;
pub mod push;
pub mod registry;
