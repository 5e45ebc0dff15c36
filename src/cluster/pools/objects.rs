//! MachineConfigPools, rendered MachineConfigs, the OSImageStream and nodes, as far as they
//! decide about kernels.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::target::{Arch, KernelType};

/// A MachineConfigPool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `spec.nodeSelector`.
    pub selector: NodeSelector,
    /// `spec.osImageStream.name`.
    pub stream: Option<String>,
    /// The rendered configuration that its nodes are to have.
    pub desired: Option<String>,
    /// The one that they had last.
    pub current: Option<String>,
}

/// A LabelSelector of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSelector {
    labels: BTreeMap<String, String>,
    expressions: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

/// What a rendered MachineConfig says of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// `spec.kernelType`; a word that is not known as it stands there.
    pub kernel_type: Result<KernelType, String>,
    /// `spec.osImageURL`.
    pub os_image: Option<String>,
}

/// The OSImageStream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsStreams {
    /// The stream of pools that choose none.
    pub default: Option<String>,
    /// The names of the streams of today's release.
    pub names: BTreeSet<String>,
    /// The machine-os images of today's release.
    pub images: BTreeSet<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its architecture; `None` for one that OpenShift does not run on.
    pub arch: Option<Arch>,
    /// The kernel that it runs.
    pub kernel: String,
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

impl Pool {
    /// Reads the object.
    pub fn of(object: &Value) -> Self {
        let (spec, status) = (&object["spec"], &object["status"]);
        Self {
            name: text(&object["metadata"]["name"]).unwrap_or_default(),
            selector: NodeSelector::of(&spec["nodeSelector"]),
            stream: text(&spec["osImageStream"]["name"]),
            desired: text(&spec["configuration"]["name"]),
            current: text(&status["configuration"]["name"]),
        }
    }

    /// True for a pool that is neither of the control plane nor of the plain workers.
    pub fn is_custom(&self) -> bool {
        !matches!(self.name.as_str(), "master" | "worker")
    }

    /// The rendered configurations that its nodes have or will have, the wanted one first.
    pub fn configurations(&self) -> impl Iterator<Item = &str> {
        let desired = self.desired.as_deref();
        let current = self.current.as_deref();
        desired
            .into_iter()
            .chain(current.filter(|current| Some(*current) != desired))
    }
}

impl NodeSelector {
    fn of(value: &Value) -> Self {
        let expressions = value["matchExpressions"].as_array().into_iter().flatten();
        Self {
            labels: labels(&value["matchLabels"]),
            expressions: expressions
                .map(|expression| Expression {
                    key: text(&expression["key"]).unwrap_or_default(),
                    operator: text(&expression["operator"]).unwrap_or_default(),
                    values: expression["values"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|value| value.as_str().map(str::to_owned))
                        .collect(),
                })
                .collect(),
        }
    }

    /// Whether it takes a node with these labels. An empty one takes none (Machine Config
    /// Operator, `GetPoolsForNode`).
    pub fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        if self.labels.is_empty() && self.expressions.is_empty() {
            return false;
        }
        let has_labels = self
            .labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        has_labels && self.expressions.iter().all(|one| one.holds(labels))
    }
}

impl Expression {
    /// apimachinery, `LabelSelectorAsSelector`; an operator that it does not have takes none.
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

impl Rendered {
    /// Reads the object. Rendered configurations of older clusters lack the kernel type.
    pub fn of(object: &Value) -> Self {
        let spec = &object["spec"];
        Self {
            kernel_type: match text(&spec["kernelType"]) {
                None => Ok(KernelType::Default),
                Some(word) => word.parse().map_err(|_| word),
            },
            os_image: text(&spec["osImageURL"]),
        }
    }
}

impl OsStreams {
    /// Reads the object; its status may be absent.
    pub fn of(object: &Value) -> Self {
        let status = &object["status"];
        let available = || status["availableStreams"].as_array().into_iter().flatten();
        Self {
            names: available()
                .filter_map(|stream| text(&stream["name"]))
                .collect(),
            default: text(&status["defaultStream"])
                .or_else(|| text(&object["spec"]["defaultStream"])),
            images: available()
                .filter_map(|stream| text(&stream["osImage"]))
                .collect(),
        }
    }
}

impl Node {
    /// Reads the object; `None` for a node with another operating system.
    pub fn of(object: &Value) -> Option<Self> {
        let info = &object["status"]["nodeInfo"];
        let labels = labels(&object["metadata"]["labels"]);
        let system = text(&info["operatingSystem"]).or(labels.get("kubernetes.io/os").cloned());
        if system.is_some_and(|system| system != "linux") {
            return None;
        }
        let arch = text(&info["architecture"]).or(labels.get("kubernetes.io/arch").cloned());
        Some(Self {
            name: text(&object["metadata"]["name"]).unwrap_or_default(),
            arch: arch.and_then(|arch| arch.parse().ok()),
            kernel: text(&info["kernelVersion"]).unwrap_or_default(),
            labels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selector_takes_nodes_as_the_machine_config_operator_does() {
        let labels = labels(&json!({"role/worker": "", "zone": "a"}));
        for (selector, takes) in [
            (json!(null), false),
            (json!({}), false),
            (json!({"matchLabels": {}}), false),
            (json!({"matchLabels": {"role/worker": ""}}), true),
            (json!({"matchLabels": {"role/worker": "x"}}), false),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}],
                       "matchLabels": {"other": ""}}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "Like"}]}),
                false,
            ),
        ] {
            assert_eq!(
                NodeSelector::of(&selector).takes(&labels),
                takes,
                "{selector}"
            );
        }
    }

    #[test]
    fn objects_are_read_with_what_they_lack() {
        let pool = Pool::of(&json!({"metadata": {"name": "infra"},
            "spec": {"configuration": {"name": "rendered-2"}, "osImageStream": {"name": "rhel-10"}},
            "status": {"configuration": {"name": "rendered-1"}}}));
        let names: Vec<&str> = pool.configurations().collect();
        assert_eq!(names, ["rendered-2", "rendered-1"]);
        assert_eq!(pool.stream.as_deref(), Some("rhel-10"));
        assert_eq!(Pool::of(&json!({})).configurations().count(), 0);

        for (spec, kind) in [
            (json!({}), Ok(KernelType::Default)),
            (json!({"kernelType": ""}), Ok(KernelType::Default)),
            (json!({"kernelType": "realtime"}), Ok(KernelType::Realtime)),
            (json!({"kernelType": "new"}), Err("new".to_owned())),
        ] {
            assert_eq!(Rendered::of(&json!({"spec": spec})).kernel_type, kind);
        }

        let streams = OsStreams::of(&json!({"spec": {"defaultStream": "rhel-9"}}));
        assert_eq!(streams.default.as_deref(), Some("rhel-9"));
        let streams = OsStreams::of(&json!({"status": {"defaultStream": "rhel-10",
            "availableStreams": [{"name": "rhel-10", "osImage": "q@sha256:1"}]}}));
        assert_eq!(streams.default.as_deref(), Some("rhel-10"));
        assert!(streams.images.contains("q@sha256:1"));
        assert_eq!(OsStreams::of(&json!({})), OsStreams::default());

        let windows = json!({"status": {"nodeInfo": {"operatingSystem": "windows"}}});
        assert_eq!(Node::of(&windows), None);
        let node = Node::of(
            &json!({"metadata": {"name": "n", "labels": {"kubernetes.io/arch": "arm64"}}}),
        );
        assert_eq!(node.expect("a node").arch, Some(Arch::Arm64));
    }
}
