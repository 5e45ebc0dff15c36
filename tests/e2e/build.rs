//! Builds by a real buildah, against base images in a real registry.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kmm_preflight::for_tests::{
    Access, Arch, BuildConfig, BuildRequest, Builds, Built, Choice, Code, Credential,
    CredentialSource, Effect, Finding, IsolationChoice, Mirrors, Scratch, SecretText, TlsOptions,
    TrustPlaces,
};

use crate::support::image::{Image, Layer};
use crate::support::registry::{PASSWORD, Registry, USER};

/// A base image with a shell and busybox's other programs.
pub(crate) fn busybox() -> Image {
    let busybox = fs::read("/bin/busybox").expect("Debian's busybox-static is installed");
    let programs = [
        "sh", "cat", "cp", "echo", "head", "ls", "mkdir", "sleep", "stat", "yes", "test", "id",
    ];
    let layer = programs.iter().fold(
        Layer::new().program("bin/busybox", &busybox),
        |layer, name| layer.symlink(&format!("bin/{name}"), "busybox"),
    );
    Image::new().layer(layer)
}

/// Pushes that image, and returns its reference.
pub(crate) fn push_busybox(registry: &Registry) -> String {
    registry.push("base/busybox:1", &busybox().build())
}

/// Builds with this builder, two at once.
pub(crate) fn config(
    choice: Choice,
    logs: Option<&Path>,
    registry: Option<&Registry>,
) -> BuildConfig {
    BuildConfig {
        choice,
        isolation: IsolationChoice::Auto,
        jobs: 2,
        logs: logs.map(Path::to_owned),
        insecure_registries: registry.map(Registry::host).into_iter().collect(),
        registries_conf: None,
        mirrors: Mirrors::default(),
        ca_file: None,
        trust: TrustPlaces::default(),
        for_push: false,
    }
}

/// A build of this Dockerfile for amd64.
pub(crate) fn request(dockerfile: &str) -> BuildRequest {
    BuildRequest {
        title: "ns/module for 6.1.0 on amd64".into(),
        dockerfile: dockerfile.to_owned(),
        args: vec![("KERNEL_VERSION".into(), "6.1.0".into())],
        secrets: Vec::new(),
        base_tls: TlsOptions::default(),
        access: Access::default(),
        bases: Vec::new(),
        arch: Arch::Amd64,
    }
}

/// The builds of one run, with the folder that its workspace is made in.
pub(crate) struct Run {
    /// The builds.
    pub(crate) builds: Arc<Builds>,
    /// The workspace.
    pub(crate) folder: PathBuf,
}

impl Run {
    /// Makes the workspace.
    pub(crate) fn new(config: BuildConfig) -> Self {
        let scratch = Arc::new(Scratch::default());
        let first = scratch.folder().expect("a workspace");
        Self {
            builds: Arc::new(Builds::new(config, scratch)),
            folder: first.parent().expect("the workspace").to_owned(),
        }
    }

    /// Builds and waits.
    pub(crate) fn build(&self, request: &BuildRequest) -> Result<Built, Finding> {
        runtime().block_on(self.builds.build(request, &|_| ()))
    }
}

/// Two threads: one may wait for a build.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// What the build says about its builder.
fn builder(built: &Built) -> &str {
    &built.findings[0].message
}

/// A file of the image that was built, `None` where no layer has it.
fn file(built: &Built, path: &str) -> Option<String> {
    let blob = |digest: &serde_json::Value| {
        let hex = digest
            .as_str()
            .and_then(|digest| digest.strip_prefix("sha256:"));
        let path = built
            .place
            .join("blobs/sha256")
            .join(hex.expect("a digest"));
        fs::read(path).expect("a blob of the layout")
    };
    let json = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).expect("JSON") };
    let index = json(&fs::read(built.place.join("index.json")).expect("a layout"));
    let manifest = json(&blob(&index["manifests"][0]["digest"]));
    let layers = manifest["layers"].as_array().expect("layers").clone();
    layers.iter().rev().find_map(|layer| {
        let bytes = blob(&layer["digest"]);
        let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => {
                let mut plain = Vec::new();
                let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]);
                std::io::copy(&mut reader, &mut plain).expect("gzip");
                plain
            }
            false => bytes,
        };
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entries = archive.entries().expect("an archive");
        entries.find_map(|entry| {
            let mut entry = entry.expect("an entry");
            let same = entry.path().expect("a path") == Path::new(path);
            same.then(|| std::io::read_to_string(&mut entry).expect("text"))
        })
    })
}

