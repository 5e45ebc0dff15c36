//! Reports as text and as data (pure).

pub mod inspect;
pub mod kernel;
