//! What the rendered MachineConfigs of a pool say of its kernel (pure).

use crate::cluster::pools::needs::Fleet;
use crate::cluster::pools::objects::Pool;
use crate::model::target::KernelType;

/// Kinds of kernels and images of its own that a pool's nodes have or will have.
pub(super) type Configurations = Vec<(KernelType, Option<String>)>;

/// What the pool's rendered configurations say, the wanted one first; and why one of them
/// says nothing.
pub(super) fn configurations(
    fleet: &Fleet,
    pool: &Pool,
) -> Result<Configurations, (Configurations, String)> {
    let mut found = Configurations::new();
    let mut missing = None;
    let Some(configs) = &fleet.configs else {
        let why = "its rendered MachineConfig cannot be read".to_owned();
        return Err((found, why));
    };
    for name in pool.configurations() {
        let Some(rendered) = configs.get(name) else {
            missing = Some(format!("its rendered MachineConfig {name} does not exist"));
            continue;
        };
        match &rendered.kernel_type {
            Ok(kind) => {
                let own = rendered.os_image.as_deref();
                let own = own
                    .filter(|image| is_layered(image, fleet))
                    .map(str::to_owned);
                // The image of the release that the pool leaves is not an image of its own.
                let is_left = found.iter().any(|(_, first)| first.is_none()) && own.is_some();
                let seen = (*kind, own.filter(|_| !is_left));
                if !found.contains(&seen) {
                    found.push(seen);
                }
            }
            Err(word) => missing = Some(format!("MachineConfig {name} has kernelType {word}")),
        }
    }
    match missing {
        None if found.is_empty() => Err((found, "it has no rendered MachineConfig".to_owned())),
        None => Ok(found),
        Some(why) => Err((found, why)),
    }
}

/// True for an image that is not today's release's; false where that is not known.
fn is_layered(image: &str, fleet: &Fleet) -> bool {
    let known = || fleet.release_images.iter().chain(&fleet.streams.images);
    known().next().is_some() && !known().any(|of_release| is_same(image, of_release))
}

/// Two references to the same image: by digest, where both have one, for mirrors keep it.
fn is_same(one: &str, other: &str) -> bool {
    match (one.split_once('@'), other.split_once('@')) {
        (Some((_, one)), Some((_, other))) => one == other,
        _ => one == other,
    }
}
