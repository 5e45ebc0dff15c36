//! Verdicts and stages, and how a verdict follows from findings.

use crate::findings::finding::{Effect, Finding};

/// The answer for one Module on one target, and for a whole run.
///
/// The order is that of the overall verdict: the first one present wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Looked, and it is wrong.
    Failed,
    /// Could not look.
    Error,
    /// Not decided yet.
    InProgress,
    /// Looked as far as possible, and what is left could still refuse the module.
    Unknown,
    /// Not verified, and only findings that the user accepts stand in the way.
    Accepted,
    /// Looked, and the kernel takes the module.
    Verified,
}

impl Verdict {
    /// Every verdict, in report order.
    pub const ALL: [Self; 6] = [
        Self::Verified,
        Self::Accepted,
        Self::Failed,
        Self::Error,
        Self::InProgress,
        Self::Unknown,
    ];

    /// The word of the report, such as `in-progress`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::InProgress => "in-progress",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict of a module whose checks all ran: a known failure beats what could not
    /// be looked at, which beats a doubt. Without any of them the module is verified, or
    /// accepted where an accepted finding would have had an effect.
    pub fn of_findings(findings: &[Finding]) -> Self {
        let worst = findings.iter().map(Finding::weight).min();
        match worst.unwrap_or(Effect::None) {
            Effect::Fails => Self::Failed,
            Effect::Blocks => Self::Error,
            Effect::Doubts => Self::Unknown,
            Effect::None => match findings.iter().any(Finding::is_overruled) {
                true => Self::Accepted,
                false => Self::Verified,
            },
        }
    }

    /// True where nothing is left to do for the module: it is verified or accepted.
    pub fn passes(self) -> bool {
        match self {
            Self::Verified | Self::Accepted => true,
            Self::Failed | Self::Error | Self::InProgress | Self::Unknown => false,
        }
    }

    /// The verdict of a run over its modules' verdicts; `None` where there are none,
    /// because an empty run is never a pass.
    pub fn overall(verdicts: impl IntoIterator<Item = Self>) -> Option<Self> {
        verdicts.into_iter().min()
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stage of KMM's preflight validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Is there an image whose module the kernel takes?
    Image,
    /// Does the Dockerfile build one?
    Build,
    /// Can it be signed?
    Sign,
    /// Decided.
    Done,
}

impl Stage {
    /// KMM's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Build => "Build",
            Self::Sign => "Sign",
            Self::Done => "Done",
        }
    }
}

/// `--stages`: which stages may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageSet {
    /// Image
    pub image: bool,
    /// Build
    pub build: bool,
    /// Sign
    pub sign: bool,
}

impl StageSet {
    /// All stages.
    pub const ALL: Self = Self {
        image: true,
        build: true,
        sign: true,
    };
}

impl std::str::FromStr for StageSet {
    type Err = String;

    /// Reads a list such as `image,build`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut set = Self {
            image: false,
            build: false,
            sign: false,
        };
        for word in text.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "image" => set.image = true,
                "build" => set.build = true,
                "sign" => set.sign = true,
                other => {
                    return Err(format!(
                        "`{other}` is not a stage; use image, build or sign"
                    ));
                }
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Code;

    fn accepted(finding: &Finding) -> Finding {
        Finding {
            accepted: Some("known".to_owned()),
            ..finding.clone()
        }
    }

    #[test]
    fn a_failure_beats_an_error_beats_a_doubt() {
        let fails = Finding::new(Code::SymbolMissing, "x");
        let blocks = Finding::new(Code::ImageUnreachable, "x");
        let doubts = Finding::new(Code::StageSkipped, "x");
        let warns = Finding::new(Code::FirmwareMissing, "x");
        for (findings, verdict) in [
            (vec![], Verdict::Verified),
            (vec![warns.clone()], Verdict::Verified),
            (vec![warns.clone(), doubts.clone()], Verdict::Unknown),
            (vec![doubts.clone(), blocks.clone()], Verdict::Error),
            (vec![blocks, fails.clone(), doubts], Verdict::Failed),
            (
                vec![fails.clone().as_warning(), warns.clone()],
                Verdict::Verified,
            ),
            (vec![accepted(&fails), warns.clone()], Verdict::Accepted),
            (vec![accepted(&warns)], Verdict::Verified),
            (
                vec![accepted(&fails), Finding::new(Code::StageSkipped, "x")],
                Verdict::Unknown,
            ),
        ] {
            assert_eq!(Verdict::of_findings(&findings), verdict, "{findings:?}");
        }
    }

    #[test]
    fn an_empty_run_has_no_verdict() {
        assert_eq!(Verdict::overall([]), None);
        assert_eq!(
            Verdict::overall([Verdict::Verified, Verdict::InProgress]),
            Some(Verdict::InProgress)
        );
        assert_eq!(
            Verdict::overall([Verdict::Verified, Verdict::Accepted]),
            Some(Verdict::Accepted)
        );
    }

    #[test]
    fn stages_are_read_from_a_list() {
        assert_eq!("image,build,sign".parse(), Ok(StageSet::ALL));
        assert_eq!(
            "Sign, image".parse::<StageSet>().map(|set| set.build),
            Ok(false)
        );
        for text in ["", "image,", "done"] {
            assert!(text.parse::<StageSet>().is_err(), "{text}");
        }
    }
}
