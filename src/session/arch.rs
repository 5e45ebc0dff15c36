//! The architectures to look at.

use crate::findings::finding::{Code, Finding};
use crate::image_build::builder::this_machine;
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::images::registry::fault::NamedBy;
use crate::model::target::Arch;

/// Those that were named; without any, this machine's where the image is for it, and else
/// another that it is for: the nodes are seldom of the architecture of a laptop. Who reads the
/// image next has what was opened here from [`Images::open`], and no registry is asked again.
///
/// # Errors
/// The image is for none of them, or cannot be looked at.
pub(crate) async fn of_image(
    named: &[Arch],
    reference: &str,
    images: &Images,
    access: &Access,
) -> Result<Vec<Arch>, Finding> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let own = this_machine();
    let missing = match images.open(reference, own, access).await {
        // Without an index, only its configuration tells what the image is for.
        Ok(image) => {
            let other = image.config.other_architecture(own);
            let other = other.and_then(|label| label.parse::<Arch>().ok());
            let Some(other) = other else {
                return Ok(vec![own]);
            };
            let same = images.open(reference, other, access).await;
            let is_same = same.is_ok_and(|same| same.digest == image.digest);
            return Ok(vec![if is_same { other } else { own }]);
        }
        Err(missing) => missing,
    };
    if missing.code == Code::ImageArchMissing {
        for arch in Arch::ALL {
            if arch != own && images.open(reference, arch, access).await.is_ok() {
                return Ok(vec![arch]);
            }
        }
    }
    Err(NamedBy::Argument.hint(missing))
}