#[test]
fn an_image_is_built_with_arguments_and_secrets_and_nothing_is_left() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let logs = tempfile::tempdir().expect("a folder");
    let run = Run::new(config(Choice::Buildah, Some(logs.path()), Some(&registry)));
    let mut request = request(&format!(
        "FROM {base} AS one\nARG KERNEL_VERSION\nCOPY . /context\n\
         RUN test -z \"$(ls -A /context)\"\n\
         RUN mkdir -p /out && cat /run/secrets/token/value > /out/secret \
         && stat -c %a /run/secrets/token/value > /out/mode && echo $KERNEL_VERSION > /out/kernel \
         && ls -A /run/secrets > /out/names && cat /run/secrets/token/value\n\
         FROM {base}\nCOPY --from=one /out /opt\n",
    ));
    let token = BTreeMap::from([("value".to_owned(), b"s3cr3t-token\n".to_vec())]);
    request.secrets = vec![("token".into(), token)];
    let built = run.build(&request).expect("buildah builds");
    assert_eq!(
        file(&built, "opt/secret").as_deref(),
        Some("s3cr3t-token\n")
    );
    assert_eq!(file(&built, "opt/mode").as_deref(), Some("600\n"));
    assert_eq!(file(&built, "opt/kernel").as_deref(), Some("6.1.0\n"));
    assert_eq!(file(&built, "opt/names").as_deref(), Some("token\n"));
    assert_eq!(file(&built, "run/secrets/token/value"), None);
    assert!(builder(&built).contains("with buildah"), "{built:?}");

    let log = logs.path().join("ns_module_for_6.1.0_on_amd64.log");
    let text = fs::read_to_string(&log).expect("the log is kept");
    assert!(text.contains("STEP 5/5"), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
    let mode = fs::metadata(&log).expect("the log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let found = Command::new("grep")
        .args(["-rl", "s3cr3t-token"])
        .arg(&run.folder)
        .output()
        .expect("grep starts");
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(
        found.lines().all(|path| !path.contains("/secrets/")),
        "the Secret's folder is gone as soon as the build is over: {found}"
    );
    run.builds.end();
    assert!(!run.folder.exists());
}

#[test]
fn steps_are_told_as_they_begin() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let run = Run::new(config(Choice::Auto, None, Some(&registry)));
    let steps = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&steps);
    let request = request(&format!("FROM {base}\nRUN echo hello\n"));
    let built = runtime().block_on(run.builds.build(&request, &move |step| {
        heard.lock().expect("no panic").push(step.to_owned());
    }));
    built.expect("a builder works");
    let steps = steps.lock().expect("no panic");
    assert!(
        steps.contains(&"step 2/2: RUN echo hello".to_owned()),
        "{steps:?}"
    );
}

#[test]
fn podman_builds_the_same() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let run = Run::new(config(Choice::Podman, None, Some(&registry)));
    let mut request = request(&format!(
        "FROM {base}\nARG KERNEL_VERSION\n\
         RUN cat /run/secrets/token/value > /kernel && echo $KERNEL_VERSION >> /kernel\n"
    ));
    let token = BTreeMap::from([("value".to_owned(), b"text\n".to_vec())]);
    request.secrets = vec![("token".into(), token)];
    let built = run.build(&request).expect("podman builds");
    assert!(builder(&built).contains("with podman"), "{built:?}");
    assert_eq!(file(&built, "kernel").as_deref(), Some("text\n6.1.0\n"));
    run.builds.end();
    assert!(!run.folder.exists());
}

