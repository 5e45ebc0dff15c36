//! What kmod knows of modules: its pool, and the indexes that fill it.

use super::config::{module_name, underscores};
use super::folder::{Folder, Opened, Stop};
use super::steps::{MOST_STEPS, Modprobe, NotFound, Pooled};
use crate::depmod::effort::TooMuch;
use crate::depmod::index::{Index, SearchFault};
use crate::depmod::pattern::matches;

/// `PATH_MAX`
const LONGEST_NAME: usize = 4096;
/// What a look-up takes at least, as work.
const LOOKUP: usize = 1 << 10;
/// The indexes that kmod maps into memory: all of them, or none.
const MAPPED: [&str; 4] = [
    "modules.dep",
    "modules.alias",
    "modules.symbols",
    "modules.builtin",
];

impl<F: Folder> Modprobe<F> {
    /// `kmod_module_new_from_lookup`: the first place that knows the name answers.
    pub(super) fn lookup(
        &mut self,
        given: &str,
    ) -> Result<Result<Vec<String>, NotFound>, Stop<F::Stop>> {
        // `alias_normalize` takes no name beyond `PATH_MAX`.
        let Some(alias) = underscores(given).filter(|alias| alias.len() < LONGEST_NAME) else {
            return Ok(Err(NotFound::Name));
        };
        self.effort.spend(LOOKUP)?;
        let mut from_config = Vec::new();
        for (pattern, name) in &self.config.aliases {
            self.effort.spend_match(pattern, &alias)?;
            if matches(pattern, &alias) {
                from_config.push(name.clone());
            }
        }
        if !from_config.is_empty() {
            return Ok(Ok(self.aliases(&alias, from_config)));
        }
        if !alias.contains(':')
            && let Some(line) = self.dep_line(&alias)?
        {
            let name = module_name(&alias);
            self.known(&name);
            self.read_dep_line(&name, &line)?;
            return Ok(Ok(vec![name]));
        }
        if alias.starts_with("symbol:") {
            match self.index("modules.symbols")? {
                Opened::Index(index) => {
                    let names = self.matching(&index, "modules.symbols", &alias)?;
                    if !names.is_empty() {
                        return Ok(Ok(self.aliases(&alias, names)));
                    }
                }
                Opened::Missing | Opened::Unusable(_) => return Ok(Ok(Vec::new())),
            }
        }
        let command = self
            .config
            .install
            .iter()
            .find(|(name, _)| *name == alias)
            .cloned();
        if let Some((name, command)) = command {
            let name = module_name(&name);
            self.known(&name).install = Some(command);
            return Ok(Ok(vec![name]));
        }
        match self.index("modules.alias")? {
            Opened::Index(index) => {
                let names = self.matching(&index, "modules.alias", &alias)?;
                if !names.is_empty() {
                    return Ok(Ok(self.aliases(&alias, names)));
                }
            }
            Opened::Missing | Opened::Unusable(_) => return Ok(Ok(Vec::new())),
        }
        if let Opened::Index(index) = self.index("modules.builtin.alias")? {
            let names = self.matching(&index, "modules.builtin.alias", &alias)?;
            let keys = self.aliases(&alias, names);
            for key in &keys {
                self.known(key).built_in = Some(true);
            }
            return Ok(Ok(keys));
        }
        if self.is_in_builtin_index(&alias)? {
            let name = module_name(&alias);
            self.known(&name).built_in = Some(true);
            return Ok(Ok(vec![name]));
        }
        Ok(Ok(Vec::new()))
    }

    /// `kmod_module_new_from_alias`: such a module is another object than the one of the
    /// same name.
    pub(super) fn aliases(&mut self, alias: &str, names: Vec<String>) -> Vec<String> {
        names
            .into_iter()
            .map(|name| {
                let key = format!("{name}\\{alias}");
                self.known(&key).name = name;
                key
            })
            .collect()
    }

    pub(super) fn known(&mut self, key: &str) -> &mut Pooled {
        self.pool.entry(key.to_owned()).or_insert_with(|| Pooled {
            name: key.to_owned(),
            ..Pooled::default()
        })
    }

    fn index(&self, name: &str) -> Result<Opened, Stop<F::Stop>> {
        self.folder.index(name).map_err(Stop::Folder)
    }

