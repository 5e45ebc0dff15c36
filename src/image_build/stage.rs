//! Runs builds: at most so many at once, each in its own folder of the run's workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};

use crate::findings::finding::{Code, Finding};
use crate::image_build::bases::{self, Base};
use crate::image_build::builder::{self, Builder};
use crate::image_build::command::{self, BASE_LAYOUT, BuilderKind, Folders, Storage, docker};
use crate::image_build::failure;
use crate::image_build::inputs::Inputs;
use crate::image_build::log::BuildLog;
use crate::image_build::processes::Processes;
use crate::image_build::redaction::Redaction;
use crate::image_build::request::{BuildConfig, BuildRequest};
use crate::image_build::tool::Tool;
use crate::model::target::Arch;
use crate::own_files::workspace::Scratch;

/// Lines of a failed build's log that its finding shows.
const SHOWN_LINES: usize = 5;
/// Lines of it that are searched for the cause.
const SEARCHED_LINES: usize = 40;

/// What a build has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// An OCI layout with the image, or the archive that docker saves it in.
    pub place: PathBuf,
    /// What the image is called in it.
    pub tag: String,
    /// What should be known about it: which builder was used, and what it could not do.
    pub findings: Vec<Finding>,
}

/// Everything that the builds of a run share.
#[derive(Debug)]
pub struct Builds {
    config: BuildConfig,
    scratch: Arc<Scratch>,
    processes: Processes,
    /// Tags that docker's daemon may have.
    in_daemon: Mutex<BTreeSet<String>>,
    slots: Semaphore,
    ready: OnceCell<Result<(Builder, Folders), Finding>>,
    /// Base images that are in the builder's storage, each for one architecture.
    imported: tokio::sync::Mutex<BTreeMap<String, Arch>>,
}

impl Builds {
    /// Nothing is started before the first build.
    pub fn new(config: BuildConfig, scratch: Arc<Scratch>) -> Self {
        Self {
            slots: Semaphore::new(config.jobs.max(1)),
            config,
            scratch,
            processes: Processes::default(),
            in_daemon: Mutex::default(),
            ready: OnceCell::new(),
            imported: tokio::sync::Mutex::default(),
        }
    }

    /// Ends every process that is running, takes what was built out of docker's daemon, and
    /// removes the workspace; blocks for less than two seconds, beside the time that removing
    /// files takes.
    pub fn end(&self) {
        self.processes.end_all();
        let images = std::mem::take(&mut *self.in_daemon());
        if let (false, Some(Ok((_, folders)))) = (images.is_empty(), self.ready.get()) {
            let mut words = vec!["rmi", "--force"];
            words.extend(images.iter().map(String::as_str));
            docker::command(folders, &words).run_briefly();
        }
        self.scratch.end();
    }

