//! One row of the table: an image, and how a Module loads from it.

use serde_json::{Value, json};

use crate::support::image::Image;

/// The `modprobe` section of a Module.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// `dirName`.
    pub(crate) dir_name: String,
    pub(crate) name: String,
    /// `rawArgs.load`, in place of everything but `dir`.
    pub(crate) raw: Option<Vec<String>>,
    /// `args.load`.
    pub(crate) args: Vec<String>,
    pub(crate) parameters: Vec<String>,
    /// `modulesLoadingOrder`.
    pub(crate) order: Vec<String>,
    /// `inTreeModulesToRemove`.
    pub(crate) remove: Vec<String>,
}

/// An image and a Module that loads from it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Kebab-case, and the name of the Module.
    pub(crate) name: String,
    pub(crate) image: Image,
    pub(crate) load: Load,
    /// Why nobody can tell from the image what the kernel will do, such as an
    /// init function that finds no device. Such a case is put to the kernel
    /// and to the product, and not compared.
    pub(crate) undecidable: Option<&'static str>,
    /// The file that `modprobe` loads, as a part of its path.
    pub(crate) loads: Option<&'static str>,
    /// The finding that keeps what the kernel loads from *verified*.
    pub(crate) doubt: Option<&'static str>,
    /// What the name does not tell, for whoever reads a difference.
    pub(crate) note: String,
}

impl Case {
    /// A case that loads `module` from `/opt`.
    pub(crate) fn new(name: &str, module: &str, image: Image) -> Self {
        Self {
            name: name.to_owned(),
            image,
            load: Load {
                dir_name: "/opt".to_owned(),
                name: module.to_owned(),
                raw: None,
                args: Vec::new(),
                parameters: Vec::new(),
                order: Vec::new(),
                remove: Vec::new(),
            },
            undecidable: None,
            loads: None,
            doubt: None,
            note: String::new(),
        }
    }

    /// `dirName`, with or without its first slash.
    pub(crate) fn below(mut self, dir_name: &str) -> Self {
        dir_name.clone_into(&mut self.load.dir_name);
        self
    }

    pub(crate) fn raw(mut self, words: &[&str]) -> Self {
        self.load.raw = Some(owned(words));
        self
    }

    pub(crate) fn args(mut self, words: &[&str]) -> Self {
        self.load.args = owned(words);
        self
    }

    pub(crate) fn parameters(mut self, words: &[&str]) -> Self {
        self.load.parameters = owned(words);
        self
    }

    pub(crate) fn order(mut self, names: &[&str]) -> Self {
        self.load.order = owned(names);
        self
    }

    pub(crate) fn remove(mut self, names: &[&str]) -> Self {
        self.load.remove = owned(names);
        self
    }

    pub(crate) fn undecidable(mut self, why: &'static str) -> Self {
        self.undecidable = Some(why);
        self
    }

    pub(crate) fn loads(mut self, file: &'static str) -> Self {
        self.loads = Some(file);
        self
    }

    pub(crate) fn doubted(mut self, code: &'static str) -> Self {
        self.doubt = Some(code);
        self
    }

    pub(crate) fn noted(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// The words after `modprobe` in KMM's worker.
    pub(crate) fn words(&self) -> Vec<String> {
        let load = &self.load;
        if let Some(raw) = &load.raw {
            return raw.clone();
        }
        let mut words = vec!["-vd".to_owned(), join(&["/tmp", self.dir_name()])];
        words.extend(load.args.iter().cloned());
        words.push(load.name.clone());
        words.extend(load.parameters.iter().cloned());
        words
    }

    /// `dirName` as it stands in the NodeModulesConfig, which has a default for an empty one.
    fn dir_name(&self) -> &str {
        match self.load.dir_name.as_str() {
            "" => "/opt",
            name => name,
        }
    }

    /// The shell command of KMM's init container.
    pub(crate) fn copy(&self, release: &str) -> String {
        let to = join(&["/tmp", self.dir_name(), "lib/modules"]);
        let from = join(&[self.dir_name(), "lib/modules", release]);
        format!("\nmkdir -p {to};\ncp -R {from} {to};\n")
    }

    /// `softdep.conf` as the worker writes it for `modulesLoadingOrder`.
    pub(crate) fn softdep(&self) -> Option<String> {
        let lines: Vec<String> = self
            .load
            .order
            .windows(2)
            .map(|pair| format!("softdep {} pre: {}\n", pair[0], pair[1]))
            .collect();
        (!lines.is_empty()).then(|| lines.concat())
    }

    /// The Module that KMM would be given.
    pub(crate) fn module(&self, image: &str) -> Value {
        let load = &self.load;
        let mut modprobe = json!({"dirName": load.dir_name});
        match &load.raw {
            Some(raw) => modprobe["rawArgs"] = json!({"load": raw, "unload": ["-r", "kmm_good"]}),
            None => modprobe["moduleName"] = json!(load.name),
        }
        if !load.args.is_empty() {
            modprobe["args"] = json!({"load": load.args});
        }
        if !load.parameters.is_empty() {
            modprobe["parameters"] = json!(load.parameters);
        }
        if !load.order.is_empty() {
            modprobe["modulesLoadingOrder"] = json!(load.order);
        }
        let mut container = json!({
            "modprobe": modprobe,
            "kernelMappings": [{"regexp": ".*", "containerImage": image}],
        });
        if !load.remove.is_empty() {
            container["inTreeModulesToRemove"] = json!(load.remove);
        }
        json!({
            "apiVersion": "kmm.sigs.x-k8s.io/v1beta1",
            "kind": "Module",
            "metadata": {"name": self.name, "namespace": "judge"},
            "spec": {"selector": {}, "moduleLoader": {"container": container}},
        })
    }
}

/// Go's `filepath.Join`.
pub(crate) fn join(parts: &[&str]) -> String {
    let whole = parts
        .iter()
        .filter(|part| !part.is_empty())
        .fold(String::new(), |whole, part| match whole.is_empty() {
            true => (*part).to_owned(),
            false => format!("{whole}/{part}"),
        });
    let rooted = whole.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for name in whole.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match (name, kept.last()) {
            ("..", Some(&last)) if last != ".." => {
                kept.pop();
            }
            ("..", _) if rooted => {}
            _ => kept.push(name),
        }
    }
    format!("{}{}", if rooted { "/" } else { "" }, kept.join("/"))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
