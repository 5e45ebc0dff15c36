//! Image, Build and Sign one after the other, with real modules, a real buildah and a real
//! registry.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use kmm_preflight::build::builder::Choice;
use kmm_preflight::build::stage::{BuildConfig, Builds};
use kmm_preflight::build::workspace::Scratch;
use kmm_preflight::check::facts::FactsStore;
use kmm_preflight::check::image::ImageCheck;
use kmm_preflight::check::objects::Objects;
use kmm_preflight::check::run::Outcome;
use kmm_preflight::check::stages::{StageSet, Stages};
use kmm_preflight::image::open::{Images, ImagesConfig};
use kmm_preflight::judge::Trust;
use kmm_preflight::model::finding::{Code, Effect};
use kmm_preflight::model::module::{Build, Modprobe, Sign, TlsOptions};
use kmm_preflight::model::plan::{KmmRelease, Plan, Work};
use kmm_preflight::model::report::Origin;
use kmm_preflight::model::target::{Arch, Target};
use kmm_preflight::model::verdict::{Stage, Verdict};
use kmm_preflight::registry::access::Access;
use kmm_preflight::sign::compression::Compression;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::build::busybox;
use crate::sign_file::Pair;
use crate::support::image::{Image, Layer, write_layout};
use crate::support::registry::Registry;
use crate::support::server::environment;

/// The kernel that everything here is for.
pub(crate) const KERNEL: &str = "6.1.0-56-amd64";

const SOURCE: &str = "#include <linux/module.h>\n\
    static int __init begin(void) { pr_info(\"here\\n\"); return 0; }\n\
    static void __exit end(void) { }\n\
    module_init(begin);\nmodule_exit(end);\nMODULE_LICENSE(\"GPL\");\n";

