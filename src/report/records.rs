//! Rows of few things with many columns: a table where it fits the screen, else a block per row,
//! so that every value can be read and copied.

use tabled::builder::Builder;
use unicode_width::UnicodeWidthStr;

use crate::model::printable::printable_line;
use crate::report::screen::Screen;
use crate::report::table::{GAP, borderless};
use crate::report::wrap::wrap;

/// Rows below their headings. `wide` is a table however wide it is.
pub(super) fn render(
    header: &[&str],
    rows: Vec<Vec<String>>,
    screen: &Screen,
    wide: bool,
) -> String {
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(printable_line).collect())
        .collect();
    let mut builder = Builder::default();
    builder.push_record(header.iter().copied());
    for row in &rows {
        builder.push_record(row);
    }
    let table = borderless(builder, GAP);
    if wide || table.lines().all(|line| line.width() <= screen.width) {
        return table;
    }
    let blocks: Vec<String> = rows.iter().map(|row| block(header, row, screen)).collect();
    blocks.join("\n")
}

/// The first value, and below it the others that there are.
fn block(header: &[&str], row: &[String], screen: &Screen) -> String {
    let label = header.iter().map(|heading| heading.width()).max();
    let label = label.unwrap_or_default();
    let indent = " ".repeat(2 + label + GAP);
    let mut text = String::new();
    for (at, (heading, value)) in header.iter().zip(row).enumerate() {
        if at == 0 {
            text.push_str(&format!("{value}\n"));
        } else if value != "-" {
            let value = wrap(value, screen.width, &indent);
            let heading = heading.to_lowercase();
            text.push_str(&format!("  {heading:<label$}  {}", value.trim_start()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_fit_are_blocks() {
        let header = ["KERNEL", "ARCH", "POOLS"];
        let rows = || {
            let row = |kernel: &str, pools: &str| {
                vec![kernel.to_owned(), "amd64".to_owned(), pools.to_owned()]
            };
            vec![row("6.12.0-55.9.1", "infra, worker"), row("5.14.0-1", "-")]
        };
        let table = "KERNEL         ARCH   POOLS\n\
                     6.12.0-55.9.1  amd64  infra, worker\n\
                     5.14.0-1       amd64  -\n";
        let screen = |width| Screen {
            width,
            ..Screen::PLAIN
        };
        assert_eq!(render(&header, rows(), &screen(35), false), table);
        assert_eq!(render(&header, rows(), &screen(34), true), table);
        assert_eq!(
            render(&header, rows(), &screen(34), false),
            "6.12.0-55.9.1\n  arch    amd64\n  pools   infra, worker\n\n5.14.0-1\n  arch    amd64\n"
        );
    }
}
