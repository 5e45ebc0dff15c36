//! One look at the image of a Module of the cluster, as a local run would make it.

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
use crate::kmm::module::Module;
use crate::kmm::plan::plan;
use crate::kmm::releases::KmmRelease;
use crate::model::target::Target;
use crate::session::open::{self, Session};

/// What one look gave.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The image that was looked at.
    pub image: Option<String>,
    /// The kernel mapping that named it, in words.
    pub mapping: Option<String>,
    /// What was seen.
    pub outcome: ImageOutcome,
}

impl Look {
    /// None was possible, for this reason.
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

/// What a look needs.
#[derive(Debug)]
pub(crate) struct Looker {
    check: ImageCheck,
    objects: Arc<Objects>,
    /// The release image of a CR that names no driver-toolkit image (KMM ≤2.3), where no
    /// folder has the facts.
    release_image: Option<String>,
    dtk_image: OnceCell<Result<Option<String>, Finding>>,
}

impl Looker {
    /// Looks with the credentials and mirrors of the cluster and of this machine.
    ///
    /// # Errors
    /// A file that the flags name cannot be used.
    pub(crate) async fn new(
        args: &RunArgs,
        cluster: &Cluster,
        release: KmmRelease,
        release_image: &str,
    ) -> Result<(Self, Vec<String>), Error> {
        let session = Session::as_nodes(
            &args.registry,
            &mut Inputs::default(),
            Some(Arc::new(cluster.clone())),
        )
        .await?;
        let access = session.objects.access_of_release().await;
        let looker = Self {
            check: open::image_check(&args.target, session.images, access, release)?,
            objects: session.objects,
            release_image: Some(release_image.to_owned())
                .filter(|image| !image.is_empty() && args.target.kernel_dir.is_none()),
            dtk_image: OnceCell::new(),
        };
        Ok((looker, session.notes))
    }

    /// Judges the Module's image for the target.
    pub(crate) async fn look(&self, module: &Module, target: &Target) -> Look {
        let mut target = target.clone();
        let unresolved = self.resolve(&mut target).await;
        let release = self.check.release;
        let plans = plan(
            std::slice::from_ref(module),
            std::slice::from_ref(&target),
            release,
        );
        let mut look = Look {
            image: None,
            mapping: None,
            outcome: ImageOutcome {
                digest: None,
                findings: unresolved.into_iter().collect(),
            },
        };
        let Some(plan) = plans.into_iter().next() else {
            return look;
        };
        look.mapping = plan.mapping.as_ref().map(ToString::to_string);
        look.outcome.findings.extend(plan.findings);
        let Some(work) = plan.work else {
            return look;
        };
        let access = self.objects.access(&module.namespace, &work).await;
        let seen = self.check.check(&work, &target, &access).await;
        look.image = Some(work.image);
        look.outcome.digest = seen.digest;
        look.outcome.findings.extend(seen.findings);
        look
    }

    /// Fills in the driver-toolkit image of the CR's release; gives why it is not known.
    async fn resolve(&self, target: &mut Target) -> Option<Finding> {
        let release_image = self.release_image.as_deref()?;
        if target.dtk_image.is_some() {
            return None;
        }
        let (arch, kernel) = (target.arch, target.kernel_version.as_str());
        let resolved = self.dtk_image.get_or_init(|| async {
            let access = self.objects.access_of_release().await;
            let resolver = Resolver {
                images: &self.check.images,
                access: &access,
                with_64k: false,
            };
            let kernels = resolver.resolve(release_image, arch).await?;
            Ok(kernels.toolkit_of(kernel).map(str::to_owned))
        });
        match resolved.await {
            Ok(image) => {
                target.dtk_image.clone_from(image);
                None
            }
            Err(finding) => Some(Finding::new(
                Code::KernelFactsMissing,
                finding.message.clone(),
            )),
        }
    }
}
