//! A report in the format that was asked for.

use crate::cli::output::Format;
use crate::model::report::Report;
use crate::report::screen::Screen;
use crate::report::{data, github, junit, name, sarif, table};

/// Renders a report; the last line ends with a newline, and an empty report is an empty
/// table but never empty data.
pub fn render(report: &Report, format: Format, screen: &Screen) -> String {
    match format {
        Format::Table => table::render(report, screen, false),
        Format::Wide => table::render(report, screen, true),
        Format::Json => data::json(report),
        Format::Junit => junit::render(report),
        Format::Sarif => sarif::render(report),
        Format::Github => github::render(report),
        Format::Yaml => data::yaml(report),
        Format::Name => name::render(report),
    }
}
