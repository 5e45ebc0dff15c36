//! Known weaknesses of Dockerfiles that build kernel modules for KMM. Each has a stable
//! sub-code, the first word of its finding's message.

mod codes;
mod signs;

use crate::findings::finding::{Code, Finding};
use crate::image_build::args::{self, ArgsCase};
use crate::image_build::dockerfile::{Dockerfile, Placed, Step, expand, variables};
use crate::image_build::lint::codes::SubCode;
use crate::image_build::lint::signs::{
    asks_uname, brings_a_shell, commands, is_floating, is_module, names_a_kernel, release_in,
    uses_a_kernel,
};
use crate::kmm::module::BuildArg;
use crate::kmm::releases::Feature;

/// Arguments that builders set or accept without an `ARG` of the user's (Dockerfile
/// reference, "Predefined ARGs" and "Automatic platform ARGs").
const PREDEFINED: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// What a Dockerfile is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LintCase<'a> {
    /// The Module and the kernel.
    pub args: ArgsCase<'a>,
    /// `buildArgs` in force.
    pub own_args: &'a [BuildArg],
    /// `dirName` of the Module.
    pub dir_name: &'a str,
}

/// Every weakness, in the order of its line.
pub(crate) fn lint(text: &str, case: &LintCase<'_>) -> Vec<Finding> {
    let dockerfile = match Dockerfile::parse(text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => {
            return vec![finding(
                SubCode::DoesNotParse,
                Some(error.line),
                &error.message,
            )];
        }
    };
    let mut lints = Lints {
        case,
        dockerfile: &dockerfile,
        found: Vec::new(),
    };
    lints.depmod();
    lints.undeclared();
    lints.never_set();
    lints.hard_coded(text);
    lints.of_build_node();
    lints.destination(text);
    lints.final_stage();
    lints.names();
    lints.found.sort_by_key(|(line, _)| *line);
    lints.found.into_iter().map(|(_, lint)| lint).collect()
}

fn finding(sub_code: SubCode, line: Option<usize>, what: &str) -> Finding {
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    Finding::new(Code::DockerfileLint, format!("{sub_code}: {place}{what}")).hint(sub_code.remedy())
}

struct Lints<'a> {
    case: &'a LintCase<'a>,
    dockerfile: &'a Dockerfile,
    found: Vec<(usize, Finding)>,
}

impl<'a> Lints<'a> {
    fn add(&mut self, sub_code: SubCode, line: Option<usize>, what: &str) {
        self.found
            .push((line.unwrap_or(0), finding(sub_code, line, what)));
    }

