//! Findings: what a check saw, under a stable code, and what it means for the verdict.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How grave a finding is for the reader. It orders findings and colours them;
/// what a finding does to the verdict is its [`Effect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something stops the module, or stopped the look at it.
    Error,
    /// Something that an administrator should know, and that stops nothing.
    Warning,
    /// Context.
    Info,
}

impl Severity {
    /// The word of the JSON report: `error`, `warning` or `info`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What a finding does to the verdict of its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Looked, and it is wrong: verdict `failed`.
    Fails,
    /// Could not look: verdict `error`, unless something else is known to be wrong.
    Blocks,
    /// Looked, and the answer hangs on a fact that nobody gave: verdict `unknown`.
    Doubts,
    /// No effect on the verdict.
    None,
}

/// Declares [`Code`] with the kebab-case name and the usual effect and severity of each code.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $effect:ident, $severity:ident;)*) => {
        /// The stable name of a kind of finding. Names never change their meaning;
        /// `explain CODE` and the README describe each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order in which checks can meet them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The kebab-case name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What a finding of this code does to a verdict where nothing says otherwise.
            pub fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)* }
            }

            /// The severity of a finding of this code where nothing says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The Module breaks a rule of KMM's admission webhook or cannot be understood.
    ModuleInvalid = "module-invalid", Fails, Error;
    /// A field of the Module that the KMM in force, or this program, does not know.
    FieldUnknown = "field-unknown", Doubts, Warning;
    /// The Module loads no kernel module (no `moduleLoader`): nothing to check.
    NoModuleLoader = "no-module-loader", None, Warning;
    /// No kernel mapping of the Module matches the target kernel.
    MappingNotFound = "mapping-not-found", Fails, Error;
    /// A kernel mapping's regexp or template cannot be evaluated.
    MappingInvalid = "mapping-invalid", Fails, Error;
    /// The image reference is not one.
    ImageInvalid = "image-invalid", Fails, Error;
    /// The image is a placeholder that another tool replaces.
    ImagePlaceholder = "image-placeholder", Doubts, Warning;
    /// The registry answered: no such image.
    ImageNotFound = "image-not-found", Fails, Error;
    /// The registry wants other credentials.
    ImageUnauthorized = "image-unauthorized", Blocks, Error;
    /// The registry could not be reached, or answered nonsense.
    ImageUnreachable = "image-unreachable", Blocks, Error;
    /// The image has no manifest for the target architecture.
    ImageArchMissing = "image-arch-missing", Fails, Error;
    /// The image is beyond the limits of what is read, or its layers are damaged.
    ImageUnreadable = "image-unreadable", Blocks, Error;
    /// The image came from a mirror.
    ImageMirrored = "image-mirrored", None, Info;
    /// The image lacks `/bin/sh`, `mkdir` or `cp`, which KMM's init container runs.
    ImageToolsMissing = "image-tools-missing", Fails, Error;
    /// The module is not where `modprobe` looks.
    ModuleNotFound = "module-not-found", Fails, Error;
    /// `modules.dep.bin`, which `modprobe` reads, is absent or unusable.
    ModulesDepMissing = "modules-dep-missing", Fails, Error;
    /// `modules.dep.bin` does not name the module.
    ModuleNotInModulesDep = "module-not-in-modules-dep", Fails, Error;
    /// The module is part of this kernel already.
    ModuleBuiltIn = "module-built-in", None, Warning;
    /// A module of that name is loaded or exported twice.
    ModuleNameClash = "module-name-clash", Fails, Error;
    /// `modprobe` cannot decompress or the kernel cannot read the file.
    ModuleUnreadable = "module-unreadable", Fails, Error;
    /// The arguments that KMM gives `modprobe` do not load the module.
    ModprobeArgsInvalid = "modprobe-args-invalid", Fails, Error;
    /// The arguments that KMM gives `modprobe` are beyond what can be judged.
    ModprobeArgsUnknown = "modprobe-args-unknown", Doubts, Warning;
    /// The kernel's ELF loader refuses the file.
    ElfInvalid = "elf-invalid", Fails, Error;
    /// The module is for another architecture.
    ElfArchMismatch = "elf-arch-mismatch", Fails, Error;
    /// The module was built for another kernel (`version magic`).
    VermagicMismatch = "vermagic-mismatch", Fails, Error;
    /// The kernel exports no such symbol.
    SymbolMissing = "symbol-missing", Fails, Error;
    /// The module was built against another version of the symbol.
    SymbolVersionMismatch = "symbol-version-mismatch", Fails, Error;
    /// The symbol is only available to GPL-compatible modules.
    SymbolGplOnly = "symbol-gpl-only", Fails, Error;
    /// The symbol's namespace is not imported.
    SymbolNamespaceMissing = "symbol-namespace-missing", Fails, Error;
    /// The module exports a symbol that exists already.
    SymbolDuplicate = "symbol-duplicate", Fails, Error;
    /// A module that this one needs is not loaded by `modprobe` or would not load.
    DependencyMissing = "dependency-missing", Fails, Error;
    /// A module that this one only asks for (soft dependency) is absent.
    SoftDependencyMissing = "soft-dependency-missing", None, Warning;
    /// An in-tree module that has to go first cannot be removed.
    InTreeModule = "in-tree-module", None, Warning;
    /// Nobody said whose KMM it is, and the answers differ.
    KmmFlavorUnknown = "kmm-flavor-unknown", None, Warning;
    /// A firmware file that the module names is absent.
    FirmwareMissing = "firmware-missing", None, Warning;
    /// The kernel enforces signatures and the module has none.
    SignatureMissing = "signature-missing", Fails, Error;
    /// The signature is not by a key that the kernel is known to trust.
    SignatureUntrusted = "signature-untrusted", Fails, Error;
    /// Facts about the target kernel are missing, so something was not checked.
    KernelFactsMissing = "kernel-facts-missing", Doubts, Warning;
    /// The module loads on the kernel of today and would not on the one of the upgrade.
    UpgradeBreaks = "upgrade-breaks", None, Error;
    /// No kernel is known for some of the Module's nodes.
    TargetUnknown = "target-unknown", Doubts, Warning;
    /// The Module's selector takes no node of the cluster.
    NoNodeSelected = "no-node-selected", None, Warning;
    /// The DTK image or kernel directory describes another kernel than asked.
    KernelFactsMismatch = "kernel-facts-mismatch", Blocks, Error;
    /// The build ran and failed, or built no module.
    BuildFailed = "build-failed", Fails, Error;
    /// No usable builder on this machine.
    BuilderMissing = "builder-missing", Blocks, Error;
    /// The steps of the Dockerfile ran with weaker isolation than the builder's own.
    BuildIsolationWeak = "build-isolation-weak", None, Warning;
    /// The Dockerfile has a known weakness.
    DockerfileLint = "dockerfile-lint", None, Warning;
    /// Signing failed.
    SignFailed = "sign-failed", Fails, Error;
    /// A Secret, or a key in it, is missing.
    SecretMissing = "secret-missing", Blocks, Error;
    /// A ConfigMap, or a key in it, is missing.
    ConfigmapMissing = "configmap-missing", Blocks, Error;
    /// Build or Sign was needed and was left out by `--stages`.
    StageSkipped = "stage-skipped", Doubts, Warning;
    /// The image of the Image stage is unusable, but Build or Sign makes a good one.
    ImageReplaced = "image-replaced", None, Info;
    /// What was built or signed could not be pushed.
    PushFailed = "push-failed", Blocks, Error;
    /// KMM says verified; the kernel would refuse the module.
    KmmFalsePass = "kmm-false-pass", Fails, Error;
    /// KMM says failed; the kernel would take the module.
    KmmFalseFail = "kmm-false-fail", None, Warning;
    /// The cross-check of KMM's answer could not look.
    CrossCheckUnavailable = "cross-check-unavailable", Doubts, Warning;
    /// KMM's own reason for its verdict.
    KmmFailed = "kmm-failed", Fails, Error;
    /// What an undecided module waits for.
    KmmWaiting = "kmm-waiting", None, Info;
    /// Something in the cluster keeps KMM from deciding.
    KmmStuck = "kmm-stuck", None, Warning;
    /// KMM wrote a status that this release does not know.
    KmmStatusUnknown = "kmm-status-unknown", Doubts, Warning;
    /// The target's own kernel took the module in a virtual machine.
    BootLoaded = "boot-loaded", None, Info;
    /// The target's own kernel refused the module in a virtual machine.
    BootRefused = "boot-refused", Fails, Error;
    /// The kernel answered otherwise than was predicted.
    BootDisagrees = "boot-disagrees", None, Warning;
    /// The kernel had to be asked and could not be.
    BootUnavailable = "boot-unavailable", Blocks, Error;
    /// The run ended (time, interruption, `--fail-fast`) before this module was decided.
    NotDecided = "not-decided", Doubts, Warning;
    /// The pod in the cluster that had to check the module left no report.
    ShardLost = "shard-lost", Blocks, Error;
    /// A fault of this program.
    Internal = "internal-error", Blocks, Error;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no finding code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown finding code `{0}`")]
