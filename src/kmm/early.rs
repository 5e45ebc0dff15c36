//! Modules that nodes load while they boot: BootModuleConfigs (KMM ≥2.5) and InitramfsModules,
//! which KMM's own preflight leaves out. They are checked like Modules: the image for the new
//! kernel is there, and its modules would load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::findings::finding::{Code, Effect, Finding};
use crate::kmm::module::{
    Build, Container, KernelMapping, LocalObjectReference, Modprobe, ModprobeArgs, ModuleLoader,
    ModuleSpec, Sign,
};

/// What kind of object a Module was read from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum ModuleKind {
    /// A Module, or a ManagedClusterModule.
    #[default]
    Module,
    /// A BootModuleConfig.
    BootModuleConfig,
    /// An InitramfsModule.
    InitramfsModule,
}

impl ModuleKind {
    /// The kind's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Module => "Module",
            Self::BootModuleConfig => "BootModuleConfig",
            Self::InitramfsModule => "InitramfsModule",
        }
    }

    /// The image for a kernel.
    ///
    /// # Errors
    /// The kernel makes no valid image name.
    pub fn image(self, template: &str, kernel: &str) -> Result<String, Finding> {
        match self {
            Self::Module => Ok(template.to_owned()),
            // internal/mcfg/scripts/pull-image.sh has `<image>:$(uname -r)`.
            Self::BootModuleConfig if kernel.contains('+') => Err(Finding::new(
                Code::ImageInvalid,
                format!(
                    "{template}:{kernel} is not a valid image name: nodes use the kernel version \
                     as the tag, and a tag has no `+`"
                ),
            )
            .with_effect(Effect::Fails)
            .hint("Load the module with a Module on kernels with `+` in their version.")),
            Self::BootModuleConfig => Ok(format!("{template}:{kernel}")),
            Self::InitramfsModule => Ok(format!("{template}-{}", kernel.replace('+', "-"))),
        }
    }
}