    /// Builds an image; `step` hears of each step that begins.
    ///
    /// # Errors
    /// `builder-missing`, or why the build failed.
    pub async fn build(
        &self,
        request: &BuildRequest,
        step: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Built, Finding> {
        let _slot = self.slots.acquire().await;
        let (builder, folders) = self
            .ready
            .get_or_init(|| self.prepare())
            .await
            .as_ref()
            .map_err(Clone::clone)?;
        let folder = self.scratch.folder().map_err(|error| io_fault(&error))?;
        let prepared = self.config.write_inputs(builder, request, &folder).await;
        let inputs = prepared.map_err(|error| io_fault(&error))?;
        let log_path = self
            .config
            .logs
            .as_ref()
            .map(|logs| logs.join(format!("{}.log", file_name(&request.title))));
        let mut log = BuildLog::create(log_path.as_deref());
        log.line(&format!("{}: {}", request.title, builder.words));
        let unheeded = match builder.kind {
            BuilderKind::Docker => docker::unheeded(&inputs.run),
            BuilderKind::Buildah | BuilderKind::Podman => None,
        };
        step(&format!("building with {}", builder.words));
        let result = self
            .run(builder, folders, &inputs, &folder, &mut log, step)
            .await;
        // Secrets and credentials are needed no longer, whatever came of the build.
        for name in ["secrets", "auth", "certificates"] {
            let _ = fs::remove_dir_all(folder.join(name));
        }
        let Some(unheeded) = unheeded else {
            return result;
        };
        match result {
            Ok(mut built) => {
                let warning = Finding::new(Code::BuilderMissing, unheeded).as_warning();
                built.findings.push(warning);
                Ok(built)
            }
            Err(failed) => {
                let hint = failed.hint.clone().unwrap_or_default();
                Err(failed.hint(format!("{hint}; {unheeded}")))
            }
        }
    }

    fn in_daemon(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.in_daemon
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn prepare(&self) -> Result<(Builder, Folders), Finding> {
        let made = self.scratch.folder().and_then(|root| {
            let folder = |name: &str| {
                let path = root.join(name);
                fs::create_dir(&path).map(|()| path)
            };
            Ok(Folders {
                storage: folder("storage")?,
                state: folder("state")?,
                temporary: folder("temporary")?,
                context: folder("context")?,
            })
        });
        let folders = made.map_err(|error| io_fault(&error))?;
        let builder = builder::choose(
            self.config.choice,
            self.config.isolation,
            &folders,
            &self.processes,
        )
        .await?;
        Ok((builder, folders))
    }

    async fn run(
        &self,
        builder: &Builder,
        folders: &Folders,
        inputs: &Inputs,
        folder: &Path,
        log: &mut BuildLog,
        step: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Built, Finding> {
        let (run, redaction) = (&inputs.run, &inputs.redaction);
        let place = match &builder.storage {
            Some(storage) => {
                for base in &inputs.bases {
                    step(&format!("reading base image {}", base.image.reference));
                    let to = (builder.kind, storage, folders);
                    self.import(base, to, inputs, folder, log).await?;
                }
                let layout = folder.join("layout");
                let build = command::build(builder.kind, storage, folders, run);
                self.logged(&build, redaction, log, step).await?;
                step("writing the image");
                let export = command::export(
                    builder.kind,
                    storage,
                    folders,
                    run,
                    &layout,
                    self.config.for_push,
                );
                self.logged(&export, redaction, log, &|_| ()).await?;
                let forget = command::forget(builder.kind, storage, folders, run);
                let _ = forget.run(&self.processes, redaction, |_| ()).await;
                layout
            }
            None => {
                if let Some(base) = inputs.bases.first() {
                    return Err(bases::not_by_docker(base));
                }
                let archive = folder.join("image.tar");
                let archive_name = archive.to_string_lossy().into_owned();
                let build = docker::build(folders, run, &inputs.secret_files);
                self.in_daemon().insert(run.tag.clone());
                let built = self.logged(&build, redaction, log, step).await;
                let words = ["save", "--output", &archive_name, &run.tag];
                let saved = match &built {
                    Ok(()) => {
                        step("writing the image");
                        let save = docker::command(folders, &words);
                        self.logged(&save, redaction, log, &|_| ()).await
                    }
                    Err(_) => Ok(()),
                };
                let forget = docker::command(folders, &["rmi", "--force", &run.tag]);
                let _ = forget.run(&self.processes, redaction, |_| ()).await;
                self.in_daemon().remove(&run.tag);
                built.and(saved)?;
                archive
            }
        };
        Ok(Built {
            place,
            tag: match builder.kind {
                BuilderKind::Docker => run.tag.clone(),
                BuilderKind::Buildah | BuilderKind::Podman => command::LAYOUT_TAG.to_owned(),
            },
            findings: std::iter::once(Finding::new(
                Code::ImageReplaced,
                format!("it was built with {}", builder.words),
            ))
            .chain(builder.isolation.clone())
            .collect(),
        })
    }

    /// Puts a base image into the storage of a builder.
    async fn import(
        &self,
        base: &Base,
        (kind, storage, folders): (BuilderKind, &Storage, &Folders),
        inputs: &Inputs,
        folder: &Path,
        log: &mut BuildLog,
    ) -> Result<(), Finding> {
        let mut imported = self.imported.lock().await;
        let (name, arch) = (&base.image.reference, inputs.run.arch);
        if imported.get(name) == Some(&arch) {
            return Ok(());
        }
        let id = base.image.id();
        let stored = bases::name_in_storage(name, id);
        let layout = folder.join(BASE_LAYOUT);
        base.images.copy_to(&base.image, &layout, &stored).await?;
        for tool in command::import(kind, storage, folders, &inputs.run, folder, (id, &stored)) {
            self.logged(&tool, &inputs.redaction, log, &|_| ()).await?;
        }
        let _ = fs::remove_dir_all(&layout);
        imported.insert(name.clone(), arch);
        Ok(())
    }

    /// Runs one program of a build with its output in the log.
    async fn logged(
        &self,
        tool: &Tool,
        redaction: &Redaction,
        log: &mut BuildLog,
        step: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), Finding> {
        let mut current = None;
        let ended = tool
            .run(&self.processes, redaction, |line| {
                if let Some(begun) = failure::step(line) {
                    step(&begun);
                    current = Some(begun);
                }
                log.line(line);
            })
            .await;
        let status = ended.map_err(|error| io_fault(&error))?;
        if status.success() {
            return Ok(());
        }
        let cause = failure::cause(&log.last_lines(SEARCHED_LINES));
        let place = current.map_or_else(String::new, |step| format!(" in {step}"));
        let shown = log.last_lines(SHOWN_LINES).join("\n");
        let kept = log
            .path()
            .map(|path| format!("the whole log is in {}; ", path.display()))
            .unwrap_or_default();
        Err(Finding::new(
            Code::BuildFailed,
            format!("{} failed{place} ({status}):\n{shown}", tool.program),
        )
        .with_effect(cause.effect)
        .hint(format!("{kept}{}", cause.hint)))
    }
}

/// A run that ends without [`Builds::end`] (a fault, an early return) ends the same way.
impl Drop for Builds {
    fn drop(&mut self) {
        self.end();
    }
}

/// The longest name of a log file without its suffix, in bytes; file systems take 255.
const LONGEST_NAME: usize = 200;

/// A name for a log file: what a file name cannot hold is a `_`.
fn file_name(title: &str) -> String {
    title
        .chars()
        .take(LONGEST_NAME)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '+' => c,
            _ => '_',
        })
        .collect()
}

/// The machine kept the build from being tried.
fn io_fault(error: &io::Error) -> Finding {
    let finding = Finding::new(Code::BuildFailed, format!("cannot run the build: {error}"));
    finding
        .with_effect(crate::findings::finding::Effect::Blocks)
        .hint("Check the space and the permissions of the folder in TMPDIR.")
}

/// How many builds run at once where `--build-jobs` says nothing: one for two cores.
pub(crate) fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}
