//! What KMM's admission webhook rejects (`internal/webhook/module.go`, rules by release in
//! order of their arrival). The webhook has its say when a Module is written and never again:
//! one that an older KMM admitted still loads. So its rules are warnings, and what the kernel
//! does decides.

mod pods;

use std::collections::BTreeSet;

use crate::findings::finding::{Code, Finding};
use crate::kmm::module::{Container, KernelMapping, Modprobe, Module, Sign};
use crate::kmm::plan::go_regexp::{self, PatternError};
use crate::kmm::planned::ASSUMED;
use crate::kmm::releases::{Feature, KmmRelease};

/// What the search for a mapping reports by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    /// The regexp of this mapping.
    Regexp(usize),
    /// The missing image of this mapping.
    Image(usize),
}

/// What admission says of a Module: warnings, but for a Module that names nothing to load.
pub(crate) fn findings(
    module: &Module,
    release: KmmRelease,
    reported: Option<Reported>,
) -> Vec<Finding> {
    let mut findings = schema(module, release);
    if !release.has(Feature::Webhook) {
        return findings;
    }
    let mut rules = Rules {
        release,
        reported,
        seen: Vec::new(),
    };
    rules.pods(&module.spec);
    let container = module.spec.module_loader.as_ref().map(|l| &l.container);
    if let Some(container) = container {
        rules.mappings(container);
        rules.modprobe(&container.modprobe, module.written.empty_loading_order);
        if release.has(Feature::SignGlobs) {
            rules.files_to_sign(container, module.written.empty_dir_name);
        }
    }
    findings.extend(rules.seen.into_iter().map(Finding::as_warning));
    findings.extend(container.and_then(|container| {
        names_nothing(&container.modprobe).map(|message| refused(message.to_owned(), release))
    }));
    findings.extend(name_length(module, release).map(Finding::as_warning));
    findings
}

/// What the API server rejects by the CRD of a release. Objects that it admitted before may
/// still break these rules.
fn schema(module: &Module, release: KmmRelease) -> Vec<Finding> {
    let mut refused = module.written.refused.clone();
    if module.spec.module_loader.is_none() && !release.has(Feature::OptionalLoader) {
        refused.push("spec.moduleLoader is missing".to_owned());
    }
    let finding = |what: String| {
        Finding::new(
            Code::ModuleInvalid,
            format!("{what}: the API server rejects this"),
        )
        .hint(format!(
            "Correct the Module: it does not fit the CRD of {release}."
        ))
        .as_warning()
    };
    refused.into_iter().map(finding).collect()
}

fn refused(message: String, release: KmmRelease) -> Finding {
    Finding::new(Code::ModuleInvalid, message).hint(format!(
        "Correct the Module: the admission webhook of {release} rejects it."
    ))
}

struct Rules {
    release: KmmRelease,
    reported: Option<Reported>,
    seen: Vec<Finding>,
}

impl Rules {
    fn refuse(&mut self, message: impl Into<String>) {
        self.seen.push(refused(message.into(), self.release));
    }

    fn mappings(&mut self, container: &Container) {
        let singular = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        let both = "inTreeModuleToRemove and inTreeModulesToRemove cannot both be set";
        let above = (
            container.in_tree_modules_to_remove.is_some(),
            singular(&container.in_tree_module_to_remove),
        );
        let has_lists = self.release.has(Feature::InTreeModules);
        if has_lists && above.0 && above.1 {
            self.refuse(format!("{both} in the container"));
        }
        self.image_format("container", &container.container_image);
        for (index, mapping) in container.kernel_mappings.iter().enumerate() {
            self.one_mapping(index, mapping, container);
            let (list, name) = (
                mapping.in_tree_modules_to_remove.is_some(),
                singular(&mapping.in_tree_module_to_remove),
            );
            if has_lists && (list && (name || above.1) || name && above.0) {
                self.refuse(format!("{both} at kernelMappings[{index}] and above it"));
            }
        }
    }

    fn one_mapping(&mut self, index: usize, mapping: &KernelMapping, container: &Container) {
        match (mapping.regexp.is_empty(), mapping.literal.is_empty()) {
            (false, false) => self.refuse(format!(
                "regexp and literal are mutually exclusive at kernelMappings[{index}]"
            )),
            (true, true) => self.refuse(format!(
                "regexp or literal must be set at kernelMappings[{index}]"
            )),
            _ => {}
        }
        if self.reported != Some(Reported::Regexp(index)) {
            match go_regexp::compile(&mapping.regexp, self.release.go()) {
                Ok(_) => {}
                Err(PatternError::Refused(why)) => {
                    self.refuse(format!("invalid regexp at kernelMappings[{index}]: {why}"));
                }
                Err(PatternError::Unclear(why)) => self.refuse(format!(
                    "whether the regexp of kernelMappings[{index}] is accepted is not known: {why}"
                )),
            }
        }
        let no_image = mapping.container_image.is_empty() && container.container_image.is_empty();
        if no_image && self.reported != Some(Reported::Image(index)) {
            self.refuse(missing_image(index));
        }
        let place = match mapping.is_assumed {
            true => ASSUMED.to_owned(),
            false => format!("kernelMappings[{index}]"),
        };
        let refused = self.image_format(&place, &mapping.container_image);
        if let (true, Some(finding)) = (mapping.is_assumed, refused) {
            finding.point_at_flag(format!("Correct the image of {ASSUMED}."));
        }
    }