    fn steps(&self) -> impl Iterator<Item = &'a Placed> {
        let dockerfile = self.dockerfile;
        dockerfile.stages.iter().flat_map(|stage| &stage.steps)
    }

    fn scripts(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.steps().filter_map(|placed| match &placed.step {
            Step::Run(script) => Some((placed.line, script.as_str())),
            _ => None,
        })
    }

    fn depmod(&mut self) {
        let mut seen = false;
        let mut bare = Vec::new();
        for (line, script) in self.scripts() {
            // `make modules_install` and dkms run depmod themselves.
            seen |= script.contains("modules_install") || script.contains("dkms");
            for written in script.lines() {
                for command in commands(written) {
                    let Some(at) = command
                        .iter()
                        .position(|word| *word == "depmod" || word.ends_with("/depmod"))
                    else {
                        continue;
                    };
                    seen = true;
                    if !names_a_kernel(&command[at + 1..], asks_uname(written)) {
                        bare.push((line, written.trim()));
                    }
                }
            }
        }
        for (line, command) in bare {
            let what = match asks_uname(command) {
                true => format!("`{command}` is about the kernel of the node that builds"),
                false => format!("`{command}` has no kernel version"),
            };
            self.add(SubCode::DepmodKernelMissing, Some(line), &what);
        }
        if !seen {
            self.add(SubCode::DepmodMissing, None, "no RUN calls depmod");
        }
    }

    /// What is built or installed for the kernel of the node that builds.
    fn of_build_node(&mut self) {
        let mut found = Vec::new();
        for (line, script) in self.scripts() {
            let lines = script.lines().filter(|written| asks_uname(written));
            found.extend(
                lines
                    .filter(|written| uses_a_kernel(written))
                    .map(|written| (line, written.trim())),
            );
        }
        for (line, written) in found {
            let what = format!("`{written}` uses uname -r, the kernel of the node that builds");
            self.add(SubCode::KernelOfBuildNode, Some(line), &what);
        }
    }

    /// The names that KMM or `buildArgs` give values.
    fn set_names(&self) -> Vec<&'a str> {
        let case = self.case;
        let mut names: Vec<&str> = args::injected(case.args.release).to_vec();
        if !case.args.release.upstream {
            names.push("DTK_AUTO");
        }
        names.extend(case.own_args.iter().map(|arg| arg.name.as_str()));
        names
    }

    fn undeclared(&mut self) {
        let set = self.set_names();
        let dockerfile = self.dockerfile;
        let global: Vec<&str> = dockerfile
            .global_args
            .iter()
            .map(|arg| arg.name.as_str())
            .collect();
        for (index, stage) in dockerfile.stages.iter().enumerate() {
            for name in variables(&stage.base) {
                if !global.contains(&name) {
                    let what =
                        format!("FROM uses {name}, but no ARG before the first FROM declares it");
                    self.add(SubCode::ArgUndeclared, Some(stage.line), &what);
                }
            }
            let mut declared = self.inherited(index);
            let mut told: Vec<&str> = Vec::new();
            for placed in &stage.steps {
                match &placed.step {
                    Step::Arg(arg) => declared.push(&arg.name),
                    Step::Env(names) => declared.extend(names.iter().map(String::as_str)),
                    _ => {}
                }
                for name in variables(&placed.text) {
                    let assigned = placed.text.contains(&format!("{name}="));
                    if set.contains(&name)
                        && !declared.contains(&name)
                        && !told.contains(&name)
                        && !assigned
                    {
                        told.push(name);
                        let what = format!("{name} is used, but no ARG of this stage declares it");
                        self.add(SubCode::ArgUndeclared, Some(placed.line), &what);
                    }
                }
            }
        }
    }

    /// What a stage built on an earlier one finds declared: its `ENV`, and for builders that
    /// hand them on, its `ARG`.
    fn inherited(&self, index: usize) -> Vec<&'a str> {
        let dockerfile = self.dockerfile;
        let mut names = Vec::new();
        let mut at = index;
        while let Some(earlier) = dockerfile.earlier_stage(at, &dockerfile.stages[at].base) {
            for placed in &dockerfile.stages[earlier].steps {
                match &placed.step {
                    Step::Arg(arg) => names.push(arg.name.as_str()),
                    Step::Env(set) => names.extend(set.iter().map(String::as_str)),
                    _ => {}
                }
            }
            at = earlier;
        }
        names
    }

    fn never_set(&mut self) {
        let set = self.set_names();
        let dockerfile = self.dockerfile;
        let with_default = |name: &str| {
            dockerfile
                .global_args
                .iter()
                .any(|arg| arg.name == name && arg.default.is_some())
        };
        let in_stages = self.steps().filter_map(|placed| match &placed.step {
            Step::Arg(arg) => Some(arg),
            _ => None,
        });
        let mut told: Vec<&str> = Vec::new();
        let all: Vec<_> = dockerfile.global_args.iter().chain(in_stages).collect();
        for arg in all {
            let name = arg.name.as_str();
            let upstream_dtk = name == "DTK_AUTO" && self.case.args.release.upstream;
            if arg.default.is_some()
                || set.contains(&name)
                || PREDEFINED.contains(&name)
                || with_default(name)
                || told.contains(&name)
                || upstream_dtk
            {
                continue;
            }
            told.push(name);
            let what = format!("ARG {name} has no default, and neither KMM nor buildArgs sets it");
            self.add(SubCode::ArgNeverSet, Some(arg.line), &what);
        }
    }

    fn hard_coded(&mut self, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if line.trim_start().starts_with('#') {
                continue;
            }
            let written = release_in(line).or_else(|| {
                let kernel = self.case.args.kernel_version;
                line.contains(kernel).then_some(kernel)
            });
            if let Some(kernel) = written {
                let what = format!("kernel version {kernel} is hard-coded");
                self.add(SubCode::KernelHardCoded, Some(number), &what);
            }
            if line.contains("DTK_AUTO") && self.case.args.release.upstream {
                self.add(SubCode::DtkAutoUpstream, Some(number), "DTK_AUTO is used");
            }
        }
        let dockerfile = self.dockerfile;
        let bases = dockerfile
            .stages
            .iter()
            .map(|stage| (stage.line, &stage.base));
        let defaults = dockerfile
            .global_args
            .iter()
            .filter_map(|arg| Some((arg.line, arg.default.as_ref()?)));
        let images: Vec<_> = bases.chain(defaults).collect();
        for (line, image) in images {
            let image = image.as_str();
            if image.contains("driver-toolkit") || image.contains("ocp-v4.0-art-dev") {
                let what = format!("image {image} is hard-coded");
                self.add(SubCode::DtkHardCoded, Some(line), &what);
            }
        }
    }

    /// `COPY x.ko` belongs below `<dirName>/lib/modules/`.
    fn destination(&mut self, text: &str) {
        let dir_name = self.case.dir_name.trim_end_matches('/');
        let wanted = format!("{dir_name}/lib/modules/");
        let last = self.dockerfile.last_stage();
        for placed in &last.steps {
            let Step::Copy {
                sources,
                destination,
                ..
            } = &placed.step
            else {
                continue;
            };
            let modules = sources.iter().any(|source| is_module(source));
            if modules && destination.starts_with('/') && !destination.starts_with(&wanted) {
                let what =
                    format!("a module is copied to {destination}, not below {wanted}<kernel>");
                self.add(SubCode::ModuleElsewhere, Some(placed.line), &what);
            }
        }
        if !text.contains("lib/modules") && !text.contains("modules_install") {
            let what = format!("nothing is copied below {wanted}<kernel>");
            self.add(SubCode::ModuleElsewhere, None, &what);
        }
    }

    fn final_stage(&mut self) {
        let last = self.dockerfile.last_stage();
        let line = Some(last.line);
        let base = self.final_base();
        let given: Vec<(String, String)> = self
            .case
            .own_args
            .iter()
            .map(|arg| (arg.name.clone(), arg.value.clone()))
            .collect();
        let values = self.dockerfile.global_values(&given);
        let image = expand(base, &values);
        let bare = image == "scratch" || image.contains("distroless");
        if bare && self.case.args.release.has(Feature::PullPods) && !brings_a_shell(last) {
            let what = format!("the final stage uses {image} and copies no /bin/sh");
            self.add(SubCode::NoShell, line, &what);
        }
        let unknown = variables(base)
            .iter()
            .any(|name| !values.contains_key(*name));
        if !bare && !unknown && is_floating(&image) {
            let what = format!("the final stage uses {image}");
            self.add(SubCode::BaseFloating, line, &what);
        }
    }

    /// The image below the final stage, through stages that are built on stages.
    fn final_base(&self) -> &'a str {
        let dockerfile = self.dockerfile;
        let mut at = dockerfile.stages.len() - 1;
        while let Some(earlier) = dockerfile.earlier_stage(at, &dockerfile.stages[at].base) {
            at = earlier;
        }
        &dockerfile.stages[at].base
    }

    fn names(&mut self) {
        let release = self.case.args.release;
        let used = self
            .steps()
            .find(|placed| variables(&placed.text).contains(&"MOD_NAME"))
            .map(|placed| placed.line);
        if let (Some(line), true) = (used, release.has(Feature::PullPods)) {
            let name = self.case.args.name;
            let what = format!(
                "MOD_NAME is {name} here and in the build after the upgrade, and \
                 {name}-preflight in KMM's own preflight"
            );
            self.add(SubCode::ModName, Some(line), &what);
        }
    }
}

#[cfg(test)]
mod tests;