/// The label of a role's nodes.
fn role(name: &str) -> BTreeMap<String, String> {
    [(format!("node-role.kubernetes.io/{name}"), String::new())].into()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BootSpec {
    machine_config_pool_name: String,
    kernel_module_image: String,
    kernel_module_name: String,
    #[serde(default)]
    in_tree_modules_to_remove: Option<Vec<String>>,
    #[serde(default)]
    firmware_files_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InitramfsSpec {
    #[serde(default)]
    selector: Option<BTreeMap<String, String>>,
    module_names: Vec<String>,
    #[serde(default)]
    container_image: String,
    #[serde(default)]
    firmware_path: Option<String>,
    #[serde(default)]
    dir_name: Option<String>,
    #[serde(default)]
    build: Option<Build>,
    #[serde(default)]
    sign: Option<Sign>,
    #[serde(default)]
    image_repo_secret: Option<LocalObjectReference>,
    #[serde(default)]
    rollback: Option<bool>,
}

/// The spec of a Module that loads the same.
///
/// # Errors
/// The object cannot be read, in words.
pub(crate) fn spec(kind: ModuleKind, value: &serde_json::Value) -> Result<ModuleSpec, String> {
    match kind {
        ModuleKind::Module => ModuleSpec::deserialize(value).map_err(|error| error.to_string()),
        ModuleKind::BootModuleConfig => BootSpec::deserialize(value)
            .map(of_boot)
            .map_err(|error| error.to_string()),
        ModuleKind::InitramfsModule => InitramfsSpec::deserialize(value)
            .map_err(|error| error.to_string())
            .and_then(of_initramfs),
    }
}

/// A mapping for every kernel; the image is named by [`ModuleKind::image`].
fn every_kernel() -> Vec<KernelMapping> {
    vec![KernelMapping {
        regexp: ".*".to_owned(),
        ..KernelMapping::default()
    }]
}

fn of_boot(boot: BootSpec) -> ModuleSpec {
    ModuleSpec {
        selector: role(&boot.machine_config_pool_name),
        module_loader: Some(ModuleLoader {
            container: Container {
                container_image: boot.kernel_module_image,
                kernel_mappings: every_kernel(),
                in_tree_modules_to_remove: boot.in_tree_modules_to_remove,
                modprobe: Modprobe {
                    module_name: boot.kernel_module_name,
                    firmware_path: boot.firmware_files_path.unwrap_or_default(),
                    ..Modprobe::default()
                },
                ..Container::default()
            },
            ..ModuleLoader::default()
        }),
        ..ModuleSpec::default()
    }
}

fn of_initramfs(module: InitramfsSpec) -> Result<ModuleSpec, String> {
    if module.module_names.is_empty() {
        return Err("moduleNames is empty".to_owned());
    }
    let mut modprobe = Modprobe {
        firmware_path: module.firmware_path.unwrap_or_default(),
        ..Modprobe::default()
    };
    if let Some(dir) = module.dir_name.filter(|dir| !dir.is_empty()) {
        modprobe.dir_name = dir;
    }
    match module.module_names.as_slice() {
        [one] => modprobe.module_name.clone_from(one),
        several => {
            let mut load = ["-a", "-v", "-d", modprobe.dir_name.as_str()]
                .map(str::to_owned)
                .to_vec();
            load.extend_from_slice(several);
            modprobe.raw_args = Some(ModprobeArgs {
                load,
                unload: Vec::new(),
            });
        }
    }
    // Taking the modules out again needs no image.
    let loads = !module.rollback.unwrap_or_default();
    let selector = module.selector.filter(|selector| !selector.is_empty());
    Ok(ModuleSpec {
        selector: selector.unwrap_or_else(|| role("worker")),
        image_repo_secret: module.image_repo_secret,
        module_loader: loads.then(|| ModuleLoader {
            container: Container {
                container_image: module.container_image,
                kernel_mappings: every_kernel(),
                build: module.build,
                sign: module.sign,
                modprobe,
                ..Container::default()
            },
            ..ModuleLoader::default()
        }),
        ..ModuleSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_are_named_as_each_kind_names_them() {
        let boot = ModuleKind::BootModuleConfig;
        let image = boot.image("q/m", "5.14.0-1.el9.x86_64");
        assert_eq!(image.as_deref(), Ok("q/m:5.14.0-1.el9.x86_64"));
        let finding = boot
            .image("q/m", "5.14.0-1.el9.x86_64+rt")
            .expect_err("no tag");
        assert_eq!(finding.effect, Effect::Fails);
        assert!(finding.message.contains("q/m:5.14.0-1.el9.x86_64+rt"));
        let image = ModuleKind::InitramfsModule.image("q/m:1", "5.14.0-1.el9.aarch64+64k");
        assert_eq!(image.as_deref(), Ok("q/m:1-5.14.0-1.el9.aarch64-64k"));
    }

    #[test]
    fn early_modules_are_read_as_modules() {
        let boot = spec(
            ModuleKind::BootModuleConfig,
            &json!({"machineConfigName": "c", "machineConfigPoolName": "worker",
                    "kernelModuleImage": "q/m", "kernelModuleName": "ticker",
                    "inTreeModulesToRemove": ["old"], "workerImage": "w"}),
        )
        .expect("a BootModuleConfig");
        assert!(boot.selector.contains_key("node-role.kubernetes.io/worker"));
        let container = boot.module_loader.expect("a loader").container;
        assert_eq!(container.modprobe.module_name, "ticker");
        assert_eq!(container.modprobe.dir_name, "/opt");

        let initramfs = |value| spec(ModuleKind::InitramfsModule, &value);
        let two = initramfs(json!({"moduleNames": ["a", "b"], "containerImage": "q/m:1",
            "selector": {}, "dirName": "/mods"}))
        .expect("an InitramfsModule");
        assert!(two.selector.contains_key("node-role.kubernetes.io/worker"));
        let modprobe = two.module_loader.expect("a loader").container.modprobe;
        let load = modprobe.raw_args.expect("arguments").load;
        assert_eq!(load, ["-a", "-v", "-d", "/mods", "a", "b"]);
        let back = initramfs(json!({"moduleNames": ["a"], "rollback": true})).expect("one");
        assert!(back.module_loader.is_none());
        assert!(initramfs(json!({"moduleNames": []})).is_err());
        assert!(spec(ModuleKind::BootModuleConfig, &json!({})).is_err());
    }
}
