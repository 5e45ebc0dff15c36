//! What each finding code means: the text of `explain CODE`, of SARIF's rules, and of the
//! README's list.

use crate::findings::finding::Code;
use crate::report::screen::Screen;
use crate::report::wrap::wrap;

/// The text about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// What was seen, in one sentence.
    pub what: &'static str,
    /// Why KMM, modprobe or the kernel does so.
    pub why: &'static str,
    /// How to fix it.
    pub fix: &'static str,
}

/// The page that explains the codes.
const PAGE: &str = "https://kmm-preflight.github.io/kubectl-kmm-preflight/findings";

/// Where a code is explained.
pub fn url(code: Code) -> String {
    address(code.as_str())
}

/// The same for a word that stands for a code.
pub fn address(code: &str) -> String {
    format!("{PAGE}#{code}")
}

/// The text of `explain CODE`.
pub fn text(code: Code, screen: &Screen) -> String {
    let about = explain(code);
    let title = screen.linked(code.as_str(), code);
    let mut text = format!("{title} ({})\n", code.severity().as_str());
    for part in [
        about.what.to_owned(),
        format!("Why: {}", about.why),
        format!("What to do: {}", about.fix),
    ] {
        text.push('\n');
        text.push_str(&wrap(&part, screen.width, ""));
    }
    text.push_str(&format!("\n{}\n", url(code)));
    text
}

/// The list of all codes as the README prints it.
pub fn markdown() -> String {
    Code::ALL
        .iter()
        .map(|code| {
            let about = explain(*code);
            format!(
                "- <a id=\"{code}\"></a>**`{code}`** — {} {} *{}*\n",
                about.what, about.why, about.fix
            )
        })
        .collect()
}

macro_rules! explanations {
    ($($code:ident: $what:literal, $why:literal, $fix:literal;)*) => {
        /// What a code means.
        pub fn explain(code: Code) -> Explanation {
            match code {
                $(Code::$code => Explanation { what: $what, why: $why, fix: $fix },)*
            }
        }
    };
}

