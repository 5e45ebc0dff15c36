//! Reports as text and as data (pure).
//!
//! [`render`](render::render) writes a report in any format: [`table`] for people, [`data`]
//! and [`name`] for programs, [`junit`], [`sarif`] and [`github`] for CI systems;
//! [`answer`] does so for what commands print without one. [`screen`] says what a terminal
//! can show.

pub mod age;
pub mod answer;
pub mod data;
pub mod details;
pub mod explain;
pub mod github;
pub mod inspect;
pub mod junit;
pub mod kernel;
pub mod name;
pub mod render;
#[cfg(test)]
pub(crate) mod samples;
pub mod sarif;
pub mod screen;
pub mod table;
pub mod wrap;

pub use answer::print;
pub use render::render;
pub use screen::Screen;