pub struct UnknownCode(pub String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == s)
            .ok_or_else(|| UnknownCode(s.to_owned()))
    }
}

/// The most bytes of a message or hint; the middle of a longer one is left out.
pub(crate) const MOST_TEXT: usize = 16 << 10;

/// What one of several findings of a code is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A symbol that the module uses.
    Symbol {
        /// Its name.
        name: String,
        /// The kernel that the module was built for, where it is another one.
        built_for: Option<String>,
    },
    /// A module of the kernel's own tree that is not loaded.
    InTreeModule(String),
}

/// One thing that a check saw.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The stable kind.
    pub code: Code,
    /// How grave it is for the reader.
    pub severity: Severity,
    /// What it does to the verdict.
    pub effect: Effect,
    /// What was seen: lower case, no trailing full stop, names the object.
    pub message: String,
    /// What to do next, where there is something to do.
    pub hint: Option<String>,
    /// True for a hint about a flag of this call: the object is left as it is.
    pub is_flag_hint: bool,
    /// What it is about, where several findings of a code are told in one statement.
    pub subject: Option<Box<Subject>>,
    /// Why the user accepts it: the reason in the configuration file, or `--accept`. An
    /// accepted finding is still listed and has no effect.
    pub accepted: Option<String>,
}

impl Finding {
    /// A finding with its code's usual severity and effect.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            effect: code.effect(),
            message: shortened(message.into()),
            hint: None,
            is_flag_hint: false,
            subject: None,
            accepted: None,
        }
    }

    /// What it does to the verdict, now that the user has accepted it or has not.
    pub fn weight(&self) -> Effect {
        match self.accepted {
            Some(_) => Effect::None,
            None => self.effect,
        }
    }

    /// The one order of findings: what counts for the verdict, then what matters to the reader.
    pub fn order(&self) -> (Effect, Severity) {
        (self.weight(), self.severity)
    }

    /// The same with what it is about.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(Box::new(subject));
        self
    }

    /// True for a finding that would have had an effect, had the user not accepted it.
    pub fn is_overruled(&self) -> bool {
        self.accepted.is_some() && self.effect != Effect::None
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shortened(hint.into()));
        self
    }

    /// Makes a flag of this call the next step.
    pub fn point_at_flag(&mut self, hint: String) {
        self.hint = Some(shortened(hint));
        self.is_flag_hint = true;
    }

    /// The same as a warning without effect on the verdict.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self.effect = Effect::None;
        self
    }

    /// The same as context without effect on the verdict.
    #[must_use]
    pub fn as_info(mut self) -> Self {
        self.severity = Severity::Info;
        self.effect = Effect::None;
        self
    }

    /// The same with another effect; severity follows (`Fails` and `Blocks` are errors,
    /// `Doubts` a warning, `None` keeps it).
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self.severity = match effect {
            Effect::Fails | Effect::Blocks => Severity::Error,
            Effect::Doubts => Severity::Warning,
            Effect::None => self.severity,
        };
        self
    }
}

/// The start and the end of a long text.
fn shortened(text: String) -> String {
    if text.len() <= MOST_TEXT {
        return text;
    }
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=MOST_TEXT / 2).rfind(boundary).unwrap_or_default();
    let end = (text.len() - MOST_TEXT / 2..text.len()).find(boundary);
    format!(
        "{} … {}",
        &text[..start],
        &text[end.unwrap_or(text.len())..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_keep_their_start_and_end() {
        let long = format!("start{}end", "ä".repeat(MOST_TEXT));
        let finding = Finding::new(Code::ElfInvalid, long).hint("short");
        assert!(finding.message.len() < MOST_TEXT + 10);
        assert!(finding.message.starts_with("startä") && finding.message.ends_with("äend"));
        assert_eq!(finding.hint.as_deref(), Some("short"));
    }
}
