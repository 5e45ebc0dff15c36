//! `kernel IMAGE`: the kernels of a release or driver-toolkit image.

use std::sync::Arc;

use futures::future::try_join_all;

use crate::check::inspect::as_error;
use crate::check::targets::Resolver;
use crate::cli::output::Format;
use crate::commands::Done;
use crate::error::{EXIT_VERIFIED, Error};
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::model::target::Arch;
use crate::report::kernel::Kernels;
use crate::report::{self, Screen};

/// Resolves an image to its kernels, for every architecture that was asked for.
///
/// # Errors
/// An image cannot be read or is neither kind, or the format describes findings, which there
/// are none of.
pub(crate) async fn run(
    reference: &str,
    archs: &[Arch],
    format: Format,
    screen: &Screen,
    images: &Arc<Images>,
    access: &Access,
) -> Result<Done, Error> {
    let resolver = Resolver {
        images,
        access,
        with_64k: true,
    };
    let reads = archs.iter().map(|arch| resolver.resolve(reference, *arch));
    let resolved = try_join_all(reads).await.map_err(as_error)?;
    let notes: Vec<String> = resolved.iter().flat_map(|one| one.notes.clone()).collect();
    let stdout = report::print(&Kernels(resolved), format, screen)?;
    let mut done = Done {
        stdout,
        stderr: String::new(),
        exit_code: EXIT_VERIFIED,
    };
    done.warn(&notes);
    Ok(done)
}
