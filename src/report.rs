//! Reports as text and as data (pure).
//!
//! [`render`](render::render) writes a report in any format: [`table`] for people, [`data`]
//! and [`name`] for programs, [`junit`], [`sarif`] and [`github`] for CI systems;
//! [`answer`] does so for what commands print without one. [`screen`] says what a terminal
//! can show.

pub(crate) mod answer;
mod blocks;
mod causes;
pub(crate) mod data;
pub(crate) mod explain;
mod format;
pub(crate) mod github;
mod grid;
pub(crate) mod inspect;
pub(crate) mod junit;
pub(crate) mod kernel;
pub(crate) mod markdown;
pub(crate) mod name;
mod natural;
pub(crate) mod prometheus;
pub(crate) mod read;
mod records;
pub(crate) mod render;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod sarif;
pub(crate) mod screen;
mod statement;
mod summary;
pub(crate) mod table;
pub(crate) mod targets;
mod wide;
pub(crate) mod wrap;

pub(crate) use answer::print;
pub(crate) use format::Format;
pub(crate) use render::render;
pub(crate) use screen::Screen;