#[test]
fn credentials_reach_the_registry_and_nothing_else() {
    let registry = Registry::with_password();
    let base = push_busybox(&registry);
    let dockerfile = format!("FROM {base}\nRUN echo built\n");
    let run = Run::new(config(Choice::Buildah, None, Some(&registry)));
    let refused = run
        .build(&request(&dockerfile))
        .expect_err("no credentials");
    assert_eq!(refused.effect, Effect::Blocks, "{refused:?}");
    assert!(
        refused
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("--authfile"))
    );

    let mut allowed = request(&dockerfile);
    let credential = Credential::Basic {
        username: USER.into(),
        password: SecretText::new(PASSWORD),
    };
    let source = CredentialSource::new("test", vec![(registry.host(), credential)]);
    allowed.access.credentials = vec![Arc::new(source)];
    run.build(&allowed).expect("with credentials");
}

#[test]
fn an_authority_of_the_users_is_trusted_for_base_images() {
    let registry = Registry::with_tls();
    let base = push_busybox(&registry);
    let dockerfile = format!("FROM {base}\nRUN echo built\n");
    let mut trusting = config(Choice::Buildah, None, None);
    let refused = Run::new(trusting.clone()).build(&request(&dockerfile));
    let refused = refused.expect_err("the authority is unknown");
    assert_eq!(refused.effect, Effect::Blocks, "{refused:?}");
    let mut of_cluster = trusting.clone();
    trusting.ca_file = Some(registry.ca());
    Run::new(trusting)
        .build(&request(&dockerfile))
        .expect("the authority is known");
    let ca = fs::read(registry.ca()).expect("the authority");
    of_cluster.trust.of_cluster = [(registry.host(), ca)].into();
    Run::new(of_cluster)
        .build(&request(&dockerfile))
        .expect("the cluster's nodes know the authority");
    let mut unverified = request(&dockerfile);
    unverified.base_tls.insecure_skip_tls_verify = true;
    Run::new(config(Choice::Buildah, None, None))
        .build(&unverified)
        .expect("baseImageRegistryTLS skips the verification");
}

/// Waits until a build is in the step that sleeps for so long.
pub(crate) fn wait_for_sleep(word: &str) {
    let start = Instant::now();
    while sleeping(word) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "the step starts");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many processes sleep for so long.
pub(crate) fn sleeping(word: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|command| {
            let mut words = command.split(|byte| *byte == 0);
            words.clone().any(|own| own == b"sleep") && words.any(|own| own == word.as_bytes())
        })
        .count()
}

#[test]
fn an_insecure_registry_leaves_the_others_of_the_build_verified() {
    let (open, verified) = (Registry::with_tls(), Registry::with_tls());
    let bases = [push_busybox(&open), push_busybox(&verified)];
    let build = |dockerfile: &str| {
        let run = Run::new(config(Choice::Buildah, None, Some(&open)));
        run.build(&request(dockerfile))
    };
    build(&format!("FROM {}\nRUN echo built\n", bases[0])).expect("the flag names this registry");
    let both = format!(
        "FROM {} AS first\nFROM {}\nCOPY --from=first /bin/sh /copy\n",
        bases[0], bases[1]
    );
    let refused = build(&both).expect_err("the flag does not name the other registry");
    assert_eq!(refused.effect, Effect::Blocks, "{refused:?}");
    assert!(refused.message.contains("certificate"), "{refused:?}");
}

#[test]
fn weaker_isolation_is_a_warning_and_can_be_refused() {
    let registry = Registry::start();
    let base = push_busybox(&registry);
    let build = |isolation| {
        let mut config = config(Choice::Buildah, None, Some(&registry));
        config.isolation = isolation;
        Run::new(config).build(&request(&format!("FROM {base}\nRUN echo built\n")))
    };
    let warned = |built: &Built| {
        let codes = built.findings.iter().map(|finding| finding.code);
        codes
            .filter(|code| *code == Code::BuildIsolationWeak)
            .count()
    };
    let chosen = build(IsolationChoice::Chroot).expect("chroot works everywhere");
    assert_eq!(warned(&chosen), 0, "it was asked for");
    let automatic = build(IsolationChoice::Auto).expect("one of the two works");
    match build(IsolationChoice::Default) {
        Ok(built) => assert_eq!((warned(&built), warned(&automatic)), (0, 0)),
        Err(refused) => {
            assert_eq!(refused.code, Code::BuilderMissing, "{refused:?}");
            assert_eq!(warned(&automatic), 1, "{automatic:?}");
        }
    }
}
