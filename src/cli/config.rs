//! Defaults of flags: the environment, the project's file and the user's own file.
//!
//! The command line beats the environment (`KMM_PREFLIGHT_<FLAG>`), which beats the project's
//! file, which beats the user's. Each of them becomes words of the command line, so one parser
//! reads them all.

pub mod file;
mod files;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, ValueEnum};

use crate::cli::Cli;
use crate::cli::config::files::files;
use crate::cli::{help, in_cluster, pod_flags, run};
use crate::error::Error;
use crate::findings::accept::Accept;
use crate::report::Format;

/// The start of every environment variable.
const PREFIX: &str = "KMM_PREFLIGHT_";
/// Flags that make no sense as a default.
const NEVER: [&str; 4] = ["config", "no-config", "help", "version"];

/// What the files say beside the defaults of flags.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Accepted findings.
    pub accepts: Vec<Accept>,
    /// Which files were used, and which of their entries no longer count.
    pub notes: Vec<String>,
    /// The command line with its defaults, as it was read.
    pub words: Vec<OsString>,
}

/// Why a command line was not read.
#[derive(Debug)]
pub enum Refusal {
    /// clap's answer: a usage error, or the help that was asked for.
    Clap(Box<clap::Error>),
    /// A configuration file cannot be used.
    Config(Error),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Clap(Box::new(error))
    }
}

/// The environment of the process, as far as it matters here.
#[derive(Debug)]
pub struct Environment {
    /// Its variables.
    pub variables: HashMap<OsString, OsString>,
    /// The working folder.
    pub folder: PathBuf,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            folder: std::env::current_dir().unwrap_or_default(),
        }
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value.as_os_str())
    }
}

/// Reads a command line with its defaults.
///
/// # Errors
/// The command line, the environment or a configuration file cannot be used.
pub fn parse(args: Vec<OsString>, environment: &Environment) -> Result<(Cli, Settings), Refusal> {
    let command = help::command();
    match command.clone().try_get_matches_from(&args) {
        Err(error) if !error.use_stderr() => {
            let is_short = args.iter().any(|word| word == "-h");
            let short = is_short.then(|| help::short().try_get_matches_from(&args));
            return Err(short.and_then(Result::err).unwrap_or(error).into());
        }
        Ok(matches) if matches.subcommand_name() == Some("completion") => {
            return Ok((Cli::from_arg_matches(&matches)?, Settings::default()));
        }
        _ => {}
    }
    let mut layers: Vec<Preset> = Vec::new();
    for flag in flags(&command) {
        let variable = variable(&flag.name);
        if let Some(value) = environment.get(&variable) {
            layers.push(Preset {
                values: flag.split(value),
                place: format!("${variable}"),
                flag: flag.name,
            });
        }
    }
    let mut settings = Settings::default();
    for file in files(&args, environment).map_err(Refusal::Config)? {
        let path = file.path.display();
        settings.notes.push(format!("Settings from {path}."));
        for (flag, setting) in &file.settings {
            layers.push(Preset {
                flag: flag.clone(),
                values: setting.values.iter().map(OsString::from).collect(),
                place: format!("{path}:{}", setting.line),
            });
        }
        let (accepts, notes) = file.accepts();
        settings.accepts.extend(accepts);
        settings.notes.extend(notes);
    }
    let (args, used) = with_presets(&command, args, layers);
    let matches = command
        .try_get_matches_from(&args)
        .map_err(|error| with_place(error, &used))
        .map_err(|error| with_nearest(error, &help::command()))?;
    settings.words = args;
    Ok((Cli::from_arg_matches(&matches)?, settings))
}

/// The default of one flag.
#[derive(Debug, Clone)]
struct Preset {
    flag: String,
    values: Vec<OsString>,
    /// `file:line`, or the environment variable.
    place: String,
}

impl Preset {
    /// Its value as a format; `None` for one that is no format, which is told.
    fn format(&self) -> Option<Format> {
        let value = self.values.first().and_then(|value| value.to_str());
        Format::from_str(value?, false).ok()
    }
}

