//! The cross-check of one Module's image, as a local run would check it.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::check::image::{ImageCheck, ImageOutcome};
use crate::check::objects::Objects;
use crate::check::targets::Resolver;
use crate::cli::run::RunArgs;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::findings::finding::{Code, Finding};
use crate::input::Inputs;
use crate::kernel::streams::ReleaseKernels;
use crate::kmm::module::Module;
use crate::kmm::plan::plan;
use crate::kmm::releases::KmmRelease;
use crate::model::target::Target;
use crate::session::open::{self, Session};

/// The result of one cross-check.
#[derive(Debug, Clone)]
pub(crate) struct CrossChecked {
    /// The image that was checked.
    pub image: Option<String>,
    /// The kernel mapping that named it, in words.
    pub mapping: Option<String>,
    /// What was seen.
    pub outcome: ImageOutcome,
}

impl CrossChecked {
    /// The image could not be checked, for this reason.
    pub(crate) fn none(finding: Finding) -> Self {
        Self {
            image: None,
            mapping: None,
            outcome: ImageOutcome {
                digest: None,
                findings: vec![finding],
            },
        }
    }
}

/// What the cross-checks of a run share.
#[derive(Debug)]
pub(crate) struct ImageCrossCheck {
    check: ImageCheck,
    objects: Arc<Objects>,
    /// The release image that the user named, where no folder has the facts.
    release_image: Option<String>,
    kernels: OnceCell<Result<ReleaseKernels, Finding>>,
}

impl ImageCrossCheck {
    /// Checks with the credentials and mirrors of the cluster and of this machine.
    ///
    /// # Errors
    /// A file that the flags name cannot be used.
    pub(crate) async fn new(
        args: &RunArgs,
        cluster: &Cluster,
        release: KmmRelease,
        release_image: Option<&str>,
    ) -> Result<(Self, Vec<String>), Error> {
        let session = Session::as_nodes(
            &args.registry,
            &mut Inputs::default(),
            Some(Arc::new(cluster.clone())),
        )
        .await?;
        let access = session.objects.access_of_release().await;
        let cross_check = Self {
            check: open::image_check(&args.target, session.images, access, release)?,
            objects: session.objects,
            release_image: release_image
                .filter(|_| args.target.kernel_dir.is_none())
                .map(str::to_owned),
            kernels: OnceCell::new(),
        };
        Ok((cross_check, session.notes))
    }

    /// Checks the Module's image for the target.
    pub(crate) async fn check(&self, module: &Module, target: &Target) -> CrossChecked {
        let mut target = target.clone();
        let unresolved = self.resolve(&mut target).await;
        let release = self.check.release;
        let plans = plan(
            std::slice::from_ref(module),
            std::slice::from_ref(&target),
            release,
        );
        let mut checked = CrossChecked {
            image: None,
            mapping: None,
            outcome: ImageOutcome {
                digest: None,
                findings: unresolved.into_iter().collect(),
            },
        };
        let Some(plan) = plans.into_iter().next() else {
            return checked;
        };
        checked.mapping = plan.mapping.as_ref().map(ToString::to_string);
        checked.outcome.findings.extend(plan.findings);
        let Some(work) = plan.work else {
            return checked;
        };
        let access = self.objects.access(&module.namespace, &work).await;
        let seen = self.check.check(&work, &target, &access).await;
        checked.image = Some(work.image);
        checked.outcome.digest = seen.digest;
        checked.outcome.findings.extend(seen.findings);
        checked
    }

    /// Fills in the release's images that describe the kernel; gives why none is known.
    async fn resolve(&self, target: &mut Target) -> Option<Finding> {
        let release_image = self.release_image.as_deref()?;
        let arch = target.arch;
        let resolved = self.kernels.get_or_init(|| async {
            let access = self.objects.access_of_release().await;
            let resolver = Resolver {
                images: &self.check.images,
                access: &access,
                with_64k: false,
            };
            resolver.resolve(release_image, arch).await
        });
        match resolved.await {
            Ok(kernels) => {
                kernels.describe(target);
                None
            }
            Err(_) if target.dtk_image.is_some() => None,
            Err(finding) => Some(Finding::new(
                Code::KernelFactsMissing,
                finding.message.clone(),
            )),
        }
    }
}
