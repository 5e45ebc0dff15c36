//! The images that a run has opened, so that a matrix of kernels asks for each of them once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::findings::finding::Finding;
use crate::images::open_image::OpenImage;
use crate::images::registry::access::Access;
use crate::model::target::Arch;

/// So long what was seen under a name counts for others who ask for it. A run that waits for
/// a cluster outlives that: a tag may move meanwhile, and what was out of reach may come back.
const FRESH: Duration = Duration::from_secs(30);

/// What opening an image gave.
pub(crate) type Opening = Result<Arc<OpenImage>, Finding>;

/// One look at a name, and when it was over.
type Look = Arc<OnceCell<(Instant, Opening)>>;

/// The looks at one name, each with how it was asked for.
type Looks = Vec<(Access, Look)>;

/// What was opened, by name and architecture.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<HashMap<(String, Arch), Looks>>);

impl Opened {
    /// What `open` gives, or what it gave to somebody who asked for the same in the same way
    /// just now. Those who ask while it is being opened wait for the one opening.
    pub(crate) async fn get_or_open<F>(
        &self,
        reference: &str,
        arch: Arch,
        access: &Access,
        open: impl FnOnce() -> F,
    ) -> Opening
    where
        F: Future<Output = Result<OpenImage, Finding>>,
    {
        let look = self.look(reference, arch, access);
        let opening = async || {
            let opened = open().await;
            (Instant::now(), opened.map(Arc::new))
        };
        look.get_or_init(opening).await.1.clone()
    }

    fn look(&self, reference: &str, arch: Arch, access: &Access) -> Look {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = known.entry((reference.to_owned(), arch)).or_default();
        looks.retain(|(_, look)| look.get().is_none_or(|(over, _)| over.elapsed() < FRESH));
        let same = looks.iter().find(|(other, _)| other.asks_like(access));
        if let Some((_, look)) = same {
            return Arc::clone(look);
        }
        let look = Look::default();
        looks.push((access.clone(), Arc::clone(&look)));
        look
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::findings::finding::Code;
    use crate::images::registry::credentials::CredentialSource;
    use crate::kmm::module::TlsOptions;

    fn access_with(source: &Arc<CredentialSource>) -> Access {
        Access {
            credentials: vec![Arc::clone(source)],
            ..Access::default()
        }
    }

    #[tokio::test]
    async fn the_same_question_is_asked_once_and_another_one_again() {
        let (opened, asked) = (Opened::default(), AtomicUsize::new(0));
        let ask = async |reference: &str, arch, access: &Access| {
            let open = || async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Err(Finding::new(Code::ImageNotFound, "not there"))
            };
            let seen = opened.get_or_open(reference, arch, access, open).await;
            seen.expect_err("it is not there").code
        };
        let source = Arc::new(CredentialSource::new("a file", Vec::new()));
        let anonymous = Access::default();
        let first = ask("quay.io/a:1", Arch::Amd64, &anonymous);
        let second = ask("quay.io/a:1", Arch::Amd64, &anonymous);
        assert_eq!(
            tokio::join!(first, second),
            (Code::ImageNotFound, Code::ImageNotFound)
        );
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let insecure = Access {
            tls: TlsOptions {
                insecure: true,
                ..TlsOptions::default()
            },
            ..Access::default()
        };
        for (reference, arch, access) in [
            ("quay.io/a:2", Arch::Amd64, &anonymous),
            ("quay.io/a:1", Arch::Arm64, &anonymous),
            ("quay.io/a:1", Arch::Amd64, &access_with(&source)),
            ("quay.io/a:1", Arch::Amd64, &insecure),
        ] {
            let before = asked.load(Ordering::Relaxed);
            for _ in 0..2 {
                ask(reference, arch, access).await;
            }
            assert_eq!(
                asked.load(Ordering::Relaxed),
                before + 1,
                "{reference} {arch}"
            );
        }
        ask("quay.io/a:1", Arch::Amd64, &access_with(&source)).await;
        assert_eq!(
            asked.load(Ordering::Relaxed),
            5,
            "credentials of one source"
        );
    }
}