/// The command line with the presets behind its command's name: those of its flags that are not
/// given, and that nothing given is in conflict with. Of several the first counts.
fn with_presets(
    root: &Command,
    mut args: Vec<OsString>,
    layers: Vec<Preset>,
) -> (Vec<OsString>, Vec<Preset>) {
    let lenient = root.clone().ignore_errors(true);
    let found = lenient.try_get_matches_from(&args).ok();
    let Some((name, matches)) = found.as_ref().and_then(ArgMatches::subcommand) else {
        return (args, Vec::new());
    };
    let position = args.iter().position(|arg| arg == name);
    let (Some(command), Some(position)) = (root.find_subcommand(name), position) else {
        return (args, Vec::new());
    };
    let globals = root.get_arguments().filter(|arg| arg.is_global_set());
    let known: Vec<&Arg> = command.get_arguments().chain(globals).collect();
    let is_given =
        |arg: &&&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let mut given: Vec<&Arg> = known.iter().filter(is_given).copied().collect();
    let has = |given: &[&Arg], flag| given.iter().any(|arg| arg.get_long() == Some(flag));
    let mut inserted = Vec::new();
    let mut used = Vec::new();
    // Where a run checks, and what is printed, decides which other flags are for it.
    let decides = |preset: &Preset| {
        ["local", "in-cluster", "job", "cronjob", "alert"].contains(&preset.flag.as_str())
    };
    let (places, others): (Vec<_>, Vec<_>) = layers.into_iter().partition(decides);
    for preset in places.into_iter().chain(others) {
        let is_it = |arg: &&&Arg| arg.get_long() == Some(preset.flag.as_str());
        let Some(arg) = known.iter().find(is_it).copied() else {
            continue;
        };
        let flag = preset.flag.as_str();
        let is_pods_only = in_cluster::PODS_ONLY.iter().any(|(name, _)| *name == flag);
        let is_of_pods = in_cluster::IN_CLUSTER_ONLY.contains(&flag);
        let is_for_it = match name {
            "run" if has(&given, "in-cluster") => pod_flags::is_heeded(flag),
            "run" if has(&given, "local") => !run::CLUSTER_ONLY.contains(&flag) && !is_of_pods,
            "run" => !run::LOCAL_ONLY.contains(&flag) && !is_of_pods,
            "generate" if flag != "output" => {
                let has_pods = has(&given, "job") || has(&given, "cronjob");
                let is_in_cluster = has_pods || has(&given, "alert");
                (!is_in_cluster || !pod_flags::FILES.contains(&flag))
                    && (has_pods || !is_pods_only)
                    && (is_in_cluster || flag != "job-namespace")
            }
            "status" => true,
            // A format for reports about Modules is one for the commands that print them.
            _ => flag != "output" || preset.format().is_none_or(Format::is_general),
        };
        let beaten = given.iter().any(|other| {
            other.get_id() == arg.get_id()
                || is_in_conflict(command, arg, other)
                || is_in_conflict(command, other, arg)
        });
        if beaten || !is_for_it {
            continue;
        }
        inserted.extend(words(arg, &preset));
        given.push(arg);
        used.push(preset);
    }
    args.splice(position + 1..=position, inserted);
    (args, used)
}

/// A preset as words of the command line.
fn words(arg: &Arg, preset: &Preset) -> Vec<OsString> {
    let flag = format!("--{}", preset.flag);
    let value = preset.values.first().and_then(|value| value.to_str());
    match arg.get_action() {
        ArgAction::SetTrue if value.and_then(truth) == Some(true) => vec![flag.into()],
        ArgAction::SetTrue if value.and_then(truth) == Some(false) => Vec::new(),
        ArgAction::Count => {
            let count = value.and_then(|value| value.parse::<u8>().ok());
            vec![flag.into(); count.unwrap_or(1).into()]
        }
        _ => preset
            .values
            .iter()
            .map(|value| {
                let mut word = OsString::from(format!("{flag}="));
                word.push(value);
                word
            })
            .collect(),
    }
}

/// A truth value as people write it into variables and YAML.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn is_in_conflict(command: &Command, one: &Arg, other: &Arg) -> bool {
    !one.is_global_set()
        && command
            .get_arg_conflicts_with(one)
            .iter()
            .any(|known| known.get_id() == other.get_id())
}

/// Names the place of a preset that clap does not take.
fn with_place(mut error: clap::Error, used: &[Preset]) -> clap::Error {
    let preset = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg
            .split([' ', '=', '['])
            .find_map(|word| word.strip_prefix("--"))
            .and_then(|flag| used.iter().find(|preset| preset.flag == flag)),
        _ => None,
    };
    if let Some(preset) = preset {
        let text = format!("the value comes from {}", preset.place).into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![text]));
    }
    error
}

/// Names the command that a mistyped one is closest to, where clap finds none alike.
fn with_nearest(mut error: clap::Error, root: &Command) -> clap::Error {
    let (Some(ContextValue::String(word)), None) = (
        error.get(ContextKind::InvalidSubcommand),
        error.get(ContextKind::SuggestedSubcommand),
    ) else {
        return error;
    };
    let near = |name: &&str| {
        let is_start =
            word.len() > 1 && (name.starts_with(word.as_str()) || word.starts_with(*name));
        is_start || strsim::damerau_levenshtein(word, name) <= 2
    };
    let names = root.get_subcommands().map(Command::get_name);
    let near: Vec<String> = names.filter(near).map(str::to_owned).collect();
    if !near.is_empty() {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(near),
        );
    }
    error
}

/// A flag that may have a default.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flag {
    name: String,
    repeatable: bool,
}

impl Flag {
    /// The value of an environment variable: those of a repeatable flag are separated by commas.
    fn split(&self, value: &OsStr) -> Vec<OsString> {
        match value.to_str().filter(|_| self.repeatable) {
            Some(text) => text.split(',').map(OsString::from).collect(),
            None => vec![value.to_owned()],
        }
    }
}

/// The flags of all commands, each once.
fn flags(command: &Command) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    let commands = std::iter::once(command).chain(command.get_subcommands());
    for arg in commands.flat_map(Command::get_arguments) {
        let Some(name) = arg.get_long().filter(|name| !NEVER.contains(name)) else {
            continue;
        };
        if flags.iter().all(|flag| flag.name != name) {
            flags.push(Flag {
                name: name.to_owned(),
                repeatable: matches!(arg.get_action(), ArgAction::Append),
            });
        }
    }
    flags
}

fn variable(flag: &str) -> String {
    format!("{PREFIX}{}", flag.to_uppercase().replace('-', "_"))
}
