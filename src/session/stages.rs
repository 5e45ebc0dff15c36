//! Makes the stages of a local run from its flags.

use std::path::PathBuf;
use std::sync::Arc;

use crate::boot::queue::Boots;
use crate::check::image::ImageCheck;
use crate::check::objects::Objects;
use crate::check::stages::Stages;
use crate::cli::run::RunArgs;
use crate::image_build::request::BuildConfig;
use crate::image_build::stage::{self, Builds};
use crate::images::registry::cache::Cache;
use crate::own_files::workspace::Scratch;

/// The stages of a run. [`Stages::end`] ends what they have started, on every way out.
pub(crate) fn from_args(args: &RunArgs, image: Arc<ImageCheck>, objects: Arc<Objects>) -> Stages {
    let scratch = Arc::new(Scratch::default());
    let run_jobs = args.jobs.map_or(usize::MAX, usize::from);
    let jobs = args
        .stages
        .build_jobs
        .map_or_else(stage::default_jobs, usize::from);
    let builds = Builds::new(
        BuildConfig {
            choice: args.stages.builder,
            isolation: args.stages.build_isolation,
            jobs,
            logs: log_folder(args),
            insecure_registries: args.registry.insecure_registry.clone(),
            registries_conf: args.registry.registries_conf.clone(),
            mirrors: image.images.mirrors().clone(),
            trust: image.images.trust().clone(),
            ca_file: args.registry.ca_file.clone(),
            for_push: args.push_built_image,
        },
        Arc::clone(&scratch),
    );
    let boots = Boots::new(args.stages.boot, &image, &scratch, run_jobs);
    Stages {
        boots,
        image,
        objects,
        builds,
        scratch,
        allowed: args.stages.stages,
        push: args.push_built_image,
    }
}

/// Logs of builds are kept beside what was learnt about layers.
fn log_folder(args: &RunArgs) -> Option<PathBuf> {
    if args.registry.no_cache {
        return None;
    }
    let cache = args.registry.cache_dir.clone().or_else(Cache::default_dir);
    cache.map(|cache| cache.join("builds"))
}
