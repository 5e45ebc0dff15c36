//! Images: where they are found, and their layers as a file system.
//!
//! [`registry`] reads and writes registries, [`layouts`] finds images on disk, [`layers`] makes one
//! file system of an image's layers; [`open`] asks every place that may have an image.

pub(crate) mod bounded;
pub(crate) mod documents;
pub(crate) mod image_source;
pub(crate) mod layers;
pub(crate) mod layouts;
pub(crate) mod open;
pub(crate) mod open_image;
pub(crate) mod opened;
pub(crate) mod push;
pub(crate) mod registry;