    /// `kmod_search_moddep`.
    pub(super) fn dep_line(&self, name: &str) -> Result<Option<String>, Stop<F::Stop>> {
        match &self.dep {
            Opened::Index(index) => index
                .search(name, &self.effort)
                .or_else(|fault| self.no_answer(fault, "modules.dep")),
            Opened::Missing | Opened::Unusable(_) => Ok(None),
        }
    }

    /// `index_searchwild` in an index of that name.
    fn matching(
        &self,
        index: &Index,
        name: &str,
        alias: &str,
    ) -> Result<Vec<String>, Stop<F::Stop>> {
        let found = index.search_wild(alias, &self.effort);
        found.or_else(|fault| self.no_answer(fault, name))
    }

    fn no_answer<T>(&self, fault: SearchFault, index: &str) -> Result<T, Stop<F::Stop>> {
        match fault {
            SearchFault::Endless => self.endless(index),
            SearchFault::TooMuch => Err(TooMuch.into()),
        }
    }

    /// Ends the look at an index whose reading never does.
    fn endless<T>(&self, index: &str) -> Result<T, Stop<F::Stop>> {
        let mut is_mapped = true;
        for name in MAPPED {
            is_mapped &= matches!(self.index(name)?, Opened::Index(_));
        }
        Err(Stop::Endless {
            index: index.to_owned(),
            is_mapped,
        })
    }

    /// `kmod_module_parse_depline`: the module's file, and what it needs, last first. One
    /// dependency whose file is not there makes kmod forget them all.
    pub(super) fn read_dep_line(&mut self, key: &str, line: &str) -> Result<(), Stop<F::Stop>> {
        if self.known(key).dependencies.is_some() {
            return Ok(());
        }
        let Some((file, dependencies)) = line.split_once(':') else {
            self.known(key).dependencies = Some(Vec::new());
            return Ok(());
        };
        let path = self.path_of(file);
        self.known(key).path.get_or_insert(path);
        let mut keys = Vec::new();
        for file in dependencies
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
        {
            let path = self.path_of(file);
            let name = module_name(path.rsplit('/').next().unwrap_or_default());
            // `kmod_module_new_from_path`: the file is there, and no other has the name.
            let there = self.folder.exists(&path).map_err(Stop::Folder)?;
            let same = self
                .pool
                .get(&name)
                .and_then(|known| known.path.as_ref())
                .is_none_or(|known| *known == path);
            if !there || !same {
                self.known(key).dropped = Some(file.to_owned());
                return Ok(());
            }
            self.known(&name).path.get_or_insert(path);
            keys.push(name);
            if keys.len() > MOST_STEPS {
                return Err(TooMuch.into());
            }
        }
        keys.reverse();
        self.known(key).dependencies = Some(keys);
        Ok(())
    }

    fn path_of(&self, file: &str) -> String {
        if file.starts_with('/') {
            file.to_owned()
        } else {
            format!("{}/{file}", self.folder.path())
        }
    }

    /// `kmod_module_get_dependencies`.
    pub(super) fn dependencies(&mut self, key: &str) -> Result<Vec<String>, Stop<F::Stop>> {
        if self.known(key).dependencies.is_none() {
            let name = self.known(key).name.clone();
            if let Some(line) = self.dep_line(&name)? {
                self.read_dep_line(key, &line)?;
            }
        }
        Ok(self.known(key).dependencies.clone().unwrap_or_default())
    }

    /// `kmod_module_is_builtin`: `modules.builtin.bin` of the folder decides.
    pub(super) fn is_builtin(&mut self, key: &str) -> Result<bool, Stop<F::Stop>> {
        if let Some(known) = self.known(key).built_in {
            return Ok(known);
        }
        let name = self.known(key).name.clone();
        let answer = self.is_in_builtin_index(&name)?;
        self.known(key).built_in = Some(answer);
        Ok(answer)
    }

    fn is_in_builtin_index(&mut self, name: &str) -> Result<bool, Stop<F::Stop>> {
        if self.builtin.is_none() {
            self.builtin = Some(self.index("modules.builtin")?);
        }
        match &self.builtin {
            Some(Opened::Index(index)) => {
                let found = index.search(name, &self.effort);
                let found = found.map(|line| line.is_some());
                found.or_else(|fault| self.no_answer(fault, "modules.builtin"))
            }
            _ => Ok(false),
        }
    }
}
