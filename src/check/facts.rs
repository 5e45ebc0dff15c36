//! Facts about the target kernels, read once per run however many modules ask.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel_loader::kernel::facts::KernelFacts;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::check::tree::{OverlayTree, read_all};
use crate::findings::finding::{Code, Finding};
use crate::findings::kernel_facts;
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::images::registry::fault::NamedBy;
use crate::kernel::sources;
use crate::model::target::{Arch, Target};

/// What is known about one target's kernel.
#[derive(Debug, Clone, Default)]
pub struct TargetFacts {
    /// The facts, where there are any.
    pub facts: Option<Arc<KernelFacts>>,
    /// What is missing of them, or why they could not be read.
    pub findings: Vec<Finding>,
}

/// What decides about a target's facts: its kernel, and the images that describe it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    kernel_version: String,
    arch: Arch,
    dtk_image: Option<String>,
    os_image: Option<String>,
    nodes_image: Option<String>,
}

impl From<&Target> for Source {
    fn from(target: &Target) -> Self {
        Self {
            kernel_version: target.kernel_version.clone(),
            arch: target.arch,
            dtk_image: target.dtk_image.clone(),
            os_image: target.os_image.clone(),
            nodes_image: target.nodes_image.clone(),
        }
    }
}

/// A place where a kernel's own files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KernelPlace {
    /// A folder on this machine.
    Folder(PathBuf),
    /// The name of an image.
    Image(String),
}

/// Where facts about kernels come from, and those that were read.
#[derive(Debug)]
pub struct FactsStore {
    kernel_dir: Option<PathBuf>,
    images: Arc<Images>,
    access: Access,
    known: Mutex<HashMap<Source, Known>>,
    /// How many checks are still to come that need them.
    expected: Mutex<Option<HashMap<Source, usize>>>,
    /// Reading them takes more memory than keeping them.
    turns: Semaphore,
    /// Places for what is read before anybody asks for it.
    ahead: Arc<Semaphore>,
}

/// The facts about one kernel.
#[derive(Debug, Default)]
struct Known {
    facts: Arc<OnceCell<TargetFacts>>,
    /// The same with the in-tree modules that nodes have.
    of_nodes: Arc<OnceCell<TargetFacts>>,
    /// The place of facts that were read ahead.
    ahead: Option<OwnedSemaphorePermit>,
}

/// How many kernels' facts are read at once.
const AT_ONCE: usize = 2;
/// How many kernels' facts are kept that were read ahead: those of the kernel that is looked
/// at, and those of the next one.
const AHEAD: usize = 2;
/// What messages call the image of the nodes' operating system.
const MACHINE_OS: &str = "machine-os";

impl FactsStore {
    /// Facts from a folder where one is named, and else from each target's driver-toolkit
    /// image, which is read with `access`.
    pub fn new(kernel_dir: Option<PathBuf>, images: Arc<Images>, access: Access) -> Self {
        Self {
            kernel_dir,
            images,
            access,
            known: Mutex::default(),
            expected: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            ahead: Arc::new(Semaphore::new(AHEAD)),
        }
    }

