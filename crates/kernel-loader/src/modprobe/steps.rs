//! What `modprobe` loads, and in which order (kmod 28 of UBI 9, `libkmod/libkmod-module.c`).

use std::collections::HashMap;

use super::command_line::CommandLine;
use super::config::{Config, SoftDep};
use super::folder::{Folder, Opened, Stop};
use crate::depmod::effort::{Effort, TooMuch};
use crate::depmod::pattern::matches;

/// The most modules that one call of `modprobe` is followed for.
pub const MOST_STEPS: usize = 512;
/// How long a chain of modules that need each other is followed.
const LONGEST_CHAIN: usize = 128;

/// One call of `kmod_module_insert_module`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// kmod's name of the module.
    pub name: String,
    /// The file, as a path in the worker; `None` where kmod knows no file.
    pub path: Option<String>,
    /// A failure ends the load; else it is passed over (a soft dependency).
    pub required: bool,
    /// It is the module that was asked for, not one that this one needs.
    pub asked_for: bool,
    /// The shell command that is run in place of loading it.
    pub install: Option<String>,
    /// What the kernel is given as parameters.
    pub parameters: String,
    /// Dependencies that modules.dep names and that are not there, so that kmod drops all
    /// the module's dependencies (`kmod_module_parse_depline`).
    pub dropped: Option<String>,
}

/// What is done for one module that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// kmod's name of the module.
    pub name: String,
    /// `modules.builtin` lists it: kmod does nothing.
    pub built_in: bool,
    /// What is loaded, in order.
    pub steps: Vec<Step>,
}

/// Why a name stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// The name is no name (`alias_normalize`).
    Name,
    /// `modules.dep.bin` is not there.
    NoIndex,
    /// `modules.dep.bin` cannot be read, and why.
    BadIndex(String),
    /// No index names it.
    Unlisted,
}

/// What kmod's pool knows of a module.
#[derive(Debug, Default)]
pub(super) struct Pooled {
    pub(super) name: String,
    pub(super) path: Option<String>,
    pub(super) dependencies: Option<Vec<String>>,
    pub(super) dropped: Option<String>,
    pub(super) built_in: Option<bool>,
    pub(super) install: Option<String>,
    pub(super) visited: bool,
    pub(super) required: bool,
    pub(super) ignores_commands: bool,
}

/// `modprobe`'s view of one folder.
#[derive(Debug)]
pub struct Modprobe<F> {
    pub(super) folder: F,
    pub(super) config: Config,
    pub(super) pool: HashMap<String, Pooled>,
    pub(super) dep: Opened,
    pub(super) builtin: Option<Opened>,
    pub(super) effort: Effort,
}

impl<F: Folder> Modprobe<F> {
    /// Opens the folder: its configuration and `modules.dep.bin`. `softdep_conf`, a file in
    /// `/etc/modprobe.d`, is read after `modules.softdep`, because kmod sorts its files by name.
    ///
    /// # Errors
    /// The folder gives no answer, or the look takes too much work.
    pub fn open(folder: F, softdep_conf: &str) -> Result<Self, Stop<F::Stop>> {
        let mut config = Config::default();
        if let Some(text) = folder.softdeps().map_err(Stop::Folder)? {
            config.read(&text)?;
        }
        config.read(softdep_conf)?;
        let dep = folder.index("modules.dep").map_err(Stop::Folder)?;
        Ok(Self {
            folder,
            config,
            pool: HashMap::new(),
            dep,
            builtin: None,
            effort: Effort::default(),
        })
    }

    /// The modules whose soft dependencies are among the last `count` that were read, and do not
    /// count: `modules.softdep` has a line for them already, and the first one that matches a
    /// module counts (`kmod_module_get_softdeps`).
    ///
    /// # Errors
    /// It takes too much work.
    pub fn lost_softdeps(&self, count: usize) -> Result<Vec<String>, TooMuch> {
        let before = self.config.softdeps.len().saturating_sub(count);
        let (before, last) = self.config.softdeps.split_at(before);
        let mut lost = Vec::new();
        for dep in last {
            for first in before {
                self.effort.spend_match(&first.name, &dep.name)?;
                if matches(&first.name, &dep.name) {
                    lost.push(dep.name.clone());
                    break;
                }
            }
        }
        Ok(lost)
    }

    /// The folder's path.
    pub fn folder(&self) -> &str {
        self.folder.path()
    }

    /// What `modprobe` does for a name: one probe for every module that it stands for
    /// (`insmod` of `tools/modprobe.c`).
    ///
    /// # Errors
    /// A layer further down decides, or the look ends.
    pub fn probes(
        &mut self,
        name: &str,
        line: &CommandLine,
    ) -> Result<Result<Vec<Probe>, NotFound>, Stop<F::Stop>> {
        let keys = match self.lookup(name)? {
            Ok(keys) if keys.is_empty() => {
                return Ok(Err(match &self.dep {
                    Opened::Missing => NotFound::NoIndex,
                    Opened::Unusable(why) => NotFound::BadIndex(why.clone()),
                    Opened::Index(_) => NotFound::Unlisted,
                }));
            }
            Ok(keys) => keys,
            Err(not_found) => return Ok(Err(not_found)),
        };
        let mut probes = Vec::new();
        for key in keys {
            probes.push(self.probe(&key, line)?);
        }
        Ok(Ok(probes))
    }

