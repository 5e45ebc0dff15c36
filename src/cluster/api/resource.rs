//! The resources that are read and written, and their paths on the API server.

/// A resource type of one group and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Plural, as paths and RBAC rules write it.
    pub plural: &'static str,
    /// Kind.
    pub kind: &'static str,
}

/// KMM's API group, which all its releases share.
pub(crate) const KMM_GROUP: &str = "kmm.sigs.x-k8s.io";

const fn resource(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Resource {
    Resource {
        group,
        version,
        plural,
        kind,
    }
}

const fn kmm(version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    resource(KMM_GROUP, version, plural, kind)
}

/// PreflightValidationOCP (OpenShift's KMM).
pub(crate) const PREFLIGHT_OCP: Resource = kmm(
    "v1beta2",
    "preflightvalidationsocp",
    "PreflightValidationOCP",
);
/// PreflightValidation (every KMM).
pub(crate) const PREFLIGHT: Resource =
    kmm("v1beta2", "preflightvalidations", "PreflightValidation");
/// Module; KMM has no other version of it.
pub(crate) const MODULE: Resource = kmm("v1beta1", "modules", "Module");
/// BootModuleConfig (KMM ≥2.5).
pub(crate) const BOOT_MODULE_CONFIG: Resource =
    kmm("v1beta1", "bootmoduleconfigs", "BootModuleConfig");
/// InitramfsModule.
pub(crate) const INITRAMFS_MODULE: Resource = kmm("v1beta1", "initramfsmodules", "InitramfsModule");
/// ModuleImagesConfig (KMM ≥2.4, internal).
pub(crate) const MODULE_IMAGES_CONFIG: Resource =
    kmm("v1beta1", "moduleimagesconfigs", "ModuleImagesConfig");
/// ModuleBuildSignConfig (KMM ≥2.4, internal).
pub(crate) const MODULE_BUILD_SIGN_CONFIG: Resource =
    kmm("v1beta1", "modulebuildsignconfigs", "ModuleBuildSignConfig");
/// ManagedClusterModule, of a hub.
pub(crate) const MANAGED_CLUSTER_MODULE: Resource = resource(
    "hub.kmm.sigs.x-k8s.io",
    "v1beta1",
    "managedclustermodules",
    "ManagedClusterModule",
);
/// CustomResourceDefinition.
pub(crate) const CRD: Resource = resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
);
/// Secret.
pub(crate) const SECRET: Resource = core("secrets", "Secret");
/// ConfigMap.
pub(crate) const CONFIG_MAP: Resource = core("configmaps", "ConfigMap");
/// Namespace.
pub(crate) const NAMESPACE: Resource = core("namespaces", "Namespace");
/// ServiceAccount.
pub(crate) const SERVICE_ACCOUNT: Resource = core("serviceaccounts", "ServiceAccount");
/// Pod.
pub(crate) const POD: Resource = core("pods", "Pod");
/// Deployment.
pub(crate) const DEPLOYMENT: Resource = resource("apps", "v1", "deployments", "Deployment");
/// Lease, by which a running controller manager shows.
pub(crate) const LEASE: Resource = resource("coordination.k8s.io", "v1", "leases", "Lease");
/// Job.
pub(crate) const JOB: Resource = resource("batch", "v1", "jobs", "Job");
/// ClusterRole.
pub(crate) const CLUSTER_ROLE: Resource = rbac("clusterroles", "ClusterRole");
/// ClusterRoleBinding.
pub(crate) const CLUSTER_ROLE_BINDING: Resource = rbac("clusterrolebindings", "ClusterRoleBinding");
/// Role.
pub(crate) const ROLE: Resource = rbac("roles", "Role");
/// RoleBinding.
pub(crate) const ROLE_BINDING: Resource = rbac("rolebindings", "RoleBinding");
/// OpenShift's Build.
pub(crate) const BUILD: Resource = resource("build.openshift.io", "v1", "builds", "Build");
/// OpenShift's ClusterVersion.
pub(crate) const CLUSTER_VERSION: Resource = resource(
    "config.openshift.io",
    "v1",
    "clusterversions",
    "ClusterVersion",
);
/// OpenShift's settings for images.
pub(crate) const IMAGE_CONFIG: Resource = resource("config.openshift.io", "v1", "images", "Image");
/// OpenShift's ImageStream.
pub(crate) const IMAGE_STREAM: Resource =
    resource("image.openshift.io", "v1", "imagestreams", "ImageStream");
/// OpenShift's Route.
pub(crate) const ROUTE: Resource = resource("route.openshift.io", "v1", "routes", "Route");
/// The kinds of OpenShift's mirror rules.
pub(crate) const MIRROR_SETS: [Resource; 3] = [
    resource(
        "config.openshift.io",
        "v1",
        "imagedigestmirrorsets",
        "ImageDigestMirrorSet",
    ),
    resource(
        "config.openshift.io",
        "v1",
        "imagetagmirrorsets",
        "ImageTagMirrorSet",
    ),
    resource(
        "operator.openshift.io",
        "v1alpha1",
        "imagecontentsourcepolicies",
        "ImageContentSourcePolicy",
    ),
];

const fn rbac(plural: &'static str, kind: &'static str) -> Resource {
    resource("rbac.authorization.k8s.io", "v1", plural, kind)
}

const fn core(plural: &'static str, kind: &'static str) -> Resource {
    resource("", "v1", plural, kind)
}

impl Resource {
    /// The same resource in another version.
    #[must_use]
    pub fn at(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// `group/version`, as `apiVersion` writes it.
    pub fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of the collection: of a namespace, or of the whole cluster.
    pub fn path(self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// `plural.group`, as `kubectl get` takes it.
    pub fn qualified(self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_api_servers_layout() {
        for (path, expected) in [
            (SECRET.path(Some("ns")), "/api/v1/namespaces/ns/secrets"),
            (
                PREFLIGHT_OCP.path(None),
                "/apis/kmm.sigs.x-k8s.io/v1beta2/preflightvalidationsocp",
            ),
            (
                PREFLIGHT.at("v1beta1").path(None),
                "/apis/kmm.sigs.x-k8s.io/v1beta1/preflightvalidations",
            ),
        ] {
            assert_eq!(path, expected);
        }
        assert_eq!(MODULE.qualified(), "modules.kmm.sigs.x-k8s.io");
        assert_eq!(POD.api_version(), "v1");
    }
}