    /// Expects one check per target. Facts are let go with the last check that was expected of
    /// them: a run goes from kernel to kernel, and need not keep those of all.
    pub fn expect<'a>(&self, targets: impl IntoIterator<Item = &'a Target>) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = expected.get_or_insert_default();
        for target in targets {
            *expected.entry(target.into()).or_default() += 1;
        }
    }

    /// Counts a check that has ended.
    pub fn done(&self, target: &Target) {
        let source = Source::from(target);
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(expected) = expected.as_mut() else {
            return;
        };
        let Some(left) = expected.get_mut(&source) else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            expected.remove(&source);
            self.known().remove(&source);
        }
    }

    /// The places that may have the kernel itself, the first one first: a driver-toolkit image,
    /// which the facts are from, often lacks it.
    pub(crate) fn places(&self, target: &Target) -> Vec<KernelPlace> {
        let folder = self.kernel_dir.clone().map(KernelPlace::Folder);
        let images = images(target).map(|(_, image)| KernelPlace::Image(image.to_owned()));
        folder.into_iter().chain(images).collect()
    }

    /// The way to these images.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The facts about a target's kernel. Those who ask while they are being read wait for
    /// the one reading.
    pub async fn of(&self, target: &Target) -> TargetFacts {
        let facts = Arc::clone(&self.known().entry(target.into()).or_default().facts);
        facts.get_or_init(|| self.read(target)).await.clone()
    }

    /// The same, with the in-tree modules of the nodes' own image where that is known: for who
    /// asks which of them a node has. Nobody else needs that image, which is large.
    pub async fn of_nodes(&self, target: &Target) -> TargetFacts {
        let known = self.of(target).await;
        let image = target.nodes_image.as_deref();
        let image = image.filter(|_| self.kernel_dir.is_none());
        let (Some(facts), Some(image)) = (&known.facts, image) else {
            return known;
        };
        let cell = Arc::clone(&self.known().entry(target.into()).or_default().of_nodes);
        let read = || async {
            let _turn = self.turns.acquire().await;
            match self.read_image(MACHINE_OS, image, target).await {
                Ok(of_nodes) => TargetFacts {
                    facts: Some(Arc::new(of_nodes.or(facts))),
                    findings: known.findings.clone(),
                },
                // The toolkit's list counts, as it does where no machine-os image is known.
                Err(finding) => TargetFacts {
                    facts: Some(Arc::clone(facts)),
                    findings: [&known.findings[..], &[finding.as_warning()]].concat(),
                },
            }
        };
        cell.get_or_init(read).await.clone()
    }

    /// Reads the facts that are on this machine's disk before anybody asks for them, while
    /// images are opened: in the order in which targets are looked at, and never far ahead.
    /// Those in images wait until they are asked for, for they may have to be pulled.
    pub async fn read_ahead(&self, targets: &[Target]) {
        if self.kernel_dir.is_none() {
            return;
        }
        for target in targets {
            let place = Arc::clone(&self.ahead).acquire_owned().await.ok();
            if self.is_expected(target) {
                self.known().entry(target.into()).or_default().ahead = place;
                self.of(target).await;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Source, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False once the last check of a target has ended.
    fn is_expected(&self, target: &Target) -> bool {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let mut expected = expected.iter();
        expected.all(|all| all.contains_key(&Source::from(target)))
    }

    async fn read(&self, target: &Target) -> TargetFacts {
        let _turn = self.turns.acquire().await;
        let read = if let Some(dir) = self.kernel_dir.clone() {
            let target = target.clone();
            tokio::task::spawn_blocking(move || {
                sources::from_dir(&dir, &target.kernel_version, target.arch)
            })
            .await
            .unwrap_or_else(|fault| {
                Err(Finding::new(
                    Code::Internal,
                    format!("internal error while reading kernel facts: {fault}"),
                ))
            })
        } else if images(target).next().is_some() {
            self.read_images(target).await
        } else {
            return TargetFacts::default();
        };
        match read {
            Ok((facts, findings)) => TargetFacts {
                facts: Some(Arc::new(facts)),
                findings,
            },
            Err(finding) => TargetFacts {
                facts: None,
                findings: vec![finding],
            },
        }
    }

    /// Reads the facts in a target's first image, and what that lacks in the next ones.
    async fn read_images(&self, target: &Target) -> Result<(KernelFacts, Vec<Finding>), Finding> {
        let mut known: Option<KernelFacts> = None;
        for (role, image) in images(target) {
            let read = self.read_image(role, image, target).await;
            known = Some(match (known, read) {
                (None, read) => read?,
                (Some(facts), Ok(more)) => facts.or(&more),
                // Nothing else is said of this kernel there.
                (Some(facts), Err(_)) => facts,
            });
            if known.iter().all(|facts| facts.missing().is_empty()) {
                break;
            }
        }
        let facts = known.unwrap_or_default();
        let findings = kernel_facts::missing(&facts);
        Ok((facts, findings))
    }

    /// Reads the facts in an image; `role` is what messages call it.
    async fn read_image(
        &self,
        role: &str,
        image_name: &str,
        target: &Target,
    ) -> Result<KernelFacts, Finding> {
        let unreadable = |finding| of_kernel_facts(finding, role, image_name);
        let opened = self.images.open(image_name, target.arch, &self.access);
        let image = opened.await.map_err(unreadable)?;
        let overlay = read_all(&self.images, &image).await.map_err(unreadable)?;
        let target = target.clone();
        let gathered = tokio::task::spawn_blocking(move || {
            kernel_facts::gather(&target.kernel_version, target.arch, &OverlayTree(&overlay))
        })
        .await
        .unwrap_or_else(|fault| {
            Err(Finding::new(
                Code::Internal,
                format!("internal error while reading kernel facts: {fault}"),
            ))
        });
        match gathered {
            Ok((facts, _)) => Ok(KernelFacts {
                is_of_nodes: role == MACHINE_OS,
                ..facts
            }),
            Err(mut finding) => {
                finding.message = format!("{role} image {image_name}: {}", finding.message);
                Err(finding)
            }
        }
    }
}

/// The images with facts about a target's kernel, in the order in which they are read, and what
/// messages call them.
fn images(target: &Target) -> impl Iterator<Item = (&'static str, &str)> {
    let images = [
        (MACHINE_OS, &target.os_image),
        ("driver-toolkit", &target.dtk_image),
        (MACHINE_OS, &target.nodes_image),
    ];
    let images = images.into_iter();
    images.filter_map(|(role, image)| Some((role, image.as_deref()?)))
}

/// An image that was asked for facts and could not be read keeps the modules from being
/// judged: it says "could not look", whatever the registry said of it.
fn of_kernel_facts(finding: Finding, role: &str, image: &str) -> Finding {
    let mut finding = finding.with_effect(crate::findings::finding::Effect::Blocks);
    let about = format!("image {image}: ");
    let reason = finding.message.strip_prefix(&about);
    finding.message = format!(
        "no facts about the kernel from {role} image {image}: {}",
        reason.unwrap_or(&finding.message)
    );
    NamedBy::Release.hint(finding)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::images::open::ImagesConfig;

    #[tokio::test]
    async fn facts_are_kept_until_the_last_check_that_needs_them() {
        let images = Images::new(ImagesConfig::default()).expect("images");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kernel");
        let store = FactsStore::new(Some(folder.into()), Arc::new(images), Access::default());
        let target = Target::new("6.1.0-56-amd64", Arch::Amd64);
        store.expect([&target, &target]);
        let is_kept = || !store.known.lock().expect("no panic").is_empty();
        let first = store.of(&target).await.facts.expect("facts");
        store.done(&target);
        let second = store.of(&target).await.facts.expect("facts");
        assert!(Arc::ptr_eq(&first, &second), "they are read once");
        assert!(is_kept());
        store.done(&target);
        assert!(!is_kept());
        store.read_ahead(std::slice::from_ref(&target)).await;
        assert!(!is_kept(), "nobody needs them any more");
        // Whoever asks all the same gets them.
        assert!(store.of(&target).await.facts.is_some());
        store.done(&target);
        assert!(is_kept());
    }
    #[tokio::test]
    async fn facts_are_read_ahead_for_two_kernels_and_no_more() {
        let images = Images::new(ImagesConfig::default()).expect("images");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kernel");
        let store = FactsStore::new(Some(folder.into()), Arc::new(images), Access::default());
        let store = Arc::new(store);
        let target = |number| Target::new(format!("6.1.0-{number}-amd64"), Arch::Amd64);
        let targets: Vec<Target> = (0..5).map(target).collect();
        store.expect(&targets);
        let (reader, all) = (Arc::clone(&store), targets.clone());
        let reading = tokio::spawn(async move { reader.read_ahead(&all).await });
        let mut seen = Vec::new();
        for target in &targets {
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen.push(store.known().len());
            store.of(target).await;
            store.done(target);
        }
        assert!(seen.iter().all(|known| *known <= AHEAD), "{seen:?}");
        reading.await.expect("it ends");
        assert!(store.known().is_empty());
    }
}