/// A folder `lib/modules/<kernel>` below a root, with a module and depmod's indexes.
static MODULE: LazyLock<TempDir> = LazyLock::new(|| {
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
    let output = Command::new(words[0])
        .args(&words[1..])
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{words:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A layer with the module's folder below `/opt`; `change` sees each file first.
fn module_layer(change: impl Fn(&str, Vec<u8>) -> (String, Vec<u8>)) -> Layer {
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

fn unchanged(name: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes)
}

/// Everything that a run of stages needs.
pub(crate) struct Setup {
    layout: TempDir,
    objects: Value,
    config_maps: Value,
    allowed: StageSet,
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

    fn image(&self, name: &str, image: &Image) {
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
            target: Target {
                kernel_version: KERNEL.into(),
                arch: Arch::Amd64,
                dtk_image: self.dtk_image.clone(),
            },
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
            image: Arc::new(ImageCheck {
                images,
                facts,
                trust: Trust::default(),
                release: self.release,
            }),
            objects: Arc::new(Objects {
                secrets: serde_json::from_value(self.objects.clone()).expect("Secrets"),
                config_maps: serde_json::from_value(self.config_maps.clone()).expect("ConfigMaps"),
                ..Objects::default()
            }),
            builds: Builds::new(
                BuildConfig {
                    choice: Choice::Auto,
                    jobs: 1,
                    logs: None,
                    insecure_registries: Vec::new(),
                    registries_conf: None,
                    ca_file: None,
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
            .block_on(stages.check(&plan, &|_| ()))
    }
}

fn base64(bytes: &[u8]) -> String {
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

fn sign(unsigned: &str, files: &[&str]) -> Sign {
    serde_json::from_value(json!({
        "unsignedImage": unsigned,
        "keySecret": {"name": "key"},
        "certSecret": {"name": "cert"},
        "filesToSign": files,
    }))
    .expect("a sign section")
}

fn build() -> Build {
    serde_json::from_value(json!({"dockerfileConfigMap": {"name": "dockerfile"}}))
        .expect("a build section")
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

const GLOB: &str = "/opt/lib/modules/6.1.0-56-amd64/*.ko";

#[test]
fn an_unsigned_image_is_signed_and_then_loads() {
    let setup = Setup::new();
    let unsigned = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &unsigned);
    let mut work = work("registry.example/m:1");
    assert_verdict(&setup.check(work.clone()), Stage::Image, Verdict::Failed);
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(
        &outcome,
        Code::ImageReplaced,
        Effect::None,
        "signature-missing",
    );
    assert_ne!(outcome.digest, Some(unsigned.build().digest));
}

#[test]
fn a_compressed_module_is_signed_inside_its_compression() {
    for (compression, suffix) in [
        (Compression::Gzip, "gz"),
        (Compression::Xz, "xz"),
        (Compression::Zstd, "zst"),
    ] {
        let setup = Setup::new();
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("lib/modules").join(KERNEL);
        fs::create_dir_all(&folder).expect("a folder");
        let plain = fs::read(
            MODULE
                .path()
                .join("lib/modules")
                .join(KERNEL)
                .join("stage.ko"),
        );
        let packed = compression
            .compress(&plain.expect("the module"))
            .expect("memory enough");
        fs::write(folder.join(format!("stage.ko.{suffix}")), packed).expect("a file");
        run(&[&depmod(), "-b", &root.path().display().to_string(), KERNEL]);
        let layer = fs::read_dir(&folder).expect("a folder").flatten().fold(
            Layer::new(),
            |layer, entry| {
                let name = entry.file_name().into_string().expect("a name");
                let bytes = fs::read(entry.path()).expect("a file");
                layer.file(&format!("opt/lib/modules/{KERNEL}/{name}"), &bytes)
            },
        );
        setup.image(
            "registry.example/m:1",
            &Image::new().with_tools().layer(layer),
        );
        let mut work = work("registry.example/m:1");
        let file = format!("/opt/lib/modules/{KERNEL}/stage.ko.{suffix}");
        work.sign = Some(sign("registry.example/m:1", &[&file]));
        let outcome = setup.check(work);
        assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
        assert_says(&outcome, Code::SignFailed, Effect::None, "is compressed");
    }
}

/// The environment's depmod, which has every decompressor.
fn depmod() -> String {
    let own = environment().join("kmod/depmod");
    own.display().to_string()
}

#[test]
fn a_module_signed_by_a_stranger_is_signed_anew_and_not_twice() {
    let setup = Setup::new();
    let stranger = Pair::rsa("2048");
    let layer = module_layer(|name, bytes| match name {
        "stage.ko" => (name.to_owned(), stranger.sign_module(&bytes)),
        _ => unchanged(name, bytes),
    });
    setup.image(
        "registry.example/m:theirs",
        &Image::new().with_tools().layer(layer),
    );
    setup.image("registry.example/m:1", &Image::new().with_tools());
    assert_verdict(
        &setup.check(work("registry.example/m:theirs")),
        Stage::Image,
        Verdict::Unknown,
    );
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:theirs", &[GLOB]));
    assert_verdict(&setup.check(work), Stage::Sign, Verdict::Verified);
}

#[test]
fn what_cannot_be_signed_is_told() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    let signed_with = |setup: &Setup, sign: Sign| {
        let mut work = work("registry.example/m:1");
        work.sign = Some(sign);
        setup.check(work)
    };
    let unsigned = "registry.example/m:1";
    for (section, words) in [
        (
            sign(unsigned, &["/opt/lib/modules/*/no.ko"]),
            "names no file",
        ),
        (
            sign(unsigned, &["/usr/lib/stage.ko"]),
            "not below dirName /opt",
        ),
        (sign(unsigned, &[]), "no filesToSign"),
        (sign("", &[GLOB]), "no image to sign given"),
    ] {
        let outcome = signed_with(&setup, section);
        assert_verdict(&outcome, Stage::Sign, Verdict::Failed);
        assert_says(&outcome, Code::SignFailed, Effect::Fails, words);
    }
    let key = setup.objects[0]["data"].clone();
    for (data, code, effect, words) in [
        (
            json!({"key": base64(b"no key")}),
            Code::SignFailed,
            Effect::Fails,
            "private key is none",
        ),
        (
            json!({"key.pem": key["key"]}),
            Code::SecretMissing,
            Effect::Blocks,
            "Secret ns/key has no key key",
        ),
    ] {
        setup.objects[0]["data"] = data;
        let outcome = signed_with(&setup, sign(unsigned, &[GLOB]));
        assert_eq!(outcome.stage, Stage::Sign);
        assert_says(&outcome, code, effect, words);
    }
    setup.objects = json!([]);
    let outcome = signed_with(&setup, sign(unsigned, &[GLOB]));
    assert_verdict(&outcome, Stage::Sign, Verdict::Error);
    assert_says(&outcome, Code::SecretMissing, Effect::Blocks, "ns/key");
}

#[test]
fn stages_that_are_left_out_are_told() {
    let mut setup = Setup::new();
    let image = Image::new().with_tools().layer(module_layer(unchanged));
    setup.image("registry.example/m:1", &image);
    setup.allowed = "image,build".parse().expect("stages");
    let mut work = work("registry.example/m:1");
    work.sign = Some(sign("registry.example/m:1", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Image, Verdict::Failed);
    assert_says(&outcome, Code::StageSkipped, Effect::Doubts, "stage Sign");
}

/// The module's files in a base image, for a build has no context.
pub(crate) fn base_with_module(registry: &Registry) -> String {
    let image = busybox().layer(module_layer(unchanged));
    registry.push("base/module:1", &image.build())
}

#[test]
fn a_built_image_is_signed_without_a_push_between() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    let base = base_with_module(&registry);
    // An image that cannot load: no module in it.
    let empty = Image::new().with_tools();
    setup.image("registry.example/m:1", &empty);
    setup.dockerfile(&format!(
        "FROM {base}\nARG KERNEL_VERSION\nRUN test -d /opt/lib/modules/$KERNEL_VERSION\n"
    ));
    let mut work = work("registry.example/m:1");
    let mut section = build();
    section.base_image_registry_tls.insecure = true;
    work.build = Some(section);
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    assert_says(
        &outcome,
        Code::SignatureMissing,
        Effect::Fails,
        "unsigned module",
    );

    work.sign = Some(sign("", &[GLOB]));
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(
        &outcome,
        Code::ImageReplaced,
        Effect::None,
        "needs pushBuiltImage",
    );
}

#[test]
fn a_build_without_the_module_has_failed() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    let base = registry.push("base/busybox:1", &busybox().build());
    setup.image("registry.example/m:1", &Image::new().with_tools());
    setup.dockerfile(&format!("FROM {base}\nRUN echo nothing\n"));
    let mut work = work("registry.example/m:1");
    let mut section = build();
    section.base_image_registry_tls.insecure = true;
    work.build = Some(section);
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    assert_says(
        &outcome,
        Code::BuildFailed,
        Effect::Fails,
        "no module that would load",
    );
    assert_says(
        &outcome,
        Code::DockerfileLint,
        Effect::None,
        "depmod-missing",
    );

    setup.config_maps[0]["data"] = json!({"Dockerfile": "FROM scratch\n"});
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Error);
    assert_says(
        &outcome,
        Code::ConfigmapMissing,
        Effect::Blocks,
        "no key dockerfile",
    );
    setup.config_maps = json!([]);
    assert_verdict(&setup.check(work.clone()), Stage::Build, Verdict::Error);

    setup.dockerfile("ARG DTK_AUTO\nFROM ${DTK_AUTO}\n");
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Error);
    assert_says(&outcome, Code::BuildFailed, Effect::Blocks, "DTK_AUTO");

    setup.dockerfile("FROM scratch\n");
    if let Some(section) = &mut work.build {
        section.secrets = vec![serde_json::from_value(json!({"name": "absent"})).expect("a name")];
    }
    let outcome = setup.check(work);
    assert_says(&outcome, Code::SecretMissing, Effect::Blocks, "ns/absent");
}

/// The image of the registry, as a plan would name it, from which only manifests and what is
/// signed were read.
#[test]
fn a_signed_image_is_pushed_with_its_lower_layers_mounted() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let unsigned = Image::new().with_tools().layer(module_layer(unchanged));
    let reference = registry.push("team/unsigned:1", &unsigned.build());
    let image = registry.reference("team/module:1");
    let mut work = work(&image);
    work.registry_tls.insecure = true;
    let mut section = sign(&reference, &[GLOB]);
    section.unsigned_image_registry_tls.insecure = true;
    work.sign = Some(section);
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
    assert_says(&outcome, Code::ImageReplaced, Effect::None, "was pushed as");
    let digest = outcome.digest.expect("a digest");
    work.sign = None;
    let again = setup.check(work);
    assert_verdict(&again, Stage::Image, Verdict::Unknown);
    assert_eq!(again.digest, Some(digest));
}

#[test]
fn what_is_not_verified_is_not_pushed() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let unsigned = Image::new().with_tools();
    let reference = registry.push("team/unsigned:1", &unsigned.build());
    let base = registry.push("base/busybox:1", &busybox().build());
    let image = registry.reference("team/module:1");
    let mut work = work(&image);
    work.build = Some(build());
    setup.dockerfile(&format!("FROM {base}\nRUN echo nothing\n"));
    if let Some(section) = &mut work.build {
        section.base_image_registry_tls.insecure = true;
    }
    let outcome = setup.check(work.clone());
    assert_verdict(&outcome, Stage::Build, Verdict::Failed);
    work.build = None;
    work.sign = Some(sign(&reference, &[GLOB]));
    assert_verdict(&setup.check(work.clone()), Stage::Sign, Verdict::Failed);
    work.sign = None;
    let outcome = setup.check(work);
    assert_says(&outcome, Code::ImageNotFound, Effect::Fails, "team/module");
}

