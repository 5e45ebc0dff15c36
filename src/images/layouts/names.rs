//! Where layouts keep the names of images.

/// The annotations that name an image; the second is containerd's and always a full name.
pub(super) const NAMES: [&str; 2] = [
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
];
