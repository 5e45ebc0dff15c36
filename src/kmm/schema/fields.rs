//! The fields of a Module's `spec`.

use super::Need::{Expected, Optional, Required};
use super::Shape::{Filled, Flag, List, Number, Object, Open, Quantity, Text, Texts, Values};
use super::{Field, Need, Shape};

const fn since(since: (u8, u8), name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        since,
        need: Optional,
    }
}

const fn field(name: &'static str, shape: Shape) -> Field {
    since((1, 0), name, shape)
}

const fn needed(need: Need, name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        since: (1, 0),
        need,
    }
}

/// The first release with `modprobedDir`, which the newest known one does not have yet.
const NEXT: (u8, u8) = (2, 8);

pub(super) const SPEC: Shape = Object(&[
    needed(Expected, "selector", Texts),
    field("imageRepoSecret", REFERENCE),
    field("moduleLoader", MODULE_LOADER),
    field("devicePlugin", Open(PLUGIN)),
    since((2, 3), "tolerations", List(&TOLERATION)),
    since((2, 6), "imageRebuildTriggerGeneration", Number),
    since((2, 7), "dra", DRA),
]);

const REFERENCE: Shape = Object(&[field("name", Text)]);
const TLS: Shape = Object(&[
    field("insecure", Flag),
    field("insecureSkipTLSVerify", Flag),
]);

const TOLERATION: Shape = Object(&[
    field("key", Text),
    field("operator", Text),
    field("value", Text),
    field("effect", Text),
    field("tolerationSeconds", Number),
]);

const IMAGE_CONTAINER: Shape = Open(&[
    needed(Required, "image", Text),
    field("args", List(&Text)),
    field("command", List(&Text)),
    field("env", List(&VARIABLE)),
    field("imagePullPolicy", Text),
    field("resources", RESOURCES),
    field("volumeMounts", List(&VOLUME_MOUNT)),
]);

const VARIABLE: Shape = Open(&[
    needed(Required, "name", Text),
    field("value", Text),
    field("valueFrom", SOURCE),
]);

const SOURCE: Shape = Open(&[
    field("configMapKeyRef", KEY),
    field("secretKeyRef", KEY),
    field(
        "fileKeyRef",
        Open(&[
            needed(Required, "key", Text),
            needed(Required, "path", Text),
            needed(Required, "volumeName", Text),
            field("optional", Flag),
        ]),
    ),
    field(
        "fieldRef",
        Open(&[
            needed(Required, "fieldPath", Text),
            field("apiVersion", Text),
        ]),
    ),
    field(
        "resourceFieldRef",
        Open(&[
            needed(Required, "resource", Text),
            field("containerName", Text),
            field("divisor", Quantity),
        ]),
    ),
]);

const KEY: Shape = Open(&[
    needed(Required, "key", Text),
    field("name", Text),
    field("optional", Flag),
]);

const RESOURCES: Shape = Open(&[
    field(
        "claims",
        List(&Open(&[
            needed(Required, "name", Text),
            field("request", Text),
        ])),
    ),
    field("limits", Values(&Quantity)),
    field("requests", Values(&Quantity)),
]);

const VOLUME_MOUNT: Shape = Open(&[
    needed(Required, "mountPath", Text),
    needed(Required, "name", Text),
    field("mountPropagation", Text),
    field("readOnly", Flag),
    field("recursiveReadOnly", Text),
    field("subPath", Text),
    field("subPathExpr", Text),
]);

const PLUGIN: &[Field] = &[
    needed(Required, "container", IMAGE_CONTAINER),
    field("initContainer", IMAGE_CONTAINER),
    field("serviceAccountName", Text),
    field("automountServiceAccountToken", Flag),
    field("volumes", VOLUMES),
];

const VOLUMES: Shape = List(&Open(&[
    needed(Required, "name", Text),
    field("hostPath", Open(&[needed(Required, "path", Text)])),
]));

const DRA: Shape = Open(&[
    needed(Required, "driverName", Text),
    needed(Required, "container", IMAGE_CONTAINER),
    field("initContainer", IMAGE_CONTAINER),
    field("serviceAccountName", Text),
    field("automountServiceAccountToken", Flag),
    field(
        "deviceClasses",
        List(&Open(&[
            needed(Required, "name", Text),
            field("selectors", List(&DEVICE_SELECTOR)),
            field("config", List(&DEVICE_CONFIG)),
        ])),
    ),
    field("volumes", VOLUMES),
]);

const DEVICE_SELECTOR: Shape = Open(&[field("cel", Open(&[needed(Required, "expression", Text)]))]);

const DEVICE_CONFIG: Shape = Open(&[field(
    "opaque",
    Open(&[
        needed(Required, "driver", Text),
        needed(Required, "parameters", Open(&[])),
    ]),
)]);

const MODULE_LOADER: Shape = Object(&[
    needed(Required, "container", CONTAINER),
    field("serviceAccountName", Text),
]);

const CONTAINER: Shape = Object(&[
    needed(Required, "kernelMappings", Filled(&KERNEL_MAPPING)),
    needed(Required, "modprobe", MODPROBE),
    field("build", BUILD),
    field("containerImage", Text),
    field("imagePullPolicy", Text),
    since((1, 1), "inTreeModuleToRemove", Text),
    since((2, 1), "inTreeModulesToRemove", List(&Text)),
    field("registryTLS", TLS),
    field("sign", SIGN),
    since((1, 1), "version", Text),
]);

const KERNEL_MAPPING: Shape = Object(&[
    needed(Expected, "containerImage", Text),
    field("build", BUILD),
    since((1, 1), "inTreeModuleToRemove", Text),
    since((2, 1), "inTreeModulesToRemove", List(&Text)),
    field("literal", Text),
    field("regexp", Text),
    field("registryTLS", TLS),
    field("sign", SIGN),
]);

const MODPROBE: Shape = Object(&[
    field("args", ARGS),
    field("dirName", Text),
    field("firmwarePath", Text),
    field("moduleName", Text),
    since(NEXT, "modprobedDir", Text),
    since((1, 1), "modulesLoadingOrder", List(&Text)),
    field("parameters", List(&Text)),
    field("rawArgs", ARGS),
]);

const ARGS: Shape = Object(&[field("load", Filled(&Text)), field("unload", Filled(&Text))]);

const BUILD: Shape = Object(&[
    needed(Required, "dockerfileConfigMap", REFERENCE),
    field("baseImageRegistryTLS", TLS),
    field("buildArgs", List(&BUILD_ARG)),
    field("kanikoParams", Object(&[field("tag", Text)])),
    field("secrets", List(&REFERENCE)),
    // No release loads a module by it.
    field("selector", Texts),
]);

const BUILD_ARG: Shape = Object(&[
    needed(Required, "name", Text),
    needed(Required, "value", Text),
]);

const SIGN: Shape = Object(&[
    needed(Required, "certSecret", REFERENCE),
    needed(Required, "keySecret", REFERENCE),
    field("filesToSign", List(&Text)),
    field("unsignedImage", Text),
    field("unsignedImageRegistryTLS", TLS),
]);
