//! Image, Build and Sign one after the other, with real modules, a real buildah and a real
//! registry.

mod building;
mod order;
mod setup;
mod signing;

pub(crate) use setup::{
    KERNEL, Setup, assert_says, assert_verdict, base_with_module, base64, run, work,
};
