//! The targets of a run: from the flags, from the preflight CRs that `-f` gave, and from the
//! cluster's pools.

use crate::cli::target::PoolsMode;
use crate::cluster::pools::assign::Assigned;
use crate::error::Error;
use crate::kernel::streams::ReleaseKernels;
use crate::model::target::{KernelType, Scope};
use crate::session::fleet;
use crate::session::named::named;
use crate::session::releases::{Release, releases};
use crate::session::request::{Found, Request, check_streams, no_such_kernel, unresolved};

impl Request<'_> {
    /// The kernels to check against.
    ///
    /// # Errors
    /// Nothing names a kernel, or an image that should name it cannot be read.
    pub(crate) async fn find(&self) -> Result<Found, Error> {
        let args = self.args;
        let kinds = args.kernel_types();
        if !kinds.is_empty() && !args.kernel_version.is_empty() {
            return Err(Error::Usage {
                message: "--kernel-type and --kernel-version cannot be used together".to_owned(),
                hint: "Pass only --kernel-version, such as 5.14.0-427.el9.x86_64+rt.".to_owned(),
            });
        }
        let mut found = Found::default();
        if !args.kernel_version.is_empty() {
            let mut named = named(args, args.kernel_version.iter(), args.dtk_image.as_deref());
            if let Some(image) = &args.os_image {
                for target in &mut named.targets {
                    target.os_image = Some(image.clone());
                }
            }
            found = named;
        }
        let mut releases = releases(args, self.cluster, &mut found.notes).await?;
        let is_named = !args.kernel_version.is_empty()
            || args.dtk_image.is_some()
            || args.os_image.is_some()
            || args.current;
        if releases.is_empty() && !is_named {
            releases = self.of_preflights(&mut found);
        }
        let of_pools = args.pools != Some(PoolsMode::Off)
            && self.cluster.is_some()
            && (args.current || !releases.is_empty() && args.os_image.is_none());
        match self.cluster.filter(|_| of_pools) {
            Some(cluster) => fleet::find(self, cluster, &releases, &mut found).await?,
            None => {
                if args.current || !args.pool.is_empty() {
                    return Err(Error::Usage {
                        message: "--current and --pool need a cluster".to_owned(),
                        hint: "Pass --kubeconfig or --context, without --pools off.".to_owned(),
                    });
                }
                if args.pools == Some(PoolsMode::Off) && self.cluster.is_some() {
                    found.notes.push(
                        "--pools off: the cluster's pools, nodes and layered images were not \
                         read; the release's standard kernels are checked."
                            .to_owned(),
                    );
                }
                self.without_pools(&releases, &mut found).await?;
            }
        }
        if found.targets.is_empty() && found.unserved.is_empty() {
            return Err(no_target());
        }
        Ok(found)
    }

    /// What the preflight CRs of `-f` name: kernels into `found`, and releases.
    fn of_preflights(&self, found: &mut Found) -> Vec<Release> {
        let mut releases = Vec::new();
        for preflight in self.preflights {
            match (&preflight.kernel_version, &preflight.release_image) {
                (Some(kernel), _) => {
                    let one = named(self.args, [kernel], preflight.dtk_image.as_deref());
                    found.add(one);
                }
                (None, Some(image)) => releases.push(Release {
                    image: image.clone(),
                    version: None,
                    rt: preflight.rt,
                }),
                (None, None) => {}
            }
        }
        releases
    }

    /// The kernels of these releases, or of the images that the flags name, without regard to
    /// any pool.
    async fn without_pools(&self, releases: &[Release], found: &mut Found) -> Result<(), Error> {
        let args = self.args;
        let images: Vec<Release> = match (releases.is_empty(), &args.dtk_image) {
            (false, _) => releases.to_vec(),
            (true, Some(image)) if args.kernel_version.is_empty() => {
                vec![Release::of_image(image)]
            }
            (true, _) => Vec::new(),
        };
        let os_image = args.os_image.as_ref();
        let os_image = os_image.filter(|_| args.kernel_version.is_empty());
        if images.is_empty() {
            if let Some(image) = os_image {
                for kernels in self.resolve(&Release::of_image(image)).await? {
                    self.choose(&kernels, false, found)?;
                }
            }
            return Ok(());
        }
        for release in &images {
            for mut kernels in self.resolve(release).await? {
                if let Some(image) = os_image {
                    self.with_os_image(&mut kernels, image, found).await?;
                }
                self.choose(&kernels, release.rt, found)?;
            }
        }
        Ok(())
    }

    /// Puts the machine-os image that was named in the place of the release's own.
    async fn with_os_image(
        &self,
        kernels: &mut ReleaseKernels,
        image: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let resolver = self.resolver(false);
        let own = resolver.resolve(image, kernels.arch).await;
        let own = own.map_err(unresolved)?;
        found.notes.extend(own.notes);
        let Some(own) = own.streams.into_iter().next() else {
            return Ok(());
        };
        let at = kernels.streams.iter().position(|s| s.name == own.name);
        let mut stream = kernels.streams.swap_remove(at.unwrap_or_default());
        stream.os_image = own.os_image;
        stream.os_kernel = own.os_kernel;
        kernels.streams = vec![stream];
        Ok(())
    }

    /// Adds the kernels of the streams and kinds that were chosen, else the standard kernel of
    /// each stream.
    fn choose(&self, kernels: &ReleaseKernels, rt: bool, found: &mut Found) -> Result<(), Error> {
        found.notes.extend(kernels.notes.iter().cloned());
        check_streams(&self.args.os_stream, std::slice::from_ref(kernels))?;
        let mut kinds = self.args.kernel_types();
        if kinds.is_empty() {
            kinds.push(if rt {
                KernelType::Realtime
            } else {
                KernelType::Default
            });
        }
        let mut assigned = Assigned {
            targets: std::mem::take(&mut found.targets),
            unserved: Vec::new(),
        };
        for kind in kinds {
            let streams = kernels.streams.iter().filter(|stream| {
                let chosen = &self.args.os_stream;
                chosen.is_empty() || stream.name.as_ref().is_some_and(|n| chosen.contains(n))
            });
            let mut lacks = None;
            let mut any = false;
            for stream in streams {
                let Some(kernel) = stream.kernel(kind) else {
                    lacks = lacks.or_else(|| Some(stream.lacks(kind, kernels.arch)));
                    continue;
                };
                any = true;
                let image = stream.dtk_image.as_ref().or(stream.os_image.as_ref());
                found.notes.push(format!(
                    "{} has kernel {} ({})",
                    kernels
                        .release_image
                        .as_ref()
                        .or(image)
                        .map_or("", String::as_str),
                    kernel.kernel_version,
                    kernels.arch
                ));
                let scope = Scope {
                    releases: kernels.version.iter().cloned().collect(),
                    os_stream: stream.name.clone(),
                    kernel_type: Some(kind),
                    is_new: true,
                    ..Scope::default()
                };
                assigned.add(kernel, kernels.arch, scope);
            }
            if let (false, Some(message)) = (any, lacks) {
                return Err(no_such_kernel(message));
            }
        }
        found.targets = assigned.targets;
        Ok(())
    }
}

/// Nothing says which kernel to check.
pub(crate) fn no_target() -> Error {
    Error::Usage {
        message: "no target kernel given".to_owned(),
        hint: "Pass --kernel-version, --release-image, --dtk-image, --os-image, --to or \
               --current, or a PreflightValidation(OCP) with -f."
            .to_owned(),
    }
}
