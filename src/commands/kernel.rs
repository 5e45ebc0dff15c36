//! `kernel IMAGE`: the kernels of a release or driver-toolkit image.

use futures::future::try_join_all;

use crate::check::inspect::as_error;
use crate::check::targets::Resolver;
use crate::cli::image::KernelArgs;
use crate::console::output::Done;
use crate::error::{EXIT_VERIFIED, Error};
use crate::report::kernel::Kernels;
use crate::report::{self, Format, Screen};
use crate::session::arch;
use crate::session::open::Session;

/// Resolves an image to its kernels, for every architecture that was asked for.
///
/// # Errors
/// An image cannot be read or is neither kind, or the format describes findings, which there
/// are none of.
pub(crate) async fn run(args: &KernelArgs, format: Format, screen: &Screen) -> Result<Done, Error> {
    let reference = args.image.as_str();
    let session = Session::of_image(reference, &args.registry, &args.connection).await?;
    let (images, access) = (&session.images, session.objects.access_of_release().await);
    let archs = arch::of_image(&args.arch, reference, images, &access).await;
    let archs = archs.map_err(as_error)?;
    let resolver = Resolver {
        images,
        access: &access,
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
    done.note(&session.notes);
    done.warn(&notes);
    Ok(done)
}