    /// `kmod_module_probe_insert_module` up to its loop over the modules.
    fn probe(&mut self, key: &str, line: &CommandLine) -> Result<Probe, Stop<F::Stop>> {
        let name = self.known(key).name.clone();
        let mut probe = Probe {
            name: name.clone(),
            built_in: self.is_builtin(key)?,
            steps: Vec::new(),
        };
        if probe.built_in {
            return Ok(probe);
        }
        let is_alias = key.contains('\\');
        if (line.use_blacklist || is_alias) && self.config.blacklist.contains(&name) {
            return Ok(probe);
        }
        for known in self.pool.values_mut() {
            known.visited = false;
            known.required = false;
        }
        let mut order = Vec::new();
        self.probe_list(key, (true, line.ignore_commands), LONGEST_CHAIN, &mut order)?;
        for entry in order {
            let built_in = self.is_builtin(&entry)?;
            if built_in {
                continue;
            }
            let asked_for = entry == key;
            let parameters = self.parameters(&entry, asked_for.then_some(&line.parameters));
            let install = self.install_command(&entry);
            let path = self.file_of(&entry)?;
            let known = self.known(&entry);
            probe.steps.push(Step {
                name: known.name.clone(),
                path,
                required: known.required,
                asked_for,
                install: if known.ignores_commands {
                    None
                } else {
                    install
                },
                parameters,
                dropped: known.dropped.clone(),
            });
        }
        Ok(probe)
    }

    /// `__kmod_module_get_probe_list`: dependencies, then the module between its soft
    /// dependencies. A module is visited once.
    fn probe_list(
        &mut self,
        key: &str,
        (required, ignore_commands): (bool, bool),
        chain: usize,
        order: &mut Vec<String>,
    ) -> Result<(), Stop<F::Stop>> {
        if std::mem::replace(&mut self.known(key).visited, true) {
            return Ok(());
        }
        let chain = chain.checked_sub(1).ok_or(TooMuch)?;
        let dependencies = self.dependencies(key)?;
        if required {
            self.known(key).required = true;
            for dependency in &dependencies {
                self.known(dependency).required = true;
            }
        }
        for dependency in &dependencies {
            self.fill_softdeps(dependency, chain, order)?;
        }
        if ignore_commands {
            order.push(key.to_owned());
            self.known(key).ignores_commands = true;
            return Ok(());
        }
        self.fill_softdeps(key, chain, order)
    }

    /// `__kmod_module_fill_softdep`.
    fn fill_softdeps(
        &mut self,
        key: &str,
        chain: usize,
        order: &mut Vec<String>,
    ) -> Result<(), Stop<F::Stop>> {
        if order.len() >= MOST_STEPS {
            return Err(TooMuch.into());
        }
        let name = self.known(key).name.clone();
        let softdep = self.softdep_of(&name)?.cloned().unwrap_or_default();
        let pre = self.lookup_softdeps(&softdep.pre)?;
        let post = self.lookup_softdeps(&softdep.post)?;
        for dependency in &pre {
            self.probe_list(dependency, (false, false), chain, order)?;
        }
        order.push(key.to_owned());
        self.known(key).ignores_commands = !pre.is_empty() || !post.is_empty();
        for dependency in &post {
            self.probe_list(dependency, (false, false), chain, order)?;
        }
        Ok(())
    }

    /// The first soft dependencies that are a module's.
    fn softdep_of(&self, name: &str) -> Result<Option<&SoftDep>, Stop<F::Stop>> {
        for dep in &self.config.softdeps {
            self.effort.spend_match(&dep.name, name)?;
            if matches(&dep.name, name) {
                return Ok(Some(dep));
            }
        }
        Ok(None)
    }

    /// `lookup_softdep`: what is not found is passed over.
    fn lookup_softdeps(&mut self, names: &[String]) -> Result<Vec<String>, Stop<F::Stop>> {
        let mut keys = Vec::new();
        for name in names {
            if let Ok(found) = self.lookup(name)? {
                keys.extend(found);
            }
        }
        Ok(keys)
    }

    /// The soft dependencies of a module that no index knows.
    pub fn absent_softdeps(&mut self, name: &str) -> Result<Vec<String>, Stop<F::Stop>> {
        let names: Vec<String> = self
            .softdep_of(name)?
            .map(|dep| dep.pre.iter().chain(&dep.post).cloned().collect())
            .unwrap_or_default();
        let mut absent = Vec::new();
        for name in names {
            if self.lookup(&name)?.is_ok_and(|found| found.is_empty()) {
                absent.push(name);
            }
        }
        Ok(absent)
    }

    /// `kmod_module_get_path`.
    fn file_of(&mut self, key: &str) -> Result<Option<String>, Stop<F::Stop>> {
        if self.known(key).path.is_none() {
            self.dependencies(key)?;
        }
        Ok(self.known(key).path.clone())
    }

    /// `kmod_module_get_options` and `module_options_concat`.
    fn parameters(&mut self, key: &str, extra: Option<&String>) -> String {
        let name = self.known(key).name.clone();
        let alias = key.split_once('\\').map(|(_, alias)| alias.to_owned());
        self.config
            .options
            .iter()
            .filter(|(module, _)| *module == name || Some(module) == alias.as_ref())
            .map(|(_, options)| options.as_str())
            .chain(extra.map(String::as_str))
            .filter(|options| !options.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `kmod_module_get_install_commands`.
    fn install_command(&mut self, key: &str) -> Option<String> {
        let known = self.known(key);
        if known.install.is_some() {
            return known.install.clone();
        }
        let name = known.name.clone();
        self.config
            .install
            .iter()
            .find(|(pattern, _)| matches(pattern, &name))
            .map(|(_, command)| command.clone())
    }
}