explanations! {
    ModuleInvalid: "The Module cannot be understood, or breaks a rule of KMM's admission webhook.",
        "KMM's webhook refuses such a Module when it is written, and lets one that is there already load; so most of its rules are warnings here, and an error is only what leaves nothing to load.",
        "Correct the field that the message names.";
    FieldUnknown: "A field below `moduleLoader.container` is not known to this KMM release.",
        "A newer KMM may load the module differently because of it, and an older one drops it; what is left of the Module was checked.",
        "Correct the field's name, or pass the release that has it with `--kmm-version`.";
    NoModuleLoader: "The Module has no `moduleLoader`.",
        "It runs a device plugin or a DRA driver only and loads no kernel module; KMM 2.4 to 2.7 gives no module a preflight status while it is there.",
        "Nothing for the upgrade; leave it out of KMM's own preflight.";
    MappingNotFound: "No kernel mapping of the Module is for the target kernel.",
        "KMM takes the first mapping whose `literal` equals the kernel or whose `regexp` matches in it; without one it loads nothing.",
        "Add a mapping for the kernel, or widen a regexp, and make the image for it.";
    MappingInvalid: "A mapping's regexp or template cannot be evaluated.",
        "KMM stops at a pattern that does not compile and at a `${` without its `}`; from 2.4 on that keeps every Module from being checked.",
        "Correct the pattern (Go syntax) or the template.";
    ImageInvalid: "The image reference is not one.",
        "No registry can be asked for it.",
        "Correct `containerImage`, and look at what its templates become with `explain -f`.";
    ImagePlaceholder: "The image is a placeholder that another tool replaces before the Module is applied.",
        "Which image nodes will pull is not written in the Module.",
        "Check what that tool writes: pass `-k DIR` for kustomize, or the finished manifests with `-f`.";
    ImageNotFound: "The registry says that there is no such image.",
        "The node could not pull it either, unless it is cached there.",
        "Push the image for this kernel, or add a `build` section.";
    ImageUnauthorized: "The registry wants other credentials.",
        "Whether the image is there is not known; the message says whose credentials were tried.",
        "Name working credentials in `imageRepoSecret` or with `--authfile`.";
    ImageUnreachable: "The registry could not be reached, or answered nonsense.",
        "Nothing is known about the image.",
        "Check the name, the network, the proxy, and the certificate (`--ca-file`, `--insecure-registry`).";
    ImageArchMissing: "The image has no manifest for the nodes' architecture.",
        "A node of that architecture cannot pull it, or cannot run its init container.",
        "Build the image for the architecture, or check another one with `--arch`.";
    ImageUnreadable: "The image is damaged, or beyond the limits of what is read.",
        "A digest, an archive or a compressed stream does not hold what it promises.",
        "Pull it with another tool, push it again, and look at the registry's disk.";
    ImageMirrored: "The image came from a mirror, or from a layout that does not name it in full.",
        "registries.conf or a mirror set of the cluster says so, and nodes do the same; an `--oci-layout` may know an image by its tag or the end of its name only.",
        "Nothing; with a layout of other origin, make sure that it is the image that is meant.";
    ImageToolsMissing: "The image lacks `/bin/sh`, `mkdir` or `cp`.",
        "KMM's init container runs them in the image to copy the modules out of it.",
        "Start the image from one with a shell and coreutils, such as ubi-minimal.";
    ModuleNotFound: "The module is not where modprobe looks for it.",
        "KMM's worker runs `modprobe -d` on a copy of `<dirName>/lib/modules/<kernel>` and of nothing else.",
        "Install the module there and run `depmod -b <dirName> <kernel>`; `inspect IMAGE` shows what there is.";
    ModulesDepMissing: "`modules.dep.bin` is absent or unusable.",
        "modprobe reads depmod's binary index, not the text beside it, and finds no module without it.",
        "Run `depmod -b <dirName> <kernel>` in the Dockerfile, after the last module is copied.";
    ModuleNotInModulesDep: "`modules.dep.bin` does not name the module.",
        "depmod ran before the module was copied, or for another kernel.",
        "Run `depmod -b <dirName> <kernel>` last.";
    ModuleBuiltIn: "The target kernel has the module built in.",
        "modprobe answers with success and loads nothing from the image.",
        "Check that the built-in driver is what you want.";
    ModuleNameClash: "A module of that name is loaded already.",
        "The kernel refuses a second one, and modprobe takes that for success: the old one stays.",
        "Rename the module, or name the in-tree one in `inTreeModulesToRemove`.";
    ModuleUnreadable: "modprobe or the kernel cannot read the module file.",
        "It is empty, truncated, or its compression is damaged.",
        "Build the image again.";
    ModprobeArgsInvalid: "With these arguments modprobe loads nothing.",
        "An option is unknown or only shows something, or a parameter's value does not fit its type.",
        "Correct `args`, `rawArgs` or `parameters`.";
    ModprobeArgsUnknown: "What modprobe does with these arguments cannot be told.",
        "An install command or a shell expression decides on the node.",
        "Load the module by its name.";
    ElfInvalid: "The kernel's loader refuses the file.",
        "It is no relocatable ELF file with the sections of a module, or was damaged.",
        "Build it again with the target kernel's build tree; do not strip or edit it.";
    ElfArchMismatch: "The module is for another architecture.",
        "The kernel compares the ELF header with its own architecture.",
        "Build the module for the nodes' architecture.";
    VermagicMismatch: "The module was built for another kernel.",
        "The kernel compares the version magic; with symbol versions all of it but the release.",
        "Build the module for the target kernel.";
    SymbolMissing: "The kernel exports no such symbol.",
        "The module was written for another kernel, or its function is gone or no longer exported.",
        "Use a release of the module for this kernel.";
    SymbolVersionMismatch: "The module was built against another version of a symbol.",
        "The kernel compares the CRC of the symbol's type with the one that the module carries.",
        "Build the module against the target kernel's headers.";
    SymbolGplOnly: "The symbol is for GPL-compatible modules.",
        "It is exported with EXPORT_SYMBOL_GPL, and the module's licence is not compatible, or a module that it uses is proprietary.",
        "Use other symbols, or a compatible licence.";
    SymbolNamespaceMissing: "The symbol's namespace is not imported.",
        "The kernel refuses a symbol of a namespace that the module does not import.",
        "Add `MODULE_IMPORT_NS()` to the module.";
    SymbolDuplicate: "The module exports a symbol that exists already.",
        "The kernel refuses a second export of one name.",
        "Rename the symbol, or do not load the other module.";
    DependencyMissing: "A module that this one needs is not loaded by modprobe, or would not load.",
        "modprobe loads what modules.dep.bin lists and nothing else; what happens to be loaded on a node is no promise.",
        "Put the module into the image, or link `host` to /lib/modules/<kernel> before depmod.";
    SoftDependencyMissing: "A soft dependency is absent or does not load.",
        "modprobe goes on without it.",
        "Put it into the image if the module does need it.";
    InTreeModule: "An in-tree module plays another part than the Module says.",
        "What `inTreeModulesToRemove` names is not there, or the in-tree module is loaded in place of the image's.",
        "Correct the name in the Module.";
    FirmwareMissing: "Firmware that the module names, or `firmwarePath`, is not in the image.",
        "The node may have it and the module may do without; an absent `firmwarePath` keeps the worker from starting.",
        "Ship the files in the image, or see that the nodes have them.";
    SignatureMissing: "The module is not signed.",
        "A kernel that enforces signatures (Secure Boot, `module.sig_enforce`) refuses it.",
        "Sign it, for instance with the Module's `sign` section.";
    SignatureUntrusted: "The module's signature is damaged, or by a key that is not known to be trusted.",
        "The kernel verifies it with its own keys; a damaged one it always refuses, a foreign one where it enforces.",
        "Sign the module with an enrolled key, and name its certificate with `--signing-cert`.";
    KernelTainted: "Loading the module taints the kernel.",
        "It is proprietary, forced or unsigned.",
        "Nothing for the upgrade.";
    KernelFactsMissing: "Facts about the target kernel are missing, so something was not checked.",
        "Symbols, configuration and version magic come from the driver-toolkit image or `--kernel-dir`.",
        "Name one of them.";
    UpgradeBreaks: "The module loads on the nodes' kernel of today and would not after the upgrade.",
        "The findings beside it are about the new kernel only.",
        "Fix what they say before you upgrade these nodes.";
    TargetUnknown: "No kernel is known for some of the Module's nodes.",
        "Their MachineConfigPool or release does not show it: a rendered MachineConfig, an image or an operating system stream is missing or may not be read.",
        "Correct what the message names, or check the kernel of these nodes with `--kernel-version`.";
    NoNodeSelected: "The Module's selector takes no node of the cluster.",
        "KMM loads the module on the nodes that have every label of `spec.selector`; without one it was checked for all kernels.",
        "Correct the labels, or ignore it where the nodes are still to come.";
    KernelFactsMismatch: "The facts are about another kernel than the one asked for.",
        "Judging by them would be wrong.",
        "Name the driver-toolkit image or folder of this kernel.";
    BuildFailed: "The build failed, or built no module at its place.",
        "A build that ends well without the module is a failure on the node.",
        "Look at the log that the message names.";
    BuilderMissing: "No builder works on this machine; as a warning, the one that works does not heed every flag.",
        "A build needs buildah, podman or docker. docker's daemon pulls base images by its own rules.",
        "Install one, or choose it with `--builder`.";
    BuildIsolationWeak: "The steps of the Dockerfile ran with chroot isolation only.",
        "The builder's default isolation does not work on this machine, for instance inside a container. With chroot, steps see the machine's processes and network.",
        "Build where the default isolation works, or set `--build-isolation`.";
    DockerfileLint: "The Dockerfile has a known weakness.",
        "It builds here and breaks with the next kernel, or on the node.",
        "Change the line that the message names.";
    SignFailed: "Signing failed.",
        "A key or certificate does not fit, or a pattern of `filesToSign` matches nothing.",
        "Correct the Secrets or the patterns.";
    SecretMissing: "A Secret, or a key in it, is missing.",
        "The Module refers to it; KMM's builds and signing need it, pulls only where the registry asks.",
        "Create it in the Module's namespace, or give it with `-f`.";
    ConfigmapMissing: "A ConfigMap, or a key in it, is missing.",
        "The Dockerfile is in its key `dockerfile`.",
        "Create it in the Module's namespace, or give it with `-f`.";
    StageSkipped: "A stage was needed and was left out.",
        "`--stages` says so.",
        "Run without `--stages`.";
    ImageReplaced: "The image in the registry is unusable, and the stage after makes a good one.",
        "KMM builds or signs in that case too.",
        "Nothing; push the result with `--push-built-image` to save the nodes the work.";
    PushFailed: "What was built or signed could not be pushed.",
        "The registry refused it or went away.",
        "Check credentials and quota of the registry.";
    KmmFalsePass: "KMM says verified, and the kernel would refuse the module.",
        "KMM up to 2.3 looks for a file name, and since 2.4 only pulls the image.",
        "Fix what the finding beside it says before you upgrade.";
    KmmFalseFail: "KMM says failed, and the kernel would take the module.",
        "KMM looks for an exact file name in a layer, and knows no compressed modules, links or subdirectories.",
        "Nothing for the upgrade; the verdict stays KMM's.";
    CrossCheckUnavailable: "KMM's answer could not be checked from here.",
        "The image, the registry or facts about the kernel are out of reach, or nothing was pushed.",
        "Run where the registry can be reached, or name facts with `--kernel-dir`.";
    KmmFailed: "KMM says that the module failed.",
        "The message is KMM's own reason.",
        "See the findings beside it; `run --local` looks deeper.";
    KmmWaiting: "The module waits for a step of KMM.",
        "A pull, a build or a signature is under way.",
        "Wait.";
    KmmStuck: "Something in the cluster keeps KMM from deciding.",
        "The message names the object that shows it.",
        "Follow the hint.";
    KmmStatusUnknown: "KMM wrote a status that this program does not know.",
        "It may be a newer KMM.",
        "Update this plugin, and read the raw value in the report.";
    NotDecided: "The run ended before this module was decided.",
        "Time ran out, it was interrupted, or `--fail-fast` ended it.",
        "Run again, with a longer `--timeout` where that was the reason.";
    Internal: "A fault of this program.",
        "It should not happen.",
        "Report it with the command line and the output of `-v`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_made_of_sentences() {
        for code in Code::ALL {
            let about = explain(*code);
            for text in [about.what, about.why, about.fix] {
                assert!(text.ends_with('.'), "{code}: {text}");
                assert!(!text.contains("  "), "{code}: {text}");
            }
        }
    }

    /// `UPDATE_README=1 cargo test readme` writes the list anew.
    #[test]
    fn the_readme_lists_every_code() {
        const START: &str = "<!-- finding codes: made by a test -->\n";
        const END: &str = "<!-- end of finding codes -->";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(&path).expect("README.md");
        let (before, rest) = readme.split_once(START).expect("the start of the list");
        let (list, after) = rest.split_once(END).expect("the end of the list");
        if std::env::var_os("UPDATE_README").is_some() {
            let text = format!("{before}{START}{}{END}{after}", markdown());
            std::fs::write(&path, text).expect("README.md");
            return;
        }
        assert!(
            list == markdown(),
            "README.md: the list of finding codes is out of date"
        );
    }
}
