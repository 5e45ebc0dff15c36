//! The facts of one kernel module file.

use serde::{Deserialize, Serialize};

/// Everything that a rule may ask of a `.ko` file, read once and cached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModuleFile {
    /// Size of the file as it stands in the image, in bytes.
    pub file_size: u64,
}
