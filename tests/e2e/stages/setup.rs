//! A Module, what it refers to, and its way through the stages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use kmm_preflight::for_tests::{
    Access, Arch, Build, BuildConfig, Builds, Choice, Code, Effect, FactsStore, ImageCheck, Images,
    ImagesConfig, IsolationChoice, KmmRelease, Mirrors, Modprobe, ModuleKind, Objects, Origin,
    Outcome, Plan, Scratch, Sign, Slot, Stage, StageSet, Stages, Target, TlsOptions, Trust,
    TrustPlaces, Verdict, Work,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::build::busybox;
use crate::sign_file::Pair;
use crate::support::image::{Image, Layer};
use crate::support::layout::write_layout;
use crate::support::registry::Registry;
use crate::support::server::succeed;

/// The kernel that everything here is for.
pub(crate) const KERNEL: &str = "6.1.0-56-amd64";

const SOURCE: &str = "#include <linux/module.h>\n\
    static int __init begin(void) { pr_info(\"here\\n\"); return 0; }\n\
    static void __exit end(void) { }\n\
    module_init(begin);\nmodule_exit(end);\nMODULE_LICENSE(\"GPL\");\n";

/// A folder `lib/modules/<kernel>` below a root, with a module and depmod's indexes.
pub(super) static MODULE: LazyLock<TempDir> = LazyLock::new(|| {
    let root = tempfile::tempdir().expect("a folder");
    let source = tempfile::tempdir().expect("a folder");
    fs::write(source.path().join("stage.c"), SOURCE).expect("a source file");
    fs::write(source.path().join("Makefile"), "obj-m := stage.o\n").expect("a Makefile");
    let headers = format!("/usr/src/linux-headers-{KERNEL}");
    let folder = source.path().display();
    run(&["make", "-C", &headers, &format!("M={folder}"), "modules"]);
    let modules = root.path().join("lib/modules").join(KERNEL);
    fs::create_dir_all(&modules).expect("a folder");
    fs::copy(source.path().join("stage.ko"), modules.join("stage.ko")).expect("the module");
    run(&["depmod", "-b", &root.path().display().to_string(), KERNEL]);
    root
});

/// The kernel's facts as they would be if it enforced signatures.
static ENFORCING: LazyLock<TempDir> = LazyLock::new(|| {
    let root = tempfile::tempdir().expect("a folder");
    let headers = PathBuf::from(format!("/usr/src/linux-headers-{KERNEL}"));
    let folder = root.path().join("usr/src/kernels").join(KERNEL);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(
        headers.join("Module.symvers"),
        folder.join("Module.symvers"),
    )
    .expect("the symbols");
    let config = fs::read_to_string(headers.join(".config")).expect("the configuration");
    let enforcing = config.replace(
        "# CONFIG_MODULE_SIG_FORCE is not set",
        "CONFIG_MODULE_SIG_FORCE=y",
    );
    assert_ne!(
        config, enforcing,
        "Debian's kernel does not enforce signatures"
    );
    fs::write(folder.join(".config"), enforcing).expect("a file");
    root
});

/// Runs a program that has to succeed.
pub(crate) fn run(words: &[&str]) {
    succeed(Command::new(words[0]).args(&words[1..]));
}

/// A layer with the module's folder below `/opt`; `change` sees each file first.
pub(super) fn module_layer(change: impl Fn(&str, Vec<u8>) -> (String, Vec<u8>)) -> Layer {
    let folder = MODULE.path().join("lib/modules").join(KERNEL);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the module's folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().fold(Layer::new(), |layer, path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let (name, bytes) = change(name, fs::read(path).expect("a file"));
        layer.file(&format!("opt/lib/modules/{KERNEL}/{name}"), &bytes)
    })
}

pub(super) fn unchanged(name: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes)
}

/// Everything that a run of stages needs.
pub(crate) struct Setup {
    layout: TempDir,
    /// Secrets
    pub(super) objects: Value,
    /// ConfigMaps
    pub(super) config_maps: Value,
    /// `--stages`
    pub(super) allowed: StageSet,
    /// `--push-built-image`
    pub(crate) push: bool,
    /// The driver-toolkit image.
    pub(crate) dtk_image: Option<String>,
    release: KmmRelease,
}

impl Setup {
    /// A key and its certificate in their Secrets, and an empty layout.
    pub(crate) fn new() -> Self {
        let pair = Pair::rsa("2048");
        let secret = |name: &str, key: &str, bytes: &[u8]| {
            json!({
                "metadata": {"name": name, "namespace": "ns"},
                "data": {key: base64(bytes)},
            })
        };
        let objects = json!([
            secret("key", "key", &pair.read("key.pem")),
            secret("cert", "cert", &pair.read("cert.der")),
        ]);
        Self {
            layout: tempfile::tempdir().expect("a folder"),
            objects,
            config_maps: json!([]),
            allowed: StageSet::ALL,
            push: false,
            dtk_image: None,
            release: KmmRelease::NEWEST,
        }
    }

