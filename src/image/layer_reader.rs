//! One layer's tar stream as a [`LayerIndex`](crate::model::layer::LayerIndex).

use serde::{Deserialize, Serialize};

/// What a layer is read for, which decides what is kept of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Purpose {
    /// An image of a Module: kernel modules and depmod's files are kept.
    Modules,
    /// A release or driver-toolkit image: the facts about kernels are kept.
    Kernel,
}