#[test]
fn a_registry_out_of_reach_is_no_reason_to_build() {
    let mut setup = Setup::new();
    setup.dockerfile("FROM scratch\n");
    let mut registry = Registry::start();
    let image = registry.reference("team/module:1");
    registry.stop();
    let mut work = work(&image);
    work.build = Some(build());
    let outcome = setup.check(work);
    assert_verdict(&outcome, Stage::Image, Verdict::Error);
}

/// The lowest layer's content is gone from the registry, so every download of it would fail.
#[test]
fn signing_reads_no_layer_that_the_files_do_not_need() {
    let registry = Registry::start();
    let mut setup = Setup::new();
    setup.push = true;
    let lowest = Layer::new().file("usr/large", &[7; 4096]);
    let unsigned = Image::new()
        .created_by("RUN /bin/sh -c true")
        .layer(lowest)
        .layer(module_layer(unchanged).opaque("opt"))
        .build();
    let reference = registry.push("team/unsigned:1", &unsigned);
    let manifest: Value = serde_json::from_slice(&unsigned.manifest).expect("JSON");
    let lowest = manifest["layers"][0]["digest"].as_str().expect("a digest");
    let hex = lowest.trim_start_matches("sha256:");
    let data = registry
        .storage()
        .join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
    let size = fs::metadata(&data).expect("the blob").len();
    fs::write(&data, vec![0; usize::try_from(size).expect("a size")]).expect("the blob");
    for (entry, tag) in [
        (format!("/opt/lib/modules/{KERNEL}/stage.ko"), "1"),
        (GLOB.to_owned(), "2"),
    ] {
        let mut work = work(&registry.reference(&format!("team/module:{tag}")));
        work.sign = Some(sign(&reference, &[&entry]));
        let outcome = setup.check(work);
        assert_verdict(&outcome, Stage::Sign, Verdict::Verified);
        assert_says(&outcome, Code::ImageReplaced, Effect::None, "was pushed as");
    }
}
