//! Why a module is still in progress: [`evidence`] reads the objects that show it, [`reason`]
//! and [`builds`] draw the conclusions (pure).

pub mod builds;
pub mod evidence;
pub mod objects;
pub mod reason;

#[cfg(test)]
mod tests;
