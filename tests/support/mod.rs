//! What the integration tests share: the binary in a clean environment, images
//! made in memory, and real servers.

pub(crate) mod cluster;
pub(crate) mod faults;
pub(crate) mod image;
pub(crate) mod layout;
pub(crate) mod preflight;
pub(crate) mod registry;
pub(crate) mod server;
pub(crate) mod terminal;
pub(crate) mod tokens;
pub(crate) mod tunnel;
pub(crate) mod wire;
