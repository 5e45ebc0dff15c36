//! How to print: flags of every command.

use clap::{Args, ValueEnum};

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Output format
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Print only the last line of the table, and no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    pub color: When,
    /// How to show progress on stderr: bars on a terminal, plain lines elsewhere
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto)]
    pub progress: ProgressMode,
    /// Increase verbosity (repeatable)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Configuration file [default: .kmm-preflight.yaml of the folder or repository, then
    /// ~/.config/kmm-preflight/config.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
    /// Read no configuration file
    #[arg(long, global = true, conflicts_with = "config")]
    pub no_config: bool,
}

/// `-o`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    Table,
    /// A block per module with every detail
    Wide,
    /// Only modules that are not verified, and the last line
    Short,
    /// The versioned report
    Json,
    /// The same as YAML
    Yaml,
    /// One module name per line, as module.kmm.sigs.x-k8s.io/NAME
    Name,
    /// JUnit XML
    Junit,
    /// SARIF 2.1.0
    Sarif,
    /// GitHub workflow commands
    Github,
    /// Markdown for step summaries and pull requests
    Markdown,
    /// Metrics in Prometheus' text format
    Prometheus,
}

impl Format {
    /// True for one that every command has, whatever it prints.
    pub fn is_general(self) -> bool {
        match self {
            Self::Table | Self::Wide | Self::Short | Self::Json | Self::Yaml => true,
            Self::Name
            | Self::Junit
            | Self::Sarif
            | Self::Github
            | Self::Markdown
            | Self::Prometheus => false,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR or TERM=dumb is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere
    Auto,
    /// Bars on a terminal
    Bar,
    /// Plain lines
    Plain,
    /// Nothing
    None,
}
