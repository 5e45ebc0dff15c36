//! The formats of `-o`.

use clap::ValueEnum;

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
