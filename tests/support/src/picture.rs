//! What a terminal shows as a picture, for light and for dark pages.

use std::fs;
use std::path::{Path, PathBuf};

use anstyle::{Color, RgbColor};
use anstyle_svg::{Palette, Term};

use crate::terminal::Left;

/// The ground of a picture, the text on it, and red, green, blue and magenta, which keep a
/// contrast of 4.5 to the ground.
struct Theme {
    name: &'static str,
    ground: RgbColor,
    text: RgbColor,
    colours: [RgbColor; 4],
}

const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        ground: RgbColor(0xff, 0xff, 0xff),
        text: RgbColor(0x1f, 0x23, 0x28),
        colours: [
            RgbColor(0xb3, 0x26, 0x1e),
            RgbColor(0x11, 0x63, 0x29),
            RgbColor(0x05, 0x50, 0xae),
            RgbColor(0x82, 0x50, 0xdf),
        ],
    },
    Theme {
        name: "dark",
        ground: RgbColor(0x0d, 0x11, 0x17),
        text: RgbColor(0xe6, 0xed, 0xf3),
        colours: [
            RgbColor(0xff, 0x7b, 0x72),
            RgbColor(0x7e, 0xe7, 0x87),
            RgbColor(0x79, 0xc0, 0xff),
            RgbColor(0xd2, 0xa8, 0xff),
        ],
    },
];

/// The pixels of a column.
const COLUMN: f64 = 8.4;

impl Theme {
    fn draw(&self, text: &str, columns: u16) -> String {
        let [red, green, blue, magenta] = self.colours;
        let mut palette = [self.text; 16];
        for (at, colour) in [(1, red), (2, green), (4, blue), (5, magenta)] {
            palette[at] = colour;
            palette[at + 8] = colour;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a width"
        )]
        let width = (f64::from(columns) * COLUMN).ceil() as usize;
        Term::new()
            .palette(Palette(palette))
            .fg_color(Color::Rgb(self.text))
            .bg_color(Color::Rgb(self.ground))
            .min_width_px(width)
            .render_svg(text)
    }
}

/// Where the pictures of 80 columns are, which the documents show, and those of other widths.
fn file(name: &str, columns: u16, theme: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match columns {
        80 => root.join(format!("docs/pictures/{name}-{theme}.svg")),
        _ => root.join(format!("tests/pictures/{name}-{columns}-{theme}.svg")),
    }
}

/// Holds the pictures of a call, `words` as a user types it, to be those in the repository;
/// `UPDATE_PICTURES=1` draws them anew.
#[track_caller]
pub fn hold(name: &str, columns: u16, words: &str, left: &Left) {
    let shown = left.styled.join("\n");
    let text = format!("\u{1b}[1m$ {words}\u{1b}[0m\n{shown}");
    for theme in &THEMES {
        let file = file(name, columns, theme.name);
        let picture = theme.draw(&text, columns);
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            let folder = file.parent().expect("a folder");
            fs::create_dir_all(folder).expect("a folder");
            fs::write(&file, &picture).expect("a picture");
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == picture,
            "{} is out of date: run scripts/record\n{}",
            file.display(),
            left.lines.join("\n")
        );
    }
}