    fn image_format(&mut self, place: &str, image: &str) -> Option<&mut Finding> {
        let checked = self.release.has(Feature::TaggedImages);
        if !checked || image.is_empty() || image.contains([':', '@']) {
            return None;
        }
        self.refuse(format!(
            "containerImage of {place} must name a tag or a digest; it is {image}"
        ));
        self.seen.last_mut()
    }

    fn modprobe(&mut self, modprobe: &Modprobe, empty_order: bool) {
        let raw_args = modprobe.raw_args.as_ref();
        let load = raw_args.is_some_and(|args| !args.load.is_empty());
        let unload = raw_args.is_some_and(|args| !args.unload.is_empty());
        let named = !modprobe.module_name.is_empty();
        if named && (load || unload) {
            self.refuse("modprobe.rawArgs cannot be set when modprobe.moduleName is set");
        }
        if !named && load && !unload {
            self.refuse(
                "modprobe.rawArgs.unload must be set beside .load when modprobe.moduleName is \
                 unset",
            );
        }
        let order = &modprobe.modules_loading_order;
        if order.is_empty() && !empty_order {
            return;
        }
        if order.len() < 2 {
            self.refuse("modprobe.modulesLoadingOrder needs at least two modules");
        }
        if !named {
            self.refuse("modprobe.modulesLoadingOrder needs modprobe.moduleName");
        } else if order
            .first()
            .is_some_and(|first| *first != modprobe.module_name)
        {
            self.refuse("the first of modprobe.modulesLoadingOrder must be modprobe.moduleName");
        }
        let mut known = BTreeSet::new();
        for name in order {
            if !known.insert(name) {
                self.refuse(format!(
                    "{name} is listed twice in modprobe.modulesLoadingOrder"
                ));
            }
        }
    }

    /// The webhook compares with `dirName` as it is written. An empty one takes every absolute
    /// path; KMM then copies `COPY --from=source  /opt` and has nothing to sign.
    fn files_to_sign(&mut self, container: &Container, empty_dir_name: bool) {
        let dir = match empty_dir_name {
            true => "",
            false => container.modprobe.dir_name.as_str(),
        };
        let mappings = container.kernel_mappings.iter().enumerate();
        let sections: Vec<(String, &Sign)> = container
            .sign
            .iter()
            .map(|sign| ("the container".to_owned(), sign))
            .chain(mappings.filter_map(|(index, mapping)| {
                Some((format!("kernelMappings[{index}]"), mapping.sign.as_ref()?))
            }))
            .collect();
        if empty_dir_name && !sections.is_empty() {
            self.refuse("modprobe.dirName is empty: KMM accepts this, but cannot sign files then");
        }
        for (place, sign) in sections {
            if sign.files_to_sign.is_empty() {
                self.refuse(format!(
                    "filesToSign is required in the sign section of {place}"
                ));
            }
            for file in &sign.files_to_sign {
                if !file.starts_with(&format!("{dir}/")) {
                    self.refuse(format!(
                        "filesToSign entry {file} of {place} must be below dirName {dir}"
                    ));
                }
            }
        }
    }
}

/// Neither level names an image.
pub(super) fn missing_image(index: usize) -> String {
    format!("missing containerImage: neither kernelMappings[{index}] nor the container sets it")
}

/// The one rule without which there is nothing to look at: `modprobe` would be called for no
/// module.
fn names_nothing(modprobe: &Modprobe) -> Option<&'static str> {
    let load = modprobe
        .raw_args
        .as_ref()
        .is_some_and(|args| !args.load.is_empty());
    (modprobe.module_name.is_empty() && !load).then_some(
        "modprobe.rawArgs.load and .unload must be set when modprobe.moduleName is unset",
    )
}

/// Name and namespace share a label's 63 characters with KMM's own prefix.
fn name_length(module: &Module, release: KmmRelease) -> Option<Finding> {
    let longest = if release.has(Feature::Dra) { 41 } else { 40 };
    let has_version = module.spec.module_loader.as_ref().is_some_and(|loader| {
        let version = loader.container.version.as_deref();
        version.is_some_and(|version| !version.is_empty())
    });
    let applies = release.has(Feature::NameLimit) || has_version;
    let length = module.name.len() + module.namespace.len();
    (applies && length > longest).then(|| {
        Finding::new(
            Code::ModuleInvalid,
            format!(
                "name and namespace have {length} characters together; the admission webhook of \
                 {release} allows {longest}"
            ),
        )
        .hint("Shorten the Module's name or namespace.")
    })
}