    pub(super) fn image(&self, name: &str, image: &Image) {
        write_layout(self.layout.path(), name, &image.build());
    }

    /// The ConfigMap with a Dockerfile.
    pub(crate) fn dockerfile(&mut self, text: &str) {
        self.config_maps = json!([{
            "metadata": {"name": "dockerfile", "namespace": "ns"},
            "data": {"dockerfile": text},
        }]);
    }

    /// Puts a Module through the stages.
    pub(crate) fn check(&self, work: Work) -> Outcome {
        let plan = Plan {
            namespace: "ns".into(),
            name: "stage".into(),
            origin: Origin::Cluster,
            kind: ModuleKind::Module,
            owner: None,
            target: Target::new(KERNEL, Arch::Amd64).with_toolkit(self.dtk_image.clone()),
            findings: Vec::new(),
            mapping: None,
            work: Some(work),
        };
        let images = Arc::new(
            Images::new(ImagesConfig {
                layouts: [self.layout.path().to_owned()]
                    .into_iter()
                    .filter(|layout| layout.join("index.json").exists())
                    .collect(),
                ..ImagesConfig::default()
            })
            .expect("a layout"),
        );
        let kernel_dir = ENFORCING.path().to_owned();
        let facts = FactsStore::new(Some(kernel_dir), Arc::clone(&images), Access::default());
        let scratch = Arc::new(Scratch::default());
        let stages = Stages {
            boots: None,
            image: Arc::new(ImageCheck {
                images,
                facts,
                trust: Trust::default(),
                release: self.release,
                flavor_is_assumed: false,
            }),
            objects: Arc::new(Objects {
                secrets: serde_json::from_value(self.objects.clone()).expect("Secrets"),
                config_maps: serde_json::from_value(self.config_maps.clone()).expect("ConfigMaps"),
                ..Objects::default()
            }),
            builds: Builds::new(
                BuildConfig {
                    choice: Choice::Auto,
                    isolation: IsolationChoice::Auto,
                    jobs: 1,
                    logs: None,
                    insecure_registries: Vec::new(),
                    registries_conf: None,
                    mirrors: Mirrors::default(),
                    ca_file: None,
                    trust: TrustPlaces::default(),
                    for_push: false,
                },
                Arc::clone(&scratch),
            ),
            scratch,
            allowed: self.allowed,
            push: self.push,
        };
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(stages.check(&plan, &Slot::default(), &|_, _| ()))
    }
}

/// Text of bytes in a Secret.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A Module's sections without build and sign.
pub(crate) fn work(image: &str) -> Work {
    Work {
        image: image.into(),
        registry_tls: TlsOptions::default(),
        image_repo_secret: None,
        modprobe: Modprobe {
            module_name: "stage".into(),
            ..Modprobe::default()
        },
        in_tree_modules_to_remove: Vec::new(),
        build: None,
        sign: None,
    }
}

pub(super) fn sign(unsigned: &str, files: &[&str]) -> Sign {
    serde_json::from_value(json!({
        "unsignedImage": unsigned,
        "keySecret": {"name": "key"},
        "certSecret": {"name": "cert"},
        "filesToSign": files,
    }))
    .expect("a sign section")
}

pub(super) fn build() -> Build {
    let section = json!({"dockerfileConfigMap": {"name": "dockerfile"},
                         "baseImageRegistryTLS": {"insecure": true}});
    serde_json::from_value(section).expect("a build section")
}

#[track_caller]
pub(crate) fn assert_verdict(outcome: &Outcome, stage: Stage, verdict: Verdict) {
    let seen = (outcome.stage, Verdict::of_findings(&outcome.findings));
    assert_eq!(seen, (stage, verdict), "{:#?}", outcome.findings);
}

#[track_caller]
pub(crate) fn assert_says(outcome: &Outcome, code: Code, effect: Effect, words: &str) {
    let said = outcome.findings.iter().any(|finding| {
        (finding.code, finding.effect) == (code, effect) && finding.message.contains(words)
    });
    assert!(said, "{code} {words}: {:#?}", outcome.findings);
}

/// All modules of the image.
pub(crate) const GLOB: &str = "/opt/lib/modules/6.1.0-56-amd64/*.ko";

/// The module's files in a base image, for a build has no context.
pub(crate) fn base_with_module(registry: &Registry) -> String {
    let image = busybox().layer(module_layer(unchanged));
    registry.push("base/module:1", &image.build())
}
