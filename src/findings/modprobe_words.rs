//! What `modprobe` makes of its command line, in words.

use kernel_loader::modprobe::command_line::{ArgsFault, Instead};

/// Why it ends with an error.
pub(crate) fn fault(fault: &ArgsFault) -> String {
    match fault {
        ArgsFault::UnknownOption(option) => format!("modprobe has no option `{option}`"),
        ArgsFault::SeveralOptions(option) => format!("modprobe has several options `{option}…`"),
        ArgsFault::NoValue(option) => format!("modprobe's option `{option}` takes no value"),
        ArgsFault::ValueMissing(word) => format!("modprobe's option `{word}` has no value"),
        ArgsFault::NoModule => "no module name is passed to modprobe".to_owned(),
    }
}

/// What it does instead of loading a module.
pub(crate) fn instead(instead: Instead) -> &'static str {
    match instead {
        Instead::Removes => "removes modules",
        Instead::LooksUp => "only looks an alias up",
        Instead::DryRun => "only shows what it would do",
        Instead::PrintsConfig => "only prints its configuration",
        Instead::PrintsVersions => "only prints symbol versions",
        Instead::PrintsExports => "only prints exported symbols",
        Instead::PrintsVersion => "only prints its version",
        Instead::PrintsHelp => "only prints its help",
    }
}
