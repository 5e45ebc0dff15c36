//! Why a module is still in progress: [`evidence`] reads the objects that show it, [`reason`]
//! and [`builds`] draw the conclusions (pure).

pub(crate) mod builds;
pub(crate) mod evidence;
pub(crate) mod objects;
pub(crate) mod reason;

#[cfg(test)]
mod tests;
