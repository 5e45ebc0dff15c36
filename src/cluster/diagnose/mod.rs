//! Why a module is still in progress: [`evidence`] reads the objects that show it, [`reason`]
//! draws the conclusions (pure).

pub mod evidence;
pub mod objects;
pub mod reason;
