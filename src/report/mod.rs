//! Reports as text and as data (pure).
//!
//! [`render`](render::render) writes a report in any format: [`table`] for people, [`data`]
//! and [`name`] for programs; [`screen`] says what a terminal can show.

pub mod data;
pub mod explain;
pub mod inspect;
pub mod kernel;
pub mod name;
pub mod render;
#[cfg(test)]
pub(crate) mod samples;
pub mod screen;
pub mod table;
pub mod wrap;

pub use render::render;
pub use screen::Screen;
