//! Reports as text and as data (pure).
//!
//! [`render`](render::render) writes a report in any format: [`table`] for people, [`data`]
//! and [`name`] for programs, [`junit`], [`sarif`] and [`github`] for CI systems;
//! [`answer`] does so for what commands print without one. [`screen`] says what a terminal
//! can show.

pub mod answer;
mod blocks;
mod causes;
pub mod data;
pub mod explain;
pub mod github;
mod grid;
pub mod inspect;
pub mod junit;
pub mod kernel;
pub mod markdown;
pub mod name;
mod natural;
pub mod prometheus;
pub mod read;
pub mod render;
#[cfg(test)]
pub(crate) mod samples;
pub mod sarif;
pub mod screen;
mod summary;
pub mod table;
pub mod targets;
mod wide;
pub mod wrap;

pub use answer::print;
pub use render::render;
pub use screen::Screen;
