//! The text of every finding code.

use crate::findings::finding::Code;

/// The text about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// What was found, in one sentence.
    pub what: &'static str,
    /// Why KMM, modprobe or the kernel behaves like this.
    pub why: &'static str,
    /// A message with this code.
    pub example: &'static str,
    /// How to look at the cause.
    pub see: &'static str,
    /// How to fix it.
    pub fix: &'static str,
}

macro_rules! explanations {
    ($($code:ident: $what:literal, $why:literal, $example:literal, $see:literal, $fix:literal;)*) => {
        /// What a code means.
        pub(crate) fn explain(code: Code) -> Explanation {
            match code {
                $(Code::$code => Explanation {
                    what: $what, why: $why, example: $example, see: $see, fix: $fix,
                },)*
            }
        }
    };
}

// What was found, why, an example, how to see it, how to fix it.
explanations! {
    ModuleInvalid: "The Module is invalid, or KMM's admission webhook would reject it.",
        "The webhook rejects such a Module when it is created or changed, but one that already exists still loads. Most of its rules are therefore warnings; only a Module that leaves nothing to load is an error.",
        "modprobe.modulesLoadingOrder needs at least two modules",
        "`kubectl apply --dry-run=server -f FILE` on a cluster with KMM prints the webhook's answer.",
        "Correct the field in the message.";
    FieldUnknown: "This KMM release does not have a field that is set below `moduleLoader.container`.",
        "A newer KMM may load the module differently because of the field, and an older one drops it. The rest of the Module was checked.",
        "KMM 2.7 does not have moduleLoader.container.modprobe.modprobedDir",
        "`kubectl explain modules.kmm.sigs.x-k8s.io.spec.moduleLoader.container` lists the fields that the cluster's KMM has.",
        "Correct the field's name, or pass the release that has it with `--kmm-version`.";
    NoModuleLoader: "The Module has no `moduleLoader`.",
        "It only runs a device plugin or a DRA driver and loads no kernel module. While it exists, KMM 2.4 and later give no module a preflight status.",
        "the Module has no moduleLoader: it loads no kernel module, so there is nothing to check",
        "`kubectl get module NAME -o jsonpath={.spec.moduleLoader}` prints nothing.",
        "No action needed for the upgrade. For KMM's own preflight, delete the Module until the preflight is done.";
    MappingNotFound: "No kernel mapping of the Module matches the target kernel.",
        "KMM takes the first mapping whose `literal` equals the kernel version or whose `regexp` matches it. Without a match it loads nothing.",
        "no kernel mapping matches kernel 6.1.0-56-amd64",
        "`kubectl kmm preflight explain -f FILE --kernel-version KERNEL` prints each mapping with the reason why it does not match.",
        "Add a mapping for the kernel or widen a regexp, and build the image for it.";
    MappingInvalid: "The regexp or template of a kernel mapping cannot be evaluated.",
        "KMM stops at a pattern that does not compile and at a `${` without its `}`. From 2.4 on, one such mapping keeps every Module from being checked.",
        "the regexp of kernelMappings[0] is not valid in Go: missing closing ]",
        "`kubectl kmm preflight explain -f FILE --kernel-version KERNEL` prints how each mapping is understood.",
        "Correct the pattern (Go syntax) or the template.";
    ImageInvalid: "`containerImage` is not a valid image reference.",
        "Nodes cannot pull it.",
        "not a valid image reference: invalid reference format",
        "`kubectl kmm preflight explain -f FILE --kernel-version KERNEL` prints the reference after its variables are replaced.",
        "Correct `containerImage` in the Module.";
    ImagePlaceholder: "The image is a placeholder that another tool replaces before the Module is applied.",
        "The Module does not say which image nodes will pull.",
        "containerImage is `placeholder`, which another tool replaces",
        "`kubectl kustomize DIR` prints the finished Module.",
        "Pass the kustomization with `-k DIR`, or the finished manifests with `-f`.";
    ImageNotFound: "The image does not exist in the registry.",
        "Nodes cannot pull it either, unless it is in their cache.",
        "image reg.example/drivers/meter:1: layout images does not contain it",
        "`skopeo inspect docker://IMAGE`, or the registry's web page.",
        "Push the image for this kernel, or add a `build` section.";
    ImageUnauthorized: "The registry rejected the credentials, or requires some.",
        "Whether the image exists is not known. The message names the credentials that were tried.",
        "registry reg.example rejected the request (401 Unauthorized)",
        "`skopeo inspect --authfile FILE docker://IMAGE` makes the same request.",
        "Put working credentials into the Module's `imageRepoSecret`, or pass them with `--authfile`.";
    ImageUnreachable: "The registry could not be reached, or its response was not a registry's.",
        "The image could not be checked.",
        "connection refused by registry reg.example:5000",
        "`curl -v https://REGISTRY/v2/` from the same machine.",
        "Check host, port, network, proxy and certificate (`--ca-file`, `--insecure-registry`).";
    ImageArchMissing: "The image has no manifest for the nodes' architecture; as a warning, only its configuration names another one.",
        "A node of that architecture cannot pull the image. The architecture in the image's configuration is a label: nodes log a difference and continue, and the image's own shell decides.",
        "there is no image for arm64, only for amd64",
        "`skopeo inspect --raw docker://IMAGE` lists the platforms of an index.",
        "Build the image for the architecture, or check another one with `--arch`.";
    ImageUnreadable: "The image is corrupt, or exceeds the limits in SECURITY.md.",
        "A digest does not match, or an archive or compressed stream is damaged.",
        "a layer does not match its digest in the manifest",
        "`skopeo copy docker://IMAGE dir:FOLDER` reads every layer.",
        "Push the image again. If it is corrupt again, check the registry's storage.";
    ImageMirrored: "The image came from a mirror, or from a layout that has it under a shorter name.",
        "registries.conf or a mirror set of the cluster names the mirror, and nodes use it as well. A layout passed with `--oci-layout` may have only the tag or the end of the name.",
        "image reg.example/a:1 was read from mirror.example/a:1",
        "The message names the place that was read.",
        "No action needed. If a layout comes from elsewhere, make sure that it contains the right image.";
    ImageToolsMissing: "The image has no `/bin/sh`, `mkdir` or `cp`, or has them for another architecture.",
        "KMM's init container runs them in the image to copy the modules.",
        "the image has no executable /bin/sh; KMM's init container copies the modules with it",
        "`podman run --rm IMAGE /bin/sh -c 'command -v mkdir cp'`.",
        "Use a base image with a shell and coreutils, such as ubi-minimal.";
    ModuleNotFound: "The module is not where modprobe looks for it.",
        "KMM's worker copies `<dirName>/lib/modules/<kernel>` and nothing else, and runs `modprobe -d` on the copy.",
        "the image contains no modules for 6.1.0-56-amd64, only for 6.1.0-53-amd64",
        "`kubectl kmm preflight inspect IMAGE` lists the modules in the image with their paths.",
        "Install the module there and run `depmod -b <dirName> <kernel>` in the Dockerfile.";
    ModulesDepMissing: "`modules.dep.bin` is missing or unusable.",
        "modprobe reads this binary index of depmod, not the text file beside it. Without the index it finds no module.",
        "/opt/lib/modules/K/modules.dep.bin is not in the image",
        "`podman run --rm IMAGE ls <dirName>/lib/modules/<kernel>`.",
        "Run `depmod -b <dirName> <kernel>` in the Dockerfile, after the last module is copied.";
    ModuleNotInModulesDep: "`modules.dep.bin` does not list the module.",
        "depmod ran before the module was copied, or for another kernel.",
        "extra/sensor.ko exists, but modules.dep.bin does not list it",
        "`kubectl kmm preflight inspect IMAGE -o wide` shows which modules depmod's files list.",
        "Run `depmod -b <dirName> <kernel>` as the last step of the Dockerfile.";
    ModuleBuiltIn: "The module is built into the target kernel.",
        "modprobe succeeds and loads nothing from the image.",
        "meter.ko: `meter` is built into kernel 6.1.0-56-amd64",
        "`grep NAME /lib/modules/$(uname -r)/modules.builtin` on a node with that kernel.",
        "Make sure that the built-in driver is the one you want.";
    ModuleNameClash: "A module with this name is already loaded.",
        "The kernel refuses a second one, and modprobe reports success: the old module stays.",
        "a module named `meter` is already loaded",
        "`lsmod` on a node.",
        "Rename the module, or list the in-tree module in `inTreeModulesToRemove`.";
    ModuleUnreadable: "modprobe or the kernel cannot read the module file.",
        "The file is empty, truncated, or its compression is damaged.",
        "meter.ko.xz: modprobe cannot decompress the file: unexpected end",
        "`kubectl kmm preflight inspect IMAGE` shows the file and the reason.",
        "Build the image again.";
    ModprobeArgsInvalid: "modprobe loads nothing with these arguments.",
        "An option is unknown or only prints something, or the value of a parameter has the wrong type.",
        "nothing is loaded: with these arguments modprobe only prints its version",
        "`kubectl kmm preflight explain -f FILE --kernel-version KERNEL` prints the arguments; `modinfo -p FILE` lists a module's parameters.",
        "Correct `args`, `rawArgs` or `parameters` in the Module.";
    ModprobeArgsUnknown: "The effect of these modprobe arguments cannot be predicted.",
        "An install command or a shell expression is evaluated on the node.",
        "meter: modprobe runs `/sbin/setup-meter` instead of loading the module, and its effect is not known",
        "The `install` lines below /etc/modprobe.d of the image, and `rawArgs` in the Module.",
        "Load the module by its name.";
    ElfInvalid: "The kernel refuses the file.",
        "The file is not a kernel module (relocatable ELF) or is corrupt.",
        "module has no symbols (stripped?)",
        "`readelf --file-header --sections FILE`.",
        "Build the module with the target kernel's build tree, and do not strip or edit it afterwards.";
    ElfArchMismatch: "The module was built for another architecture.",
        "The kernel compares the ELF header with its own architecture.",
        "meter.ko: Exec format error: invalid architecture in ELF header: 183; it is for arm64, and the nodes are amd64",
        "`readelf --file-header FILE`.",
        "Build the module for the nodes' architecture.";
    VermagicMismatch: "The module was built for another kernel.",
        "The kernel compares the version magic. If it uses symbol versions, it skips the kernel release at the beginning.",
        "meter.ko: version magic '6.1.0-53 ' should be '6.1.0-56 '",
        "`modinfo -F vermagic FILE`.",
        "Build the module for the target kernel.";
    SymbolMissing: "The kernel does not export a symbol that the module needs.",
        "The module was written for another kernel, or the function was removed or is no longer exported.",
        "meter.ko: Unknown symbol meter_register (err -2)",
        "`grep -w SYMBOL Module.symvers` in the target kernel's build tree.",
        "Use a release of the module that supports this kernel.";
    SymbolVersionMismatch: "The module was built against another version of a symbol.",
        "The kernel compares the symbol's CRC with the one in the module. The CRC changes with the types that the symbol uses.",
        "meter.ko: disagrees about version of symbol pci_enable_device: 0x12345678 in the module, 0x9abcdef0 in the kernel",
        "`modprobe --dump-modversions FILE`, compared with the target kernel's Module.symvers.",
        "Build the module against the target kernel's headers.";
    SymbolGplOnly: "The symbol is only available to GPL-compatible modules.",
        "It is exported with EXPORT_SYMBOL_GPL, and the module, or a module that it uses, is proprietary.",
        "meter.ko: Unknown symbol device_create (err -2): it is only available to GPL-compatible modules, and the module's licence is 'Proprietary'",
        "`modinfo -F license FILE`.",
        "Use other symbols, or a GPL-compatible licence.";
    SymbolNamespaceMissing: "The module does not import the symbol's namespace.",
        "The kernel refuses symbols of a namespace that the module does not import.",
        "meter.ko: module uses symbol (dma_buf_get) from namespace DMA_BUF, but does not import it",
        "`modinfo -F import_ns FILE`.",
        "Add `MODULE_IMPORT_NS()` to the module.";
    SymbolDuplicate: "The module exports a symbol that another module or the kernel already exports.",
        "The kernel refuses a second export of the same name.",
        "meter.ko: exports duplicate symbol meter_register (owned by meter_core): Exec format error",
        "`grep -w SYMBOL Module.symvers`; `nm FILE`.",
        "Rename the symbol, or do not load the other module.";
    DependencyMissing: "modprobe does not load a module that this one needs.",
        "modprobe loads what modules.dep.bin lists and nothing else. Modules already loaded on a node cannot be relied on.",
        "meter.ko: Unknown symbol sas_attach (err -2): provided by in-tree module scsi_mod, which modprobe will not load",
        "`modinfo -F depends FILE`; `grep NAME modules.dep` in the image.",
        "Add the module to the image, or link `host` to `/lib/modules/<kernel>` before running depmod.";
    SoftDependencyMissing: "A soft dependency is missing or does not load.",
        "modprobe continues without it.",
        "meter: soft dependency `meter_bus` is not found, and modprobe continues without it",
        "`modinfo -F softdep FILE`.",
        "Add it to the image if the module needs it.";
    InTreeModule: "An in-tree module conflicts with the Module's spec.",
        "A module in `inTreeModulesToRemove` does not exist, or modprobe loads the in-tree module instead of the one in the image: with a `host` link, depmod lists one of two files with the same name, and only files in `updates` come first.",
        "modprobe loads the in-tree module /lib/modules/6.1.0-56-amd64/kernel/drivers/net/dummy.ko instead of /opt/lib/modules/6.1.0-56-amd64/extra/dummy.ko: modules.dep.bin names the in-tree file",
        "`find /lib/modules/$(uname -r) -name 'NAME.ko*'` on a node with that kernel; `modinfo -b <dirName> -k <kernel> -n NAME` in the image.",
        "Install the module in `<dirName>/lib/modules/<kernel>/updates` before depmod runs, or correct the name in the Module.";
    KmmFlavorUnknown: "OpenShift's KMM and the upstream one would load this image differently.",
        "Upstream's worker mounts the node's modules at /lib/modules and, since 2.6, at /host/lib/modules; OpenShift's at /lib/modules only. Without a cluster, OpenShift's is assumed.",
        "a link in the image leads to /host/lib/modules, which only upstream KMM mounts (since 2.6); this is the result for OpenShift's KMM",
        "`kubectl kmm preflight version` prints the KMM of a cluster.",
        "Pass `--kmm-flavor`, or link to /lib/modules, which both have.";
    FirmwareMissing: "The image does not contain `firmwarePath`, or firmware that the module may request.",
        "Nodes may have the firmware, and the module may not need it. A missing `firmwarePath` keeps the worker from starting.",
        "firmwarePath /firmware is not in the image: KMM cannot copy it, and nothing is loaded",
        "`modinfo -F firmware FILE`.",
        "Add the files to the image, or make sure that the nodes have them.";
    SignatureMissing: "The module is not signed.",
        "A kernel that enforces signatures (Secure Boot, `module.sig_enforce`) refuses it.",
        "meter.ko: the module is not signed; a node with Secure Boot refuses it",
        "`modinfo -F signer FILE` prints nothing; `mokutil --sb-state` on a node prints whether Secure Boot is on.",
        "Sign it, for instance with the Module's `sign` section.";
    SignatureUntrusted: "The module's signature is invalid, or its key is not known to be trusted.",
        "The kernel verifies signatures with its own keys. It always refuses an invalid signature, and one by an unknown key if it enforces signatures.",
        "meter.ko: signed by `Example driver key`, a key that was not passed with --signing-cert; unless the kernel trusts it, a node with Secure Boot refuses it",
        "`modinfo -F signer FILE`; `mokutil --list-enrolled` on a node.",
        "Sign the module with an enrolled key, and pass its certificate with `--signing-cert`.";
    KernelFactsMissing: "Kernel facts are missing, so something was not checked.",
        "Symbols, configuration and version magic come from the driver-toolkit image, the machine-os image or `--kernel-dir`.",
        "No kernel facts for 6.1.0-56-amd64: symbols, symbol versions, version magic and signatures were not checked.",
        "`kubectl kmm preflight targets` with the same flags prints where the facts come from.",
        "Pass `--release-image`, `--dtk-image` or `--kernel-dir`.";
    UpgradeBreaks: "The module loads on the current kernel but will not load after the upgrade.",
        "The other findings about this module concern the new kernel only.",
        "loads on the current kernel 6.1.0-53 but will not load after the upgrade to 6.1.0-56",
        "The other findings about the same module.",
        "Fix the other findings before you upgrade these nodes.";
    TargetUnknown: "The kernel of some of the Module's nodes is not known.",
        "A rendered MachineConfig, an image or an operating system stream of their pool or release does not exist or cannot be read.",
        "No kernel is known for pool gpu: its rendered MachineConfig cannot be read",
        "`kubectl kmm preflight targets` with the same flags lists pools and nodes with their kernels.",
        "Fix what the message names, or check the kernel of these nodes with `--kernel-version`.";
    NoNodeSelected: "The Module's selector matches no node of the cluster.",
        "KMM loads the module on nodes that have every label in `spec.selector`. Since no node has them, all kernels were checked.",
        "the Module's selector matches no node of the cluster; all kernels were checked",
        "`kubectl get nodes --show-labels`.",
        "Correct the labels, or ignore the finding if the nodes do not exist yet.";
    KernelFactsMismatch: "The kernel facts are about another kernel.",
        "Checking against them would give wrong results.",
        "no facts about kernel 6.1.0-56-amd64 were found, but facts about 6.1.0-53-amd64",
        "`kubectl kmm preflight kernel IMAGE` prints the kernels of an image.",
        "Pass the driver-toolkit image or folder of this kernel.";
    BuildFailed: "The build failed, or did not produce the module at the expected path.",
        "A build can succeed without producing the module; the node would then fail to load it.",
        "the build succeeded, but the image has no module that would load",
        "The build log, whose path is in the message.",
        "Correct the Dockerfile or the build arguments.";
    BuilderMissing: "No builder works on this machine. As a warning: the builder that was used ignores a flag.",
        "Builds need buildah, podman or docker. docker's daemon pulls base images with its own configuration.",
        "no builder works on this machine: buildah: not installed",
        "`buildah info`, `podman info` or `docker info`.",
        "Install a builder, or choose another one with `--builder`.";
    BuildIsolationWeak: "The steps of the Dockerfile ran with chroot isolation only.",
        "The builder's default isolation does not work on this machine, for instance inside a container. With chroot isolation, the steps can see the machine's processes and network.",
        "the default isolation of buildah does not work on this machine, so the steps of the Dockerfile ran with chroot isolation only",
        "`buildah info`; `unshare --user true` fails where user namespaces are not available.",
        "Build where the default isolation works, or set `--build-isolation`.";
    DockerfileLint: "The Dockerfile has a known weakness.",
        "It builds now and will break with the next kernel or on the node.",
        "depmod-kernel-missing: line 7: `RUN depmod` has no kernel version",
        "The line in the message.",
        "Change that line.";
    SignFailed: "Signing failed.",
        "A key or certificate is not usable, or an entry of `filesToSign` matches no file.",
        "the certificate does not belong to the private key",
        "`openssl x509 -text -in FILE` for a certificate, `openssl pkey -in FILE` for a key.",
        "Correct the Secrets or the entries of `filesToSign`.";
    SecretMissing: "A Secret, or a key in it, does not exist.",
        "The Module refers to it. KMM's builds and signing need it; pulls need it only if the registry requires credentials.",
        "Secret drivers/signing-key has no key key",
        "`kubectl get secret NAME -o yaml`.",
        "Create it in the Module's namespace, or pass it with `-f`.";
    ConfigmapMissing: "A ConfigMap, or a key in it, does not exist.",
        "The Dockerfile is expected under the key `dockerfile`.",
        "ConfigMap drivers/meter-dockerfile has no key dockerfile",
        "`kubectl get configmap NAME -o yaml`.",
        "Create it in the Module's namespace, or pass it with `-f`.";
    StageSkipped: "A stage that is needed was skipped.",
        "`--stages` excludes it.",
        "stage build is skipped because of --stages",
        "The command line, the environment and the configuration file.",
        "Run without `--stages`.";
    ImageReplaced: "The image in the registry is unusable, but the Build or Sign stage produces a good one.",
        "KMM builds or signs in this case as well.",
        "reg.example/a:1 is unusable; Build replaces it",
        "The other findings about the same module.",
        "No action needed. To save the nodes the work, push the result with `--push-built-image`.";
    PushFailed: "The image that was built or signed could not be pushed.",
        "The registry rejected it or was not available.",
        "reg.example/drivers/meter:6.1.0-56-amd64 could not be pushed",
        "`skopeo copy oci:FOLDER docker://IMAGE` with the same credentials.",
        "Check the credentials and the quota of the registry.";
    KmmFalsePass: "KMM reports the module as verified, but the kernel would refuse it.",
        "Up to 2.3, KMM looks for a file name; since 2.4, it only pulls the image.",
        "KMM verified this module, but the kernel would not load it",
        "The other findings about the same module.",
        "Fix the other findings before you upgrade.";
    KmmFalseFail: "KMM reports the module as failed, but the kernel would load it.",
        "KMM looks for an exact file name in a layer and does not support compressed modules, links or subdirectories.",
        "KMM failed this module, but its image exists and the kernel would load it",
        "`kubectl kmm preflight inspect IMAGE` lists what is in the image.",
        "No action needed for the upgrade; the verdict stays KMM's.";
    CrossCheckUnavailable: "KMM's answer could not be checked from this machine.",
        "The image, the registry or the kernel facts cannot be reached, or nothing was pushed.",
        "KMM built or signed the image and did not push it, so there is no image to check",
        "`kubectl kmm preflight run --local` prints the reason in full.",
        "Run where the registry can be reached, or pass facts with `--kernel-dir`.";
    KmmFailed: "KMM reports the module as failed.",
        "The message is KMM's own reason.",
        "verified image does not exist",
        "`kubectl kmm preflight status NAME -o wide`.",
        "See the other findings about the module; `run --local` checks more.";
    KmmWaiting: "KMM has not finished the module.",
        "A pull, a build or a signature is in progress.",
        "pull pod kmm/meter-pull is pulling q/meter:1",
        "`kubectl kmm preflight status NAME --watch`.",
        "No action needed; wait.";
    KmmStuck: "Something in the cluster keeps KMM from finishing the module.",
        "The message names the object.",
        "KMM's operator is not running: Deployment openshift-kmm/kmm-operator-controller has no available replica",
        "The command in the hint.",
        "Follow the hint.";
    KmmStatusUnknown: "KMM wrote a status that this program does not support.",
        "KMM may be newer than this program.",
        "unknown verificationStatus `Maybe` or verificationStage `Image` in KMM's status",
        "`kubectl get preflightvalidationsocp NAME -o yaml`.",
        "Update this plugin. The report has KMM's value.";
    BootLoaded: "The target's own kernel loaded the module in a virtual machine.",
        "`--boot` starts the kernel in QEMU and calls modprobe as KMM's worker does. As a warning: the kernel accepted the module, but its init function failed, usually because the virtual machine lacks the hardware.",
        "kernel 6.1.0-56-amd64 (in a virtual machine) loaded it: insmod /tmp/opt/lib/modules/6.1.0-56-amd64/extra/ticker.ko",
        "The same `insmod` on a machine that runs this kernel.",
        "No action needed. For a warning, check what the module's init function needs.";
    BootRefused: "The target's own kernel refused the module in a virtual machine, crashed, or hung.",
        "`--boot` starts the kernel in QEMU and calls modprobe as KMM's worker does; the message has the lines of the kernel and of modprobe. As a warning it does not decide: a node may have what the virtual machine lacks, such as an enrolled key.",
        "kernel 6.1.0-56-amd64 (in a virtual machine) refused it: sensor: disagrees about version of symbol module_layout",
        "`dmesg` after `modprobe` on a machine that runs this kernel.",
        "Build the module for this kernel, or fix what the kernel's messages report.";
    BootDisagrees: "The kernel's answer differs from the prediction. This is a bug.",
        "The verdict is the kernel's; a rule of this program is wrong.",
        "predicted symbol-missing, but kernel 6.1.0-56-amd64 (in a virtual machine) loaded it",
        "Run again with and without `--boot`.",
        "Report it with the module and the kernel version.";
    BootUnavailable: "`--boot require` was set, and the kernel could not be booted.",
        "QEMU, the kernel image, or something else that the virtual machine needs is missing.",
        "kernel 6.1.0-56-amd64 was not booted: qemu-system-x86_64 is not installed",
        "`command -v qemu-system-x86_64`",
        "Install QEMU for the architecture and pass `--os-image`, or a `--kernel-dir` with `boot/vmlinuz-KERNEL`; or use `--boot auto`.";
    NotDecided: "The run ended before this module was checked.",
        "It timed out, was interrupted, or `--fail-fast` ended it.",
        "interrupted before this module was checked",
        "The last line of the output says how the run ended.",
        "Run again, with a longer `--timeout` if it timed out.";
    ShardLost: "The pod in the cluster that had to check this module left no report.",
        "The pod was evicted, killed or could not start, or the Job ended before the pod was done.",
        "shard 1/3 left no report: pod kmm-preflight-run-1-x7k2p was killed (exit code 137)",
        "Run again with `--keep`, then `kubectl get pods -n openshift-kmm -l preflight.kmm/run` shows the pods of the run.",
        "Fix the cause and run again. With more `--shards` each pod needs less memory and time.";
    Internal: "Internal error. This is a bug.",
        "The check of this module ended without a result.",
        "internal error while checking this module",
        "Run the same command with `-v`.",
        "Report it with the command line and the output of `-v`.";
}
