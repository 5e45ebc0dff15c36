//! The Sign stage: signs kernel modules of an image as the kernel's `scripts/sign-file`
//! does, without a container and without another program.
//!
//! [`pem`], [`keys`], [`pkcs7`], [`appended`], [`patterns`], [`layer`] and
//! [`derived`] decide and write bytes; [`stage`] reads the Secrets and the unsigned image.

pub mod appended;
pub(crate) mod derived;
pub(crate) mod keys;
pub(crate) mod layer;
pub(crate) mod patterns;
pub(crate) mod pem;
pub mod pkcs7;
pub(crate) mod stage;
