//! What depmod leaves for `modprobe`.

pub mod effort;
pub mod index;
pub mod pattern;
